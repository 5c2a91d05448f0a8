"""填报表: what twelve townships counted, from one workbook, over the routes and a worker."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.registry import area, made, post
from tests.reporting.test_indicators_api import TOWNS, indicator

HEADS = ("指标", "乡镇", "期间", "数值", "单位", "备注", "更正理由")


def row(nth: int, value: Any, period: Any = "2024年3月", **more: Any) -> tuple[Any, ...]:
    said = {"unit": "期", "note": None, "reason": None, "town": f"演示{nth}镇", **more}
    told = (said["unit"], said["note"], said["reason"])
    return ("培训期数", said["town"], period, value, *told)


TOTAL = ("合计", None, None, 78, None, None, None)
GOOD = [HEADS, *(row(nth, nth) for nth in range(1, TOWNS + 1)), TOTAL]


async def county(installation: Installation) -> tuple[Desk, UUID]:
    """Twelve townships, 培训期数 asked of them from 2024 on, and nothing may jump above 30 %."""
    steward = await installation.client(households, "steward", subject="steward")
    top = await made(steward, "/areas", area("900101", "演示县", "county", None))
    for nth in range(1, TOWNS + 1):
        await made(steward, "/areas", area(f"9001011{nth:02}", f"演示{nth}镇", "township", top))
    await installation.catch_up(reporting)
    at = await desk(installation, reporting, "clerk", "steward")
    await made(at.client, "/indicators", indicator("training.sessions", top))
    jump = {"key": "any", "valid_from": "2013-01-01", "values": {"percent": 30}}
    stated = {"set": "indicator_jump", "area": None, "row": jump}
    assert (await post(at.client, "/reference/rows", stated)).status_code == 201
    await installation.catch_up(reporting)
    return at, top


async def test_one_workbook_of_twelve_townships_twice_the_same(installation: Installation) -> None:
    at, top = await county(installation)
    content = sheet(*GOOD)
    job = await at.taken("indicators", top, content)
    counts = job["counts"]
    assert (job["state"], counts["accepted"], counts["ignored"]) == ("done", TOWNS, 1), job
    assert counts["rules"] == []

    again = await at.taken("indicators", top, content)
    assert (again["same_as"], again["counts"]["read"]) == (job["number"], 0)
    written = [HEADS, *(row(nth, f"{nth}.0", 202403) for nth in range(1, TOWNS + 1))]
    unchanged = await at.taken("indicators", top, sheet(*written))
    assert (unchanged["counts"]["unchanged"], unchanged["counts"]["accepted"]) == (TOWNS, 0)


async def test_what_is_wrong_is_told_row_by_row(installation: Installation) -> None:
    at, top = await county(installation)
    before = sheet(HEADS, *(row(nth, 10, "2024-02") for nth in range(1, 4)))
    assert (await at.taken("indicators", top, before))["counts"]["accepted"] == 3
    rows = sheet(
        HEADS,
        row(1, None),
        row(2, 0),
        row(3, 14),
        row(3, 14, note="春训集中"),
        row(4, 7, unit="人次"),
        row(5, 7.5),
        row(6, "7期"),
        row(7, 7, "2024年一季度"),
        row(8, 7, 2024.1),
        row(9, 7, town="演示县"),
        row(1, 10, "2024-02"),
        row(2, 12, "2024-02"),
        row(3, 12, "2024-02", reason="漏报"),
        ("参加人次", "演示9镇", "2024-03", 7, None, None, None),
        row(10, "0"),
        ("合计", None, None, 99, None, None, None),
    )
    job = await at.taken("indicators", top, rows, "valid_rows")
    results = await at.outcome(job["id"])
    told = [(one["row"], one["rule"]) for one in results if one["result"] == "rejected"]
    assert sorted(told) == [
        (2, "value_empty"),
        (3, "UnexplainedJump"),
        (4, "UnexplainedJump"),
        (6, "unit_differs"),
        (7, "TooManyDecimals"),
        (8, "not_number"),
        (9, "PeriodDiffers"),
        (10, "not_period"),
        (11, "NotTheReporter"),
        (13, "AlreadyEntered"),
        (15, "unknown_indicator"),
    ]
    counts = job["counts"]
    assert (counts["accepted"], counts["unchanged"], counts["rejected"]) == (3, 1, 11)
    await installation.catch_up(reporting)
    (one,) = (await at.client.get("/indicators")).json()["items"]
    shown = (await at.client.get(f"/indicators/{one['id']}/values")).json()["items"]
    stands = {(v["area_name"], v["period"]): v["value"] for v in shown if v["stands"]}
    assert stands == {
        ("演示1镇", "2024-02"): "10",
        ("演示2镇", "2024-02"): "10",
        ("演示3镇", "2024-02"): "12",
        ("演示3镇", "2024-03"): "14",
        ("演示10镇", "2024-03"): "0",
    }


async def test_parts_are_compared_with_a_printed_total(installation: Installation) -> None:
    """Exactly, of decimals too; where two periods stand above it, no total is meant."""
    at, top = await county(installation)
    rows = (row(1, "2.5"), row(2, "0.1"), ("小计", None, None, "2.6", *[None] * 3), row(3, "0.4"))
    short = ("合计", None, None, "3.1", None, None, None)
    told = await _told(at, top, sheet(HEADS, *rows, short))
    assert told == [("control_total", "数值合计 3.1 与各行之和 3 不等，相差 0.1")]
    other = row(4, 1, "2024-02")
    assert await _told(at, top, sheet(HEADS, *rows, other, short)) == []


async def _told(at: Desk, top: UUID, content: bytes) -> list[tuple[str, str]]:
    """What the preview warns of."""
    shown = (await at.prepare("indicators", top, content)).json()
    faults = [fault for one in shown["rows"] for fault in one["faults"]]
    return [(fault["rule"], fault["message"]) for fault in faults]
