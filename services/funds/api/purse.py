"""What several routes gather: the purse of a project, a batch with it, and where things are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from libs.events.decider import Ask, Facts, Knowing, Streams
from libs.events.types import Reliance
from services.funds.domain.batch import Batch, Listing, batches_
from services.funds.domain.drawing import Purse
from services.funds.domain.lot import lots
from services.funds.domain.policy import DrawPolicy, policies, policy_stream
from services.funds.domain.project import projects

NOWHERE = UUID(int=0)


async def purse_of(streams: Streams, project: UUID, *named: UUID) -> Purse:
    """A project with the lots that fund it and those the caller named, and the policy of the
    nearest area above it that has one."""
    known = await streams.load(projects, project)
    wanted = sorted({giver.lot for giver in known.funded} | set(named))
    found = dict(zip(wanted, await streams.load_many(lots, wanted), strict=True))
    above = [policy_stream(area) for area in reversed(known.path)]
    adopted = [one for one in await streams.load_many(policies, above) if one.adopted]
    return Purse(known, found, adopted[0] if adopted else DrawPolicy())


async def listing_of(streams: Streams, batch: UUID) -> Listing:
    """A batch with the purse of its project."""
    known = await streams.load(batches_, batch)
    return Listing(known, await purse_of(streams, known.project or NOWHERE))


async def relied(known: Knowing) -> tuple[Reliance, ...]:
    """Up to where the copy of households holds; read before the copy, which may then be newer than
    it says, never older. Raises: StaleReferenceError."""
    return (await known.fresh("households"),)


async def path_of(known: Knowing, area: UUID | None) -> tuple[UUID, ...]:
    """Where money is, on a copy young enough to move it. Raises: StaleReferenceError."""
    await known.fresh("households")
    return () if area is None else await known.path(area)


async def new_in(known: Knowing, area: UUID) -> Facts:
    """What a command learns that brings something new into an area."""
    return Facts(path=await path_of(known, area), ended=await known.ended(area))


async def where_batch_is(known: Knowing, state: Listing, _: Ask[Any]) -> Facts:
    return Facts(path=await path_of(known, state.batch.area))


def batch_area(batch: Batch) -> UUID | None:
    return batch.area
