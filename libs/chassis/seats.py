"""Which seat a caller takes whose token states no roles: what the directory grants it today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from libs.events.clock import today
from libs.events.directory import Held, held
from libs.events.errors import EventsError, Refused
from libs.events.log import Log

from .auth import Caller

DIRECTORY = "households"
"""Whose copy the directory is."""


class ChooseGrant(Refused):
    """有几项授权可用，请以 Acting-As 指明一项：{grants}。"""

    status = 403


class UnreadableGrantError(EventsError):
    status = 400
    title = "Acting-As 应为授权编号"


async def identified(caller: Caller, log: Log) -> Caller:
    """Of a token that states roles: under the id that the directory has for the person, so that
    nobody is two; without any role when disabled there."""
    if caller.kind in ("system", "service"):
        return caller
    user, disabled = await log.known.user(caller.subject)
    if user is None:
        return caller
    return replace(caller, id=str(user), roles=() if disabled else caller.roles)


async def seated(caller: Caller, roles: Sequence[str], acting_as: str | None, log: Log) -> Caller:
    """The caller in the seat that admits to a route of these roles.

    Of several grants one of the caller's own that reaches as far as each other is taken; else one
    is named by `Acting-As`. Without any that admits, the caller with all it holds, to be refused.
    Raises: ChooseGrant, UnreadableGrantError, StaleReferenceError on an old copy.
    """
    await log.known.fresh(DIRECTORY)
    known = await held(log.pool, caller.subject, today())
    named = _grant(acting_as)
    admitting = [
        one for one in known if not set(roles).isdisjoint(one.duties) and named in (None, one.grant)
    ]
    if admitting:
        own = [one for one in admitting if one.behalf is None]
        seat = await _widest(own or admitting, log)
        return _in(caller, seat, seat.duties)
    other = dict.fromkeys(duty for one in known for duty in one.duties if duty not in roles)
    return _in(caller, known[0], tuple(other)) if known else caller


def _grant(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise UnreadableGrantError(f"Acting-As 应为授权编号：{len(text or '')} 字符") from None


async def _widest(grants: Sequence[Held], log: Log) -> Held:
    """The one within whose area all others lie. Raises: ChooseGrant."""
    for one in grants:
        if all([await _within(other.area, one.area, log) for other in grants]):
            return one
    raise ChooseGrant(grants="、".join(str(one.grant) for one in grants))


async def _within(area: UUID | None, of: UUID | None, log: Log) -> bool:
    return of in (None, area) or (area is not None and of in await log.known.path(area))


def _in(caller: Caller, seat: Held, duties: tuple[str, ...]) -> Caller:
    return replace(
        caller,
        id=str(seat.user),
        roles=duties,
        unit=seat.unit,
        area=seat.area,
        behalf=None if seat.behalf is None else str(seat.behalf),
    )
