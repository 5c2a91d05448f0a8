"""The whole of a log, or a long stretch of it, as fast as it can be read: for rebuilds and proofs.

Pages are ranges of positions copied out in PostgreSQL's binary form and cut into events here: what
was stored as text comes as the bytes it is, and is never made a str and bytes again. Rates beside
the other ways: bench/replay.py. A reader that follows a log asks its feed instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from uuid import UUID

from asyncpg import Connection
from asyncpg.pgproto import pgproto  # its UUID is the one that rows hold: made five times as fast

from .errors import HoleError
from .types import Recorded

PAGE = 2_000
"""Events; of larger ones the first is waited for, of smaller ones each costs a round trip."""

# Fixed widths first, each behind a length word that is passed over; then the length of the first
# of those that have one.
_FIXED = "position, stream_id, version, recorded_at, epoch, schema_version"
_VARYING = "type, seen, salt, payload, metadata"
_ROW = Struct("!2x 4xq 4x16s 4xq 4xq 4xh 4xh i")
_LENGTH = Struct("!i")
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
Copied = tuple[int, bytes]
_YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)


async def replay(
    connection: Connection, store: UUID, after: int, last: int, *, page: int = PAGE
) -> AsyncGenerator[list[Recorded], None]:
    """Events behind `after` up to `last` in order, a page at a time; the next one is on its way.

    The connection is this function's alone until it ends. Raises: HoleError where a position is
    missing, which no log that es.append wrote has.
    Source: PostgreSQL manual, COPY, binary format.
    """
    starts = iter(range(after, last, page))
    ahead = _start(connection, next(starts, None), last, page)
    try:
        while ahead is not None:
            began, copied = await ahead
            ahead = _start(connection, next(starts, None), last, page)
            yield _events(store, copied, began, min(began + page, last))
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


def _start(
    connection: Connection, after: int | None, last: int, page: int
) -> asyncio.Task[Copied] | None:
    """Ask for a page; nothing when there is none left."""
    if after is None:
        return None
    return asyncio.create_task(_copied(connection, after, min(after + page, last)))


async def _copied(connection: Connection, after: int, last: int) -> Copied:
    """One page in COPY's binary form, and what it is behind of."""
    chunks: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        chunks.append(chunk)

    await connection.copy_from_query(
        f"SELECT {_FIXED}, {_VARYING} FROM es.events"  # noqa: S608 - constants and two numbers
        f" WHERE position > {int(after)} AND position <= {int(last)} ORDER BY position",
        output=keep,
        format="binary",
    )
    return after, b"".join(chunks)


def _events(store: UUID, copied: bytes, after: int, last: int) -> list[Recorded]:
    """The page cut into events, without a loop over the fields: that takes twice as long.

    Raises: HoleError.
    """
    found: list[Recorded] = []
    fixed, length, ends_at = _ROW.unpack_from, _LENGTH.unpack_from, len(copied) - _TRAILER_BYTES
    at = _HEADER_BYTES
    while at < ends_at:
        position, stream, version, microseconds, epoch, shape, size = fixed(copied, at)
        type_at = at + _ROW.size
        seen_at = type_at + size + 4
        salt_at = seen_at + length(copied, seen_at - 4)[0] + 4
        payload_at = salt_at + length(copied, salt_at - 4)[0] + 4
        metadata_at = payload_at + length(copied, payload_at - 4)[0] + 4
        at = metadata_at + length(copied, metadata_at - 4)[0]
        after += 1
        if position != after:
            raise HoleError(f"位置 {after} 缺失，读到 {position}", position=after)
        found.append(
            Recorded(
                store=store,
                epoch=epoch,
                position=position,
                stream=pgproto.UUID(stream),
                version=version,
                recorded_at=_instant(microseconds),
                seen=copied[seen_at : salt_at - 4],
                type=copied[type_at : seen_at - 4].decode(),
                schema_version=shape,
                salt=copied[salt_at : payload_at - 4],
                payload=copied[payload_at : metadata_at - 4],
                metadata=copied[metadata_at:at],
            )
        )
    if after != last:
        raise HoleError(f"位置 {after + 1} 缺失", position=after + 1)
    return found


@lru_cache(1_024)  # events of one group have one time
def _instant(microseconds: int) -> datetime:
    return _YEAR_2000 + timedelta(microseconds=microseconds)
