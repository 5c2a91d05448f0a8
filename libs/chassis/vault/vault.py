"""The vault: seals and opens people's data, knows whose number it is, and forgets whom it must.

master -> key of a county and year (unwrapped once, kept in memory) -> key of a person (unwrapped
for each use and never kept, so that an erased person cannot be opened). A key is on disk before a
text that it seals is handed out. Design 9, ADR 0014.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.events.errors import EventsError

from . import tombstones
from .keys import Keys, software_keys
from .sealing import UnopenableError, fresh_key, seal, unseal, unwrap, wrap
from .spelling import Kind, name, number
from .store import Home, KeyStore, open_store

T = TypeVar("T")
PURPOSES = ("identity", "phone", "account", "name", "request")
OF_KIND = {Kind.IDENTITY: "identity", Kind.PHONE: "phone", Kind.ACCOUNT: "account"}
AT_ONCE = 200
"""Lines sealed or opened on the loop itself, about a millisecond; more go to a thread."""

log = structlog.get_logger()


class KeyGoneError(EventsError):
    """Erased, though the log may not say so: it or the key database is a restored backup."""

    status = 410
    title = "该人员的密钥已销毁，个人信息不能再打开"


class Line(NamedTuple):
    """A text of a person: plain to be sealed, sealed to be opened. `field` is a stable tag."""

    subject: UUID
    field: str
    text: str


class Vault:
    """One open vault of this process."""

    def __init__(
        self, store: KeyStore, keys: Keys, macs: Mapping[str, bytes], folder: Path
    ) -> None:
        self.store, self.folder = store, folder
        self._keys, self._macs = keys, macs
        self._areas: dict[Home, AESGCM] = {}

    def over(self, store: KeyStore) -> Vault:
        """With the same keys over other rows."""
        return Vault(store, self._keys, self._macs, self.folder)

    async def identify(
        self, kind: Kind, texts: Sequence[str], near: UUID | None = None
    ) -> list[UUID]:
        """The random id of each number, made where there is none; on disk when this returns.
        `near`: ids beginning alike lie together in an index (design 3.6)."""
        macs = [self._number(kind, text) for text in texts]
        await self.store.keep_ids(kind, {mac: random_id(near) for mac in macs})
        found = await self.store.ids(kind, set(macs))
        return [found[mac] for mac in macs]

    async def ids(self, kind: Kind, texts: Sequence[str]) -> list[UUID | None]:
        """The id of each number that has one; none is made."""
        macs = [self._number(kind, text) for text in texts]
        found = await self.store.ids(kind, set(macs))
        return [found.get(mac) for mac in macs]

    async def hold(self, kind: Kind, held: Iterable[tuple[str, UUID]]) -> None:
        """These numbers are these persons'."""
        pairs = [(self._number(kind, text), subject) for text, subject in held]
        if pairs:
            await self.store.keep_holders(kind, pairs)

    async def holders(self, kind: Kind, texts: Sequence[str]) -> list[list[UUID]]:
        """Whose each number is: nobody's, one's or several persons'."""
        macs = [self._number(kind, text) for text in texts]
        found: dict[bytes, list[UUID]] = {mac: [] for mac in macs}
        for mac, subject in await self.store.holders(kind, found.keys()):
            found[mac].append(subject)
        return [found[mac] for mac in macs]

    async def index(self, named: Iterable[tuple[UUID, str, UUID]]) -> None:
        """(village, name, person), to be found by the whole name."""
        rows = [(area, self._name(area, text), subject) for area, text, subject in named]
        if rows:
            await self.store.keep_names(rows)

    async def named(self, areas: Iterable[UUID], text: str) -> list[UUID]:
        """Everyone of exactly this name in these villages."""
        return await self.store.named((area, self._name(area, text)) for area in areas)

    def _number(self, kind: Kind, text: str) -> bytes:
        return self.mac(OF_KIND[kind], number(kind, text).encode())

    def _name(self, area: UUID, text: str) -> bytes:
        return self.mac("name", area.bytes, name(text).encode())

    def mac(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA-256 under the key of a purpose."""
        return hmac.digest(self._macs[purpose], b"\0".join(parts), "sha256")

    async def seal(self, lines: Sequence[Line], homes: Mapping[UUID, Home]) -> list[str]:
        """Sealed texts in the order of the lines. A person without a key gets one under the key of
        his home; all keys are on disk when this returns. Raises: KeyGoneError for a person who has
        neither."""
        subjects = {line.subject for line in lines}
        keys = await self._subject_keys(subjects)
        missing = subjects - keys.keys()
        if missing - homes.keys():
            raise KeyGoneError()
        if missing:
            keys |= await self._make_keys({subject: homes[subject] for subject in missing})
        return await _aside(
            len(lines), lambda: [seal(keys[s], s, field, text) for s, field, text in lines]
        )

    async def open(self, lines: Sequence[Line]) -> list[str]:
        """Plain texts in order. Raises: KeyGoneError when a person's key is gone,
        UnopenableError."""
        subjects = {line.subject for line in lines}
        keys = await self._subject_keys(subjects)
        if subjects - keys.keys():
            raise KeyGoneError()
        return await _aside(
            len(lines), lambda: [unseal(keys[s], s, field, text) for s, field, text in lines]
        )

    async def _subject_keys(self, subjects: Collection[UUID]) -> dict[UUID, AESGCM]:
        """Those that are there, unwrapped."""
        found = await self.store.subjects(subjects)
        areas = {one.home: await self._area_key(one.home) for one in found}

        def unwrapped() -> dict[UUID, AESGCM]:
            plain = {
                id_: AESGCM(unwrap(areas[one.home], key, id_))
                for one in found
                for id_, key in one.each()
            }
            return {one: plain[one.bytes] for one in subjects if one.bytes in plain}

        return await _aside(len(subjects), unwrapped)

    async def _make_keys(self, homes: Mapping[UUID, Home]) -> dict[UUID, AESGCM]:
        """Of two processes at once, one makes a person's key and both use it."""
        keys: dict[UUID, AESGCM] = {}
        by_home: dict[Home, list[UUID]] = {}
        for subject, home in homes.items():
            by_home.setdefault(home, []).append(subject)
        for home, of_home in by_home.items():
            area = await self._area_key(home)
            fresh, made = await _aside(len(of_home), partial(_fresh_keys, area, of_home))
            new = await self.store.keep_subjects(home, made)
            keys |= fresh if new == len(made) else await self._subject_keys(of_home)
        return keys

    async def _area_key(self, home: Home) -> AESGCM:
        """Unwrapped by the master once in this process."""
        if home not in self._areas:
            about = b"area\0" + home.area.bytes + str(home.year).encode()
            wrapped = await self.store.area(home)
            if wrapped is None:
                new = await asyncio.to_thread(self._keys.wrap, fresh_key(), about)
                await self.store.keep_area(home, new)
                wrapped = await self.store.area(home)
            assert wrapped is not None, "rows of areas are never deleted"
            self._areas[home] = AESGCM(await asyncio.to_thread(self._keys.unwrap, wrapped, about))
        return self._areas[home]

    async def erase(self, subjects: Collection[UUID]) -> None:
        """As `forget`."""
        await forget(self.store, self.folder, subjects)


def _fresh_keys(
    area: AESGCM, subjects: Sequence[UUID]
) -> tuple[dict[UUID, AESGCM], dict[UUID, bytes]]:
    """New keys of persons, to be used and, wrapped, to be kept."""
    fresh = {subject: fresh_key() for subject in subjects}
    kept = {subject: wrap(area, key, subject.bytes) for subject, key in fresh.items()}
    return {subject: AESGCM(key) for subject, key in fresh.items()}, kept


async def forget(store: KeyStore, folder: Path, subjects: Collection[UUID]) -> None:
    """Their keys and maps are gone when this returns, and stay gone: the tombstone is on disk
    before. Needs no key. Once or many times, the same."""
    await asyncio.to_thread(tombstones.bury, folder, subjects)
    await store.destroy(subjects)


async def forget_again(store: KeyStore, folder: Path) -> None:
    """Apply the tombstones again: a backup may have been restored. Raises:
    DamagedTombstonesError."""
    gone = await store.destroy(await asyncio.to_thread(tombstones.buried, folder))
    if gone:
        log.warning("erased_again", keys=gone)


def random_id(near: UUID | None) -> UUID:
    """A random id; with `near`, its first 4 bytes follow from that id alone."""
    raw = bytearray(os.urandom(16))
    if near is not None:
        raw[:4] = sha256(near.bytes).digest()[:4]
    raw[6] = (raw[6] & 0x0F) | 0x80  # UUID version 8, as every stream's
    raw[8] = (raw[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(raw))


async def _aside(count: int, work: Callable[[], T]) -> T:
    """Work on few lines here, on many in a thread, so that the loop is not held up."""
    return work() if count <= AT_ONCE else await asyncio.to_thread(work)


@asynccontextmanager
async def open_vault(
    address: dict[str, Any], folder: Path, keys: Keys | None = None
) -> AsyncIterator[Vault]:
    """The vault over its database; tombstones are applied again before anything is opened.

    `folder` holds the master key, unless `keys` is another, and the tombstones. Raises:
    MasterMissingError, DamagedTombstonesError, UnopenableError for a master that does not fit.
    """
    async with open_store(address) as store:
        wrapped = await store.purposes()
        held = keys or software_keys(folder, may_make=not wrapped)
        macs = await asyncio.to_thread(_unwrapped, held, await _purposes(store, held))
        await forget_again(store, folder)
        yield Vault(store, held, macs, folder)


async def _purposes(store: KeyStore, keys: Keys) -> dict[str, bytes]:
    """The wrapped keys of all purposes, made where they are missing."""
    for purpose in sorted(set(PURPOSES) - (await store.purposes()).keys()):
        made = await asyncio.to_thread(keys.wrap, fresh_key(), purpose.encode())
        await store.keep_purpose(purpose, made)
    return await store.purposes()


def _unwrapped(keys: Keys, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
    try:
        return {name: keys.unwrap(key, name.encode()) for name, key in wrapped.items()}
    except UnopenableError:
        raise UnopenableError("the key database: it was wrapped by another master") from None
