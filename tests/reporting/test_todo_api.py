"""The one list of a person over all services: what waits, why, by when, and the form that answers
it; sorted by deadline, with days left; gone when it is answered, with who and when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient

from libs.chassis.service import Service
from libs.events import tasks
from libs.events.clock import today
from libs.events.tasks import OpenTask
from libs.events.unattended import Machine, commanded
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.clock import on_day, ruled, ticked
from tests.conftest import Installation
from tests.funds.district import District, open_district, reserved, yuan
from tests.office import Office, open_office, refusal
from tests.registry import County, decided_again, made, post, register_county

TODAY = today()
DAY = timedelta(days=1)


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up()
    return county


async def opened(
    installation: Installation, service: Service, area: UUID | None, **more: Any
) -> UUID:
    named = {"kind": "planted", "waits_for": "finance", "about": str(uuid4()), "reason": "Planted"}
    asked = OpenTask(occurred_on=TODAY, area=area, **{**named, **more})
    log = await installation.log(service)
    await commanded(log, Machine("planter"), asked.about, tasks.OPEN, asked)
    await installation.catch_up(service, reporting)
    return asked.task()


async def todo(client: AsyncClient, **wanted: Any) -> list[str]:
    """The ids in the list, in its order."""
    answer = await client.get("/my-tasks", params=wanted)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def lot(district: District, issued_on: date, number: int) -> UUID:
    named = {"kind": "funding", "title": "下达", "level": "county"}
    area = {"area": str(district.county.id)}
    document = {"number": f"测财农〔2026〕{number}号", "issued_on": issued_on.isoformat()}
    letter = await made(district.finance, "/documents", {**named, **area, **document})
    received = {"amount": yuan("70"), "purposes": [{"purpose": "relief", "amount": yuan("70")}]}
    of = {"level": "county", "year": 2026, "fund_name": f"资金{number}", "batch": "1"}
    return await made(
        district.finance, "/lots", {**area, **of, **received, "document": str(letter)}
    )


async def test_on_day_13_of_15_it_is_there_and_answered_it_goes(
    installation: Installation,
) -> None:
    """Capability 53; the term is 15 days and it shows two days before."""
    district = await open_district(installation)
    await ruled(installation, funds, "lot_unallocated", days=15, remind=2)
    id_ = await lot(district, TODAY, 7)
    finance = await installation.client(reporting, "finance", subject="officer")
    await ticked(installation, funds, TODAY + 12 * DAY)
    assert await todo(finance) == []
    await ticked(installation, funds, TODAY + 13 * DAY)
    (item,) = (await on_day(finance, TODAY + 13 * DAY).get("/my-tasks")).json()["items"]
    assert (item["source"], item["kind"], item["title"]) == (
        "funds",
        "lot_unallocated",
        "资金下达后未安排",
    )
    assert (item["due_on"], item["days_left"]) == ((TODAY + 15 * DAY).isoformat(), 2)
    assert (item["overdue"], item["target"]) == (False, str(id_))
    assert item["numbers"] == {"document": "测财农〔2026〕7号", "unallocated_fen": 7000}
    assert item["form"] == {"method": "POST", "path": f"/api/v1/funds/lots/{id_}/allocations"}
    (late,) = (await on_day(finance, TODAY + 16 * DAY).get("/my-tasks")).json()["items"]
    assert (late["days_left"], late["overdue"]) == (-1, True)
    given = {"project": str(district.project), "purpose": "relief", "amount": yuan("70")}
    path = item["form"]["path"].removeprefix("/api/v1/funds")
    assert (await post(district.finance, path, given)).status_code == 201
    await ticked(installation, funds, TODAY + 14 * DAY)
    assert await todo(finance) == []
    (done,) = (await finance.get("/my-tasks", params={"state": "closed"})).json()["items"]
    assert (done["closed_by"], done["note"]) == ("deadline:lot_unallocated", "所等之事已经办理")
    assert (done["overdue"], done["closed_at"] is not None) == (False, True)
    assert await decided_again(installation, funds) > 10


async def test_whoever_closes_it_stays_with_it_and_it_does_not_come_back(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    await ruled(installation, funds, "lot_unallocated", days=15)
    await lot(district, TODAY - 15 * DAY, 7)
    await ticked(installation, funds, TODAY + DAY)
    (item,) = (await district.finance.get("/tasks")).json()["items"]
    clerk = await installation.client(funds, "clerk")
    path = f"/tasks/{item['id']}/closures"
    assert refusal(await post(clerk, path, {"note": "x"})) == (403, "TaskNotYours")
    assert (await post(district.finance, path, {"note": "待县里批复"})).status_code == 201
    await ticked(installation, funds, TODAY + 2 * DAY)
    finance = await installation.client(reporting, "finance")
    assert await todo(finance) == []
    for client, closed in ((finance, "/my-tasks"), (district.finance, "/tasks")):
        (done,) = (await client.get(closed, params={"state": "closed"})).json()["items"]
        assert (done["closed_by"], done["note"]) == ("officer", "待县里批复")
        assert done["closed_at"] > done["opened_at"]
    shown = (await district.finance.get(f"/tasks/{item['id']}")).json()
    assert (shown["closed_by"], shown["note"], shown["closed"]) == ("officer", "待县里批复", True)


async def test_a_bank_that_is_silent_for_three_working_days_is_told_until_it_answers(
    installation: Installation,
) -> None:
    """Fault 10: no re-issue, no cancel; in the list with its age, gone when all is answered."""
    district = await open_district(installation)
    await ruled(installation, funds, "batch_silent", days=3, unit="working_day")
    batch, finance = await reserved(district, "8", "8"), district.finance
    await post(finance, f"/batches/{batch}/lines", district.lines("8", "8"))
    assert (await post(finance, f"/batches/{batch}/seals", {})).status_code == 201
    monday = TODAY + (7 - TODAY.weekday()) * DAY
    sent = {"bank": str(district.bank), "occurred_on": monday.isoformat()}
    assert (await post(finance, f"/batches/{batch}/dispatches", sent)).status_code == 201
    await ticked(installation, funds, monday + 2 * DAY)
    mine = await installation.client(reporting, "finance")
    assert await todo(mine) == []
    await ticked(installation, funds, monday + 3 * DAY)
    (item,) = (await on_day(mine, monday + 8 * DAY).get("/my-tasks")).json()["items"]
    assert (item["target"], item["working_days_left"]) == (str(batch), -3)
    assert (item["assumed"], item["overdue"]) == (True, True)
    assert item["numbers"] == {
        "grade": "line",
        "lines": 2,
        "answered": 0,
        "sent_on": monday.isoformat(),
    }
    path = item["form"]["path"].removeprefix("/api/v1/funds")
    for nth, outcome in (
        (1, {"outcome": "credited"}),
        (2, {"outcome": "returned", "reason": "销户"}),
    ):
        line = {
            "line": nth,
            "beneficiary": district.lines("8", "8")["lines"][nth - 1]["beneficiary"],
        }
        answer = await post(finance, path, {"lines": [{**line, **outcome}]})
        assert answer.status_code == 201, answer.text
        await ticked(installation, funds, monday + 4 * DAY)
        assert len(await todo(mine)) == 2 - nth


async def test_an_approval_is_a_task_of_whoever_may_say_yes_and_of_its_maker_when_sent_back(
    installation: Installation,
) -> None:
    district = await open_district(installation)
    steward = await installation.client(funds, "steward")
    band = {"bands": [{"up_to_fen": None, "count": 1, "duties": ["finance", "auditor"]}]}
    row = {"key": "ReserveBatch", "valid_from": "2020-01-01", "values": band}
    await made(steward, "/reference/rows", {"set": "approval", "area": None, "row": row})
    await ruled(installation, funds, "approval_waiting", days=2, unit="working_day")
    await installation.catch_up()
    await installation.react(funds)
    batch: dict[str, Any] = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": "relief",
    }
    batch |= {"period": "2020", "grade": "line", "count": 1}
    id_ = await made(district.finance, "/batches", {**batch, "amount": yuan("8")})
    asked = await post(district.finance, f"/batches/{id_}/reservations", {})
    approval = asked.json()["id"]
    await _told(installation)
    maker = await installation.client(reporting, "finance", subject="officer")
    chief = await installation.client(reporting, "finance", subject="chief")
    auditor = await installation.client(reporting, "auditor", subject="reader")
    clerk = await installation.client(reporting, "clerk", subject="chief")
    assert [await todo(one) for one in (maker, clerk)] == [[], []]
    (item,) = (await chief.get("/my-tasks")).json()["items"]
    assert (item["kind"], item["reason"], item["target"]) == ("approval", "ReserveBatch", approval)
    path = f"/api/v1/funds/approvals/{approval}/approvals"
    assert item["form"] == {"method": "POST", "path": path}
    assert await todo(auditor) == [item["id"]]
    await ticked(installation, funds, TODAY + 7 * DAY)
    counts = (await chief.get("/my-tasks")).json()["counts"]
    assert counts == {"approval": 1, "approval_waiting": 1}
    said = await installation.client(funds, "finance", subject="chief")
    why = {"reason": "名单有误"}
    assert (await post(said, f"/approvals/{approval}/rejections", why)).status_code == 201
    await _told(installation)
    await ticked(installation, funds, TODAY + 7 * DAY)
    assert [await todo(one) for one in (chief, auditor)] == [[], []]
    (back,) = (await maker.get("/my-tasks")).json()["items"]
    assert (back["kind"], back["person"]) == ("approval_rejected", "officer")
    path = f"/tasks/{back['id']}/closures"
    assert refusal(await post(said, path, {"note": "x"})) == (403, "TaskNotYours")
    assert (await post(district.finance, path, {"note": "已重报"})).status_code == 201
    await _told(installation)
    assert await todo(maker) == []
    assert await decided_again(installation, funds) > 10


async def _told(installation: Installation) -> None:
    await installation.catch_up(funds)
    await installation.react(funds)
    await installation.catch_up(funds, reporting)


@pytest.fixture
async def office(installation: Installation, county: County) -> Office:
    office = await open_office(installation, county)
    for subject in ("chief", "deputy", "stranger"):
        await office.user(subject)
    for subject in ("deputy", "stranger"):
        await office.grant(subject, "clerk", county.west)
    await installation.catch_up()
    return office


async def test_a_delegate_sees_and_answers_the_principals_tasks_and_no_other_does(
    office: Office, county: County
) -> None:
    grant = await office.grant("chief", "finance", county.east)
    await office.delegate("chief", grant, "deputy", valid_from=str(TODAY), valid_until=str(TODAY))
    await office.installation.catch_up()
    person = str(office.ids["chief"])
    own = await opened(office.installation, funds, county.east_village, person=person)
    await opened(office.installation, funds, county.west, person=person)
    lists = {who: await office.as_(who, reporting) for who in ("chief", "deputy", "stranger")}
    assert await todo(lists["chief"]) == await todo(lists["deputy"]) == [str(own)]
    assert await todo(lists["stranger"]) == []
    path, note = f"/tasks/{own}/closures", {"note": "已办"}
    assert refusal(await post(await office.as_("stranger"), path, note))[0] == 403
    answered = await post(await office.as_("deputy"), path, note)
    assert answered.status_code == 201, answered.text
    await office.installation.catch_up()
    assert await todo(lists["chief"]) == []
    (done,) = (await lists["chief"].get("/my-tasks", params={"state": "closed"})).json()["items"]
    assert done["closed_by"] == str(office.ids["deputy"])


async def test_a_delegate_of_the_same_duty_answers_in_the_principals_seat(
    office: Office, county: County
) -> None:
    """As colleagues of one office are; by unit and post too, which are the principal's."""
    grant = await office.grant("chief", "finance", county.id)
    await office.grant("deputy", "finance", county.id)
    await office.delegate("chief", grant, "deputy", valid_from=str(TODAY), valid_until=str(TODAY))
    path = f"/users/{office.ids['deputy']}/posts"
    moved = {"unit": str(office.unit), "post": "科员"}
    assert (await post(office.security, path, moved)).status_code == 201
    await office.installation.catch_up()
    person = str(office.ids["chief"])
    lists = await office.as_("deputy", reporting)
    for more in ({"person": person}, {"post": "股长"}, {"post": "科员"}):
        own = await opened(office.installation, funds, county.east, **more)
        assert await todo(lists) == [str(own)]
        answered = await post(await office.as_("deputy"), f"/tasks/{own}/closures", {"note": "x"})
        assert answered.status_code == 201, (more, answered.text)
        await office.installation.catch_up()
    other = await opened(office.installation, funds, county.east, person=str(office.ids["deputy"]))
    assert await todo(await office.as_("chief", reporting)) == []
    assert await todo(lists) == [str(other)]


