"""A page of a reader is a root of its own that links to what made its events; a replay says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import msgspec
import pytest
from opentelemetry.trace import SpanContext, StatusCode

from libs.events import measures, spans
from libs.events.codec import decode_metadata
from libs.events.errors import PoisonError
from libs.events.reader import Reader, Reading
from libs.events.store import Part, Request, read_after
from tests.events.conftest import LogStore
from tests.events.planted import CONTRACTS, PurseFilled, append, asking
from tests.recorded import Recorder, of, recording

NOTHING = Reader("nothing", "purses", lambda *_: ())


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def made_by(number: int) -> str:
    """A traceparent; each number another span."""
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


def told(traceparent: str | None, note: str = "") -> Request:
    request = asking(Part(UUID(int=1), (PurseFilled(fen=1, note=note),), None))
    return replace(
        request, metadata=msgspec.structs.replace(request.metadata, traceparent=traceparent)
    )


async def reading(store: LogStore, reader: Reader = NOTHING, *, replay: bool = False) -> Reading:
    pool = (await store.log()).pool
    return Reading(reader, store.feed(), pool, CONTRACTS, service="purses", replay=replay)


async def test_a_page_links_to_each_producer_once(store: LogStore, recorder: Recorder) -> None:
    made = [made_by(1), made_by(2), made_by(1), None, made_by(3)]
    await append(await store.connect(), *(told(text) for text in made))
    await (await reading(store)).catch_up()
    project = recorder.span("project")
    assert project.parent is None
    assert [link.context.span_id for link in project.links] == [2, 3, 4]
    assert all(link.context.is_remote for link in project.links)
    assert project.attributes == {
        "service": "purses",
        "reader": "nothing",
        "source": "purses",
        "from_position": 1,
        "to_position": 6,
    }
    measured = recorder.measured()
    stages = of(measured["suyuan.page.duration"], reader="nothing")
    assert sorted(point.attributes["stage"] for point in stages) == ["project", "read", "write"]
    (applied,) = of(measured["suyuan.reader.applied"], reader="nothing")
    assert applied.value == 6


async def test_links_are_bounded(store: LogStore, recorder: Recorder) -> None:
    await append(await store.connect(), *(told(made_by(number)) for number in range(300)))
    await (await reading(store)).catch_up()
    assert len(recorder.span("project").links) == spans.LARGEST_LINKS == 128


def test_no_more_is_read_than_can_be_linked(recorder: Recorder) -> None:
    served = (SpanContext(1, number + 1, is_remote=True) for number in range(300))
    with spans.linked("many", served):
        pass
    assert len(recorder.span("many").links) == spans.LARGEST_LINKS
    assert len(list(served)) == 300 - spans.LARGEST_LINKS


async def test_a_replay_says_so_and_links_to_nothing(store: LogStore, recorder: Recorder) -> None:
    await append(await store.connect(), *(told(made_by(number)) for number in range(600)))
    await (await reading(store, replay=True)).catch_up()
    pages = recorder.spans("project")
    assert len(pages) == 2
    for page in pages:
        assert page.attributes is not None
        assert page.attributes["replay"] is True
        assert (page.parent, page.links) == (None, ())


async def test_what_a_person_wrote_is_no_traceparent(store: LogStore) -> None:
    """Looked for in stored bytes: text inside a value is escaped and so is never taken for one."""
    connection = await store.connect()
    forged = f'","traceparent":"{made_by(7)}'
    request = told(None)
    spoken = msgspec.structs.replace(request.metadata, document=forged)
    await append(connection, replace(request, metadata=spoken), told(made_by(1)))
    log = await store.log()
    events = await read_after(connection, log.store, 0, 10)
    assert decode_metadata(events[1].metadata).document == forged
    assert [made.span_id for made in spans.producers(events)] == [2]


def test_an_error_is_told_by_its_type_alone(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="1380"), spans.span("fails"):
        raise ValueError("13800000000")
    fails = recorder.span("fails")
    assert (fails.status.status_code, fails.status.description) == (StatusCode.ERROR, None)
    assert (fails.events, fails.attributes) == ((), {"error.type": "ValueError"})


def test_below_a_span_that_is_told_to_nobody_none_is_made(recorder: Recorder) -> None:
    recorder.sampler.asked = False
    with spans.span("untold") as untold:
        recorder.sampler.asked = True
        with spans.span("below") as below:
            assert below is untold
            assert spans.here() == untold.get_span_context()
    assert untold.get_span_context().is_valid, "its context goes on to whoever is asked"
    assert recorder.exporter.get_finished_spans() == ()


async def test_a_poisoned_page_is_an_error_without_words(
    store: LogStore, recorder: Recorder
) -> None:
    def fails(*_: object) -> tuple[()]:
        raise ValueError("13800000000")

    await append(await store.connect(), told(made_by(1)))
    poisoned = await reading(store, Reader("fails", "purses", fails))
    with pytest.raises(PoisonError):
        await poisoned.run()
    project = recorder.span("project")
    assert project.status.status_code is StatusCode.ERROR
    assert (project.attributes or {})["error.type"] == "PoisonError"
    assert "13800000000" not in recorder.everything()


async def test_a_stop_is_counted_by_its_name(store: LogStore, recorder: Recorder) -> None:
    def fails(*_: object) -> tuple[()]:
        raise ValueError

    with pytest.raises(PoisonError):
        await (await reading(store, Reader("fails", "purses", fails))).run()
    (stops,) = of(recorder.measured()["suyuan.reader.stops"], reader="fails")
    assert (stops.value, stops.attributes["error"]) == (1, "PoisonError")


async def test_a_lease_that_changes_hands_is_counted(store: LogStore, recorder: Recorder) -> None:
    first, second = await reading(store), await reading(store)
    await first.catch_up()
    await first.catch_up()
    assert "suyuan.lease.changes" not in recorder.measured()
    await first.row.lease.release()
    await second.catch_up()
    (changes,) = of(recorder.measured()["suyuan.lease.changes"], lease="nothing:purses")
    assert changes.value == 1


async def test_a_group_of_many_links_to_each(store: LogStore, recorder: Recorder) -> None:
    log = await store.log()
    requests = [asking(Part(UUID(int=n), (PurseFilled(fen=1),), None)) for n in range(3)]
    asked = []
    for request in requests:
        with spans.span("asked"):
            asked.append(spans.here().span_id)
            await log.append(request)
    groups = recorder.spans("append_group")
    assert [[link.context.span_id for link in group.links] for group in groups] == [
        [one] for one in asked
    ]


async def test_an_append_that_fails_is_an_error_of_its_group(
    store: LogStore, recorder: Recorder
) -> None:
    log = await store.log()
    await store.execute("ALTER TABLE es.events RENAME TO gone")
    with pytest.raises(asyncpg.PostgresError):
        await log.append(asking(Part(UUID(int=1), (PurseFilled(fen=1),), None)))
    group = recorder.span("append_group")
    assert (group.attributes or {})["error.type"] == "UndefinedTableError"
    assert group.events == ()


# --- levels ----------------------------------------------------------------------------------


def values(level: measures.Level) -> list[float]:
    return [float(observation.value) for observation in level.observe()]


def test_a_level_that_nobody_tells_is_forgotten() -> None:
    now = [0.0]
    level = measures.Level(lambda: now[0])
    level.tell(3, service="a")
    level.tell(4, service="a")
    now[0] = 50
    level.tell(5, service="b")
    assert values(level) == [4, 5]
    now[0] = 61
    assert values(level) == [5]


def test_an_age_grows_until_it_is_told_again() -> None:
    now = [0.0]
    age = measures.Age(lambda: now[0])
    age.told(source="a")
    now[0] = 3600
    assert values(age) == [3600]
    age.told(source="a")
    assert values(age) == [0]


def test_a_peak_is_the_largest_since_it_was_asked() -> None:
    peak = measures.Peak()
    for value in (3, 9, 4):
        peak.tell(value)
    assert values(peak) == [9]
    assert values(peak) == [0]
    peak.tell(2)
    assert values(peak) == [2]
