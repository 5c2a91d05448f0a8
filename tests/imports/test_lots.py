"""指标下达表: letters and lots from sheets of any shape, over the routes and a worker."""

from __future__ import annotations

from services.funds.service import service as funds
from tests.conftest import Installation
from tests.imports.desk import desk, opened, sheet
from tests.registry import post, register_county

HEADS = ("文号", "文件标题", "级次", "年度", "资金名称", "批次", "用途", "金额(万元)", "下达日期")
LETTER = ("测财农〔2020〕1号", "关于下达资金的通知", "中央", 2020, "专项资金", "第一批")


async def test_a_letter_of_two_purposes_becomes_one_lot(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(funds)
    at = await desk(installation, funds, "finance")
    rows = sheet(
        HEADS,
        (*LETTER, "water", 12.5, "2020-03-01"),
        (*LETTER, "industry", "７.５", "2020.3.1"),
        ("合计", None, None, None, None, None, None, 20, None),
    )
    job = await at.taken("lots", county.id, rows)
    assert (job["state"], job["error"]) == ("done", None), job
    counts = job["counts"]
    assert (counts["read"], counts["accepted"], counts["ignored"]) == (3, 2, 1)
    assert counts["accepted_fen"] == 20_000_000
    assert counts["read_fen"] == 40_000_000

    again = await at.taken("lots", county.id, rows)
    assert (again["same_as"], again["counts"]["read"]) == (job["number"], 0)

    other = sheet(
        HEADS, (*LETTER, "water", 12.5, "2020-03-01"), (*LETTER, "industry", 7.5, "2020-3-1")
    )
    unchanged = await at.taken("lots", county.id, other)
    assert (unchanged["counts"]["unchanged"], unchanged["counts"]["accepted"]) == (2, 0)


async def test_what_is_wrong_comes_back_in_the_same_workbook(installation: Installation) -> None:
    county = await register_county(installation)
    await installation.catch_up(funds)
    at = await desk(installation, funds, "finance")
    other = ("测财农〔2020〕2号", *LETTER[1:])
    rows = sheet(
        HEADS,
        (*LETTER, "water", 12.5, "2020-03-01"),
        (*other, "water", "十二", "2031-02-30"),
    )
    refused = await at.taken("lots", county.id, rows)
    assert refused["state"] == "refused"
    assert (refused["counts"]["accepted"], refused["counts"]["rejected"]) == (1, 1)
    taken = await at.taken("lots", county.id, rows, "valid_rows")
    assert (taken["state"], taken["counts"]["accepted"], taken["counts"]["rejected"]) == (
        "done",
        1,
        1,
    )
    faults = [one for one in await at.outcome(taken["id"]) if one["result"] == "rejected"]
    assert [(one["row"], one["rule"], one["field"]) for one in faults] == [
        (3, "not_amount", "amount"),
        (3, "not_day", "issued_on"),
    ]
    book = opened((await at.client.get(f"/jobs/{taken['id']}/outcome")).content)
    assert book.sheetnames[0] == "汇总"
    page = book["表一"]
    assert [page.cell(1, at).value for at in range(10, 14)] == ["结果", "规则号", "说明", "建议"]
    assert [page.cell(row, 10).value for row in (2, 3)] == ["接受", "拒绝"]
    assert page.cell(3, 8).comment is not None

    alone = opened((await at.client.get(f"/jobs/{taken['id']}/rejected")).content)
    assert [cell.value for cell in alone["表一"][2]][:2] == ["测财农〔2020〕2号", LETTER[1]]


async def test_all_or_nothing_looks_at_rows_together(installation: Installation) -> None:
    """Each of two letters alone would register the lot; together the second is refused."""
    county = await register_county(installation)
    await installation.catch_up(funds)
    at = await desk(installation, funds, "finance")
    other = ("测财农〔2020〕2号", *LETTER[1:])
    rows = sheet(
        HEADS,
        (*LETTER, "water", 12.5, "2020-03-01"),
        (*other, "water", 7.5, "2020-03-02"),
    )
    job = await at.taken("lots", county.id, rows)
    assert (job["state"], job["counts"]["acceptable"], job["counts"]["rejected"]) == (
        "refused",
        1,
        1,
    )
    told = [one for one in await at.outcome(job["id"]) if one["message"]]
    assert [(one["row"], one["rule"]) for one in told] == [(3, "LotAlreadyRegistered")]


async def test_what_waits_for_a_yes_is_told_and_may_be_sent_again(
    installation: Installation,
) -> None:
    """Nothing is in the register yet; the approver has a task; all lots of it are asked for."""
    county = await register_county(installation)
    await installation.catch_up(funds)
    steward = await installation.client(funds, "steward", subject="steward")
    values = {"bands": [{"up_to_fen": None, "count": 1, "duties": ["auditor"]}]}
    row = {"key": "RegisterLot", "valid_from": "2020-01-01", "values": values}
    said = await post(steward, "/reference/rows", {"set": "approval", "area": None, "row": row})
    assert said.status_code == 201, said.text
    at = await desk(installation, funds, "finance")
    rows = (
        (*LETTER, "water", 12.5, "2020-03-01"),
        (*LETTER[:5], "第二批", "water", 7, "2020-03-01"),
    )
    job = await at.taken("lots", county.id, sheet(HEADS, *rows), "valid_rows")
    told = await at.outcome(job["id"])
    assert [(one["result"], one["rule"]) for one in told] == [("accepted", "awaits_approval")] * 2
    log = await installation.log(funds)
    kept = "SELECT count(*) FROM es.events WHERE type = $1"
    assert await log.pool.fetchval(kept, "FundReceived") == 0
    assert await log.pool.fetchval(kept, "ApprovalRequested") == 2
    await installation.catch_up(funds)
    await installation.react(funds)
    assert await log.pool.fetchval(kept, "TaskOpened") == 2
    again = await at.prepare("lots", county.id, sheet(HEADS, *rows))
    assert again.json()["same_as"] is None