@pytest.mark.parametrize("area", ["west", "id"])
async def test_what_is_handed_over_is_the_successors_whatever_his_duty_and_area(
    office: Office, county: County, area: str
) -> None:
    await office.grant("chief", "finance", county.id)
    if area == "id":
        await office.grant("deputy", "auditor", county.id)
    await office.installation.catch_up()
    person = str(office.ids["chief"])
    own = await opened(office.installation, funds, county.east, person=person)
    path = f"/users/{office.ids['chief']}/handovers"
    body = {"to": str(office.ids["deputy"])}
    assert (await post(office.security, path, body)).status_code == 201
    await office.installation.catch_up()
    lists = {who: await office.as_(who, reporting) for who in ("chief", "deputy", "stranger")}
    assert [await todo(one) for one in lists.values()] == [[], [str(own)], []]
    closures, note = f"/tasks/{own}/closures", {"note": "已办"}
    for who in ("chief", "stranger"):
        assert (await post(await office.as_(who), closures, note)).status_code == 403
    answered = await post(await office.as_("deputy"), closures, note)
    assert answered.status_code == 201, answered.text
    await office.installation.catch_up()
    assert await todo(lists["deputy"]) == []
    assert await decided_again(office.installation, funds) > 1


async def test_nobody_closes_a_task_in_earnest_who_meant_to_try_it(
    office: Office, county: County
) -> None:
    """Of people of the directory, whose seat is found otherwise than by their token."""
    await office.grant("chief", "finance", county.id)
    await office.installation.catch_up()
    own = await opened(office.installation, funds, county.east)
    chief, path = await office.as_("chief"), f"/tasks/{own}/closures"
    for said in ("1", "True", "yes", "", "true&dry_run=false"):
        answer = await post(chief, f"{path}?dry_run={said}", {"note": "x"})
        assert (answer.status_code, answer.json()["title"]) == (400, "请求无法读取"), said
    named = await post(chief, f"{path}?of=13800000000", {"note": "x"})
    assert (named.status_code, "个人信息" in named.text) == (400, True)
    dry = await post(chief, f"{path}?dry_run=true", {"note": "x"})
    assert (dry.status_code, dry.json()["status"]) == (200, 201), dry.text
    await office.installation.catch_up()
    assert await todo(await office.as_("chief", reporting)) == [str(own)]


