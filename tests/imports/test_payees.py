"""发放花名册 by identity number: funds asks households over HTTP who is meant, keeping no text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from libs.chassis.cli.queues import queues
from libs.chassis.service import Service
from services.funds.imports.payees import last_day
from services.funds.imports.payments import PAYMENTS
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.funds.district import District, open_district, reserved
from tests.imports.desk import Desk, desk, sheet
from tests.payees import household, person
from tests.people import card, id_number
from tests.registry import post
from tests.wired import errands, free_port, listening

PUBLIC = [(2, "unchanged"), (3, "public_account")]
HEADS = ("序号", "户编号", "身份证号", "姓名", "账号", "账户类型", "标准", "数量", "金额(元)")


@dataclass
class Office:
    """A finance clerk's desk beside a register of people, and where households listens."""

    installation: Installation
    district: District
    desk: Desk
    port: int
    house: UUID

    async def taken(
        self,
        rows: Sequence[Sequence[Any]],
        mode: str = "valid_rows",
        *,
        batch: UUID,
        importer: str = "payments",
        **settings: str,
    ) -> dict[str, Any]:
        said = {"batch": str(batch), "occurred_on": "2020-04-01", **settings}
        content, area = sheet(HEADS, *rows), self.district.county.id
        return await self.desk.taken(importer, area, content, mode, settings=said)

    async def rules(self, job: dict[str, Any]) -> list[tuple[int, str | None]]:
        return [(one["row"], one["rule"]) for one in await self.desk.outcome(job["id"])]

    async def ordered(self, batch: UUID) -> tuple[int, int]:
        shown = (await self.district.finance.get(f"/batches/{batch}")).json()
        return shown["ordered"], shown["ordered_fen"]


@pytest.fixture
async def away(installation: Installation) -> Office:
    """The east's demonstration households, and one of two people; one person in none; one in the
    west. Households does not listen."""
    district = await open_district(installation)
    county, clerk = district.county, await installation.client(households, "clerk")
    head, spouse = [await person(clerk, county.east_village, serial) for serial in (1, 2)]
    house = await household(clerk, county.east_village, "H1", [head, spouse])
    await person(clerk, county.east_village, 3)
    await person(clerk, county.west_village, 4)
    four = await person(clerk, county.east_village, 5)
    await household(clerk, county.east_village, "H5", [four])
    await installation.catch_up(households, funds)
    at, port = await desk(installation, funds, "finance", subject="officer"), free_port()
    at.errands = errands(installation, port)
    return Office(installation, district, at, port, house)


@pytest.fixture
async def office(away: Office) -> AsyncIterator[Office]:
    """The same while households listens."""
    async with listening(away.installation, households, away.port):
        yield away


def line(serial: int | None, **more: Any) -> list[Any]:
    """One row; what it does not say is right."""
    number = None if serial is None else id_number(serial)
    row: dict[str, Any] = {
        "household": None,
        "id": number,
        "name": f"测试{serial}",
        "account": None,
        "kind": None,
    }
    row |= {"standard": 100, "quantity": 1, "amount": 100, **more}
    return [1, *row.values()]


async def test_a_row_names_its_payee_by_identity_number_by_household_or_by_both(
    office: Office,
) -> None:
    batch = await reserved(office.district, "100", "100", "100")
    rows = [
        line(1, account=card(1)),
        line(5, household="H5"),
        line(None, household="demo-1", name="演示"),
    ]
    job = await office.taken([*rows, ["合计", *[None] * 7, 300]], "all", batch=batch)
    assert (job["state"], job["counts"]["accepted"]) == ("done", 3)
    assert await office.ordered(batch) == (3, 30_000)


