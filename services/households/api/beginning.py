"""How the first user is made; no route leads here, only the verb `init`."""

from __future__ import annotations

from libs.events.decider import Ask, Decider, Knowing, Streams
from services.households.domain import beginning
from services.households.domain.beginning import (
    BEGINNING,
    BeginDirectory,
    Beginning,
    BeginningFacts,
    beginnings,
)


async def _gather(streams: Streams, _: Ask[BeginDirectory]) -> Beginning:
    return await streams.load(beginnings, BEGINNING)


async def _learn(known: Knowing, _: Beginning, __: Ask[BeginDirectory]) -> BeginningFacts:
    first = await known.pool.fetchval(
        "SELECT position FROM es.events"
        " WHERE type NOT IN ('EpochOpened', 'CommandRefused', 'RefusalsCounted')"
        " ORDER BY position LIMIT 1"
    )
    return BeginningFacts(path=(), first=first)


BEGIN = Decider(
    BeginDirectory,
    BeginningFacts,
    _gather,
    _learn,
    beginning.begin,
    founds_areas=True,
    approvable=False,
)
DECIDERS = (BEGIN,)
