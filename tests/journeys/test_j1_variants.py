"""J1 with other data and the same code: another district, another lot, a list without names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from libs.chassis.cases import read_case
from libs.chassis.loader import UnexpectedAnswerError
from tests.conftest import Installation
from tests.journeys.conftest import Reproduced
from tests.journeys.loaded import (
    CASES,
    asked,
    different,
    load,
    served,
)


async def test_an_invented_district_is_reproduced_by_the_same_code(empty: Installation) -> None:
    """Other levels, another order of draw, six decimals, a returned payment and a returned line."""
    case = read_case(CASES / "900")
    _, statement = await load(case, empty)
    assert different(case, statement) == []


async def test_a_list_at_summary_grade_gives_the_same_statement(
    empty: Installation, reproduced: Reproduced, tmp_path: Path
) -> None:
    """J1: the 814 households have no list in the document. As a sum (汇总级) or with a synthetic
    list, the statement is the same; only the list answers for a household."""
    folder = tmp_path / "004"
    shutil.copytree(CASES / "004", folder)
    file = folder / "06_lists.json"
    file.write_text(json.dumps(in_sum(json.loads(file.read_text())), ensure_ascii=False))
    counted = '"measure": "distinct", "over": "lines", "field": "household",'
    summed = '"measure": "sum", "over": "movements", "field": "lines",'
    named = '"where": [{"field": "scheme", "values": ["relief"]}]'
    paid = '{"field": "account", "values": ["paid"]}'
    credited = f'"where": [{paid}, {{"field": "payment.scheme", "values": ["relief"]}}]'
    replace_in(
        folder / "09_statement.json",
        {f"{counted}\n        {named}": f"{summed}\n        {credited}"},
    )
    done, statement = await load(read_case(folder), empty)
    printed = [(line["label"], line["printed"]) for line in statement["lines"]]
    assert printed == [(line["label"], line["printed"]) for line in reproduced.statement["lines"]]
    async with served(empty) as door:
        household = done.answers.at("households.ids.demo-0814")
        lines = await asked(door, f"reporting/trace/households/{household}")
    assert "relief" not in json.dumps(lines)


def in_sum(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps with the relief list at summary grade, as the filial piety list is."""
    like = {step["name"]: step for step in steps if step["name"].endswith(".filial_piety")}
    found = []
    for step in steps:
        if step["name"] == "batch.relief":
            step["body"]["grade"] = "summary"
        elif step["name"] == "lines.relief":
            continue
        elif step["name"] == "seal.relief":
            area = like["seal.filial_piety"]["body"]["areas"][0]
            whole = {**area, "count": 814, "amount": {"text": "60", "unit": "万元"}}
            step["body"]["areas"] = [whole]
        elif step["name"] == "results.relief":
            credit = like["results.filial_piety"]
            post = credit["post"].replace("filial_piety", "relief")
            found.append({**credit, "name": "results.relief", "post": post})
            continue
        found.append(step)
    return found


async def test_one_fen_on_another_lot_changes_its_figures_and_no_other(
    tmp_path: Path, empty: Installation, reproduced: Reproduced
) -> None:
    """A fen of insurance money arrives from the city and not from the province."""
    folder = tmp_path / "004"
    shutil.copytree(CASES / "004", folder)
    parts = {"15.6": "15.599999", "6.8": "6.800001"}
    replace_amounts(folder / "03_receipts.json", parts | {"19.65": "19.649999", "17": "17.000001"})
    replace_amounts(folder / "04_allocations.json", parts)
    with pytest.raises(UnexpectedAnswerError, match=r"^pay\.insurance: "):
        await load(read_case(folder), empty)
    replace_in(folder / "05_payments.json", {"15600000": "15599999", "6800000": "6800001"})
    _, statement = await load(read_case(folder), empty)
    before = {line["figure"]: line["printed"] for line in reproduced.statement["lines"]}
    after = {line["figure"]: line["printed"] for line in statement["lines"]}
    changed = {figure: text for figure, text in after.items() if before[figure] != text}
    assert changed == {
        "recv.prov1": "19.649999",
        "recv.prov1.insurance": "15.599999",
        "recv.city": "17.000001",
        "recv.city.insurance": "6.800001",
        "use.insurance.prov": "15.599999",
        "use.insurance.city": "6.800001",
    }


def replace_amounts(file: Path, moved: dict[str, str]) -> None:
    replace_in(file, {f'"text": "{old}"': f'"text": "{new}"' for old, new in moved.items()})


def replace_in(file: Path, moved: dict[str, str]) -> None:
    text = file.read_text()
    for old, new in moved.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


@pytest.mark.parametrize("name", ["004", "900"])
def test_every_quote_stands_on_its_line_of_the_document(name: str) -> None:
    lines = (CASES / name / "document.txt").read_text().splitlines()
    case = read_case(CASES / name)
    printed = [one for one in case.published if one.line is not None]
    for one in printed:
        assert one.line is not None
        assert one.quote is not None
        assert one.quote in lines[one.line - 1], one
        assert one.text in one.quote, one
    assert all(one.quote is None and one.reason for one in case.published if one.line is None)


def test_no_fact_of_a_case_stands_in_the_code() -> None:
    """Places and amounts of the cases are data; the code knows none of them."""
    root = CASES.parents[1]
    known = {
        step["body"][key]
        for name in ("004", "900")
        for file in sorted((CASES / name).glob("0*.json"))
        for step in json.loads(file.read_text())
        for key in ("name", "fund_name", "number")
        if key in step["body"]
    }
    amounts = {
        one.text for name in ("004", "900") for one in read_case(CASES / name).published
        if "." in one.text and len(one.text) > 4
    }  # fmt: skip
    code = [
        path
        for room in ("services", "libs", "infra")
        for path in (root / room).rglob("*")
        if path.suffix in (".py", ".sql", ".html", ".js", ".css", ".yml", ".conf", ".sh")
    ]
    assert len(code) > 50
    found = [
        (path.name, fact)
        for path in code
        for fact in known | amounts
        if fact in path.read_text(encoding="utf-8")
    ]
    assert found == []
