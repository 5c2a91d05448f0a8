"""Uploads that are under way: the storage that the tus library is given, and what it lacks.

The library is trusted with the protocol alone. Its own storage of files lies in clear, tells an
offset that it wrote apart from the bytes, waits for locks on the event loop and sweeps nothing;
here the offset is that of the sealed bytes which are there, whatever its sidecar says, and bytes
that it left unwritten when it refused a request are dropped with the lock (ADR 0021).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import HTTPException
from tuspyserver.storage import TusStorage

from libs.chassis.migrate import locked, own_directory, write_private
from libs.events.errors import EventsError

from . import partial
from .kinds import LARGEST
from .partial import Tail
from .store import DigestDiffersError, FileStore, Kept

WRITTEN_AT_ONCE = 4_096
"""What a killed process may forget: half a second on a line of 64 kbit/s."""
LOCK_S = 10.0
POLL_S = 0.02
FORGOTTEN_AFTER_S = 7 * 86_400
SWEEP_S = 3_600.0
log = structlog.get_logger()


class NotYetWholeError(EventsError):
    status = 409
    title = "文件尚未传完"


class Uploads(TusStorage):
    """Of one store. An id is 32 hex digits; whoever began an upload is in its sidecar."""

    def __init__(self, store: FileStore) -> None:
        self.store = store
        self.folder = own_directory(store.folder / "uploads", None, 0o700)
        self._tails: dict[str, Tail] = {}
        self._pending: dict[str, bytearray] = {}
        self._running: dict[str, asyncio.Event] = {}

    async def create(self, uid: str) -> None:
        if not self._part(uid).exists():
            await asyncio.to_thread(partial.begin, self._part(uid), uid, self.store.keys)

    async def exists(self, uid: str) -> bool:
        return self._part(uid).exists() or self._kept(uid).exists()

    async def size(self, uid: str) -> int:
        """Bytes that are there."""
        if (kept := self.kept(uid)) is not None:
            return kept.size
        return (await self._tail(uid)).size

    async def _tail(self, uid: str) -> Tail:
        known = self._tails.get(uid, Tail())
        found = await asyncio.to_thread(partial.tail, self._part(uid), uid, self.store.keys, known)
        self._tails[uid] = found
        return found

    async def append(self, uid: str, chunk: bytes) -> None:
        pending = self._pending.setdefault(uid, bytearray())
        pending += chunk
        if len(pending) >= WRITTEN_AT_ONCE:
            await self._write(uid)

    async def flush(self, uid: str) -> None:
        await self._write(uid)
        if self._part(uid).exists():  # one that was kept takes no more
            await asyncio.to_thread(partial.sync, self._part(uid))

    async def _write(self, uid: str) -> None:
        if not (data := bytes(self._pending.pop(uid, b""))):
            return
        where, keys = self._part(uid), self.store.keys
        try:
            after = await self._tail(uid)
            self._tails[uid] = await asyncio.to_thread(partial.add, where, uid, keys, after, data)
        except OSError as error:  # any other exception the library answers as if all were well
            raise HTTPException(503, type(error).__name__) from error

    async def finalize(self, uid: str) -> None:
        """What a whole upload becomes is decided by `finish`."""

    async def read(self, uid: str) -> bytes | None:
        raise NotImplementedError("files are streamed")

    async def delete(self, uid: str) -> None:
        for path in (self._part(uid), self._kept(uid), self._sidecar(uid), self._lock(uid)):
            path.unlink(missing_ok=True)
        self._tails.pop(uid, None)
        self._pending.pop(uid, None)

    async def read_info(self, uid: str) -> dict[str, Any] | None:
        info = self.sidecar(uid)
        if info is None or not await self.exists(uid):
            return None
        return {**info, "offset": await self.size(uid)}

    async def write_info(self, uid: str, data: dict[str, Any]) -> None:
        # Its `error` is any exception's text.
        told = json.dumps({**data, "error": None})
        await asyncio.to_thread(write_private, self._sidecar(uid), told)

    async def list_uids(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def location(self, uid: str) -> str:
        return uid

    @asynccontextmanager
    async def lock(self, uid: str) -> AsyncIterator[None]:  # type: ignore[override]  # as it is used
        """Across processes too. Raises: TimeoutError."""
        give_up = asyncio.get_running_loop().time() + LOCK_S
        while (held := locked(self._lock(uid), wait=False)) is None:
            if asyncio.get_running_loop().time() > give_up:
                raise TimeoutError("another request writes this upload")
            await asyncio.sleep(POLL_S)
        try:
            self._pending.pop(uid, None)
            yield
        finally:
            os.close(held)

    @contextmanager
    def taken(self, uid: str) -> Iterator[asyncio.Event]:
        """The request that writes this upload now. The one before it is told to end: its cable may
        have been cut, and its side of it would not know for hours."""
        self.end_others(uid)
        mine = self._running[uid] = asyncio.Event()
        try:
            yield mine
        finally:
            if self._running.get(uid) is mine:
                del self._running[uid]

    def end_others(self, uid: str) -> None:
        if (other := self._running.get(uid)) is not None:
            other.set()

    async def finish(self, uid: str, stated: str) -> Kept:
        """Keep a whole upload whose bytes have the stated digest; one that cannot be kept goes.

        Raises: NotYetWholeError, DigestDiffersError, KindNotAllowedError, FileTooLargeError.
        """
        async with self.lock(uid):
            info, kept = await self.read_info(uid), self.kept(uid)
            if info is None or info["offset"] != info["size"]:
                raise NotYetWholeError()
            if kept is None:
                kept = await self._keep(uid, stated)
            if kept.digest != stated:
                raise DigestDiffersError()
            return kept

    async def _keep(self, uid: str, stated: str) -> Kept:
        try:
            kept = await self.store.keep(self._stream(uid), LARGEST, stated)
        except EventsError:
            await self.delete(uid)
            raise
        await asyncio.to_thread(write_private, self._kept(uid), json.dumps(kept))
        self._part(uid).unlink()
        return kept

    async def _stream(self, uid: str) -> AsyncIterator[bytes]:
        came = partial.plain(self._part(uid), uid, self.store.keys)
        while data := await asyncio.to_thread(next, came, b""):
            yield data

    def sidecar(self, uid: str) -> dict[str, Any] | None:
        """What the library keeps of it."""
        try:
            found: dict[str, Any] = json.loads(self._sidecar(uid).read_text())
        except FileNotFoundError:
            return None
        return found

    def kept(self, uid: str) -> Kept | None:
        """What it became."""
        try:
            return Kept(*json.loads(self._kept(uid).read_text()))
        except FileNotFoundError:
            return None

    async def sweep(self) -> int:
        """Forget what nobody touched for seven days; how many went. What was kept stays kept."""
        before, gone = time.time() - FORGOTTEN_AFTER_S, 0
        for uid in await self.list_uids():
            paths = (self._part(uid), self._kept(uid), self._sidecar(uid))
            if max(path.stat().st_mtime for path in paths if path.exists()) < before:
                await self.delete(uid)
                gone += 1
        return gone

    def _part(self, uid: str) -> Path:
        return self.folder / f"{uid}.part"

    def _sidecar(self, uid: str) -> Path:
        return self.folder / f"{uid}.json"

    def _kept(self, uid: str) -> Path:
        return self.folder / f"{uid}.kept"

    def _lock(self, uid: str) -> Path:
        return self.folder / f"{uid}.lock"


async def keep_sweeping(uploads: Uploads) -> None:
    """For as long as the process serves."""
    while True:
        if gone := await uploads.sweep():
            log.info("uploads_forgotten", count=gone)
        await asyncio.sleep(SWEEP_S)
