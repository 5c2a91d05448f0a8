"""The tables of reporting, looked at round and round: what does not add up is named."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from libs.events.checks import Tables
from libs.events.contracts import batches
from libs.events.invariant import Numbers
from services.reporting.views.invariants import INVARIANTS
from tests.events_of import plant
from tests.reporting import planted
from tests.reporting.conftest import District
from tests.reporting.planted import C1, D3, fen


async def found(district: District, at_once: int | None = None) -> dict[str, list[Numbers]]:
    """A whole round of each; the other rounds must see the same, however many things a look."""
    shown = {}
    async with district.logs["reporting"].pool.acquire() as connection:
        for invariant in INVARIANTS:
            check = Tables(replace(invariant, at_once=at_once or invariant.at_once))
            after: str | None = ""
            breaches, looked = [], 0
            while after is not None:
                seen = await check.look(connection, after)
                breaches += [breach.numbers for breach in seen.breaches]
                after, looked = seen.after, looked + seen.looked
            assert looked >= 1
            shown[invariant.name] = breaches
    return {name: breaches for name, breaches in shown.items() if breaches}


@pytest.mark.parametrize("at_once", [1, 2, None])
async def test_tables_that_add_up_hold(district: District, at_once: int | None) -> None:
    assert await found(district, at_once) == {}


@pytest.mark.parametrize("at_once", [1, 2, None])
async def test_totals_that_left_their_entries_are_named_with_their_lot(
    district: District, at_once: int | None
) -> None:
    await district.logs["reporting"].pool.execute(
        "UPDATE view.balances SET amount_fen = amount_fen + 1"
        " WHERE lot = $1 AND account = 'paid' AND purpose = 'habitat'",
        D3,
    )
    shown = await found(district, at_once)
    assert shown["lots_close"] == [{"lot": str(D3), "purpose": "habitat", "amount_fen": 1}]
    (total,) = shown["totals_are_entries"]
    assert (total["lot"], total["account"]) == (str(D3), "paid")
    assert total == {**total, "total_fen": fen("92") + 1, "entries_fen": fen("92")}
    assert set(shown) == {"lots_close", "totals_are_entries"}


@pytest.mark.parametrize("at_once", [1, None])
async def test_a_list_that_differs_from_what_its_lots_paid_is_named(
    district: District, at_once: int | None
) -> None:
    """A line is credited without its movement: a defect that only a check can see."""
    line = batches.SubsidyDisbursed(**planted.line(3), credited_on=planted.WINTER)
    await plant(district.logs["funds"], (UUID(int=103), line), on=planted.WINTER)
    await district.catch_up()
    shown = await found(district, at_once)
    ((breach,),) = shown.values()
    assert (breach["lot"], breach["batch"]) == (str(C1), str(planted.YULU_LIST))
    assert (breach["lines_fen"], breach["movements_fen"]) == (fen("1.95"), fen("0.95"))


async def test_a_line_of_another_amount_is_named_where_the_counts_agree(
    district: District,
) -> None:
    admin = await asyncpg.connect(**district.installation.stores.admin("reporting"))
    await admin.execute(
        "UPDATE view.lines SET amount_fen = amount_fen + 1"
        " WHERE ctid = (SELECT ctid FROM view.lines WHERE batch = $1 AND state = 'paid' LIMIT 1)",
        planted.YULU_LIST,
    )
    await admin.close()
    ((breach,),) = (await found(district)).values()
    assert breach["lines"] == breach["movements_lines"]
    assert breach["lines_fen"] == int(str(breach["movements_fen"])) + 1