async def test_handing_over_moves_what_is_open_and_handing_back_moves_it_back(
    office: Office, county: County
) -> None:
    for subject in ("chief", "deputy"):
        await office.grant(subject, "finance", county.id)
    person = str(office.ids["chief"])
    own = await opened(office.installation, funds, county.east, person=person)
    lists = {who: await office.as_(who, reporting) for who in ("chief", "deputy")}
    closures = f"/tasks/{own}/closures"
    for giver, taker in (("chief", "deputy"), ("deputy", "chief")):
        body = {"to": str(office.ids[taker])}
        path = f"/users/{office.ids[giver]}/handovers"
        assert (await post(office.security, path, body)).status_code == 201
        await office.installation.catch_up()
        assert (await todo(lists[giver]), await todo(lists[taker])) == ([], [str(own)])
        gone = await post(await office.as_(giver), closures, {"note": "x"})
        assert refusal(gone) == (403, "TaskNotYours")
    assert (await post(await office.as_("chief"), closures, {"note": "x"})).status_code == 201


async def test_a_task_may_wait_for_one_unit_or_post_alone(office: Office, county: County) -> None:
    await office.grant("chief", "finance", county.id)
    await office.installation.catch_up()
    one = await opened(office.installation, funds, county.east, unit=office.unit, post="股长")
    for other in ({"unit": county.id}, {"post": "科长"}):
        elsewhere = await opened(office.installation, funds, county.east, **other)
        closed = await post(
            await office.as_("chief"), f"/tasks/{elsewhere}/closures", {"note": "x"}
        )
        assert refusal(closed) == (403, "TaskNotYours")
    assert await todo(await office.as_("chief", reporting)) == [str(one)]


