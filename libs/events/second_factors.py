"""That somebody enrolled a second factor 二次验证, confirmed it, or had it dropped: who and when.

The secret is no part of it: it lies wrapped beside (libs/chassis/second_factor.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from .contracts.approvals import SecondFactorChanged
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams
from .types import Command, Event, stream_id

Step = Literal["enrolled", "confirmed", "dropped"]


class EnrolSecondFactor(Command):
    """启用二次验证: 为本人取得动态口令的密钥; 只给出一次。"""


class ConfirmSecondFactor(Command):
    """确认二次验证: 以第一个动态口令 (Second-Factor)。"""


class DropSecondFactor(Command):
    """停用二次验证: 由安全管理员, 如手机遗失。"""

    person: str = Field(min_length=1, max_length=120, description="用户编号")
    reason: str = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class Factor:
    """Whose it is: the caller's own, or the one that the command names."""

    person: str
    step: Step | None = None


def changed(state: Factor, command: Command, _: Facts) -> Decision:
    stream = factor_stream(state.person)
    step = STEPS[type(command)]
    event = SecondFactorChanged(area=None, person=state.person, step=step)
    return Decision({stream: (event,)}, {"id": str(stream)})


STEPS: dict[type[Command], Step] = {
    EnrolSecondFactor: "enrolled",
    ConfirmSecondFactor: "confirmed",
    DropSecondFactor: "dropped",
}


def factor_stream(person: str) -> UUID:
    return stream_id("second_factor", person, person)


def _evolve(state: Step | None, event: Event) -> Step | None:
    return event.step if isinstance(event, SecondFactorChanged) else state


steps: Fold[Step | None] = Fold("second_factor", None, _evolve)


async def _of(streams: Streams, ask: Ask[Any]) -> Factor:
    person = ask.command.person if isinstance(ask.command, DropSecondFactor) else ask.actor.id
    return Factor(person, await streams.load(steps, factor_stream(person)))


async def _nowhere(_: Knowing, __: Factor, ask: Ask[Any]) -> Facts:
    """One's own is within one's own area; another's is the whole installation's."""
    own = not isinstance(ask.command, DropSecondFactor) and ask.actor.area is not None
    return Facts(path=(ask.actor.area,) if own else ())  # type: ignore[arg-type]  # own: it is there


HOW: dict[str, Any] = {"founds_areas": True, "approvable": False}
ENROL = Decider(EnrolSecondFactor, Facts, _of, _nowhere, changed, **HOW)
CONFIRM = Decider(ConfirmSecondFactor, Facts, _of, _nowhere, changed, **HOW)
DROP = Decider(DropSecondFactor, Facts, _of, _nowhere, changed, **HOW)
DECIDERS = (ENROL, CONFIRM, DROP)
