"""Erasure of a person 销毁: what the event said is done to the vault.

A reader of the service's own log: the event comes first, and whoever is killed between the event
and the vault begins at the same event again. What it does it may do twice. ADR 0014.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import structlog

from libs.events.acting import Acting, Deed, Sources
from libs.events.codec import Contracts
from libs.events.contracts.persons import PersonErased
from libs.events.log import Log
from libs.events.reader import Reader
from libs.events.types import Recorded

from .vault.store import KeyStore
from .vault.vault import forget, forget_again

log = structlog.get_logger()


class Erasing(Acting[UUID]):
    """The one of a service, from position 1 on: a key database that was restored meanwhile loses
    its keys by the tombstones, one that was begun anew has nothing to lose."""

    def __init__(
        self, sources: Sources, store: Log, contracts: Contracts, keys: KeyStore, folder: Path
    ) -> None:
        reader = Reader("erasure", store.service, lambda *_: ())
        super().__init__(reader, sources, store, contracts)
        self.keys, self.folder = keys, folder

    async def prepare(self) -> None:
        await forget_again(self.keys, self.folder)

    async def deed(self, event: Recorded) -> Deed[UUID] | None:
        if event.type != PersonErased.__name__:
            return None
        try:
            fact = self.contracts.decode(event.type, event.schema_version, event.payload)
        except Exception as error:
            raise self.poison(event, error) from error
        assert isinstance(fact, PersonErased)
        return Deed(event, fact.person, fact.person)

    async def act(self, deed: Deed[UUID]) -> str | None:
        await forget(self.keys, self.folder, [deed.what])
        log.info("person_erased", position=deed.event.position)
        return None
