"""The checker: every invariant of one log, looked at for ever, under a lease.

Where each stands, and the first counterexample, lie in es.checks, moved in one transaction with
what must be remembered. A counterexample stops nothing by itself: it is logged once and shown until
the data say otherwise. ADR 0012.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
import structlog

from .checks import (
    Along,
    Check,
    Page,
    Readable,
    Round,
    Rounding,
    Tables,
    Walking,
    read,
)
from .codec import Contracts
from .errors import ReplacedError
from .group_commit import UNKNOWN_OUTCOME, unavailable
from .invariant import Breach, EventInvariant, Invariant
from .leaf_chain import Leaves
from .lease import Lease
from .log_checks import At, Requests, Seen, Versions
from .log_invariants import ALONG, ROUND
from .store import Reached, identity, read_after
from .walk import remember, remembered, walk

PAGE = 1_000
POLL_S = 0.5
NEXT_LOOK_S, NEXT_ROUND_S = 1.0, 10.0
"""Pause within a round and between two: a bucket of 1,024 events a second is some 2 % of a core."""
FAILED_LAST_S = 60

log = structlog.get_logger()
Found = Mapping[str, Sequence[Breach]]
"""By invariant, in the order in which they were met."""


def checks_of(invariants: Sequence[Invariant], sources: Mapping[str, At]) -> list[Check]:
    """Those of every log and those of a service. `sources`: how to ask other logs."""
    every = (*ALONG, *ROUND, *invariants)
    checks: list[Check] = [Readable(), Versions(), Requests(), Leaves(), Seen(sources)]
    return checks + [Along(i) if isinstance(i, EventInvariant) else Tables(i) for i in every]


class Checker:
    """The checks of one log at work."""

    def __init__(
        self, service: str, pool: asyncpg.Pool, contracts: Contracts, checks: Sequence[Check]
    ) -> None:
        self.service, self.pool, self.contracts = service, pool, contracts
        self._names = sorted(check.name for check in checks)
        self.walking = [check for check in checks if isinstance(check, Walking)]
        self.rounding = [check for check in checks if isinstance(check, Rounding)]
        self.lease = Lease("checker", pool)
        self._due = dict.fromkeys((check.name for check in self.rounding), 0.0)
        self._confirm_at = 0.0

    async def run(self) -> None:
        """Check until cancelled. Whatever fails is told and tried again; readers go on."""
        pause_s = 1
        try:
            while True:
                began = asyncio.get_running_loop().time()
                try:
                    await self._follow()
                except ReplacedError:
                    await asyncio.sleep(1)
                except Exception as error:
                    self._failed(error)
                    whole = asyncio.get_running_loop().time() - began > FAILED_LAST_S
                    pause_s = 1 if whole else min(FAILED_LAST_S, pause_s * 2)
                    await asyncio.sleep(pause_s)
        finally:
            await self.lease.release()

    def _failed(self, error: Exception) -> None:
        if unavailable(error):
            log.warning("log_unreachable", checker=self.service, error=type(error).__name__)
        else:
            log.exception("checker_failed", checker=self.service)

    async def _follow(self) -> None:
        await self.begin()
        while True:
            began = asyncio.get_running_loop().time()
            moved = await self.step()
            await self.look_where_due()
            await self.lease.keep()
            # Catching up, it leaves readers of the same process half of the time; at the head it
            # takes what has come together, so that a busy log is not flushed twice as often.
            took_s = asyncio.get_running_loop().time() - began
            await asyncio.sleep(took_s if moved == PAGE else POLL_S)

    async def begin(self) -> None:
        """Take the lease; a holder of an earlier token moves nothing from here on.

        Raises: ReplacedError while another holds it.
        """
        await self.lease.take()
        await self.pool.execute(_OPEN, self._names, self.lease.token)

    async def step(self) -> int:
        """Look at the next page with those checks that are furthest behind; how many events it
        held, 0 at the head. Raises: ReplacedError."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_STAND, [check.name for check in self.walking])
            stand = {row["invariant"]: row["position"] for row in rows}
            behind = min(stand.values())
            # Not beyond where others stand, so that they go on together from there.
            ahead = [at - behind for at in stand.values() if at > behind]
            store, _ = await identity(connection)
            events = await read_after(connection, store, behind, min((PAGE, *ahead)))
            if not events:
                return 0
            page = read(events, self.contracts)
            walking = [check for check in self.walking if stand[check.name] == behind]
            states = await remembered(connection, walking, page)
            found = await walk(connection, walking, page, states)
            await self._move(connection, found, behind, page)
            await remember(connection, states)
        self._tell({row["invariant"] for row in rows if row["holds"]}, found)
        return len(events)

    async def _move(self, connection: Reached, found: Found, behind: int, page: Page) -> None:
        done = await connection.execute(
            _MOVE,
            list(found),
            [_encoded(breaches[0]) if breaches else None for breaches in found.values()],
            behind,
            page.events[-1].position,
            len(page.events),
            self.lease.token,
        )
        if done != f"UPDATE {len(found)}":
            raise ReplacedError(f"{self.service}: another checker moved, or it is to go again")

    async def look_where_due(self) -> None:
        """One look of every round whose pause is over; and that those at the head still are."""
        now = asyncio.get_running_loop().time()
        for check in self.rounding:
            if self._due[check.name] <= now:
                over = await self._looked(check)
                self._due[check.name] = now + (NEXT_ROUND_S if over else NEXT_LOOK_S)
        if self._confirm_at <= now:
            self._confirm_at = now + NEXT_ROUND_S
            names = [check.name for check in self.walking]
            await self.pool.execute(_CONFIRM, names, self.lease.token)

    async def _looked(self, check: Rounding) -> bool:
        try:
            return await self.look(check)
        except UNKNOWN_OUTCOME as error:  # the log of another service may be away alone
            log.warning("look_failed", invariant=check.name, error=type(error).__name__)
            return True

    async def look(self, check: Rounding) -> bool:
        """The next look of a round; whether the round is over with it. What a whole round did not
        meet again is no counterexample any more."""
        async with self.pool.acquire() as connection:
            (row,) = await connection.fetch(_GOING, check.name)
            going = await _going(connection, check, row["state"])
            seen = await _seen(connection, check, going.after)
            found = going.found or (seen.breaches[0] if seen.breaches else None)
            looked = going.looked + seen.looked
            goes_on = seen.after is not None and Going(going.began, seen.after, looked, found)
            ends = not goes_on and not isinstance(check, Walking)
            await connection.execute(
                _LOOKED,
                *(check.name, self.lease.token, row["state"]),
                *(_encoded(goes_on) if goes_on else None, _encoded(found) if found else None),
                *((going.began, looked) if ends else (None, None)),
            )
        if row["holds"]:
            self._tell({check.name}, {check.name: [found] if found else ()})
        return not goes_on

    def _tell(self, held: set[str], found: Found) -> None:
        """Once for each invariant that held until now."""
        for name, breaches in found.items():
            if breaches and name in held:
                told = {"event_id": breaches[0].event, "numbers": breaches[0].numbers}
                log.error("invariant_broken", service=self.service, invariant=name, **told)


