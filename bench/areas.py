"""What do dated areas cost a figure and a list, before any area moved and after half of them did?

The queries as they ship, on the tables of a county (bench/county.py). The limit is the same query
as it was when an area had one path for ever: a figure's is the very text that is sent while no area
has moved; a list's is written here, by `known.areas` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from statistics import median
from time import perf_counter_ns
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.contracts.reporting import Figure as Definition
from libs.events.known import below
from services.reporting.figures.query import measure_query
from services.reporting.views.cursors import Moment

from .county import Size, write
from .installation import Installation, installed
from .rebuild import applied
from .rounds import Goal, Round, interleaved, show

ROUNDS, ASKED = 9, 9
SINCE = date(2020, 6, 30)
PAID = Definition(
    measure="sum",
    over="lines",
    field="amount_fen",
    sign=1,
    where=(),
    numerator=None,
    denominator=None,
    scale=1,
    unit="万元",
    decimals=None,
    rounding="half_up",
    date_basis="effective_on",
)
FOR_EVER = "SELECT id FROM known.areas WHERE $1 = ANY (path)"
LIST = """
SELECT id, area FROM view.assets
 WHERE ($1::uuid IS NULL OR area IN ({below})) AND ($2::uuid IS NULL OR id > $2)
 ORDER BY id LIMIT $3 + 1
"""
MOVE = """
INSERT INTO {table} ({columns})
SELECT {values} FROM known.areas a
 WHERE level = 'village' AND a.id::text < '8'
"""


def asked(connection: asyncpg.Connection, query: str, *values: Any) -> Round:
    """The median of a few askings, in ms."""

    async def round_() -> float:
        took = []
        for _ in range(ASKED):
            began = perf_counter_ns()
            await connection.fetch(query, *values)
            took.append((perf_counter_ns() - began) / 10**6)
        return median(took)

    return round_


def variants(
    reporting: asyncpg.Connection, assets: asyncpg.Connection, county: UUID, moved: bool
) -> Mapping[str, Round]:
    """The figure and the list as they were, and as they are."""
    cut = {"assets": 10**12, "funds": 10**12, "households": 10**12, "reporting": 10**12}
    moments = {"as it was": Moment(cut), "then": Moment(cut, moved=moved)}
    if moved:
        moments["today"] = Moment(cut, moved=True, areas_on=date(2030, 1, 1))
    figures = {
        f"figure {name}": asked(reporting, *_asked(moment, county))
        for name, moment in moments.items()
    }
    return {
        **figures,
        "list as it was": asked(assets, LIST.format(below=FOR_EVER), county, None, 100),
        "list": asked(assets, LIST.format(below=below("$1")), county, None, 100),
    }


def _asked(moment: Moment, county: UUID) -> tuple[Any, ...]:
    query, values = measure_query(PAID, county, moment)
    return (query, *values)


async def connected(installation: Installation, service: str) -> asyncpg.Connection:
    return await asyncpg.connect(**installation.stores.admin(service))


async def move(reporting: asyncpg.Connection, assets: asyncpg.Connection) -> None:
    """Half of the villages stand elsewhere in the county from a day on."""
    at = f"a.id, '{SINCE}'::date, array_append(a.path[1:1], a.id)"
    await assets.execute(
        MOVE.format(table="known.area_paths", columns="area, valid_from, path", values=at)
    )
    told = "'households', 1, row_number() OVER (), 0"
    days = f"'{SINCE}'::date, '{SINCE}'::date, now()"
    columns = "source, epoch, position, n, area, valid_from, path, occurred_on, effective_on"
    await reporting.execute(
        MOVE.format(
            table="view.area_paths",
            columns=f"{columns}, recorded_at",
            values=f"{told}, {at}, {days}",
        )
    )
    for connection in (reporting, assets):
        await connection.execute("ANALYZE")


async def measure() -> list[Goal]:
    async with installed() as installation:
        await write(installation.stores, Size())
        await applied(installation)
        reporting = await connected(installation, "reporting")
        assets = await connected(installation, "assets")
        find = "SELECT id FROM known.areas WHERE level = 'county'"
        county = await assets.fetchval(find)
        still = await interleaved(variants(reporting, assets, county, moved=False), ROUNDS)
        await move(reporting, assets)
        moved = await interleaved(variants(reporting, assets, county, moved=True), ROUNDS)
        for connection in (reporting, assets):
            await connection.close()
    show("no area ever moved", still, "ms")
    show("half of the villages moved", moved, "ms")
    was, lists = moved["figure as it was"], "list as it was"
    return [
        Goal("× a list as it was, no area moved", still["list"].per(still[lists]), 1.25, True),
        Goal("× a list as it was, half moved", moved["list"].per(moved[lists]), 3, True),
        Goal("× a figure, basis then, half moved", moved["figure then"].per(was), 2, True),
        Goal("× a figure, basis today, half moved", moved["figure today"].per(was), 2, True),
    ]
