"""message-db 1.3: its SQL on its own database, called by asyncpg as ours is.

`write_message` takes one lock a category, so it is measured with all callers in one category and
with a category for each. It has no batch: 100 a save is one statement that calls it 100 times.
pgcrypto, which the server lacks, is left out: gen_random_uuid() is there without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from ..installation import Installation
from ..rounds import Round
from . import npm
from .work import BATCH, Fact, Save, cell, database, saving

# The order of its install.sh and of the scripts that this calls.
FILES = (
    *("schema/message-store", "tables/messages", "types/message"),
    *("functions/message-store-version", "functions/hash-64", "functions/acquire-lock"),
    *("functions/category", "functions/is-category", "functions/id", "functions/cardinal-id"),
    *("functions/stream-version", "functions/write-message"),
    *("indexes/messages-id", "indexes/messages-stream", "indexes/messages-category"),
)
WRITE = "SELECT write_message($1, $2, $3, $4::jsonb, $5::jsonb, -1)"
WRITE_MANY = """
SELECT write_message(id, $2, type, data, metadata)
  FROM unnest($1::varchar[], $3::varchar[], $4::jsonb[], $5::jsonb[]) u(id, type, data, metadata)
"""
SESSION = {"search_path": "message_store,public", "jit": "off"}
FEW, MANY = 4, 32
ONE_ORDER = "one category"
Idle = asyncio.LifoQueue[asyncpg.Connection]


@asynccontextmanager
async def rounds(installation: Installation) -> AsyncIterator[Mapping[str, Round]]:
    """Raises: LeftOutError."""
    packages = npm.installed()
    address = await database(installation, "message_db")
    await _install(address, packages / "@eventide/message-db/database")
    async with AsyncExitStack() as stack:
        few, many = await _connect(address, FEW, stack), await _connect(address, MANY, stack)
        one, each = _saver(many, "document"), _saver(many, "document{}")
        yield {
            cell(f"message-db, {ONE_ORDER}", 1): saving(one, 1, 500),
            cell(f"message-db, {ONE_ORDER}", 16): saving(one, 16, 2_000),
            cell(f"message-db, {ONE_ORDER}", 64): saving(one, 64, 2_000),
            cell("message-db, a category each", 16): saving(each, 16, 4_000),
            cell("message-db, a category each", 64): saving(each, 64, 4_000),
            cell(f"message-db, a category each on {FEW} connections", 64): saving(
                _saver(few, "document{}"), 64, 4_000
            ),
            cell("message-db, a category each", 4, BATCH): saving(
                _saver_of_many(few, "document{}"), 4, 100, BATCH
            ),
        }


async def _install(address: dict[str, Any], folder: Path) -> None:
    connection = await asyncpg.connect(**address)
    await connection.execute("SET search_path TO message_store, public")
    for file in FILES:
        await connection.execute((folder / f"{file}.sql").read_text("utf-8"))
    await connection.close()


async def _connect(address: dict[str, Any], count: int, stack: AsyncExitStack) -> Idle:
    """Connections for whoever comes next, the one used last first: its plans are warm."""
    idle = Idle()
    for _ in range(count):
        connection = await asyncpg.connect(**address, server_settings=SESSION)
        stack.push_async_callback(connection.close, timeout=2)
        idle.put_nowait(connection)
    return idle


def _saver(idle: Idle, category: str) -> Save:
    async def save(caller: int, saved: list[Fact]) -> None:
        (fact,) = saved
        stream = f"{category.format(caller)}-{fact.stream}"
        connection = await idle.get()
        await connection.fetchval(
            WRITE, str(uuid4()), stream, fact.type, fact.payload, fact.metadata
        )
        idle.put_nowait(connection)

    return save


def _saver_of_many(idle: Idle, category: str) -> Save:
    async def save(caller: int, saved: list[Fact]) -> None:
        ids = [str(uuid4()) for _ in saved]
        _, kinds, payloads, metadata = zip(*saved, strict=True)
        stream = f"{category.format(caller)}-{saved[0].stream}"
        connection = await idle.get()
        await connection.fetch(WRITE_MANY, ids, stream, kinds, payloads, metadata)
        idle.put_nowait(connection)

    return save
