"""The lists of funds: documents, lots, projects, payments, batches, from its own log."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.contracts.batches import BatchDeclared
from libs.events.contracts.funds import (
    BatchCorrected,
    DocumentCorrected,
    DocumentRegistered,
    LotCorrected,
    LotRegistered,
    PaymentCorrected,
    PaymentOrdered,
    ProjectCorrected,
    ProjectProposed,
)
from libs.events.entries import Row, Table
from libs.events.known import below
from libs.events.types import Event, Metadata, Recorded


def _list(name: str, *columns: tuple[str, str]) -> Table:
    own = (("id", "uuid"), ("area", "uuid"), *columns)
    return Table(f"view.{name}", own, key=("id",), mode="latest")


DOCUMENTS = _list(
    "documents", ("number", "text"), ("kind", "text"), ("title", "text"), ("issued_on", "date")
)
LOTS = _list(
    "lots",
    ("level", "text"),
    ("year", "int"),
    ("fund_name", "text"),
    ("batch", "text"),
    ("document", "uuid"),
    ("amount_fen", "bigint"),
)
PROJECTS = _list(
    "projects", ("year", "int"), ("name", "text"), ("kind", "text"), ("purpose", "text")
)
PAYMENTS = _list(
    "payments", ("project", "uuid"), ("payee", "uuid"), ("use", "text"), ("amount_fen", "bigint")
)
BATCHES = _list(
    "batches",
    ("project", "uuid"),
    ("scheme", "text"),
    ("period", "text"),
    ("tranche", "int"),
    ("grade", "text"),
    ("count", "bigint"),
    ("amount_fen", "bigint"),
)

OF = (
    *(DocumentRegistered, LotRegistered, ProjectProposed, PaymentOrdered, BatchDeclared),
    *(DocumentCorrected, LotCorrected, ProjectCorrected, PaymentCorrected, BatchCorrected),
)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    """One row for what was registered, as it was last corrected, under the id of its stream."""
    id_ = recorded.stream
    match fact:
        case DocumentRegistered(area=area) | DocumentCorrected(area=area):
            yield DOCUMENTS, (id_, area, fact.number, fact.kind, fact.title, fact.issued_on)
        case LotRegistered(area=area) | LotCorrected(area=area):
            named = (fact.level, fact.year, fact.fund_name, fact.batch)
            yield LOTS, (id_, area, *named, fact.document, _fen(fact))
        case ProjectProposed(area=area) | ProjectCorrected(area=area):
            yield PROJECTS, (id_, area, fact.year, fact.name, fact.kind, fact.purpose)
        case PaymentOrdered(area=area) | PaymentCorrected(area=area):
            payee = fact.payee.organisation
            yield PAYMENTS, (id_, area, fact.project, payee, fact.use, _fen(fact))
        case BatchDeclared(area=area) | BatchCorrected(area=area):
            roll = (fact.scheme, fact.period, fact.tranche)
            rest = (fact.grade, fact.count, _fen(fact))
            yield BATCHES, (id_, area, fact.project, *roll, *rest)
        case _:
            return


Typed = LotRegistered | PaymentOrdered | BatchDeclared
Priced = Typed | LotCorrected | PaymentCorrected | BatchCorrected


def _fen(fact: Priced) -> int:
    """As typed at first, as corrected since."""
    match fact:
        case LotRegistered() | PaymentOrdered() | BatchDeclared():
            return fact.amount.amount_fen
        case _:
            return fact.amount_fen


async def listed(
    pool: Pool, table: Table, scope: UUID | None, after: UUID | None, limit: int
) -> list[Record]:
    """Rows of one list within an area and below, in order of id; one more than `limit`."""
    return await pool.fetch(
        f"SELECT {', '.join(table.names)} FROM {table.name} WHERE ($1::uuid IS NULL"  # noqa: S608 - constants
        f" OR area IN ({below('$1')}))"
        " AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3 + 1",
        scope,
        after,
        limit,
    )
