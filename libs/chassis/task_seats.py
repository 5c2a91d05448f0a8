"""In which seats somebody sees tasks 待办: all that they hold today, their own and those delegated
to them, each with its area, unit, post, and with everyone whose work is now theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from asyncpg import Pool
from fastapi import Request

from libs.events.clock import today
from libs.events.directory import Held, answers_for, held, same_persons, seat_of
from libs.events.log import Log
from libs.events.tasks import Task

from .auth import Caller
from .call import Call, Holds, wait_until_visible
from .seats import DIRECTORY


@dataclass(frozen=True, slots=True)
class Seat:
    """What a grant admits to. `persons`: whose personal tasks are meant for it; `taken`: of them,
    whose work was handed over to it; `own`: whose acts count as those of whoever sits there."""

    duties: tuple[str, ...]
    area: UUID | None
    unit: UUID | None
    post: str | None
    persons: tuple[str, ...]
    taken: tuple[str, ...]
    own: tuple[str, ...]


class HoldsAny(Holds):
    """The caller holds one of these roles, in whichever grants: of a question that asks in all of
    them at once, so that none must be chosen by `Acting-As`."""

    async def admitted(self, request: Request, caller: Caller, log: Log) -> Call:
        if caller.roles or "acting-as" in request.headers:
            return await super().admitted(request, caller, log)
        await wait_until_visible(request, log)
        await log.known.fresh(DIRECTORY)
        for one in await held(log.pool, caller.subject, today()):
            role = next((role for role in self.roles if role in one.duties), None)
            if role is not None:
                known = replace(caller, id=str(one.user), unit=one.unit, area=one.area)
                return Call(request, known, role, log)
        return await super().admitted(request, caller, log)


async def seats_of(call: Call) -> list[Seat]:
    """Those that the caller holds; of a token that states roles, or a grant that was chosen, the
    one that it names."""
    caller, pool = call.caller, call.log.pool
    if caller.roles:
        user, *lent = (one for one in (caller.id, caller.behalf) if one is not None)
        return [await _seat(pool, caller.roles, caller.area, (user, *lent))]
    return [await _of(call.log, one) for one in await held(pool, caller.subject, today())]


async def seated_for(call: Call, task: Task) -> Call:
    """The call in the seat that answers a task, as the one list finds it (reporting):
    the caller's own before one that was delegated; where none does, in one of its duty and area or
    as it came, to be refused."""
    caller, log, duties = call.caller, call.log, (task.waits_for, *task.or_duties)
    if caller.roles:
        return replace(call, role=_role(caller.roles, duties, call.role))
    path = () if task.area is None else await log.known.path(task.area)
    grants = [(one, await _of(log, one)) for one in await held(log.pool, caller.subject, today())]
    answering = [one for one, seat in grants if _answers(seat, task, path)]
    near = [one for one, seat in grants if _of_duty(seat, task, path)]
    for one in (*answering, *near):
        return replace(
            call, caller=_seated(caller, one), role=_role(one.duties, duties, one.duties[0])
        )
    return call


def _role(held: Sequence[str], duties: Sequence[str], otherwise: str) -> str:
    return next((one for one in held if one in duties), otherwise)


def _of_duty(seat: Seat, task: Task, path: Sequence[UUID]) -> bool:
    duties = {task.waits_for, *task.or_duties}
    return not duties.isdisjoint(seat.duties) and seat.area in (None, *path)


def _answers(seat: Seat, task: Task, path: Sequence[UUID]) -> bool:
    """What was handed over asks no duty and no area of whoever has it now: it would be nobody's."""
    return all(
        (
            _of_duty(seat, task, path) or task.person in seat.taken,
            task.person is None or task.person in seat.persons,
            task.unit in (None, seat.unit),
            task.post in (None, seat.post),
            task.barred.isdisjoint(seat.own),
        )
    )


def _seated(caller: Caller, one: Held) -> Caller:
    return replace(
        caller,
        id=str(one.user),
        roles=one.duties,
        unit=one.unit,
        area=one.area,
        behalf=None if one.behalf is None else str(one.behalf),
    )


async def _of(log: Log, one: Held) -> Seat:
    users = [str(user) for user in (one.user, one.behalf) if user is not None]
    return await _seat(log.pool, one.duties, one.area, users)


async def _seat(
    pool: Pool, duties: tuple[str, ...], area: UUID | None, users: Sequence[str]
) -> Seat:
    """Of a user, and of the one whose grant it is, whose unit and post then count."""
    unit, post = await seat_of(pool, users[-1])
    persons, own = await answers_for(pool, *users), await same_persons(pool, *users)
    whose = (tuple(sorted(some)) for some in (persons, persons - set(users), own))
    return Seat(duties, area, unit, post, *whose)
