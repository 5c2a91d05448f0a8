"""发放花名册: a batch's lines from a sheet; faults 2, 4 and 13 of product.md 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.funds.service import service as funds
from tests.conftest import Installation
from tests.funds.district import District, open_district, reserved
from tests.imports.desk import Desk, desk, sheet

HEADS = ("序号", "户编号", "户主", "标准", "数量", "金额(元)")


@pytest.fixture
async def district(installation: Installation) -> District:
    return await open_district(installation)


@pytest.fixture
async def batch(district: District) -> UUID:
    return await reserved(district, "100", "100", "100")


@pytest.fixture
async def at(installation: Installation, batch: UUID) -> Desk:
    return await desk(installation, funds, "finance")


def line(nth: int, amount: Any = 100, quantity: Any = 1, key: str = "") -> list[Any]:
    return [nth, key or f"demo-{nth}", f"演示{nth}", 100, quantity, amount]


def total(amount: Any) -> list[Any]:
    return ["合计", None, None, None, None, amount]


async def taken(
    at: Desk, district: District, batch: UUID, rows: Sequence[Sequence[Any]], mode: str = "all"
) -> dict[str, Any]:
    settings = {"batch": str(batch), "occurred_on": "2020-04-01"}
    content = sheet(HEADS, *rows)
    return await at.taken("payments", district.county.id, content, mode, settings=settings)


async def test_a_roster_becomes_the_lines_of_its_batch(
    at: Desk, district: District, batch: UUID
) -> None:
    job = await taken(at, district, batch, [line(1), line(2), line(3), total(300)])
    assert (job["state"], job["counts"]["accepted"], job["counts"]["ignored"]) == ("done", 3, 1)
    shown = (await district.finance.get(f"/batches/{batch}")).json()
    assert (shown["ordered"], shown["ordered_fen"]) == (3, 30_000)
    assert await at.outcome(job["id"]) != []


async def test_fault_13_a_total_that_is_not_its_parts_stops_the_file(
    at: Desk, district: District, batch: UUID
) -> None:
    job = await taken(at, district, batch, [line(1), line(2), line(3), total(400)])
    assert (job["state"], job["counts"]["acceptable"]) == ("refused", 3)
    told = [one for one in await at.outcome(job["id"]) if one["rule"] == "control_total"]
    assert "相差 100.00 元" in told[0]["message"]
    assert (await district.finance.get(f"/batches/{batch}")).json()["ordered"] == 0


async def test_fault_2_ten_thousand_yuan_in_a_column_of_yuan_is_never_scaled(
    at: Desk, district: District, batch: UUID
) -> None:
    job = await taken(
        at, district, batch, [line(1), line(2, 0.01), line(3, "1000000")], "valid_rows"
    )
    told = [one for one in await at.outcome(job["id"]) if one["message"]]
    assert [(one["row"], one["rule"]) for one in told] == [
        (3, "standard_times_quantity"),
        (4, "standard_times_quantity"),
    ]
    assert {one["hint"] for one in told} == {"相差正好一万倍：核对单位是元还是万元"}


async def test_who_stands_twice_or_nowhere_is_named_and_who_was_paid_too(
    at: Desk, district: District, batch: UUID
) -> None:
    rows = [line(1), line(2, key="demo-1"), line(3, key="demo-99")]
    job = await taken(at, district, batch, rows, "valid_rows")
    told = [(one["row"], one["rule"]) for one in await at.outcome(job["id"])]
    assert told == [(2, None), (3, "twice"), (4, "unknown_household")]
    again = await taken(at, district, batch, [line(1, 100), line(2)], "valid_rows")
    told = [(one["row"], one["rule"]) for one in await at.outcome(again["id"])]
    assert told == [(2, "unchanged"), (3, None)]
    dearer = await taken(at, district, batch, [line(1, 200, 2)], "valid_rows")
    told = [(one["row"], one["rule"]) for one in await at.outcome(dearer["id"])]
    assert told == [(2, "AlreadyPaid")]


async def test_fault_13_a_total_that_is_not_its_parts_stops_the_file_in_every_mode(
    at: Desk, district: District, batch: UUID
) -> None:
    rows = [line(1), line(2), line(3), total(400)]
    job = await taken(at, district, batch, rows, "valid_rows")
    assert (job["state"], job["counts"]["acceptable"]) == ("refused", 3)
    assert (await district.finance.get(f"/batches/{batch}")).json()["ordered"] == 0
    rows = [line(1), line(2), line(3, key="demo-99"), total(300)]
    job = await taken(at, district, batch, rows, "valid_rows")
    assert (job["state"], job["counts"]["accepted"], job["counts"]["rejected"]) == ("done", 2, 1)


async def test_a_total_on_top_is_compared_with_all_that_follows(
    at: Desk, district: District, batch: UUID
) -> None:
    job = await taken(at, district, batch, [total(400), line(1), line(2), line(3)])
    assert job["state"] == "refused"
    told = [(one["row"], one["rule"]) for one in await at.outcome(job["id"]) if one["message"]]
    assert told == [(2, "control_total")]
    job = await taken(at, district, batch, [total(300), line(1), line(2), line(3), total(300)])
    assert (job["state"], job["counts"]["accepted"], job["counts"]["ignored"]) == ("done", 3, 2)
