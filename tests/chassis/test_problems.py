"""Problems through a door: what random requests found once, each as it is told now."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.assets.service import service as assets
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.registry import post

ID = str(uuid4())
AMOUNT = {"text": "1", "unit": "元"}
ORDER = {"project": ID, "payee": {"kind": "unit", "organisation": ID}, "use": "x"}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({**ORDER, "amount": AMOUNT, "nul \0": 1}, "/nul \ufffd"),
        ({**ORDER, "amount": {"text": "1\0", "unit": "元"}}, "/amount"),
        ({**ORDER, "amount": AMOUNT, "13800000000": 1}, "/***"),
    ],
)
async def test_what_an_answer_cannot_carry_is_malformed_and_no_fault_of_ours(
    installation: Installation, body: dict[str, Any], place: str
) -> None:
    finance = await installation.client(funds, "finance")
    answer = await post(finance, "/payments", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/Malformed")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [place]
    assert "13800000000" not in answer.text


async def test_an_external_ref_where_none_may_be_is_told_by_its_place(
    installation: Installation,
) -> None:
    clerk = await installation.client(assets, "clerk")
    body = {"category": "operating", "external_ref": {"system": "s", "id": "1"}}
    answer = await post(clerk, f"/assets/{ID}/classifications", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/NotNameable")
    assert answer.json()["errors"] == [
        {"pointer": "/external_ref", "rule": "NotNameable", "message": "该命令不能带来源编号"}
    ]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "Min-Position：第 1 段不是 <服务>:<位置>"),
        ("funds:1,13800000000", "Min-Position：第 2 段不是 <服务>:<位置>"),
        ("funds:1,funds:1", "Min-Position：第 2 段的服务已写过"),
    ],
)
async def test_a_position_that_is_none_is_told_in_chinese_and_not_repeated(
    installation: Installation, given: str, says: str
) -> None:
    clerk = await installation.client(funds, "clerk")
    answer = await clerk.get("/lots", headers={"min-position": given})
    assert (answer.status_code, answer.json()["detail"]) == (400, says)
