"""Kill -9 of every process under load, on both feeds: nothing lost, nothing doubled.

What was acknowledged is found; each key has one effect and one answer for ever; every reader
reaches the head of its source; the read tables are those of a fresh projection. Fixed plan by a
seed, which is printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Installation
from tests.journeys.load import prepared
from tests.journeys.settled import Cursors, settled, tables_are_fresh
from tests.journeys.tree import Tree, ready, running

KILLS = 104
"""On each feed."""
BUDGET_S = 900
"""On a machine that does much else; alone, about two minutes a feed."""
DIRECT = {"serve": 1.0, "work": 1.0, "postgres": 1.0}
BY_TOPIC = {**DIRECT, "relay": 1.0, "kafka": 0.4}
"""How likely a child is among those killed at once: a broker takes long to come back."""


@dataclass
class Killed:
    """How often each child died, and for how long the tree was whole in between."""

    children: Counter[str] = field(default_factory=Counter)
    whole_s: float = 0.0


async def kill_for_a_while(tree: Tree, chance: random.Random, likely: dict[str, float]) -> Killed:
    """SIGKILL several children at random moments of the load, some just recovering."""
    killed = Killed()
    while killed.children.total() < KILLS:
        await ready(tree)
        began = time.monotonic()
        await asyncio.sleep(chance.uniform(0.1, 0.7))
        killed.whole_s += time.monotonic() - began
        for name in chance.sample(list(likely), k=len(likely)):
            if chance.random() < likely[name]:
                killed.children[name] += tree.kill(name)
                await asyncio.sleep(chance.uniform(0, 0.2))
    return killed


@pytest.mark.parametrize("feed", ["direct", "kafka"])
async def test_kills_lose_and_double_nothing(
    feed: str, installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    by_topic = feed == "kafka"
    seed = int(os.environ.get("SUYUAN_TEST_SEED", "20260316"))
    with tempfile.TemporaryDirectory(prefix="suyuan-kill-") as name:
        async with running(Path(name), kafka=by_topic) as tree:
            load = await prepared(tree)
            stop, chance = asyncio.Event(), random.Random(seed)
            async with asyncio.timeout(BUDGET_S), asyncio.TaskGroup() as group:
                group.create_task(load.run(stop))
                killed = await kill_for_a_while(tree, chance, BY_TOPIC if by_topic else DIRECT)
                stop.set()
            await ready(tree)
            found = await settled(load, relays=by_topic)
            tables = await tables_are_fresh(tree.stores, installation)
            load.close()
    rate = len(load.answers) / killed.whole_s
    with capsys.disabled():
        print(  # noqa: T201 - of a run that cannot be repeated exactly
            f"\n{feed}: seed {seed}, killed {dict(killed.children)}, {len(load.answers)}"
            f" acknowledged, {rate:.0f}/s while whole, {load.resent} sent again,"
            f" {sum(rows for rows, _ in tables.values())} rows in {len(tables)} tables as made"
            f" anew; {by_the_owner(found)}"
        )
    assert len(load.answers) > 5 * KILLS, "under load"
    if by_topic:
        carried = sum(row["taken"] for row in found.values())
        assert carried > len(load.answers), "events go by the topic, not by the owner"


def by_the_owner(found: Cursors) -> str:
    """What readers of a topic had to read from the owner's log."""
    readers = [row for who, row in found.items() if who[1] != "relay" and who[0] != who[2]]
    taken = sum(row["taken"] for row in readers)
    return f"{taken} by topic, {sum(row['position'] for row in readers) - taken} by the owner"
