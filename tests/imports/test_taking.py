"""What a job tells of itself when something comes between: a rival, a fault in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from asyncpg import ConnectionDoesNotExistError

from libs.chassis.files.store import FileNotIntactError
from libs.chassis.imports.importer import Desk as Planned
from libs.chassis.imports.importer import Group, Importer, Plan
from libs.chassis.imports.jobs import STARTS
from services.funds.service import service as funds
from services.households.imports.roster import ROSTER
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk, desk, opened, sheet
from tests.imports.test_imports import HEADS, LETTER_HEADS, LETTERS, SETTINGS, head_of
from tests.registry import County, post, register_county

LETTER = {"kind": "policy", "title": "通知", "level": "county", "issued_on": "2024-01-05"}


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households, funds)
    return county


def numbered(n: int) -> str:
    return f"测农发〔2024〕{n}号"


def letters(*numbers: int) -> bytes:
    return sheet(LETTER_HEADS, *[(numbered(n), "通知", "2024-01-05") for n in numbers])


async def at_letters(installation: Installation, importer: Importer) -> Desk:
    return await desk(installation, replace(funds, importers=(importer,)), "clerk")


async def facts(installation: Installation, type_: str, field: str) -> list[str]:
    """What this field says in all events of this type, in order."""
    rows = await (await installation.log(funds)).pool.fetch(
        "SELECT payload->>$2 AS told FROM es.events WHERE type = $1 ORDER BY position", type_, field
    )
    return [row["told"] for row in rows]


async def told(at: Desk, job: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    return [(one["row"], one["result"], one["rule"]) for one in await at.outcome(job["id"])]


async def test_a_rival_costs_the_row_that_he_was_quicker_with_and_no_other(
    installation: Installation, county: County
) -> None:
    """The third of four is registered by somebody else when all four are about to be."""
    rival = await installation.client(funds, "clerk", subject="rival")

    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        if desk.taking and len(groups) == 4:
            third = {**LETTER, "number": numbered(3), "area": str(county.id)}
            assert (await post(rival, "/documents", third)).status_code == 201
        return await LETTERS.plan(desk, groups)

    at = await at_letters(installation, replace(LETTERS, plan=plan))
    job = await at.taken("letters", county.id, letters(1, 2, 3, 4), "valid_rows")
    assert await told(at, job) == [
        (2, "accepted", None),
        (3, "accepted", None),
        (4, "rejected", "DocumentAlreadyRegistered"),
        (5, "accepted", None),
    ]
    assert (job["state"], job["counts"]["accepted"], job["counts"]["rejected"]) == ("done", 3, 1)
    registered = [numbered(n) for n in (3, 1, 2, 4)]
    assert await facts(installation, "DocumentRegistered", "number") == registered
    assert await facts(installation, "ImportTaken", "accepted") == ["3"]


async def test_a_job_keeps_the_mapping_with_which_it_was_committed(
    installation: Installation, county: County
) -> None:
    """What is said of the heads later holds for the next commit, which is a job of its own."""
    at = await at_letters(installation, LETTERS)
    heads = (*LETTER_HEADS, "新标题")
    day = "2024-01-05"
    rows = sheet(heads, (numbered(1), "旧", day, "新"), (numbered(2), None, day, "新"))
    prepared = (await at.prepare("letters", county.id, rows)).json()
    first = await at.commit(prepared["id"], "valid_rows")
    columns = {one["field"]: one["letter"] for one in prepared["columns"] if one["field"]}
    said = await at.client.post(
        f"/imports/{prepared['id']}/mapping",
        json={"columns": columns | {"title": "D"}},
        headers={"idempotency-key": "said-later"},
    )
    assert said.status_code == 201
    second = await at.commit(prepared["id"], "valid_rows")
    await at.work()
    assert await told(at, first.json()) == [(2, "accepted", None), (3, "rejected", "missing")]
    again = [(2, "rejected", "DocumentAlreadyRegistered"), (3, "accepted", None)]
    assert await told(at, second.json()) == again
    assert await facts(installation, "DocumentRegistered", "title") == ["旧", "新"]


class Halted(Exception):
    """What nobody has foreseen."""


def halting(at: int, *, how: Exception, together: int = 2) -> Importer:
    """Its commands are done up to this letter, and no further."""

    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        if desk.taking and numbered(at) in {row["number"] for (row,) in groups}:
            raise how
        return await LETTERS.plan(desk, groups)

    return replace(LETTERS, plan=plan, together=together)


LEFT = [
    (2, "accepted", None),
    (3, "accepted", None),
    (4, "rejected", "unsure"),
    (5, "rejected", "unsure"),
]
"""Of five letters, two at once, the third of which goes wrong: the fifth is never reached."""


async def left(installation: Installation, at: Desk, job: dict[str, Any], error: str) -> None:
    """A job that failed has told and recorded what it took."""
    assert (job["state"], job["error"]) == ("failed", error)
    assert await told(at, job) == LEFT
    assert (job["counts"]["accepted"], job["counts"]["rejected"]) == (2, 2)
    assert await facts(installation, "ImportTaken", "accepted") == ["2"]
    assert await facts(installation, "DocumentRegistered", "number") == [numbered(1), numbered(2)]


async def cut_off(installation: Installation, at: Desk) -> None:
    """A worker that loses the store in the middle; its lease has run out."""
    with pytest.raises(ConnectionDoesNotExistError):
        await at.work()
    await installation.plant(funds, "DELETE FROM es.leases")


async def test_a_job_that_fails_in_the_middle_counts_records_and_marks_what_it_took(
    installation: Installation, county: County
) -> None:
    at = await at_letters(installation, halting(3, how=Halted()))
    job = await at.taken("letters", county.id, letters(1, 2, 3, 4, 5), "valid_rows")
    await left(installation, at, job, "系统内部错误：Halted")
    marked = opened((await at.client.get(f"/jobs/{job['id']}/outcome")).content)["表一"]
    words = [marked.cell(row, 4).value for row in range(2, 7)]
    assert words == ["接受", "接受", "拒绝", "拒绝", "未办理"]
    alone = opened((await at.client.get(f"/jobs/{job['id']}/rejected")).content)["表一"]
    assert [row[0].value for row in alone.iter_rows(min_row=2)] == [numbered(n) for n in (3, 4, 5)]


async def test_what_one_chunk_did_before_it_failed_is_told_as_taken(
    installation: Installation, county: County
) -> None:
    at = await at_letters(installation, halting(3, how=Halted(), together=200))
    job = await at.taken("letters", county.id, letters(1, 2, 3, 4), "valid_rows")
    await left(installation, at, job, "系统内部错误：Halted")


async def test_a_job_given_up_after_five_starts_tells_what_it_took(
    installation: Installation, county: County
) -> None:
    at = await at_letters(installation, halting(3, how=ConnectionDoesNotExistError()))
    prepared = await at.prepare("letters", county.id, letters(1, 2, 3, 4, 5))
    job = (await at.commit(prepared.json()["id"], "valid_rows")).json()["id"]
    for _ in range(STARTS):
        await cut_off(installation, at)
    await at.work()
    await left(installation, at, await at.job(job), f"{STARTS} 次都没有进展")


async def test_a_file_damaged_in_the_middle_leaves_what_was_taken_told(
    installation: Installation, county: County
) -> None:
    at = await at_letters(installation, halting(3, how=ConnectionDoesNotExistError()))
    prepared = await at.prepare("letters", county.id, letters(1, 2, 3, 4, 5))
    job = (await at.commit(prepared.json()["id"], "valid_rows")).json()["id"]
    await cut_off(installation, at)
    kept = installation.files(funds).folder / "kept"
    for file in kept.rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    await at.work()
    await left(installation, at, await at.job(job), str(FileNotIntactError()))


async def test_a_job_whose_workbook_cannot_be_written_has_taken_what_it_took(
    installation: Installation, county: County
) -> None:
    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        if desk.taking:
            for clear in installation.files(funds).folder.rglob("*.plain"):
                clear.unlink()
                clear.write_bytes(b"damaged")
        return await LETTERS.plan(desk, groups)

    at = await at_letters(installation, replace(LETTERS, plan=plan))
    job = await at.taken("letters", county.id, letters(1, 2), "valid_rows")
    assert (job["state"], job["counts"]["accepted"]) == ("done", 2)
    assert job["error"] == "结果表没有写成，请取 csv 或 json"
    assert await facts(installation, "ImportTaken", "accepted") == ["2"]
    assert (await at.client.get(f"/jobs/{job['id']}/outcome")).status_code == 404


@pytest.mark.parametrize(
    ("dry_run", "first"),
    [(False, "本次没有收下任何一行"), (True, "试算，没有收下任何一行")],
)
async def test_what_was_only_checked_is_nowhere_said_to_be_taken(
    installation: Installation, county: County, *, dry_run: bool, first: str
) -> None:
    at = await at_letters(installation, LETTERS)
    rows = sheet(LETTER_HEADS, (numbered(1), "通知", "2024-01-05"), ("第二号", "通知", "日期"))
    prepared = await at.prepare("letters", county.id, rows)
    id_ = (await at.commit(prepared.json()["id"], dry_run=dry_run)).json()["id"]
    await at.work()
    assert [one["result"] for one in await at.outcome(id_)] == [
        "acceptable",
        *["rejected"] * 2,
    ]
    counts = (await at.job(id_))["counts"]
    assert (counts["read"], counts["accepted"], counts["acceptable"]) == (2, 0, 1)
    book = opened((await at.client.get(f"/jobs/{id_}/outcome")).content)
    assert [book["表一"].cell(row, 4).value for row in (2, 3)] == ["可接受，未收下", "拒绝"]
    told = [row[0].value for row in book["汇总"].rows]
    assert told[0] == first
    assert told[-2] == "读取 2 = 可接受 1 + 拒绝 1 + 忽略 0"
    alone = await at.client.get(f"/jobs/{id_}/rejected")
    assert (alone.status_code, alone.json()["type"]) == (409, "/problems/NothingTaken")


async def test_a_household_with_a_head_repeated_within_it_stays_whole_between_chunks(
    installation: Installation, county: County
) -> None:
    """Of two at once, the second is parted by the heads of a new page."""
    importer = replace(ROSTER, together=2)
    at = await desk(installation, replace(households, importers=(importer,)), "clerk")
    child = ["H002", "演示子", None, "之子", "东村", "2024-03-01", None]
    rows = sheet(HEADS, head_of(1), head_of(2), HEADS, child)
    job = await at.taken("roster", county.id, rows, "valid_rows", settings=SETTINGS)
    assert [result for _, result, _ in await told(at, job)] == [
        *["accepted"] * 2,
        "ignored",
        "accepted",
    ]


async def test_a_row_of_which_nothing_is_known_ends_the_job_aloud(
    installation: Installation, county: County
) -> None:
    """What was read is counted while it is read, not summed up from what became of it."""

    async def plan(desk: Planned, groups: Sequence[Group]) -> Plan:
        await desk.log.pool.execute("DELETE FROM es.job_rows WHERE number = 2")
        return await LETTERS.plan(desk, groups)

    at = await at_letters(installation, replace(LETTERS, plan=plan, together=1))
    job = await at.taken("letters", county.id, letters(1, 2), "valid_rows")
    assert (job["state"], job["error"]) == ("failed", "系统内部错误：RowsLostError")


MANY = """
INSERT INTO es.job_rows (job, phase, number, result)
SELECT id, phase, n, 'accepted' FROM es.jobs, generate_series(4, 60000) AS n
"""


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_the_outcome_of_many_rows_keeps_nobody_else_waiting(
    installation: Installation, county: County, form: str
) -> None:
    at = await at_letters(installation, LETTERS)
    job = await at.taken("letters", county.id, letters(1, 2), "valid_rows")
    await installation.plant(funds, MANY)
    turns, done = 0, asyncio.Event()

    async def look() -> None:
        nonlocal turns
        while not done.is_set():
            await asyncio.sleep(0.001)
            turns += 1

    looking = asyncio.create_task(look())
    found = await at.client.get(f"/jobs/{job['id']}/outcome", params={"format": form})
    done.set()
    await looking
    rows = found.json()["items"] if form == "json" else found.text.splitlines()[1:]
    assert len(rows) == 59_999
    assert turns > 30  # between pages; in one piece it would be a few
