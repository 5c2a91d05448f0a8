"""A page looked at by every check along the log, and what they remember between two pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from .checks import Page, States, Walking
from .invariant import Breach
from .store import Reached


async def walk(
    reached: Reached, walking: Sequence[Walking], page: Page, states: States
) -> dict[str, Sequence[Breach]]:
    """Every check on a page; `states` become those behind it."""
    found = {}
    for check in walking:
        found[check.name] = await check.walk(reached, page, states)
        await asyncio.sleep(0)  # readers of the same process have their turn
    return found


async def remembered(reached: Reached, walking: Sequence[Walking], page: Page) -> States:
    """The states that a page wants, as kept; none for what is new."""
    wanted = [(check.name, key) for check in walking for key in check.keys(page)]
    rows = await reached.fetch(
        _REMEMBERED, [name for name, _ in wanted], [key for _, key in wanted]
    )
    return {(row["invariant"], row["key"]): msgspec.json.decode(row["state"]) for row in rows}


async def remember(reached: Reached, states: States) -> None:
    """Keep the states as they are behind a page, in the caller's transaction."""
    await reached.execute(
        _REMEMBER,
        [name for name, _ in states],
        [key for _, key in states],
        [msgspec.json.encode(state).decode() for state in states.values()],
    )


_REMEMBERED = """
SELECT s.invariant, s.key, s.state FROM unnest($1::text[], $2::text[]) u(name, key)
 CROSS JOIN LATERAL (SELECT invariant, key, state FROM es.check_states
                      WHERE invariant = u.name AND key = u.key LIMIT 1) s
 WHERE s.state IS NOT NULL
"""
_REMEMBER = """
INSERT INTO es.check_states (invariant, key, state)
SELECT * FROM unnest($1::text[], $2::text[], $3::json[])
ON CONFLICT (invariant, key) DO UPDATE SET state = excluded.state
"""