async def test_all_grants_count_at_once_and_none_has_to_be_chosen(
    office: Office, county: County
) -> None:
    await office.grant("chief", "finance", county.east)
    await office.grant("chief", "clerk", county.west)
    await office.installation.catch_up()
    wanted = [
        await opened(office.installation, funds, county.east_village, due_on=TODAY),
        await opened(office.installation, assets, county.west, waits_for="clerk"),
    ]
    await opened(office.installation, funds, county.west)
    await opened(office.installation, funds, None)
    chief = await office.as_("chief", reporting)
    assert await todo(chief) == [str(one) for one in wanted]
    assert await todo(chief, area=str(county.west)) == [str(wanted[1])]
    assert (await chief.get("/my-tasks", params={"area": str(county.id)})).status_code == 404
    assert (await chief.get("/my-tasks", params={"area": str(uuid4())})).status_code == 404


async def test_by_deadline_in_pages_with_counts_and_how_far_each_source_is_read(
    installation: Installation, county: County
) -> None:
    due = ((funds, 3), (assets, 1), (households, 2), (reporting, None))
    ids = {}
    for service, days in due:
        when = None if days is None else TODAY + days * DAY
        kind = "odd" if days in (1, 3) else "even"
        # Of one id in each: a task's id follows from area, kind and cause.
        ids[days] = await opened(
            installation, service, county.id, due_on=when, kind=kind, about="x"
        )
    finance = await installation.client(reporting, "finance")
    wanted = [str(ids[days]) for days in (1, 2, 3, None)]
    first = (await finance.get("/my-tasks", params={"limit": 3})).json()
    assert [item["id"] for item in first["items"]] == wanted[:3]
    assert [item["days_left"] for item in first["items"]] == [1, 2, 3]
    rest = (await finance.get("/my-tasks", params={"cursor": first["next"]})).json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (wanted[3:], None)
    assert await todo(finance, kind="odd") == [str(ids[1]), str(ids[3])]
    odd = (await finance.get("/my-tasks", params={"kind": "odd"})).json()
    assert odd["counts"] == {"even": 2, "odd": 2}
    assert set(odd["complete_to"]) == {"funds", "assets", "households", "reporting"}
    log = await installation.log(funds)
    head = await log.pool.fetchval("SELECT max(position) FROM es.events")
    assert odd["complete_to"]["funds"] == {"position": head, "stopped": None}
    assert (await finance.get("/my-tasks", params={"kind": "x y"})).status_code == 422
    system = await installation.client(reporting, "system")
    assert (await system.get("/my-tasks")).status_code == 403
