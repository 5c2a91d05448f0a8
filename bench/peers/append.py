"""How much does append store beside its peers, on the same server in the same rounds?

A cell is a peer at one number of callers, and for some at another size of its pool. A peer's best
is its best cell of one event a save; what it does with 100 a save is compared with ours of 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from contextlib import AsyncExitStack

from ..append import appending, writing
from ..installation import Installation, installed
from ..rounds import Figure, Goal, Round, interleaved, show
from . import emmett, eventsourcing, message_db
from .work import BATCH, LeftOutError, cell

ROUNDS = 5
OURS, OURS_BATCH = cell("ours", 64), cell("ours", 4, BATCH)
PEERS = {
    "eventsourcing": eventsourcing.rounds,
    "message-db": message_db.rounds,
    "emmett": emmett.rounds,
}


async def measure() -> list[Goal]:
    async with installed() as installation, AsyncExitStack() as stack:
        log = await stack.enter_async_context(writing(installation))
        rounds: dict[str, Round] = {
            cell("ours", 1): appending(log, 1, 1_000),
            cell("ours", 16): appending(log, 16, 8_000),
            OURS: appending(log, 64, 16_000),
            OURS_BATCH: appending(log, 4, 200, events=BATCH),
        }
        here = []
        for name in PEERS:
            if found := await _peer(name, installation, stack):
                here.append(name)
                rounds |= found
        figures = await interleaved(rounds, ROUNDS)
    show("append beside peers", figures, "events/s")
    return [goal for name in here for goal in goals(name, figures)]


async def _peer(
    name: str, installation: Installation, stack: AsyncExitStack
) -> Mapping[str, Round]:
    """The rounds of one peer; none, and a line that says why, where it cannot be measured."""
    try:
        return await stack.enter_async_context(PEERS[name](installation))
    except LeftOutError as error:
        print(f"\nleft out: {name}: {error}")
        return {}


def goals(name: str, figures: Mapping[str, Figure]) -> list[Goal]:
    cells = {key for key in figures if key.startswith(name)}
    batches = {key for key in cells if key.endswith("a save")}
    # One order over all callers is what ours gives: message-db gives it within a category.
    ordered = {key for key in cells if message_db.ONE_ORDER in key}
    return [
        *(_against(OURS, some, figures, 5) for some in (cells - batches, ordered) if some),
        _against(OURS_BATCH, batches, figures, 1),
    ]


def _against(ours: str, cells: Set[str], figures: Mapping[str, Figure], at_least: int) -> Goal:
    best = max(cells, key=lambda key: figures[key].median)
    return Goal(f"{ours} / {best}", figures[ours].per(figures[best]), at_least)
