"""How strict a rule is 规则的严格程度: block, override or warn, by area and day (design 7).

A rule that may bend objects through `facts.object(…)`. Where a row of the set `severity` (key: the
refusal's name) lets it pass, the decision is made again with the objection waived, so `decide`
stays a pure function that raises; what was waived becomes an event beside the decision's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from .contracts.rules import RuleOverridden, RuleWarned
from .dated_rows import Reference, Set, Values
from .decider import AnyDecider, Ask, Decision, Facts
from .errors import Refused
from .types import Command, Event, stream_id


class Severity(Values):
    """`override`: only by one of `roles` (none named: whoever may give the command), with a reason,
    and with evidence where it is asked for. `warn`: the answer says so, and so does the log."""

    severity: Literal["block", "override", "warn"]
    roles: tuple[str, ...] = Field(default=(), max_length=20)
    evidence: bool = False


SEVERITIES = Set("severity", "规则的严格程度", Severity, central=True)
BLOCK = Severity(severity="block")
STRICT = ("block", "override", "warn")


class Override(BaseModel):
    """Why a rule is to let this through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{0,79}$", examples=["StandardMismatch"])
    reason: str = Field(min_length=1, max_length=500)
    evidence: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="证据文件的 SHA-256"
    )


class Overridable(Command):
    """A command whose rules may bend."""

    overrides: tuple[Override, ...] = Field(
        default=(), max_length=10, description="请求例外放行的规则"
    )


class OverrideNeeded(Refused):
    """需要例外放行：{rule} — {objection} 须由 {roles} 写明理由{evidence}。"""


class Waived(NamedTuple):
    """An objection that passes, and on whose word; None: it only warns."""

    refusal: Refused
    override: Override | None


def decided(
    decider: AnyDecider,
    state: Any,
    ask: Ask[Any],
    facts: Facts,
    severities: Reference,
    *,
    lacking: Refused | None = None,
) -> Decision:
    """The decision, with whatever it had to waive; `lacking`: what is objected to any decision that
    would change something. Raises: Refused, OverrideNeeded."""
    waived: dict[str, Waived] = {}
    bends = decider.bends if lacking is None else (*decider.bends, type(lacking))
    while True:
        try:
            told = msgspec.structs.replace(facts, waived=tuple(waived))
            decision: Decision = decider.decide(state, ask.command, told)
            told.object(lacking if decision.events else None)
        except Refused as refusal:
            if type(refusal) not in bends or refusal.name in waived:
                raise
            severity = severity_of(severities, refusal, ask, facts)
            waived[refusal.name] = _waive(severity, refusal, ask)
        else:
            return _with(decision, waived, ask, facts)


def severity_of(severities: Reference, refusal: Refused, ask: Ask[Any], facts: Facts) -> Severity:
    """By the rows in force for the area on the day that counts and on the day of asking, the
    stricter of the two: naming another day softens nothing. Without a row it blocks."""
    days = (ask.command.counted_on, ask.asked_on)
    return strictest(severities, refusal.name, facts.path_then, days)


def strictest(
    severities: Reference, rule: str, path: Sequence[UUID], days: Iterable[date]
) -> Severity:
    """The strictest of what the rows in force on these days say; a day without a row blocks."""
    rows = [severities.at(rule, path, day) for day in days]
    known = [BLOCK if row is None else Severity.model_validate(row.values) for row in rows]
    return min(known, key=lambda one: STRICT.index(one.severity))


def _waive(severity: Severity, refusal: Refused, ask: Ask[Any]) -> Waived:
    if severity.severity == "block":
        raise refusal
    if severity.severity == "warn":
        return Waived(refusal, None)
    asked: tuple[Override, ...] = getattr(ask.command, "overrides", ())
    override = next((one for one in asked if one.rule == refusal.name), None)
    missing = override is None or (severity.evidence and override.evidence is None)
    if missing or (severity.roles and ask.actor.role not in severity.roles):
        raise OverrideNeeded(
            rule=refusal.name,
            objection=refusal.detail,
            roles="、".join(severity.roles) or "经办人",
            evidence="并附证据" if severity.evidence else "",
        )
    return Waived(refusal, override)


def _with(
    decision: Decision, waived: Mapping[str, Waived], ask: Ask[Any], facts: Facts
) -> Decision:
    """The decision, the events of what it waived, and the same in words in its answer."""
    if not waived or not decision.events:
        return decision
    events: tuple[Event, ...] = tuple(_event(one, ask, facts) for one in waived.values())
    area = facts.path[-1] if facts.path else None
    year = str(ask.command.counted_on.year)
    stream = stream_id("waived", str(area), str(area), year)
    told = [
        {
            "rule": name,
            "severity": "warn" if one.override is None else "override",
            "detail": one.refusal.detail,
            "numbers": dict(one.refusal.numbers),
        }
        for name, one in waived.items()
    ]
    return replace(
        decision,
        events={**decision.events, stream: events},
        body={**decision.body, "warnings": told},
    )


def _event(one: Waived, ask: Ask[Any], facts: Facts) -> RuleOverridden | RuleWarned:
    area: UUID | None = facts.path[-1] if facts.path else None
    numbers = dict(one.refusal.numbers)
    command, rule = type(ask.command).__name__, one.refusal.name
    if one.override is None:
        return RuleWarned(area=area, rule=rule, command=command, target=ask.target, numbers=numbers)
    return RuleOverridden(
        area=area,
        rule=rule,
        command=command,
        target=ask.target,
        numbers=numbers,
        reason=one.override.reason,
        evidence=one.override.evidence,
    )
