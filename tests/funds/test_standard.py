"""A standard of a scheme against the lines of a roster, and how strict the rule is by data."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from services.funds.domain.standard import Standard, expected_fen, mismatch
from services.funds.service import service as funds
from tests.conftest import Installation
from tests.funds.district import District, open_district, order, reserved
from tests.registry import decided_again, post


@pytest.mark.parametrize(
    ("per", "fen", "persons", "expected"),
    [
        ("household", 700, 3, 700),
        ("household", 699, None, 700),
        ("person", 2100, 3, 2100),
        ("person", 1400, 3, 2100),
        ("person", 1400, None, 1400),
        ("person", 1049, None, 700),
        ("person", 1050, None, 1400),
        ("person", 1, None, 700),
        ("person", 700, 0, 700),
    ],
)
def test_what_a_line_should_be(per: Any, fen: int, persons: int | None, expected: int) -> None:
    assert expected_fen(Standard(amount_fen=700, per=per), fen, persons) == expected


def test_a_mismatch_names_the_first_line_and_counts_all() -> None:
    standard = Standard(amount_fen=700, per="household")
    assert mismatch(standard, [(1, 700, None)]) is None
    wrong = mismatch(standard, [(1, 700, None), (2, 701, None), (3, 1, None)])
    assert wrong is not None
    assert wrong.numbers == {"line": 2, "expected_fen": 700, "amount_fen": 701, "count": 2}


async def a_row(client: AsyncClient, set_: str, key: str, since: str, **values: Any) -> None:
    row = {"key": key, "valid_from": since, "values": values}
    answer = await post(client, "/reference/rows", {"set": set_, "area": None, "row": row})
    assert answer.status_code == 201, answer.text


async def standards(installation: Installation) -> AsyncClient:
    """A steward who set 7 yuan a household from 1 April 2020 on."""
    steward = await installation.client(funds, "steward")
    await a_row(steward, "standard", "relief", "2020-04-01", amount_fen=700, per="household")
    return steward


async def strict(
    client: AsyncClient, severity: str, since: str = "2020-01-01", **more: Any
) -> None:
    await a_row(client, "severity", "StandardMismatch", since, severity=severity, **more)


async def test_a_standard_from_a_date_changes_only_later_decisions(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    batch = await reserved(district, "7", "8", "8", "7")
    before = await order(district, batch, "7", "8")
    assert before.status_code == 201
    await standards(installation)
    later = {"occurred_on": "2020-04-02"}
    lines = district.lines("8", "7", first=3)
    path = f"/batches/{batch}/lines"
    refused = await post(district.finance, path, lines | later)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/StandardMismatch")
    assert refused.json()["numbers"] == {
        "line": 3,
        "expected_fen": 700,
        "amount_fen": 800,
        "count": 1,
    }
    as_before = await post(district.finance, path, lines | {"occurred_on": "2020-03-31"})
    assert as_before.status_code == 201
    assert await decided_again(installation, funds) > 8


async def test_the_rule_blocks_bends_or_warns_as_the_data_say(installation: Installation) -> None:
    district = await open_district(installation)
    steward = await standards(installation)
    batch = await reserved(district, "8")
    later = {"occurred_on": "2020-04-02"}
    why = [{"rule": "StandardMismatch", "reason": "按县政府会议纪要提高", "evidence": "0f" * 32}]
    blocked = await order(district, batch, "8", **later, overrides=why)
    assert blocked.json()["type"] == "/problems/StandardMismatch"

    await strict(steward, "override", roles=["finance"], evidence=True)
    for asked in ([], [why[0] | {"evidence": None}], [why[0] | {"rule": "AlreadyPaid"}]):
        refused = await order(district, batch, "8", **later, overrides=asked)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/OverrideNeeded")
    passed = await order(district, batch, "8", **later, overrides=why)
    assert passed.status_code == 201, passed.text
    (told,) = passed.json()["warnings"]
    assert (told["rule"], told["severity"]) == ("StandardMismatch", "override")
    assert told["numbers"]["amount_fen"] == 800

    await strict(steward, "warn", since="2020-05-01")
    other = await reserved(district, "9", scheme="relief", run=2)
    again = await order(district, other, "9", occurred_on="2020-05-02")
    assert again.json()["type"] == "/problems/AlreadyPaid"  # no data softens this rule
    third = await reserved(district, "9", "9", run=3)
    lines = {"first": 1, "lines": district.lines("9", "9", first=2)["lines"]}
    warned = await post(
        district.finance, f"/batches/{third}/lines", lines | {"occurred_on": "2020-05-02"}
    )
    assert warned.status_code == 201
    assert [one["severity"] for one in warned.json()["warnings"]] == ["warn"]
    await listed(installation, district)
    assert await decided_again(installation, funds) > 12


async def listed(installation: Installation, district: District) -> None:
    """The lists of an auditor: what passed, with its reason, and what did not."""
    await installation.catch_up(funds)
    auditor = await installation.client(funds, "auditor")
    (one,) = (await auditor.get("/overrides", params={"kind": "override"})).json()["items"]
    warned = (await auditor.get("/overrides", params={"kind": "warning"})).json()["items"]
    assert (one["rule"], one["command"], one["role"]) == (
        "StandardMismatch",
        "OrderSubsidies",
        "finance",
    )
    assert (one["reason"], one["evidence"]) == ("按县政府会议纪要提高", "0f" * 32)
    assert one["area"] == str(district.county.id)
    assert [(one["reason"], one["numbers"]["count"]) for one in warned] == [(None, 2)]
    both = (await auditor.get("/overrides")).json()["items"]
    assert {one["kind"] for one in both} == {"override", "warning"}
    refusals = (await auditor.get("/refusals")).json()["items"]
    assert sorted(one["rule"] for one in refusals) == [
        "AlreadyPaid",
        *["OverrideNeeded"] * 3,
        "StandardMismatch",
    ]
    in_east = await installation.client(funds, "auditor", area=district.county.east)
    assert (await in_east.get("/overrides")).json()["items"] == []


async def test_naming_a_day_on_which_the_rule_was_softer_softens_nothing(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    steward = await standards(installation)
    await strict(steward, "warn")
    await strict(steward, "block", since="2020-06-01")
    batch = await reserved(district, "8")
    refused = await order(district, batch, "8", occurred_on="2020-04-02")
    assert refused.json()["type"] == "/problems/StandardMismatch"


async def test_an_override_needs_the_role_that_the_data_name(installation: Installation) -> None:
    district = await open_district(installation)
    steward = await standards(installation)
    await strict(steward, "override", roles=["steward"])
    batch = await reserved(district, "8")
    why = [{"rule": "StandardMismatch", "reason": "提高"}]
    refused = await order(district, batch, "8", occurred_on="2020-04-02", overrides=why)
    assert (refused.status_code, refused.json()["numbers"]["roles"]) == (409, "steward")
    await a_row(
        steward,
        "severity",
        "StandardMismatch",
        "2020-03-01",
        severity="override",
        roles=["finance"],
    )
    passed = await order(district, batch, "8", occurred_on="2020-04-02", overrides=why)
    assert passed.status_code == 201
