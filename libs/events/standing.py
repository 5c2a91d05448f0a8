"""Where the checks of a log stand: what /invariants, `status` and the gauge tell, without a look
at the log. ADR 0012."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .checks import Check
from .leaf_chain import Leaves
from .store import Reached


@dataclass(frozen=True, slots=True)
class Standing:
    """`position` of `head` is checked, `age_s` seconds ago (None: never yet)."""

    invariant: str
    title: str
    position: int
    head: int
    checked: int
    age_s: int | None
    counterexample: dict[str, Any] | None

    @property
    def broken(self) -> bool:
        return self.counterexample is not None


async def standings(reached: Reached, checks: Sequence[Check]) -> list[Standing]:
    """In the order of the checks, for those too that were never looked at. `head`: the end of the
    log, or how far the tables that it is about are applied."""
    rows = {row["invariant"]: row for row in await reached.fetch(_STANDINGS)}
    head = rows[""]["position"]
    applied = msgspec.json.decode(rows[""]["state"])
    return [
        _standing(check, rows.get(check.name), applied.get(getattr(check, "source", None), head))
        for check in checks
    ]


def _standing(check: Check, row: Any, head: int) -> Standing:
    if row is None:
        return Standing(check.name, check.title, 0, head, 0, None, None)
    said = row["counterexample"]
    return Standing(
        check.name,
        check.title,
        row["position"],
        head,
        row["checked"],
        row["age_s"],
        None if said is None else msgspec.json.decode(said),
    )


async def broken(reached: Reached, checks: Sequence[Check]) -> dict[str, int]:
    """The gauge: by invariant 1 where it is broken, else 0."""
    return {one.invariant: int(one.broken) for one in await standings(reached, checks)}


async def go_again(reached: Reached) -> None:
    """Forget every counterexample and begin again at position 1. The leaves that were kept stay:
    what was recorded is compared with its first reading, for ever."""
    async with reached.transaction():
        await reached.execute(_AGAIN, Leaves().name)
        await reached.execute("UPDATE es.check_states SET state = NULL")


_STANDINGS = """
SELECT invariant, position, checked, counterexample, NULL::json AS state,
       extract(epoch FROM clock_timestamp() - at)::bigint AS age_s
  FROM es.checks
UNION ALL
SELECT '', (SELECT coalesce(max(position), 0) FROM es.events), 0, NULL,
       (SELECT coalesce(json_object_agg(source, position), '{}') FROM es.cursors
         WHERE reader = 'known'), NULL
"""
_AGAIN = """
UPDATE es.checks SET counterexample = NULL, state = NULL,
       position = CASE WHEN invariant = $1 THEN position ELSE 0 END,
       checked = CASE WHEN invariant = $1 THEN checked ELSE 0 END
"""
