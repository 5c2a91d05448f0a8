"""What every service has beside its own: tasks, subscriptions, parked events, reference data. Their
rules, and the one reader that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import (
    approval_rows,
    approval_tasks,
    evidence,
    exports,
    imports,
    objections,
    packs,
    parking,
    reference,
    second_factors,
    subscriptions,
    tasks,
)
from .approval import APPROVALS
from .dated_rows import Set
from .deadline import LIVE, TERMS, Deadline
from .decider import Decider
from .entries import Row, Table
from .evidence_needed import NEEDED
from .reactor import Reactor
from .reader import Reader
from .same_device import SAME_DEVICE
from .severity import SEVERITIES
from .types import Event, Metadata, Recorded

DECIDERS: tuple[Decider[Any, Any, Any], ...] = (
    *tasks.DECIDERS,
    *subscriptions.DECIDERS,
    parking.SKIP,
    *reference.DECIDERS,
    *packs.DECIDERS,
    *second_factors.DECIDERS,
    imports.RECORD,
    exports.EXPORT,
    *approval_tasks.DECIDERS,
    *evidence.DECIDERS,
)

SETS: tuple[Set, ...] = (
    *(SEVERITIES, APPROVALS, SAME_DEVICE, TERMS, LIVE, NEEDED),
    *(imports.ENTRY_AGES, imports.LARGEST_AMOUNTS),
)
DEADLINES: tuple[Deadline, ...] = (approval_tasks.WAITING,)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    yield from tasks.project(recorded, fact, metadata)
    yield from subscriptions.project(recorded, fact, metadata)
    yield from objections.project(recorded, fact, metadata)
    yield from approval_rows.project(recorded, fact, metadata)
    yield from evidence.project(recorded, fact, metadata)


def reader(service: str) -> Reader:
    """Of the service's own log."""
    return Reader("common", service, project)


def reactors(service: str) -> tuple[Reactor, ...]:
    """On the service's own log."""
    return (approval_tasks.reactor(service),)
