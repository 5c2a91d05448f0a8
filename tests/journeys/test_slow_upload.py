"""A file over a line of 64 kbit/s whose cable is cut twice, and past the death of its server: sent
by a client of the protocol that knows nothing of us (tuspy)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from tests.journeys.slow_line import slow_line
from tests.journeys.tree import Tree, ready, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOST = (TusCommunicationError, TusUploadFailed, OSError)


def text(size: int, told: int) -> bytes:
    """Lines of letters that no compression helps with."""
    letters = random.Random(told).choices("abcdefghij,", k=size - 1)
    return ("".join(letters)[:-1] + ",\n").encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-upload-") as name:
        async with running(Path(name)) as found:
            yield found


def uploader(tree: Tree, where: str, data: bytes) -> Any:
    """What sends `data`; it goes on when it is asked again."""
    headers = {"authorization": f"Bearer {tree.token('clerk')}"}
    client = TusClient(f"{where}/api/v1/funds/files", headers=headers)
    digest = hashlib.sha256(data).hexdigest()
    return client.uploader(
        file_stream=io.BytesIO(data), chunk_size=len(data), metadata={"sha256": digest}
    )


async def sent(one: Any) -> int:
    """Until all is there; how often it had to begin again."""
    for times in range(20):
        try:
            if one.url is not None:
                one.offset = await asyncio.to_thread(one.get_offset)
            await asyncio.to_thread(one.upload)
        except LOST:
            await asyncio.sleep(0.1)
        else:
            return times
    raise AssertionError("it never came through")


async def became(tree: Tree, one: Any) -> dict[str, Any]:
    async with tree.client("clerk") as client:
        told: dict[str, Any] = (
            await client.get("/api/v1/funds/files/" + one.url.rpartition("/")[2])
        ).json()
    return told


async def written(tree: Tree, size: int) -> None:
    """Until so much of the one upload that runs lies on the disk."""
    folder = tree.settings.home / "files" / "funds" / "uploads"
    async with asyncio.timeout(10):
        while max(path.stat().st_size for path in folder.glob("*.part")) < size:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)


def kept(tree: Tree) -> list[Path]:
    return list((tree.settings.home / "files" / "funds" / "kept").glob("*/*"))


async def test_a_file_comes_over_a_line_that_is_cut_twice(tree: Tree) -> None:
    data = text(56_000, 1)
    host, port = tree.settings.host, tree.settings.port
    async with slow_line(host, port, 18_000, 40_000) as (line, where):
        one = uploader(tree, where, data)
        again = await sent(one)
    assert (line.cuts, again) == (2, 2)
    assert line.passed < len(data) + 12_000  # what had come was not sent again
    told = await became(tree, one)
    assert (told["state"], told["digest"]) == ("kept", hashlib.sha256(data).hexdigest())
    other = uploader(tree, tree.settings.origin, data)
    await sent(other)
    assert (await became(tree, other))["digest"] == told["digest"]
    assert len(kept(tree)) == 1


async def test_a_server_killed_in_the_middle_goes_on_from_what_it_had(tree: Tree) -> None:
    data, before = text(200_000, 2), len(kept(tree))
    one = uploader(tree, tree.settings.origin, data)
    one.set_url(await asyncio.to_thread(one.create_url))
    reached = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield data[:100_000]
        reached.set()
        await asyncio.sleep(3600)

    headers = {
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
        "content-length": str(len(data)),
    }
    async with tree.client("clerk") as client:
        sending = asyncio.create_task(client.patch(one.url, content=half(), headers=headers))
        await reached.wait()
        await written(tree, 90_000)
        assert tree.kill("serve")
        sending.cancel()
    await ready(tree)
    offset = await asyncio.to_thread(one.get_offset)
    assert 90_000 < offset <= 100_000
    assert await sent(one) == 0
    assert (await became(tree, one))["digest"] == hashlib.sha256(data).hexdigest()
    assert len(kept(tree)) == before + 1
