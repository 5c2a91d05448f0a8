"""The workbook of the rejected rows alone: what is corrected in it is taken, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.registry import County, register_county


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


@pytest.fixture
async def at(installation: Installation) -> Desk:
    return await desk(installation, households, "clerk")


async def rejected(at: Desk, job: dict[str, Any]) -> bytes:
    return (await at.client.get(f"/jobs/{job['id']}/rejected")).content


async def rules(at: Desk, job: dict[str, Any]) -> list[str | None]:
    return [one["rule"] for one in await at.outcome(job["id"])]


async def taken(at: Desk, county: County, content: bytes) -> dict[str, Any]:
    return await at.taken("roster", county.id, content, "valid_rows", settings=SETTINGS)


async def test_what_was_wrong_with_the_kind_of_a_cell_is_wrong_with_it_again(
    at: Desk, county: County
) -> None:
    """Fault 1: made a text, a number that Excel has cut would be taken when it comes back."""
    cut, absent, wrong, late = (head_of(n) for n in (1, 2, 3, 4))
    cut[2] = 370112199001011000
    absent[6], wrong[6] = '=A2&"某"', "#N/A"
    late[5] = "2024-02-30"
    first = await taken(at, county, sheet(HEADS, cut, absent, wrong, late))
    assert await rules(at, first) == [
        *("number_for_text", "formula_without_value", "cell_error", "not_day"),
    ]
    again = await taken(at, county, await rejected(at, first))
    assert await rules(at, again) == ["number_for_text", "cell_error", "cell_error", "not_day"]
    assert (again["counts"]["rejected"], again["counts"]["accepted"]) == (4, 0)
