"""The limits of append: the same bytes into a table without keys, by the three plainest ways."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import asyncpg

from .installation import Installation
from .requests import requests
from .rounds import Round

Row = tuple[Any, ...]
Waiting = tuple[Row, asyncio.Future[None]]

COLUMNS = (
    *("position", "stream_id", "version", "recorded_at", "epoch", "schema_version", "type"),
    *("seen", "salt", "payload", "metadata"),
)
SEEN = '{"assets":[1,10412],"households":[1,104]}'
_INSERT_ONE = "INSERT INTO bare VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"
_INSERT_GROUP = """
INSERT INTO bare SELECT * FROM unnest(
    $1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::smallint[], $6::smallint[],
    $7::text[], $8::json[], $9::bytea[], $10::json[], $11::json[])
"""


async def connect(installation: Installation) -> asyncpg.Connection:
    """As the superuser on the store of funds, with the bare table made."""
    connection: asyncpg.Connection = await asyncpg.connect(
        **installation.cluster.address("suyuan_funds"), server_settings={"jit": "off"}
    )
    await connection.execute(
        "CREATE TABLE bare AS SELECT position, stream_id, version, recorded_at, epoch,"
        " schema_version, type, seen, salt, payload, metadata FROM es.events WITH NO DATA"
    )
    return connection


def _rows(count: int) -> list[Row]:
    now = datetime.now(UTC)
    rows: list[Row] = []
    for position, ready in enumerate(islice(requests(), count), 1):
        ((kind, version, payload),) = ready.events[0]
        stream = ready.request.parts[0].stream
        values = (position, stream, 1, now, 1, version, kind, SEEN, os.urandom(16))
        rows.append((*values, payload, ready.metadata))
    return rows


def copied(connection: asyncpg.Connection, count: int) -> Round:
    """Rows a second of one COPY."""
    rows = _rows(count)

    async def round_() -> float:
        await connection.execute("TRUNCATE bare")
        began = time.perf_counter()
        await connection.copy_records_to_table("bare", records=rows, columns=COLUMNS)
        return count / (time.perf_counter() - began)

    return round_


def plain(connection: asyncpg.Connection, count: int) -> Round:
    """Rows a second of one task that inserts row after row, each its own transaction."""
    rows = _rows(count)

    async def round_() -> float:
        await connection.execute("TRUNCATE bare")
        insert = await connection.prepare(_INSERT_ONE)
        began = time.perf_counter()
        for row in rows:
            await insert.fetch(*row)
        return count / (time.perf_counter() - began)

    return round_


def grouped(connection: asyncpg.Connection, callers: int, count: int) -> Round:
    """Rows a second of `callers` tasks whose rows are gathered while the last group is written."""
    rows = _rows(count)

    async def round_() -> float:
        await connection.execute("TRUNCATE bare")
        waiting, queue = iter(rows), asyncio.Queue[Waiting]()

        async def caller() -> None:
            for row in waiting:
                done = asyncio.get_running_loop().create_future()
                queue.put_nowait((row, done))
                await done

        writer = asyncio.create_task(_write_groups(connection, queue))
        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        took_s = time.perf_counter() - began
        writer.cancel()
        return count / took_s

    return round_


async def _write_groups(connection: asyncpg.Connection, queue: asyncio.Queue[Waiting]) -> None:
    while True:
        group = [await queue.get()]
        while not queue.empty():
            group.append(queue.get_nowait())
        await connection.execute(_INSERT_GROUP, *zip(*(row for row, _ in group), strict=True))
        for _, done in group:
            done.set_result(None)
