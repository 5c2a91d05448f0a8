"""The working calendar as every service knows it: the facts of households on the set `calendar`,
kept as they are and folded as households itself folds them."""

from __future__ import annotations

from collections.abc import Iterator

from asyncpg import Pool

from .calendar import CALENDARS, Calendars
from .contracts.rules import CONTRACTS, ReferenceEnded, ReferenceSet, ReferenceWithdrawn
from .dated_rows import references
from .entries import Row, Table
from .types import Event, Recorded

FACTS = Table(
    "known.calendar_facts",
    (("position", "bigint"), ("type", "text"), ("schema_version", "int"), ("payload", "text")),
    key=("position",),
    mode="latest",
)
OF = (ReferenceSet, ReferenceEnded, ReferenceWithdrawn)


def project(recorded: Recorded, fact: Event) -> Iterator[tuple[Table, Row]]:
    """Rows from the feed of households; of other sets there are none."""
    if isinstance(fact, OF) and fact.set == CALENDARS.name:
        stored = (recorded.type, recorded.schema_version, recorded.payload.decode())
        yield FACTS, (recorded.position, *stored)


async def calendars(pool: Pool) -> Calendars:
    """The calendars of every area, as far as the copy has come."""
    rows = await pool.fetch(_FACTS)
    facts = (CONTRACTS.decode(kind, version, text.encode()) for kind, version, text in rows)
    return Calendars(references.over(fact for fact in facts if fact is not None))


_FACTS = "SELECT type, schema_version, payload FROM known.calendar_facts ORDER BY position"