async def test_all_that_is_wrong_with_a_row_is_told_at_once_and_nobody_is_named(
    office: Office,
) -> None:
    batch = await reserved(office.district, "100")
    rows = [
        line(77),
        line(4),
        line(3),
        line(1, name="别人", household="H5", account=card(4), amount=200),
        line(None, name="演示"),
        line(1, id=int(id_number(1)[:15]) * 1000),
    ]
    job = await office.taken(rows, batch=batch)
    told = await office.desk.outcome(job["id"])
    rules = [(one["row"], one["rule"]) for one in told]
    wrong = ["household_differs", "name_differs", "standard_times_quantity", "AccountNotOwn"]
    none = [(3, "not_registered"), (4, "not_registered")]
    assert rules[:3] == [(2, "unknown_person"), *none]
    assert [rule for row, rule in rules if row == 5] == wrong
    assert [rule for row, rule in rules if row in (6, 7)] == ["nobody_named", "number_for_text"]
    for text in (id_number(1), id_number(77), card(4), "别人"):
        assert text not in str(told)


async def test_of_a_household_or_of_each_person(office: Office) -> None:
    batch = await reserved(office.district, "100", "100")
    twice = [line(1), line(2)]
    job = await office.taken(twice, "valid_rows", batch=batch)
    assert await office.rules(job) == [(2, None), (3, "twice")]
    told = await office.desk.outcome(job["id"])
    assert told[1]["message"] == "与第 2 行是同一户"
    other = await reserved(office.district, "100", "100", scheme="each")
    job = await office.taken(twice, "all", batch=other, importer="person_payments")
    assert (job["state"], await office.ordered(other)) == ("done", (2, 20_000))


async def test_who_stands_in_another_chunk_of_the_sheet_is_no_known_line(office: Office) -> None:
    small = replace(funds, importers=(replace(PAYMENTS, together=1),))
    office.desk.service = small
    batch = await reserved(office.district, "100", "100")
    for mode in ("all", "valid_rows"):
        job = await office.taken([line(1), line(2)], mode, batch=batch)
        assert await office.rules(job) == [(2, None), (3, "twice")]
    assert await office.ordered(batch) == (1, 10_000)


async def test_fault_3_known_lines_are_told_and_changed_ones_alone_are_named(
    office: Office,
) -> None:
    batch = await reserved(office.district, "100", "100")
    first = await office.taken([line(1)], "all", batch=batch)
    assert first["counts"]["accepted"] == 1
    again = await office.taken([line(1), line(5)], "all", batch=batch)
    assert (again["counts"]["unchanged"], again["counts"]["accepted"]) == (1, 1)
    changed = [line(1, amount=300, standard=300), line(5)]
    later = await office.taken(changed, batch=batch)
    assert (await office.rules(later))[0] == (2, "AlreadyPaid")
    assert (later["counts"]["unchanged"], await office.ordered(batch)) == (1, (2, 20_000))


async def test_fault_8_one_account_of_many_names_needs_an_override_or_is_a_public_one(
    office: Office,
) -> None:
    steward = await office.installation.client(funds, "steward")
    bends = {"valid_from": "2013-01-01", "values": {"severity": "override"}}
    row = {"set": "severity", "area": None, "row": {"key": "SharedAccount", **bends}}
    assert (await post(steward, "/reference/rows", row)).status_code == 201
    batch = await reserved(office.district, "100", "100", "100")
    many = [
        line(None, household=f"demo-{nth}", name=f"演示{nth}", account=card(9)) for nth in (1, 2)
    ]
    job = await office.taken(many, "all", batch=batch)
    refused = [(2, None), (3, "SharedAccount")]
    assert (job["state"], await office.rules(job)) == ("refused", refused)
    said = {"shared_account_reason": "村集体代收"}
    job = await office.taken(many, "all", batch=batch, **said)
    assert (job["state"], await office.ordered(batch)) == ("done", (2, 20_000))
    pool = (await office.installation.log(funds)).pool
    kinds = "SELECT payload::json->>'reason' FROM es.events WHERE type = 'RuleOverridden'"
    assert await pool.fetchval(kinds) == "村集体代收"
    public = [many[0], line(5, account=card(9), kind="公共账户")]
    job = await office.taken(public, "all", batch=batch)
    assert (job["state"], await office.rules(job)) == ("done", PUBLIC)


