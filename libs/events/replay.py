"""The whole of a log, or a long stretch of it, as fast as it can be read: for rebuilds and proofs.

Pages are ranges of positions copied out in PostgreSQL's binary form and cut into events here: what
was stored as text comes as the bytes it is, and is never made a str and bytes again. Rates beside
the other ways: bench/replay.py. A reader that follows a log asks its feed instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from uuid import UUID

from asyncpg import Connection
from asyncpg.pgproto import pgproto  # its UUID is the one that rows hold: made five times as fast

from .ending import end
from .errors import HoleError, PoisonError
from .types import Event, Recorded

PAGE = 200
"""Events: what waits meanwhile fits into the socket's buffer, and what is cut into the processor's
cache. With 2,000 a replay takes two fifths longer (bench/replay.py)."""

# Fixed widths first, each behind a length word that is passed over, and among them the lengths of
# the others: so one call unpacks all that says where anything begins.
_FIXED = "position, stream_id, version, recorded_at, epoch, schema_version, salt"
_VARYING = ("type", "seen", "payload", "metadata")
_LENGTHS = ", ".join(f"octet_length({name}::text)" for name in _VARYING)
_COLUMNS = ", ".join((_FIXED, _LENGTHS, *_VARYING))
_ROW = Struct("!2x 4xq 4x16s 4xq 4xq 4xh 4xh i16s 4xi 4xi 4xi 4xi 4x")
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
Copied = tuple[int, bytes]
_YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)


async def replay(
    connection: Connection,
    store: UUID,
    after: int,
    last: int,
    *,
    types: Iterable[type[Event]] | None = None,
    page: int = PAGE,
) -> AsyncGenerator[list[Recorded], None]:
    """Events behind `after` up to `last` in order, a page of positions at a time; the next one is
    on its way. With `types` those of other types are passed over in the query.

    The connection is this function's alone until it ends. Raises: HoleError where a position is
    missing, which no log that es.append wrote has; with `types` that is not seen.
    Source: PostgreSQL manual, COPY, binary format.
    """
    of = None if types is None else sorted(kind.__name__ for kind in types)
    starts = iter(range(after, last, page))
    ahead = _start(connection, next(starts, None), last, page, of)
    try:
        while ahead is not None:
            began, copied = await ahead
            ahead = _start(connection, next(starts, None), last, page, of)
            await asyncio.sleep(0)  # it asks now: who uses this page may not wait for anything
            events = _events(store, copied)
            if of is None:
                _dense(events, began, min(began + page, last))
            yield events
    finally:
        if ahead is not None:
            await end(ahead)


def _start(
    connection: Connection, after: int | None, last: int, page: int, of: Sequence[str] | None
) -> asyncio.Task[Copied] | None:
    """Ask for a page; nothing when there is none left."""
    if after is None:
        return None
    return asyncio.create_task(_copied(connection, after, min(after + page, last), of))


async def _copied(
    connection: Connection, after: int, last: int, of: Sequence[str] | None
) -> Copied:
    """One page in COPY's binary form, and what it is behind of."""
    chunks: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        chunks.append(chunk)

    wanted = "" if of is None else f" AND type = ANY ('{{{','.join(of)}}}')"
    await connection.copy_from_query(
        f"SELECT {_COLUMNS} FROM es.events"  # noqa: S608 - constants, names of classes, two numbers
        f" WHERE position > {int(after)} AND position <= {int(last)}{wanted} ORDER BY position",
        output=keep,
        format="binary",
    )
    return after, b"".join(chunks)


def _events(store: UUID, copied: bytes) -> list[Recorded]:
    """The page cut into events, without a loop over the fields: that takes twice as long.

    Raises: PoisonError for a salt that no es.append wrote.
    """
    found: list[Recorded] = []
    row, ends_at = _ROW.unpack_from, len(copied) - _TRAILER_BYTES
    at = _HEADER_BYTES
    while at < ends_at:
        position, stream, version, microseconds, epoch, shape, *rest = row(copied, at)
        of_salt, salt, of_type, of_seen, of_payload, of_metadata = rest
        if of_salt != len(salt):  # then nothing behind it is where it should be
            raise PoisonError(f"位置 {position}：盐长 {of_salt} 字节", position=position)
        type_at = at + _ROW.size
        seen_at = type_at + of_type + 4
        payload_at = seen_at + of_seen + 4
        metadata_at = payload_at + of_payload + 4
        at = metadata_at + of_metadata
        found.append(
            Recorded(
                store=store,
                epoch=epoch,
                position=position,
                stream=pgproto.UUID(stream),
                version=version,
                recorded_at=_instant(microseconds),
                seen=copied[seen_at : payload_at - 4],
                type=copied[type_at : seen_at - 4].decode(),
                schema_version=shape,
                salt=salt,
                payload=copied[payload_at : metadata_at - 4],
                metadata=copied[metadata_at:at],
            )
        )
    return found


def _dense(events: Sequence[Recorded], after: int, last: int) -> None:
    """Raises: HoleError naming the first position that is missing."""
    if len(events) == last - after:  # in order, and no position twice: the primary key
        return
    positions = {event.position for event in events}
    missing = next(at for at in range(after + 1, last + 1) if at not in positions)
    raise HoleError(f"位置 {missing} 缺失", position=missing)


@lru_cache(1_024)  # events of one group have one time
def _instant(microseconds: int) -> datetime:
    return _YEAR_2000 + timedelta(microseconds=microseconds)
