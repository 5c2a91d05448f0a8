"""The list of approvals 审批: what was asked for, how it stands, what the auditor shall look at."""

from __future__ import annotations

from collections.abc import Iterator

from .contracts.approvals import (
    ApprovalGiven,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from .entries import Row, Table
from .types import Event, Metadata, Recorded

REQUESTED = Table(
    "es.approvals",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("command", "text"),
        ("target", "uuid"),
        ("maker", "text"),
        ("amount_fen", "bigint"),
        ("needed", "int"),
        ("duties", "text[]"),
        ("requested_at", "timestamptz"),
    ),
    key=("id",),
    mode="latest",
)
STATES = Table(
    "es.approval_states",
    (("approval", "uuid"), ("state", "text"), ("at", "timestamptz")),
    key=("approval",),
    mode="latest",
)
FLAGS = Table(
    "es.approval_flags",
    (("approval", "uuid"), ("by", "text"), ("after_s", "int"), ("at", "timestamptz")),
    key=("approval",),
    mode="latest",
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    at = recorded.recorded_at
    match fact:
        case ApprovalRequested():
            who = (fact.maker, fact.amount_fen, fact.needs.count, list(fact.needs.duties))
            what = (fact.approval, fact.area, fact.command, fact.target)
            yield REQUESTED, (*what, *who, at)
            yield STATES, (fact.approval, "submitted", at)
        case ApprovalGiven():
            if fact.complete:
                yield STATES, (fact.approval, "approved", at)
            if fact.flagged:
                yield FLAGS, (fact.approval, fact.by, fact.after_s, at)
        case ApprovalRejected():
            yield STATES, (fact.approval, "rejected", at)
        case ApprovalWithdrawn():
            yield STATES, (fact.approval, "withdrawn", at)
        case _:
            return
