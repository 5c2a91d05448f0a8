"""A service as a value: its name decides its database, topic, URL prefix and telemetry name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from libs.events import approvals, every_log
from libs.events.codec import Contracts
from libs.events.contracts import BY_SERVICE
from libs.events.dated_rows import Set
from libs.events.deadline import Deadline
from libs.events.decider import Decider
from libs.events.invariant import Invariant
from libs.events.reactor import Reactor
from libs.events.reader import Reader

from .exports.export import Export
from .imports.importer import Importer


@dataclass(frozen=True)
class Service:
    """What a process needs to run a service; nothing about it is configured twice. `vault`: it
    seals and opens people's data, and alone is given the key database."""

    name: str
    title: str
    routers: Sequence[APIRouter]
    deciders: Sequence[Decider[Any, Any, Any]]
    readers: Sequence[Reader]
    sql: Path
    pages: Path | None = None
    invariants: Sequence[Invariant] = ()
    reactors: Sequence[Reactor] = ()
    sets: Sequence[Set] = ()
    importers: Sequence[Importer] = ()
    deadlines: Sequence[Deadline] = ()
    exports: Sequence[Export] = ()
    vault: bool = False

    @property
    def contracts(self) -> Contracts:
        return BY_SERVICE[self.name]

    @property
    def every_reader(self) -> tuple[Reader, ...]:
        """Its own and the one that every service has."""
        return (*self.readers, every_log.reader(self.name))

    @property
    def every_decider(self) -> tuple[Decider[Any, Any, Any], ...]:
        """Its own, those that every service has, and those that let its own wait."""
        return (*self.deciders, *every_log.DECIDERS, *self.approving)

    @cached_property
    def approving(self) -> tuple[Decider[Any, Any, Any], ...]:
        """Say yes, say no, ask no longer."""
        return approvals.deciders((*self.deciders, *every_log.DECIDERS))

    @property
    def every_reactor(self) -> tuple[Reactor, ...]:
        """Its own, and those that every service has on its own log."""
        return (*self.reactors, *every_log.reactors(self.name))

    @property
    def every_deadline(self) -> tuple[Deadline, ...]:
        """Its own, and those of every service."""
        return (*self.deadlines, *every_log.DEADLINES)

    @property
    def every_set(self) -> tuple[Set, ...]:
        """The reference data that it keeps."""
        return (*self.sets, *every_log.SETS)

    @property
    def prefix(self) -> str:
        return f"/api/v1/{self.name}"

    @property
    def sources(self) -> list[str]:
        """The services whose feeds its readers follow, itself among them where it has own views."""
        return sorted({reader.source for reader in self.every_reader})
