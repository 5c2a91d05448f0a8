"""Who may, before anything is sealed or opened: what the rule will ask again, asked first, so that
nobody makes keys or looks up numbers outside the own area."""

from __future__ import annotations

from uuid import UUID

from libs.chassis.call import Call, RefusedCall
from libs.chassis.common_routes import admit
from libs.events.clock import today
from libs.events.decider import Streams
from libs.events.errors import NotFoundError, Refused
from libs.events.loads import LiveStreams
from services.households.domain.person import Held, persons, present
from services.households.domain.tree import Area, areas


async def areas_of(streams: Streams, wanted: set[UUID]) -> dict[UUID, Area]:
    """These areas and all above them, from their own streams."""
    found = await _load(streams, wanted)
    above = {area for one in found.values() for area in one.path_on(today())}
    return found | await _load(streams, above - found.keys())


async def _load(streams: Streams, wanted: set[UUID]) -> dict[UUID, Area]:
    ordered = sorted(wanted)
    return dict(zip(ordered, await streams.load_many(areas, ordered), strict=True))


async def held(streams: Streams, person: UUID) -> Held:
    """The person and the village as they stand."""
    known = await streams.load(persons, person)
    area = Area() if known.area is None else await streams.load(areas, known.area)
    return Held(person, known, area)


async def admit_to_area(call: Call, area: UUID) -> None:
    """Raises: RefusedCall."""
    admit(call, (await LiveStreams(call.log.loads).load(areas, area)).path_on(today()))


async def admit_to_person(call: Call, person: UUID) -> Held:
    """Raises: NotFoundError, RefusedCall."""
    found = await held(LiveStreams(call.log.loads), person)
    if found.person.area is None:
        raise NotFoundError()
    admit(call, found.area.path_on(today()))
    try:
        present(found.person)
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None
    return found
