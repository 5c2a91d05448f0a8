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
    head = await known.pool.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
    return BeginningFacts(path=(), head=head)


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
