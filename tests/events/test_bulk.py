"""What a bulk read leaves out, and how its rows get into tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from libs.events.bulk import Filling
from libs.events.codec import encode_metadata
from libs.events.contracts import BY_SERVICE
from libs.events.entries import Row, Table
from libs.events.generations import create
from libs.events.reader import Reader
from libs.events.types import Event, Recorded
from services.__main__ import SERVICES
from services.reporting.views.tables import BALANCES
from tests.conftest import Installation
from tests.events.make_samples import SAMPLES, contracts
from tests.events.planted import metadata

READERS = [(service.name, reader) for service in SERVICES for reader in service.readers]


def sampled(source: str, file: Path) -> tuple[Recorded, Event]:
    """A sample as the log of that source would hold it."""
    name, version = file.stem.rsplit(".", 1)
    payload = file.read_bytes()
    fact = BY_SERVICE[source].decode(name, int(version), payload)
    assert fact is not None
    recorded = Recorded(
        store=UUID(int=1),
        epoch=1,
        position=7,
        stream=UUID(int=2),
        version=1,
        recorded_at=datetime(2020, 3, 16, tzinfo=UTC),
        seen=b"{}",
        type=name,
        schema_version=int(version),
        salt=bytes(16),
        payload=payload,
        metadata=encode_metadata(metadata(UUID(int=3))),
    )
    return recorded, fact


def likely(fact: Event) -> Iterator[Event]:
    """The same as it gives rows where only some do: of the set of reference data that other
    services copy, of money that was not arranged."""
    told: Any = fact
    if hasattr(fact, "set"):
        yield msgspec.structs.replace(told, set="calendar")
    if hasattr(fact, "movements"):
        moved = [msgspec.structs.replace(m, to_account="unallocated") for m in told.movements]
        yield msgspec.structs.replace(told, movements=tuple(moved))


@pytest.mark.parametrize(("service", "reader"), READERS, ids=lambda v: getattr(v, "lease", v))
def test_a_reader_declares_exactly_the_facts_that_give_rows(service: str, reader: Reader) -> None:
    """A rebuild reads no others: one that is missing here would be missing there."""
    files = [f for of in ("log", reader.source) for f in sorted((SAMPLES / of).glob("*.json"))]
    assert len(files) >= len(BY_SERVICE[reader.source].events)
    gives = set()
    for file in files:
        recorded, fact = sampled(reader.source, file)
        for one in (fact, *likely(fact)):
            if list(reader.project(recorded, one, metadata(UUID(int=3)))):
                gives.add(type(fact))
    assert reader.of is not None
    assert gives == set(reader.of)


def test_every_source_has_samples() -> None:
    assert set(contracts()) == {"log", *BY_SERVICE}


async def test_what_is_folded_in_memory_and_what_was_written_before_add_up(
    installation: Installation,
) -> None:
    """Beyond a number of rows the folded ones are written, and added to later."""
    admin = await asyncpg.connect(**installation.stores.admin("reporting"))
    filling = Filling(admin, await create(admin), at_most=10)
    keys = [(UUID(int=n), "p", UUID(int=0), "paid", "bank") for n in range(20)]
    pages: list[dict[Table, list[Row]]] = [
        {BALANCES: [(*key, fen, 1) for key in keys]} for fen in range(5)
    ]
    for page in pages:
        await filling.take(page)
    kept = await admin.fetchval("SELECT count(*) FROM view__g2.balances")
    assert kept == 20
    await filling.finish()
    folded = Filling(admin, 2, at_most=45)
    for page in pages[:3]:
        await folded.take({table: list(rows) for table, rows in page.items()})
    assert [len(rows) for rows in folded._kept.values()] == [20], "folded, and not written yet"
    await folded.stop()
    rows = await admin.fetch("SELECT lot, amount_fen, postings FROM view__g2.balances ORDER BY lot")
    assert [tuple(row) for row in rows] == [(key[0], 10, 5) for key in keys]
    assert filling.rows == len(list(product(keys, pages)))
    await admin.close()
