"""Whose task an approval is: of those who may still say yes, and of none who had their part."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from libs.events.clock import today
from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting
from tests.clock import ruled, ticked
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.imports.desk import desk as sheets
from tests.imports.desk import sheet
from tests.office import Office, open_office, refusal
from tests.registry import decided_again, made, post

TODAY = today()
DAY = timedelta(days=1)
PEOPLE = ("chief", "deputy", "third", "fourth", "fifth")


HEADS = ("文号", "文件标题", "级次", "年度", "资金名称", "批次", "用途", "金额(万元)", "下达日期")
LETTER = ("测财农〔2020〕91号", "关于下达资金的通知", "中央", 2020, "专项资金", "第一批")


class Desk:
    """A district where two say yes to a reservation, and five people of finance."""

    def __init__(self, installation: Installation, district: District, office: Office) -> None:
        self.installation, self.district, self.office = installation, district, office
        self.grants: dict[str, UUID] = {}

    async def asks(self, maker: AsyncClient) -> UUID:
        batch: dict[str, Any] = {
            "area": str(self.district.county.id),
            "project": str(self.district.project),
            "scheme": "relief",
        }
        batch |= {"period": "2020", "grade": "line", "count": 1, "amount": yuan("8")}
        id_ = await made(self.district.finance, "/batches", batch)
        asked = await post(maker, f"/batches/{id_}/reservations", {})
        assert asked.status_code == 202, asked.text
        await self.told()
        return UUID(asked.json()["id"])

    async def says_yes(self, who: str, approval: UUID) -> None:
        client = await self.office.as_(who)
        digest = (await client.get(f"/approvals/{approval}")).json()["digest"]
        said = await post(client, f"/approvals/{approval}/approvals", {"digest": digest})
        assert said.status_code == 201, said.text
        await self.told()

    async def hands_over(self, giver: str, taker: str) -> None:
        path = f"/users/{self.office.ids[giver]}/handovers"
        body = {"to": str(self.office.ids[taker])}
        assert (await post(self.office.security, path, body)).status_code == 201
        await self.installation.catch_up(households, funds, reporting)

    async def told(self) -> None:
        await self.installation.catch_up(funds)
        await self.installation.react(funds)
        await self.installation.catch_up(funds, reporting)

    async def tasks(self, who: str, kind: str = "approval") -> list[str]:
        client = await self.office.as_(who, reporting)
        answer = await client.get("/my-tasks", params={"kind": kind})
        return [item["id"] for item in answer.json().get("items", ())]

    async def who_has_one(self, kind: str = "approval") -> list[str]:
        return [who for who in PEOPLE if await self.tasks(who, kind)]

    async def closes(self, who: str, task: str) -> tuple[int, str]:
        return refusal(await post(await self.office.as_(who), f"/tasks/{task}/closures", NOTE))


NOTE = {"note": "x"}


@pytest.fixture
async def desk(installation: Installation) -> Desk:
    district = await open_district(installation)
    steward = await installation.client(funds, "steward")
    bands = {"bands": [{"up_to_fen": None, "count": 2, "duties": ["finance"]}]}
    row = {"key": "ReserveBatch", "valid_from": "2020-01-01", "values": bands}
    await made(steward, "/reference/rows", {"set": "approval", "area": None, "row": row})
    await ruled(installation, funds, "approval_waiting", days=2)
    office = await open_office(installation, district.county)
    desk = Desk(installation, district, office)
    for who in PEOPLE:
        await office.user(who)
        if who != "deputy":
            desk.grants[who] = await office.grant(who, "finance", district.county.id)
    await installation.catch_up()
    await installation.react(funds)
    return desk


async def test_who_handed_over_what_was_asked_may_not_close_it(desk: Desk) -> None:
    await desk.asks(await desk.office.as_("chief"))
    await desk.hands_over("chief", "third")
    assert await desk.who_has_one() == ["fourth", "fifth"]
    (task,) = await desk.tasks("fourth")
    for who in ("chief", "third"):
        assert await desk.closes(who, task) == (403, "TaskNotYours")


async def test_who_said_yes_is_not_asked_again_and_nobody_closes_it_by_hand(desk: Desk) -> None:
    approval = await desk.asks(await desk.office.as_("chief"))
    assert await desk.who_has_one() == ["third", "fourth", "fifth"]
    (first,) = await desk.tasks("third")
    assert await desk.closes("third", first) == (409, "ClosesWithApproval")
    await desk.says_yes("third", approval)
    assert await desk.who_has_one() == ["fourth", "fifth"]
    (second,) = await desk.tasks("fourth")
    assert await desk.closes("third", first) == (409, "TaskAlreadyClosed")
    assert await desk.closes("third", second) == (403, "TaskNotYours")
    assert await desk.closes("fifth", second) == (409, "ClosesWithApproval")
    await ticked(desk.installation, funds, TODAY + 3 * DAY)
    assert await desk.who_has_one("approval_waiting") == ["fourth", "fifth"]
    await desk.says_yes("fourth", approval)
    await ticked(desk.installation, funds, TODAY + 3 * DAY)
    assert await desk.who_has_one() == await desk.who_has_one("approval_waiting") == []
    assert await decided_again(desk.installation, funds) > 10


async def test_the_principal_of_the_maker_is_not_asked(desk: Desk) -> None:
    days = {"valid_from": str(TODAY), "valid_until": str(TODAY)}
    await desk.office.delegate("chief", desk.grants["chief"], "deputy", **days)
    await desk.installation.catch_up()
    await desk.asks(await desk.office.as_("deputy"))
    assert await desk.who_has_one() == ["third", "fourth", "fifth"]
    (task,) = await desk.tasks("fifth")
    for who in ("chief", "deputy"):
        assert await desk.closes(who, task) == (403, "TaskNotYours")
    await ticked(desk.installation, funds, TODAY + 3 * DAY)
    assert await desk.who_has_one("approval_waiting") == ["third", "fourth", "fifth"]


async def test_what_an_import_asks_for_is_a_task_of_those_who_may_say_yes(desk: Desk) -> None:
    steward = await desk.installation.client(funds, "steward")
    bands = {"bands": [{"up_to_fen": None, "count": 1, "duties": ["finance"]}]}
    row = {"key": "RegisterLot", "valid_from": "2020-01-01", "values": bands}
    await made(steward, "/reference/rows", {"set": "approval", "area": None, "row": row})
    letter = {"kind": "funding", "level": "central", "issued_on": "2020-03-01"}
    letter |= {"number": LETTER[0], "title": LETTER[1], "area": str(desk.district.county.id)}
    await made(desk.district.finance, "/documents", letter)
    at = await sheets(desk.installation, funds, "finance")
    rows = sheet(HEADS, (*LETTER, "water", 12.5, "2020-03-01"))
    await at.taken("lots", desk.district.county.id, rows, "valid_rows")
    await desk.told()
    assert await desk.who_has_one() == [who for who in PEOPLE if who != "deputy"]