async def asked_for(away: Office, batch: UUID) -> str:
    """A job of one row by number, which no worker has looked at."""
    said = {"batch": str(batch), "occurred_on": "2020-04-01"}
    content, area = sheet(HEADS, line(1)), away.district.county.id
    prepared = await away.desk.prepare("payments", area, content, settings=said)
    job: str = (await away.desk.commit(prepared.json()["id"])).json()["id"]
    return job


async def test_while_households_is_away_the_job_waits_loudly_and_then_goes_on(
    away: Office,
) -> None:
    batch = await reserved(away.district, "100")
    job = await asked_for(away, batch)
    with capture_logs() as told:
        for _ in range(2):
            await away.desk.work()
    waits = await away.desk.job(job)
    assert (waits["state"], waits["error"]) == ("running", "households 暂不能回答，将继续等待")
    assert await away.ordered(batch) == (0, 0)
    assert [one["event"] for one in told].count("job_waits") == 1
    assert id_number(1) not in str(told)
    (queue,) = await queues(away.installation.stores, (funds,))
    assert queue.wrong == f"funds: imports pause: {waits['error']}"
    async with listening(away.installation, households, away.port):
        await away.desk.work()
    done = await away.desk.job(job)
    assert (done["state"], done["error"], done["counts"]["accepted"]) == ("done", None, 1)
    assert await away.ordered(batch) == (1, 10_000)


async def test_a_job_that_waits_can_be_given_up(away: Office) -> None:
    job = await asked_for(away, await reserved(away.district, "100"))
    await away.desk.work()
    path, key = f"/jobs/{job}/cancellations", {"idempotency-key": "c"}
    gone = await away.desk.client.post(path, headers=key)
    assert gone.status_code == 201
    await away.desk.work()
    assert (await away.desk.job(job))["state"] == "cancelled"


async def happened(installation: Installation, service: Service, type_: str) -> bool:
    query = "SELECT EXISTS (SELECT FROM es.events WHERE type = $1)"
    found: bool = await (await installation.log(service)).pool.fetchval(query, type_)
    return found


async def test_a_worker_killed_at_its_work_doubles_nothing(office: Office) -> None:
    batch = await reserved(office.district, "100", "100")
    said = {"batch": str(batch), "occurred_on": "2020-04-01"}
    content, area = sheet(HEADS, line(1), line(5)), office.district.county.id
    prepared = await office.desk.prepare("payments", area, content, settings=said)
    job = (await office.desk.commit(prepared.json()["id"])).json()["id"]
    for service, type_ in ((households, "PersonsIdentified"), (funds, "SubsidyOrdered")):
        working = asyncio.create_task(office.desk.work())
        while not await happened(office.installation, service, type_):
            assert not working.done()
        assert not working.done(), "cut while it is at it"
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await office.installation.plant(funds, "DELETE FROM es.leases WHERE name LIKE 'job.%'")
    await office.desk.work()
    shown = await office.desk.job(job)
    assert (shown["state"], shown["counts"]["accepted"]) == ("done", 2)
    assert await office.ordered(batch) == (2, 20_000)


async def test_without_a_key_of_the_installation_rows_by_number_are_refused(
    office: Office,
) -> None:
    batch = await reserved(office.district, "100", "100")
    office.desk.errands = None
    rows = [line(1), line(None, household="demo-1", name="演示")]
    job = await office.taken(rows, batch=batch)
    assert await office.rules(job) == [(2, "cannot_ask"), (3, None)]


def test_a_period_ends_on_its_last_day() -> None:
    ends = {period: last_day(period).isoformat() for period in ("2020", "2020-02", "2020-12")}
    assert list(ends.values()) == ["2020-12-31", "2020-02-29", "2020-12-31"]
