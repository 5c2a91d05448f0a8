"""Which events wrote the rows that differ: a difference between generations, explained.

An entry names its event. For a total or the last row of a key the log is projected once more, and
the events whose rows have that key are noted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .bulk import Source
from .codec import decode_metadata
from .compare import Comparison, Difference
from .reader import Reader
from .types import Recorded

EVENTS_TOLD = 5
"""Events of one row at most, the latest ones."""
Place = tuple[str, tuple[tuple[str, str], ...]]
"""A table and a key in it, by column."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event that wrote a row, as it is named on paper."""

    source: str
    event: str
    type: str

    @classmethod
    def by(cls, source: str, event: Recorded) -> Written:
        return cls(source, event.identity, event.type)


async def explain(
    comparison: Comparison, readers: Sequence[Reader], sources: Mapping[str, Source]
) -> list[tuple[Difference, list[Written]]]:
    """Every difference that is told, with the events that wrote its row by today's projections."""
    keyed: dict[Place, deque[Written]] = {
        _place(d.table, d.key): deque(maxlen=EVENTS_TOLD)
        for d in comparison.differences
        if "position" not in d.key
    }
    tables = {table for table, _ in keyed}
    for reader in readers if keyed else ():
        until = comparison.cursors.get(reader.lease, 0)
        async for page in sources[reader.source].pages(reader, 0, until):
            for event in page:
                for place in _places(reader, sources[reader.source], event, tables):
                    if place in keyed:
                        keyed[place].append(Written.by(reader.source, event))
    return [(d, await _of(d, keyed, sources)) for d in comparison.differences]


def _places(reader: Reader, source: Source, event: Recorded, tables: set[str]) -> list[Place]:
    fact = source.contracts.decode(event.type, event.schema_version, event.payload)
    if fact is None:
        return []
    rows = reader.project(event, fact, decode_metadata(event.metadata))
    found = {
        _place(table.name, {c: row[table.names.index(c)] for c in table.key})
        for table, row in rows
        if table.name in tables
    }
    return list(found)


async def _of(
    difference: Difference, keyed: Mapping[Place, deque[Written]], sources: Mapping[str, Source]
) -> list[Written]:
    key = difference.key
    if "position" not in key:
        return list(keyed[_place(difference.table, key)])
    event = await sources[key["source"]].at(key["position"])
    return [] if event is None else [Written.by(key["source"], event)]


def _place(table: str, key: Mapping[str, Any]) -> Place:
    return table, tuple(sorted((column, str(value)) for column, value in key.items()))
