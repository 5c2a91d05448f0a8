"""How much does append store beside its peers, on the same server in the same rounds?

A cell is a peer at one number of callers. A peer's best is its best cell of one event a save; what
it does with 100 a save is compared with ours of 100. Sizes of pools and numbers of threads that a
peer was not the faster with are left out of the rounds: the table is each at its fair best.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from ..append import appending, writing
from ..installation import Installation, installed
from ..rounds import Figure, Goal, Round, interleaved, show
from . import emmett, eventsourcing, message_db
from .work import LeftOutError

ROUNDS = 5
BATCH = "100 a save"
OURS, OURS_BATCH = "ours, 64 callers", f"ours, 4 callers, {BATCH}"
PEERS = {
    "eventsourcing": eventsourcing.rounds,
    "message-db": message_db.rounds,
    "emmett": emmett.rounds,
}


async def measure() -> list[Goal]:
    async with installed() as installation, AsyncExitStack() as stack:
        log = await stack.enter_async_context(writing(installation))
        rounds: dict[str, Round] = {
            "ours, 1 caller": appending(log, 1, 1_000),
            "ours, 16 callers": appending(log, 16, 8_000),
            OURS: appending(log, 64, 16_000),
            OURS_BATCH: appending(log, 4, 200, events=100),
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
    cells = {cell: figure for cell, figure in figures.items() if cell.startswith(name)}
    single = [cell for cell in cells if BATCH not in cell]
    best = max(single, key=lambda cell: cells[cell].median)
    batch = max(cells.keys() - set(single), key=lambda cell: cells[cell].median)
    return [
        Goal(f"append, 64 callers / {best}", figures[OURS].per(cells[best]), 5),
        Goal(f"append, {BATCH} / {batch}", figures[OURS_BATCH].per(cells[batch]), 1),
    ]
