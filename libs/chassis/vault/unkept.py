"""A vault for rehearsals: it reads what there is, and what it makes is in memory and then gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from .spelling import Kind
from .store import Home, KeyStore
from .vault import Vault


class UnkeptStore(KeyStore):
    """Rows of the key database under what was made since, which is never written."""

    def __init__(self, kept: KeyStore) -> None:
        super().__init__(kept.pool)
        self._areas: dict[Home, bytes] = {}
        self._ids: dict[tuple[Kind, bytes], UUID] = {}

    async def area(self, home: Home) -> bytes | None:
        return await super().area(home) or self._areas.get(home)

    async def keep_area(self, home: Home, wrapped: bytes) -> None:
        self._areas[home] = wrapped

    async def keep_subjects(self, home: Home, made: Mapping[UUID, bytes]) -> int:
        return len(made)

    async def ids(self, kind: Kind, macs: Collection[bytes]) -> dict[bytes, UUID]:
        made = {mac: self._ids[kind, mac] for mac in macs if (kind, mac) in self._ids}
        return made | await super().ids(kind, macs)

    async def keep_ids(self, kind: Kind, fresh: Mapping[bytes, UUID]) -> None:
        for mac, id_ in fresh.items():
            self._ids.setdefault((kind, mac), id_)

    async def keep_holders(self, kind: Kind, held: Iterable[tuple[bytes, UUID]]) -> None:
        """Nobody holds anything because it was rehearsed."""

    async def keep_names(self, named: Iterable[tuple[UUID, bytes, UUID]]) -> None:
        """As holders."""

    async def destroy(self, subjects: Collection[UUID]) -> int:
        raise TypeError("a rehearsal erases nobody")


def unkept(vault: Vault) -> Vault:
    """The same vault, of which nothing that it makes is kept."""
    return vault.over(UnkeptStore(vault.store))