class Going(msgspec.Struct, frozen=True):
    """Where in a round a check is: how far the log was when it began, the key looked at last, how
    many things, and the first breach."""

    began: int
    after: str = ""
    looked: int = 0
    found: Breach | None = None


async def _going(reached: Reached, check: Rounding, state: str | None) -> Going:
    if state is not None:
        return msgspec.json.decode(state, type=Going)
    return Going(await reached.fetchval(_STANDS, check.source))


async def _seen(reached: Reached, check: Rounding, after: str) -> Round:
    """A look that fails is a counterexample of its own, and the others go on."""
    try:
        return await check.look(reached, after)
    except asyncpg.PostgresError as error:
        if unavailable(error):
            raise
        log.exception("check_failed", invariant=check.name)
        return Round([Breach(event=None, numbers={"failed": type(error).__name__})], 0, None)


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_OPEN = """
INSERT INTO es.checks AS c (invariant, token) SELECT name, $2 FROM unnest($1::text[]) name
ON CONFLICT (invariant) DO UPDATE SET token = $2 WHERE c.token < $2
"""
_STAND = """
SELECT invariant, position, counterexample IS NULL AS holds FROM es.checks
 WHERE invariant = ANY ($1)
"""
_MOVE = """
UPDATE es.checks c
   SET position = $4, checked = c.checked + $5, at = clock_timestamp(), token = $6,
       counterexample = coalesce(c.counterexample, u.breach)
  FROM unnest($1::text[], $2::json[]) u(name, breach)
 WHERE c.invariant = u.name AND c.position = $3 AND c.token <= $6
"""
_GOING = "SELECT state, counterexample IS NULL AS holds FROM es.checks WHERE invariant = $1"
_STANDS = """
SELECT CASE WHEN $1::text IS NULL THEN (SELECT coalesce(max(position), 0) FROM es.events)
            ELSE (SELECT coalesce(min(position), 0) FROM es.cursors
                   WHERE source = $1 AND reader = 'known') END
"""
_LOOKED = """
UPDATE es.checks
   SET at = clock_timestamp(), state = $4::json, position = coalesce($6, position),
       checked = coalesce($7, checked),
       counterexample = CASE WHEN $4::json IS NULL THEN $5::json
                             ELSE coalesce(counterexample, $5::json) END
 WHERE invariant = $1 AND token <= $2 AND state::text IS NOT DISTINCT FROM $3::text
"""
_CONFIRM = """
UPDATE es.checks SET at = clock_timestamp()
 WHERE invariant = ANY ($1) AND token <= $2
   AND position >= (SELECT coalesce(max(position), 0) FROM es.events)
"""
