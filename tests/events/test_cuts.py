"""A cut holds every cause of what it shows, whatever the clocks of its logs say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from libs.events.cuts import close, cut_at, parse_cut
from libs.events.feed import DirectFeed
from tests.events.conftest import LogStore, NewStore

T = datetime(2030, 1, 1, tzinfo=UTC)
EARLY = T - timedelta(days=1)


@dataclass
class Past:
    """A log whose events are planted with their times and what they had seen."""

    store: LogStore

    async def recorded(self, seconds: float, **seen: int) -> int:
        """An event recorded so many seconds after T, by a service that had applied `seen`."""
        admin = await self.store.connect("admin")
        told = json.dumps({source: [1, position] for source, position in seen.items()})
        position: int = await admin.fetchval(_PLANT, T + timedelta(seconds=seconds), told)
        return position


_PLANT = """
INSERT INTO es.events
SELECT position + 1, gen_random_uuid(), 1, $1, epoch, schema_version, type, $2, salt, payload,
       metadata
  FROM es.events ORDER BY position DESC LIMIT 1 RETURNING position
"""


@pytest.fixture
async def past(new_store: NewStore) -> dict[str, Past]:
    """Three logs, each with its first event long before T."""
    logs = {name: Past(await new_store()) for name in ("assets", "funds", "households")}
    for log in logs.values():
        await log.store.execute(
            "ALTER TABLE es.events DISABLE TRIGGER ALL",
            f"UPDATE es.events SET recorded_at = '{EARLY.isoformat()}'",  # noqa: S608
        )
    return logs


def feeds(past: dict[str, Past]) -> dict[str, DirectFeed]:
    return {name: log.store.feed(name) for name, log in past.items()}


async def test_a_cut_takes_each_log_at_its_instant(past: dict[str, Past]) -> None:
    for seconds in (-3, -2, -2, -1, 0, 0.000001, 5):
        await past["funds"].recorded(seconds)
    await past["assets"].recorded(1)
    assert await cut_at(feeds(past), T) == {"funds": 6, "assets": 1, "households": 1}
    long_ago = await cut_at(feeds(past), EARLY - timedelta(seconds=1))
    assert long_ago == {"funds": 0, "assets": 0, "households": 0}
    later = await cut_at(feeds(past), T + timedelta(days=1))
    assert later == {"funds": 8, "assets": 2, "households": 1}


async def test_a_cut_never_shows_an_effect_without_its_cause(past: dict[str, Past]) -> None:
    """The cause's clock is 20 s ahead; the effect that has seen it was recorded 1 s before T."""
    await past["households"].recorded(-60)
    cause = await past["households"].recorded(20)
    after = await past["households"].recorded(21)
    effect = await past["funds"].recorded(-1, households=cause)
    cut = await cut_at(feeds(past), T)
    assert cut == {"funds": effect, "households": cause, "assets": 1}
    assert after > cut["households"]


async def test_what_the_causes_had_seen_is_in_the_cut_too(past: dict[str, Past]) -> None:
    """assets saw funds, funds had seen households; only the first was recorded before T."""
    await past["households"].recorded(30)
    first = await past["households"].recorded(31)
    await past["households"].recorded(32)
    await past["funds"].recorded(10)
    second = await past["funds"].recorded(11, households=first)
    await past["funds"].recorded(12, households=first + 1)
    third = await past["assets"].recorded(-1, funds=second)
    cut = await cut_at(feeds(past), T)
    assert cut == {"assets": third, "funds": second, "households": first}


async def test_logs_that_see_each_other_close_over_each_other(past: dict[str, Past]) -> None:
    await past["funds"].recorded(-1, households=2)
    await past["households"].recorded(5, funds=3)
    await past["funds"].recorded(6, households=3)
    await past["households"].recorded(7, funds=3)
    assert await cut_at(feeds(past), T) == {"assets": 1, "funds": 3, "households": 3}


async def test_a_closed_cut_stays_as_it_is(past: dict[str, Past]) -> None:
    await past["households"].recorded(20)
    await past["funds"].recorded(-1, households=2)
    closed = await cut_at(feeds(past), T)
    assert await close(feeds(past), closed) == closed
    assert await close(feeds(past), {"funds": 1, "households": 1}) == {"funds": 1, "households": 1}
    assert await close(feeds(past), {"funds": 2}) == {"funds": 2}


def test_a_cut_is_written_as_positions_by_service() -> None:
    assert parse_cut("funds:1234") == {"funds": 1234}
    assert parse_cut("funds:1234,assets:0") == {"funds": 1234, "assets": 0}


@pytest.mark.parametrize(
    "text",
    [
        *("", "funds", "funds:", ":3", "funds:-1", "funds:1.0", "funds:1,", "funds:1;assets:2"),
        *("funds: 1", "funds:１２", "Funds:1", "funds:1,funds:2", f"funds:{'9' * 30}"),
    ],
)
def test_what_is_no_cut_is_refused_with_the_part_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^第 [12] 段(不是 <服务>:<位置>|的服务已写过)$"):
        parse_cut(text)
