"""What rules objected to: refusals, overrides 例外放行 and warnings 提示, each with who asked."""

from __future__ import annotations

from collections.abc import Iterator

from .canonical import canonical
from .contracts.log import CommandRefused
from .contracts.rules import RuleOverridden, RuleWarned
from .entries import Row, Table
from .types import Event, Metadata, Recorded, stream_id

OBJECTIONS = Table(
    "es.objections",
    (
        ("id", "uuid"),
        ("kind", "text"),
        ("rule", "text"),
        ("command", "text"),
        ("area", "uuid"),
        ("target", "uuid"),
        ("numbers", "text"),
        ("reason", "text"),
        ("evidence", "text"),
        ("actor", "text"),
        ("role", "text"),
        ("unit", "text"),
        ("at", "timestamptz"),
    ),
    key=("id",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    why: tuple[str | None, str | None] = (None, None)
    match fact:
        case CommandRefused():
            kind, rule = "refusal", fact.refusal
        case RuleOverridden():
            kind, rule, why = "override", fact.rule, (fact.reason, fact.evidence)
        case RuleWarned():
            kind, rule = "warning", fact.rule
        case _:
            return
    id_ = stream_id("objection", str(recorded.store), recorded.identity)
    what = (fact.command, fact.area, fact.target, canonical(fact.numbers).decode(), *why)
    who = (metadata.actor.id, metadata.actor.role, metadata.actor.unit)
    yield OBJECTIONS, (id_, kind, rule, *what, *who, recorded.recorded_at)
