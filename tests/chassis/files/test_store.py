"""The store of files: once, durable, sealed, and damage is seen."""

from __future__ import annotations

import asyncio
import io
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openpyxl
import pytest

from libs.chassis.files.kinds import CSV, XLSX, FileTooLargeError, KindNotAllowedError
from libs.chassis.files.sealed import CHUNK, HEADER, TAG
from libs.chassis.files.store import (
    DigestDiffersError,
    FileNotIntactError,
    FileStore,
    open_store,
)
from libs.chassis.vault.keys import MasterMissingError
from tests.chassis.files.made import digest, stream, xlsx

LINE = b"planted,110101199003071233,1\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileStore]:
    opened = open_store(tmp_path / "files", "funds", tmp_path / "files.key")
    yield opened
    opened.close()


def lying(store: FileStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


async def read(store: FileStore, name: str) -> bytes:
    return b"".join([part async for part in store.open(name)])


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_what_is_kept_comes_back_and_does_not_lie_in_clear(
    store: FileStore, size: int
) -> None:
    data = (LINE * (size // len(LINE) + 1))[:size]
    kept = await store.keep(stream(data))
    assert (kept.digest, kept.size) == (digest(data), size)
    assert await read(store, kept.digest) == data
    assert await store.check(kept.digest) == "intact"
    (file,) = lying(store)
    assert file.stat().st_size == HEADER + size + TAG * -(-size // CHUNK)
    assert LINE[8:20] not in file.read_bytes()


async def test_the_same_content_is_one_file_and_heals_a_damaged_one(store: FileStore) -> None:
    kept = await store.keep(stream(LINE * 9))
    (file,) = lying(store)
    hurt(file, -1)
    assert await store.keep(stream(LINE * 9)) == kept
    assert lying(store) == [file]
    assert await store.check(kept.digest) == "intact"


@pytest.mark.parametrize("at", [0, 10, HEADER, HEADER + CHUNK + TAG + 3, -1])
async def test_one_changed_byte_anywhere_is_seen(store: FileStore, at: int) -> None:
    kept = await store.keep(stream(LINE * 5000))
    (file,) = lying(store)
    hurt(file, at)
    assert await store.check(kept.digest) == "damaged"
    with pytest.raises(FileNotIntactError):
        await read(store, kept.digest)


@pytest.mark.parametrize("cut", [1, TAG, CHUNK + TAG, 2 * (CHUNK + TAG)])
async def test_a_file_that_was_cut_off_is_seen(store: FileStore, cut: int) -> None:
    kept = await store.keep(stream(bytes(LINE * 9000)[: 3 * CHUNK]))
    (file,) = lying(store)
    os.truncate(file, file.stat().st_size - cut)
    assert await store.check(kept.digest) == "damaged"


async def test_a_file_under_the_name_of_another_does_not_open(store: FileStore) -> None:
    one, two = await store.keep(stream(LINE)), await store.keep(stream(LINE * 2))
    places = {path.name: path for path in lying(store)}
    places[one.digest].replace(places[two.digest])
    assert await store.check(two.digest) == "damaged"
    assert await store.check(one.digest) == "missing"
    with pytest.raises(FileNotIntactError):
        await read(store, two.digest)


async def test_what_is_refused_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(FileTooLargeError):
        await store.keep(stream(LINE * 5), limit=100)
    with pytest.raises(KindNotAllowedError):
        await store.keep(stream(b"\0" * 99))
    with pytest.raises(DigestDiffersError):
        await store.keep(stream(LINE), stated=digest(b"other"))
    assert lying(store) == []


async def test_a_clear_copy_goes_with_its_context(store: FileStore) -> None:
    kept = await store.keep(stream(LINE * 3))
    async with store.plain(kept.digest) as path:
        assert path.read_bytes() == LINE * 3
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(lying(store)) == 1


async def test_what_a_dead_process_left_is_swept_and_what_a_living_one_uses_is_not(
    store: FileStore, tmp_path: Path
) -> None:
    kept = await store.keep(stream(LINE))
    left = open_store(tmp_path / "files", "funds", tmp_path / "files.key")
    crossing = left.plain(kept.digest)
    forgotten = await crossing.__aenter__()
    os.close(left._lock)  # as when its process dies
    async with store.plain(kept.digest) as used:
        open_store(tmp_path / "files", "funds", tmp_path / "files.key").close()
        assert used.exists()
        assert not forgotten.exists()


async def test_a_workbook_is_read_without_a_clear_copy(store: FileStore) -> None:
    kept = await store.keep(stream(xlsx("埋伏")))
    assert kept.media_type == XLSX
    with store.reader(kept.digest) as file:
        assert openpyxl.load_workbook(file).worksheets[0]["A1"].value == "埋伏"
        file.seek(-2, io.SEEK_END)
        assert len(file.read()) == 2


async def test_a_key_that_is_lost_is_not_replaced_beside_files(
    store: FileStore, tmp_path: Path
) -> None:
    await store.keep(stream(LINE))
    (tmp_path / "files.key").unlink()
    with pytest.raises(MasterMissingError):
        open_store(tmp_path / "files", "funds", tmp_path / "files.key")


async def test_a_large_file_takes_no_more_memory_than_a_small_one(store: FileStore) -> None:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield LINE * 3000
            await asyncio.sleep(0)

    tracemalloc.start()
    kept = await store.keep(much())
    async for _ in store.open(kept.digest):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.media_type == CSV
    assert kept.size > 16 * 1024 * 1024
    assert peak < 2 * 1024 * 1024


def hurt(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
