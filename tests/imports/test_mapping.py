"""What is said of a sheet's columns may be wrong, and then it holds for nobody."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import Response

from libs.chassis.imports.header import Header
from libs.chassis.imports.reading import Reading
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.imports.test_lots import HEADS, LETTER
from tests.registry import County, register_county

NO_HEAD = (*HEADS[:7], None, HEADS[8])
ROW = (*LETTER, "water", 12.5, "2020-03-01")


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(funds)
    return county


@pytest.fixture
async def at(installation: Installation, county: County) -> Desk:
    return await desk(installation, funds, "finance")


async def mapped(at: Desk, prepared: dict[str, Any], **columns: str) -> Response:
    said = {one["field"]: one["letter"] for one in prepared["columns"] if one["field"]}
    return await at.client.post(
        f"/imports/{prepared['id']}/mapping",
        json={"columns": said | columns},
        headers={"idempotency-key": "-".join(("map", *columns.values()))},
    )


async def test_a_column_without_a_head_may_be_a_field(at: Desk, county: County) -> None:
    content = sheet(NO_HEAD, ROW, NO_HEAD)
    prepared = (await at.prepare("lots", county.id, content)).json()
    assert prepared["missing"] == ["金额"]
    said = await mapped(at, prepared, amount="H")
    assert (said.status_code, said.json()["missing"]) == (201, []), said.text
    shown = {one["letter"]: (one["head"], one["field"]) for one in said.json()["columns"]}
    assert shown["H"] == ("", "amount")
    job = await at.commit(prepared["id"])
    await at.work()
    ended = await at.job(job.json()["id"])
    assert (ended["state"], ended["counts"]["accepted"], ended["counts"]["ignored"]) == (
        *("done", 1, 1),
    )
    next_ = await at.prepare("lots", county.id, sheet(NO_HEAD, ROW, ROW))
    assert (next_.status_code, next_.json()["missing"]) == (201, [])


async def test_two_fields_are_not_one_column(at: Desk, county: County) -> None:
    prepared = (await at.prepare("lots", county.id, sheet(HEADS, ROW))).json()
    twice = await mapped(at, prepared, fund_name="D")
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/ColumnTwice")
    assert "D 列同时对应" in twice.json()["detail"]
    beyond = await mapped(at, prepared, amount="ZZZ")
    assert (beyond.status_code, beyond.json()["type"]) == (409, "/problems/NoSuchColumn")
    assert "ZZZ，工作表的列至多到 XFD" in beyond.json()["detail"]


async def test_what_cannot_be_shown_is_not_remembered(
    at: Desk, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours with one sheet stays with this sheet."""
    content = sheet(NO_HEAD, ROW)
    prepared = (await at.prepare("lots", county.id, content)).json()
    with monkeypatch.context() as broken:
        broken.setattr(Reading, "_reason", _breaks)
        assert (await mapped(at, prepared, amount="H")).status_code == 500
    next_ = await at.prepare("lots", county.id, sheet(NO_HEAD, ROW, ROW))
    assert next_.json()["missing"] == ["金额"]
    log = await at.installation.log(funds)
    assert await log.pool.fetchval("SELECT count(*) FROM es.shapes") == 0


def _breaks(*_: Header) -> str:
    raise KeyError(8)
