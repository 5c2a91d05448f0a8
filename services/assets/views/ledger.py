"""The list of assets and the two ledgers 双台账, with every entry in which they differ (A3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.contracts.assets import (
    AssetClassified,
    AssetCorrected,
    AssetFormed,
    AssetRecorded,
    LedgerCorrected,
)
from libs.events.entries import Row, Table
from libs.events.known import below
from libs.events.types import Event, Metadata, Recorded

ASSETS = Table(
    "view.assets",
    (
        ("id", "uuid"),
        ("area", "uuid"),
        ("project", "uuid"),
        ("name", "text"),
        ("kind", "text"),
        ("value_fen", "bigint"),
        ("formed_on", "date"),
        ("quantity", "text"),
    ),
    key=("id",),
    mode="latest",
)
CATEGORIES = Table(
    "view.categories",
    (("asset", "uuid"), ("category", "text")),
    key=("asset",),
    mode="latest",
)
LEDGERS = Table(
    "view.ledgers",
    (
        ("asset", "uuid"),
        ("ledger", "text"),
        ("keeper", "uuid"),
        ("code", "text"),
        ("value_fen", "bigint"),
    ),
    key=("asset", "ledger"),
    mode="latest",
)

OF = (AssetFormed, AssetClassified, AssetRecorded, AssetCorrected, LedgerCorrected)


def project(recorded: Recorded, fact: Event, _: Metadata) -> Iterator[tuple[Table, Row]]:
    match fact:
        case AssetFormed() | AssetCorrected():
            at = (fact.asset, fact.area, fact.project)
            what = (fact.name, fact.kind, fact.value_fen, fact.formed_on, fact.quantity)
            yield ASSETS, (*at, *what)
        case AssetClassified():
            yield CATEGORIES, (fact.asset, fact.category)
        case AssetRecorded() | LedgerCorrected():
            entry = (fact.asset, fact.ledger, fact.keeper, fact.code, fact.value_fen)
            yield LEDGERS, entry
        case _:
            return


async def assets(
    pool: Pool, scope: UUID | None, project: UUID | None, after: UUID | None, limit: int
) -> list[Record]:
    """Assets with their category; `project`: those that it formed."""
    return await pool.fetch(_ASSETS, scope, project, after, limit)


async def differences(
    pool: Pool, scope: UUID | None, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Assets that stand in one ledger only, or in both with different values."""
    rows = await pool.fetch(_DIFFERENCES, scope, after, limit)
    return [
        {
            "id": row["id"],
            "area": row["area"],
            "name": row["name"],
            "code": row["code"],
            "total": _side(row, "total"),
            "part": _side(row, "part"),
        }
        for row in rows
    ]


def _side(row: Record, ledger: str) -> dict[str, Any] | None:
    keeper = row[f"{ledger}_keeper"]
    return None if keeper is None else {"keeper": keeper, "value_fen": row[f"{ledger}_fen"]}


_SCOPE = f"($1::uuid IS NULL OR a.area IN ({below('$1')}))"
_ASSETS = f"""
SELECT a.id, a.area, a.project, a.name, a.kind, a.value_fen, a.formed_on, a.quantity, c.category
  FROM view.assets a
  LEFT JOIN view.categories c ON c.asset = a.id
 WHERE {_SCOPE}
   AND ($2::uuid IS NULL OR a.project = $2)
   AND ($3::uuid IS NULL OR a.id > $3)
 ORDER BY a.id LIMIT $4 + 1
"""  # noqa: S608 - constants only
_DIFFERENCES = f"""
SELECT a.id, a.area, a.name, coalesce(t.code, p.code) AS code,
       t.keeper AS total_keeper, t.value_fen AS total_fen,
       p.keeper AS part_keeper, p.value_fen AS part_fen
  FROM view.assets a
  LEFT JOIN view.ledgers t ON t.asset = a.id AND t.ledger = 'total'
  LEFT JOIN view.ledgers p ON p.asset = a.id AND p.ledger = 'part'
 WHERE {_SCOPE}
   AND ((t.asset IS NULL) IS DISTINCT FROM (p.asset IS NULL)
        OR t.value_fen IS DISTINCT FROM p.value_fen)
   AND ($2::uuid IS NULL OR a.id > $2)
 ORDER BY a.id LIMIT $3 + 1
"""  # noqa: S608 - constants only
