"""Faults 1, 4, 5 and 18 of product.md 7, each alone; the same job asked for much later."""

from __future__ import annotations

import itertools
import shutil
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from libs.chassis.cli.queues import queues
from libs.chassis.cli.status import UNHEALTHY, Health, tell
from libs.chassis.imports.jobs import STARTS
from libs.events.clock import today
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, sheet
from tests.imports.test_imports import HEADS, SETTINGS, head_of
from tests.registry import County, post, register_county

FULL = SimpleNamespace(total=1000, used=910, free=90)
ROOMY = SimpleNamespace(total=1000, used=100, free=900)


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


@pytest.fixture
async def at(installation: Installation) -> Desk:
    return await desk(installation, households, "clerk")


async def taken(at: Desk, county: County, *rows: Any, **settings: str) -> dict[str, Any]:
    content = sheet(HEADS, *rows)
    more = {"settings": {**SETTINGS, **settings}}
    return await at.taken("roster", county.id, content, "valid_rows", **more)


async def test_fault_1_a_number_that_excel_has_cut_is_refused_by_its_kind(
    at: Desk, county: County
) -> None:
    """Its check digit may be right by chance: nobody looks at it, and it is kept nowhere."""
    cut = head_of(1)
    cut[2] = 370112199001011000
    job = await taken(at, county, cut, head_of(2))
    told = [one for one in await at.outcome(job["id"]) if one["message"]]
    assert [(one["row"], one["field"], one["rule"]) for one in told] == [
        (2, "id_number", "number_for_text")
    ]
    assert told[0]["message"].startswith("C2 证件号码为数字格式")
    assert "37011219900101" not in str(told)
    keys = (await at.installation.vault()).store.pool
    assert await keys.fetchval("SELECT count(*) FROM vault.ids WHERE kind = 1") == 1


async def test_fault_4_totals_signatures_and_heads_are_no_people(at: Desk, county: County) -> None:
    rest = [None] * 5
    job = await taken(
        at, county, head_of(1), ["小计", "1户", *rest], HEADS, head_of(2), ["合 计", "2户", *rest],
        ["审核人：演示", None, *rest],
    )  # fmt: skip
    counts = job["counts"]
    assert (counts["read"], counts["accepted"], counts["ignored"]) == (6, 2, 4)
    why = [one["rule"] for one in await at.outcome(job["id"]) if one["result"] == "ignored"]
    assert why == ["total", "heads_again", "total", "signature"]


async def test_fault_5_days_in_every_form_and_what_is_entered_late_has_a_reason(
    installation: Installation, at: Desk, county: County
) -> None:
    steward = await installation.client(households, "steward", subject="steward")
    row = {"key": "roster", "valid_from": "2013-01-01", "values": {"days": 30}}
    body = {"set": "entry_age", "area": None, "row": row}
    assert (await post(steward, "/reference/rows", body)).status_code == 201
    day = today() - timedelta(days=3)
    serial = (day - date(1899, 12, 30)).days
    spelled = (
        day,
        serial,
        f"{day:%Y.%-m.%-d}",
        f"{day:%y/%-m/%-d}",
        f"{day:%Y年%-m月%-d日}",
        f"{day:%Y%m%d}",
        int(f"{day:%Y%m%d}"),
    )
    rows = [[*head_of(n)[:5], told, None] for n, told in enumerate(spelled, 1)]
    late = [*head_of(19)[:5], today() - timedelta(days=31), None]
    ahead = [*head_of(20)[:5], today() + timedelta(days=1), None]
    job = await taken(at, county, *rows, late, ahead)
    told = [(one["row"], one["rule"]) for one in await at.outcome(job["id"]) if one["message"]]
    assert told == [(9, "entered_late"), (10, "impossible_day")]
    assert job["counts"]["accepted"] == len(spelled)
    await at.installation.catch_up(households)
    again = await taken(at, county, late, reason="漏登补录")
    told_again = await at.outcome(again["id"])
    assert [(one["result"], one["rule"]) for one in told_again] == [("accepted", "entered_late")]
    log = await installation.log(households)
    reason = await log.pool.fetchval(
        "SELECT payload->>'reason' FROM es.events WHERE type = 'ImportTaken'"
        " ORDER BY position DESC LIMIT 1"
    )
    assert reason == "漏登补录"


async def test_the_same_job_after_forty_days_gets_the_same_answer(
    installation: Installation, at: Desk, county: County
) -> None:
    content = sheet(HEADS, head_of(1))
    prepared = await at.prepare("roster", county.id, content, "long-ago", settings=SETTINGS)
    job = await at.commit(prepared.json()["id"], key="long-ago-commit")
    await at.work()
    before = await at.job(job.json()["id"])
    await installation.plant(
        households,
        "UPDATE es.jobs SET asked_at = asked_at - interval '40 days',"
        " ended_at = ended_at - interval '40 days'",
    )
    assert (await at.commit(prepared.json()["id"], key="long-ago-commit")).json() == job.json()
    await at.work()
    after = await at.job(job.json()["id"])
    assert (after["state"], after["counts"]) == (before["state"], before["counts"])


async def test_fault_18_a_job_waits_with_a_sentence_while_the_disk_is_full(
    at: Desk, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is looked at meanwhile it is not given up, and goes on by itself."""
    content = sheet(HEADS, head_of(1), head_of(2))
    prepared = await at.prepare("roster", county.id, content, settings=SETTINGS)
    job = (await at.commit(prepared.json()["id"])).json()["id"]
    with monkeypatch.context() as disk:
        looked = itertools.count()
        disk.setattr(shutil, "disk_usage", lambda _: FULL if next(looked) else ROOMY)
        for _ in range(STARTS + 1):
            await at.work()
        waits = await at.job(job)
    assert (waits["state"], waits["reached"]) == ("running", 0)
    assert waits["error"] == "磁盘已用 91%，达到 90%：导入暂停，腾出空间后自动继续"
    assert await operator_reads(at) == f"households: imports pause: {waits['error']}"
    await at.work()
    done = await at.job(job)
    assert (done["state"], done["error"], done["counts"]["accepted"]) == ("done", None, 2)
    assert await operator_reads(at) is None


async def test_the_operator_is_told_of_sheets_that_no_worker_takes(
    at: Desk, county: County, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = await at.prepare("roster", county.id, sheet(HEADS, head_of(1)), settings=SETTINGS)
    await at.commit(prepared.json()["id"])
    assert await operator_reads(at) is None
    await at.installation.plant(
        households, "UPDATE es.jobs SET asked_at = asked_at - interval '2 min'"
    )
    told = await operator_reads(at)
    assert told is not None
    assert told.startswith("households: 1 imports wait for 12")
    assert tell(Health(queues=await queues(at.installation.stores, (households,)))) == UNHEALTHY
    assert "is the worker running?" in capsys.readouterr().out
    await at.work()
    assert await operator_reads(at) is None


async def operator_reads(at: Desk) -> str | None:
    """What `status` says in red of the imports of households."""
    (queue,) = await queues(at.installation.stores, (households, assets))
    return queue.wrong
