"""What every service has beside its own: tasks, subscriptions, parked events. Their rules, and the
one reader that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import parking, subscriptions, tasks
from .decider import Decider
from .entries import Row, Table
from .reader import Reader
from .types import Event, Metadata, Recorded

DECIDERS: tuple[Decider[Any, Any, Any], ...] = (
    *tasks.DECIDERS,
    *subscriptions.DECIDERS,
    parking.SKIP,
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    yield from tasks.project(recorded, fact, metadata)
    yield from subscriptions.project(recorded, fact, metadata)


def reader(service: str) -> Reader:
    """Of the service's own log."""
    return Reader("common", service, project)
