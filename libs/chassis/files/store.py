"""The files of one service, by SHA-256: kept once however often they come, sealed at rest.

A file lies in `kept/ab/<digest>`, durable before its digest is told to anyone. It is written, and
where a reader needs a path laid in clear, in the process's own folder below `work`, which goes
with the process: whoever opens the store next sweeps what a dead one left. ADR 0021.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast
from uuid import uuid4

from libs.chassis.migrate import locked, own_directory, sync_directory
from libs.chassis.vault.keys import Keys, kept_keys
from libs.events.errors import EventsError

from .kinds import LARGEST, LIMITS, kind_of, too_large
from .sealed import CHUNK, DamagedFileError, Sealing, Unsealed

Integrity = Literal["intact", "damaged", "missing"]
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Kept(NamedTuple):
    """A file that is durable; `digest` is the SHA-256 of its bytes in lower-case hex."""

    digest: str
    size: int
    media_type: str


class DigestDiffersError(EventsError):
    status = 409
    title = "文件与声明的 SHA-256 不符，请重新上传"


class FileNotIntactError(EventsError):
    """It is missing, or not as it was sealed: what it held is not told."""

    status = 409
    title = "文件缺失或已损坏，不能提供内容；请从备份恢复"


class FileStore:
    """Opened once a process. `folder` is the service's own."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = own_directory(folder, None, 0o700)
        self.keys = keys
        self._kept = own_directory(folder / "kept", None, 0o700)
        self._work = own_directory(folder / "work", None, 0o700)
        _sweep(self._work)
        self._own, self._lock = _own_folder(self._work)

    def close(self) -> None:
        """What is left in its own folder goes."""
        shutil.rmtree(self._own, ignore_errors=True)
        self._own.with_suffix(".lock").unlink(missing_ok=True)
        os.close(self._lock)

    async def keep(
        self, stream: AsyncIterable[bytes], limit: int = LARGEST, stated: str | None = None
    ) -> Kept:
        """Store what comes, if it has the digest that was stated.

        Raises: FileTooLargeError, KindNotAllowedError, DigestDiffersError.
        """
        new = self._own / uuid4().hex
        with new.open("xb+") as out:
            try:
                sealing = Sealing(out)
                async for data in stream:
                    if sealing.size + len(data) > limit:
                        raise too_large(sealing.size + len(data), limit)
                    await asyncio.to_thread(sealing.write, data)
                return await asyncio.to_thread(self._finish, out, sealing, stated)
            finally:
                new.unlink(missing_ok=True)

    def _finish(self, out: BinaryIO, sealing: Sealing, stated: str | None) -> Kept:
        digest = sealing.finish(self.keys)
        if stated not in (None, digest):
            raise DigestDiffersError()
        out.flush()
        with Path(out.name).open("rb") as written, Unsealed(written, digest, self.keys) as plain:
            media_type = kind_of(buffered(plain))
        if sealing.size > LIMITS[media_type]:
            raise too_large(sealing.size, LIMITS[media_type])
        os.fsync(out.fileno())
        self._place(Path(out.name), digest)
        return Kept(digest, sealing.size, media_type)

    def _place(self, new: Path, digest: str) -> None:
        """Under its name for good. One that is there is replaced: it may be damaged."""
        place = self._path(digest)
        if not place.parent.exists():
            own_directory(place.parent, None, 0o700)
            sync_directory(self._kept)
        os.replace(new, place)
        sync_directory(place.parent)

    def reader(self, digest: str) -> BinaryIO:
        """The plain bytes of a kept file, to read and seek; blocking, so in a thread or a process
        of its own. Raises: FileNotFoundError, DamagedFileError."""
        return buffered(Unsealed(self._path(digest).open("rb"), digest, self.keys))

    async def open(self, digest: str) -> AsyncIterator[bytes]:
        """The bytes, a chunk at a time. Raises: FileNotIntactError, also in the middle."""
        try:
            file = await asyncio.to_thread(self.reader, digest)
            try:
                while data := await asyncio.to_thread(file.read, CHUNK):
                    yield data
            finally:
                file.close()
        except (FileNotFoundError, DamagedFileError):
            raise FileNotIntactError() from None

    @asynccontextmanager
    async def plain(self, digest: str) -> AsyncIterator[Path]:
        """A clear copy for a reader that needs a path; it goes with the context, and with the
        process. Raises: FileNotIntactError."""
        path = self._own / f"{uuid4().hex}.plain"
        try:
            with path.open("xb") as out:
                async for data in self.open(digest):
                    await asyncio.to_thread(out.write, data)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A path for a file in the making, in clear; it goes with the context, and with the
        process."""
        path = self._own / f"{uuid4().hex}.scratch"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def check(self, digest: str) -> Integrity:
        """Whether it is still what was kept, by its seal and by its digest."""
        return await asyncio.to_thread(self._check, digest)

    def _check(self, digest: str) -> Integrity:
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError:
            return "missing"
        try:
            with Unsealed(file, digest, self.keys) as plain:
                return "intact" if plain.verify() else "damaged"
        except DamagedFileError:
            return "damaged"

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise FileNotFoundError(digest)
        return self._kept / digest[:2] / digest


def open_store(folder: Path, service: str, key_file: Path) -> FileStore:
    """The store of a service. The installation's key is made at the first start and never where
    files are that it would not open. Raises: MasterMissingError."""
    may_make = not any(folder.glob("*/kept/*/*"))
    return FileStore(folder / service, kept_keys(key_file, may_make=may_make))


def buffered(plain: Unsealed) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(plain, CHUNK))


def _own_folder(work: Path) -> tuple[Path, int]:
    """A folder whose lock this process holds while it lives."""
    while True:
        lock_file = work / f"{uuid4().hex}.lock"
        lock = locked(lock_file)
        assert lock is not None, "it waits"
        with suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == lock_file.stat().st_ino:  # not swept in between
                return own_directory(lock_file.with_suffix(""), None, 0o700), lock
        os.close(lock)


def _sweep(work: Path) -> None:
    """What processes left that are no more: their locks are free."""
    for lock_file in work.glob("*.lock"):
        if (lock := locked(lock_file, wait=False)) is None:
            continue
        shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
        lock_file.unlink(missing_ok=True)
        os.close(lock)
