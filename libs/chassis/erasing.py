"""Erasure of a person 销毁, and a corrected ID number 更正: what was said is done to the vault,
by one reader, so that both keep their order.

A reader of the service's own log: the event comes first, and whoever is killed between the event
and the vault begins at the same event again. What it does it may do twice. ADR 0014.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import structlog

from libs.events.acting import Acting, Deed, Sources
from libs.events.codec import Contracts
from libs.events.contracts.persons import PersonErased
from libs.events.contracts.registers import PersonCorrected
from libs.events.log import Log
from libs.events.reader import Reader
from libs.events.types import Recorded

from .vault.store import KeyStore
from .vault.vault import forget, forget_again

OF = (PersonErased.__name__, PersonCorrected.__name__)
log = structlog.get_logger()


class Said(NamedTuple):
    """Of whom: all is forgotten, or this number's random id leads to the person."""

    person: UUID
    number: UUID | None = None


class Erasing(Acting[Said]):
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

    async def deed(self, event: Recorded) -> Deed[Said] | None:
        if event.type not in OF:
            return None
        try:
            fact = self.contracts.decode(event.type, event.schema_version, event.payload)
        except Exception as error:
            raise self.poison(event, error) from error
        match fact:
            case PersonErased():
                return Deed(event, fact.person, Said(fact.person))
            case PersonCorrected(number=UUID()):
                return Deed(event, fact.person, Said(fact.person, fact.number))
            case _:
                return None

    async def act(self, deed: Deed[Said]) -> str | None:
        person, number = deed.what
        if number is not None:
            moved = await self.keys.renumber(person, number)
            log.info("number_corrected", position=deed.event.position, moved=moved)
            return None
        await forget(self.keys, self.folder, [person])
        log.info("person_erased", position=deed.event.position)
        return None
