"""Indicators over HTTP: twelve townships report, the county's sum is a figure like any other, and
who is missing is shown (capability 39)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from httpx import AsyncClient, Response

from libs.events.loads import LiveStreams
from services.__main__ import SERVICES
from services.households.service import service as households
from services.reporting.domain.indicator import indicators
from services.reporting.service import service as reporting
from tests.conftest import Installation
from tests.events_of import plant
from tests.registry import area, decided_again, made, post
from tests.reporting.conftest import District

TOWNS = 12
DAY = {"occurred_on": "2024-04-05"}


@dataclass
class Reported:
    """A county of twelve townships, an indicator of its own, and who asks and enters."""

    installation: Installation
    county: UUID
    towns: list[UUID]
    village: UUID
    clerk: AsyncClient

    async def define(self, code: str = "training.sessions", **more: Any) -> UUID:
        body = indicator(code, self.county) | more
        id_ = await made(self.clerk, "/indicators", body)
        await self.installation.catch_up(reporting)
        return id_

    async def enter(
        self, id_: UUID, at: UUID, text: str | None, period: str = "2024-03", **more: Any
    ) -> Response:
        value = None if text is None else {"text": text, "unit": more.pop("unit", "期")}
        body = {**DAY, "area": str(at), "period": period, "value": value, **more}
        return await post(self.clerk, f"/indicators/{id_}/values", body)

    async def entered(self, id_: UUID, at: UUID, text: str | None, *a: str, **more: Any) -> None:
        answer = await self.enter(id_, at, text, *a, **more)
        assert answer.status_code == 201, answer.text

    async def figure(self, code: str, id_: UUID, **more: Any) -> Response:
        where = [{"field": "indicator", "values": [str(id_)]}]
        where += [{"field": f, "values": v} for f, v in more.pop("where", {}).items()]
        definition = {"measure": "sum", "over": "indicators", "field": "value", "where": where}
        at = more.pop("at", self.county)
        body = {"figure": code, "title": code, "area": str(at), "definition": definition | more}
        return await post(self.clerk, "/figures", body)

    async def declared(self, code: str, id_: UUID, **more: Any) -> None:
        answer = await self.figure(code, id_, **more)
        assert answer.status_code == 201, answer.text

    async def said(self, code: str, what: str = "value", **asked: Any) -> Any:
        await self.installation.catch_up(reporting)
        answer = await self.clerk.get(f"/figures/{code}/{what}", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()


def indicator(code: str, at: UUID) -> dict[str, Any]:
    return {
        "area": str(at),
        "code": code,
        "title": "培训期数",
        "unit": "期",
        "period": "month",
        "over_areas": "sum",
        "over_periods": "sum",
        "level": "township",
        "valid_from": "2024-01-01",
    }


@pytest.fixture
async def at(installation: Installation) -> AsyncIterator[Reported]:
    steward = await installation.client(households, "steward", subject="steward")
    county = await made(steward, "/areas", area("900101", "演示县", "county", None))
    towns = []
    for nth in range(1, TOWNS + 1):
        body = area(f"9001011{nth:02}", f"演示{nth}镇", "township", county)
        towns.append(await made(steward, "/areas", body))
    village = await made(steward, "/areas", area("900101101201", "演示村", "village", towns[0]))
    await installation.catch_up(reporting)
    logs = {service.name: await installation.log(service) for service in SERVICES}
    async with AsyncExitStack() as stack:
        district = District(installation, logs, stack)
        yield Reported(installation, county, towns, village, await district.client("clerk"))


def numbers(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_the_sum_of_the_townships_is_a_figure_and_the_missing_one_is_shown(
    at: Reported,
) -> None:
    id_ = await at.define()
    await at.declared("training", id_, where={"period": ["2024-03"]})
    for nth, town in enumerate(at.towns[:-1], 1):
        await at.entered(id_, town, str(nth))
    said = await at.said("training")
    assert (said["printed"], said["raw"], said["unit"], said["events"]) == ("66", 66, "期", 11)
    last = {"area": str(at.towns[-1]), "code": "900101112", "name": "演示12镇"}
    assert said["missing"] == {"count": 1, "first": [{**last, "period": "2024-03"}]}

    why = await at.said("training", "explanation")
    assert [one["counted"] for one in why["entries"]] == list(range(1, 12))
    assert {one["indicator.code"] for one in why["entries"]} == {"training.sessions"}
    assert why["formula"] == "填报：填报值合计，按入账生效日截止"

    shown = (await at.clerk.get(f"/indicators/{id_}/values", params={"period": "2024-03"})).json()
    assert (len(shown["items"]), shown["missing"]["count"]) == (11, 1)
    assert shown["missing"]["first"][0]["name"] == "演示12镇"

    await at.entered(id_, at.towns[-1], "0")
    full = await at.said("training")
    assert (full["printed"], full["events"], full["missing"]["count"]) == ("66", 12, 0)
    assert await decided_again(at.installation, reporting) > 12


async def test_a_corrected_value_leaves_figures_at_an_older_cut_as_they_were(
    at: Reported,
) -> None:
    id_ = await at.define()
    await at.declared("training", id_)
    await at.entered(id_, at.towns[0], "4")
    await at.said("training")
    before = {"known_at": datetime.now(UTC).isoformat()}
    old = await at.said("training", **before)

    assert numbers(await at.enter(id_, at.towns[0], "14")) == (409, "AlreadyEntered")
    await at.entered(id_, at.towns[0], "14", reason="漏报十期")
    assert (await at.said("training"))["printed"] == "14"
    again = await at.said("training", **before)
    assert (again, old["printed"], old["events"]) == (old, "4", 1)

    await at.installation.catch_up(reporting)
    shown = (await at.clerk.get(f"/indicators/{id_}/values")).json()
    assert [(one["value"], one["reason"], one["stands"]) for one in shown["items"]] == [
        ("14", "漏报十期", True),
        ("4", None, False),
    ]
    await at.entered(id_, at.towns[0], None, reason="误报")
    gone = await at.said("training", "explanation")
    assert (gone["printed"], gone["events"], gone["entries"]) == (None, 0, [])
    assert gone["not_printed"] == "尚无填报，没有可印的数"


async def test_what_must_not_be_added_up_is_refused_as_a_sum(at: Reported) -> None:
    rate = await at.define("water.rate", unit="%", over_areas="none", decimals=2)
    assert numbers(await at.figure("rate", rate)) == (409, "NotAddedUp")
    first: dict[str, list[str]] = {"at": [str(at.towns[0])], "period": ["2024-03"]}
    await at.declared("rate", rate, where=first)
    await at.entered(rate, at.towns[0], "99.5", unit="%")
    said = await at.said("rate")
    assert (said["printed"], said["raw"], said["unit"]) == ("99.50", 9950, "%")
    assert said["missing"] == {"count": 0, "first": []}

    stock = await at.define("groups", unit="个", over_periods="last")
    assert numbers(await at.figure("stock", stock)) == (409, "NotAddedUp")
    assert numbers(await at.figure("stock", stock, measure="last", unit="期")) == (409, "OtherUnit")
    await at.declared("stock", stock, measure="last")
    for town, text, period in ((0, "3", "2024-02"), (0, "5", "2024-03"), (1, "7", "2024-02")):
        await at.entered(stock, at.towns[town], text, period, unit="个")
    now = await at.said("stock", counted_until="2024-03-31")
    assert (now["printed"], now["events"], now["missing"]["count"]) == ("12", 2, TOWNS - 1)
    assert (await at.said("stock", counted_until="2024-02-29"))["printed"] == "10"


async def test_one_level_reports_and_no_village_is_counted_beside_its_township(
    at: Reported,
) -> None:
    """Also where a definition of before named another level."""
    id_ = await at.define(level="village")
    await at.declared("training", id_, where={"period": ["2024-03"]})
    await at.entered(id_, at.village, "5")
    log = await at.installation.log(reporting)
    was = (await LiveStreams(log.loads).load(indicators, id_)).defined
    assert was is not None
    again = msgspec.structs.replace(was, level="township")
    await plant(log, (id_, again), on=date(2024, 4, 5))
    await at.entered(id_, at.towns[0], "5")
    assert (await at.said("training"))["printed"] == "5"
    why = await at.said("training", "explanation")
    assert [one["at"] for one in why["entries"]] == [str(at.towns[0])]


async def test_a_period_of_which_nobody_said_anything_is_missing_and_prints_nothing(
    at: Reported,
) -> None:
    """Of the periods that are over; the indicator is asked from January to April."""
    id_ = await at.define(valid_until="2024-04-30")
    await at.declared("training", id_)
    asked = {"counted_until": "2024-03-30"}
    none = await at.said("training", **asked)
    assert (none["printed"], none["raw"], none["events"]) == (None, None, 0)
    assert none["missing"]["count"] == 2 * TOWNS
    assert none["missing"]["first"][0]["period"] == "2024-01"
    assert (await at.said("training"))["missing"]["count"] == 4 * TOWNS
    await at.declared("newest", id_, measure="last")
    await at.entered(id_, at.towns[0], "0", "2024-01")
    some = await at.said("training", **asked)
    assert (some["printed"], some["raw"], some["missing"]["count"]) == ("0", 0, 2 * TOWNS - 1)
    last = await at.said("newest", **asked)
    assert (last["printed"], last["missing"]["count"]) == ("0", TOWNS)
    assert {one["period"] for one in last["missing"]["first"]} == {"2024-02"}
    year = await at.define("persons", period="year")
    await at.declared("persons", year)
    ratio: dict[str, Any] = {"measure": "ratio", "numerator": "training", "denominator": "persons"}
    ratio |= {"scale": 100, "decimals": 1, "unit": "%"}
    body = {"figure": "share", "title": "x", "area": str(at.county), "definition": ratio}
    assert (await post(at.clerk, "/figures", body)).status_code == 201
    share = await at.said("share", **asked)
    assert (share["printed"], share["not_printed"]) == (None, "尚无填报，没有可印的数")
    assert share["denominator"]["missing"]["count"] == 0


async def test_an_area_that_is_no_more_counts_until_those_that_follow_it_have_said(
    at: Reported,
) -> None:
    """Merged, merged again before anybody said anything, and divided."""
    id_ = await at.define("groups", unit="个", over_periods="last")
    await at.declared("stock", id_, measure="last")
    steward = await at.installation.client(households, "steward", subject="steward")
    for town, text in enumerate(("10", "20", "1", "2", "6")):
        await at.entered(id_, at.towns[town], text, "2024-01", unit="个")
    parts = []
    for nth in (1, 2):
        new = area(f"9001011{50 + nth}", f"新设{nth}镇", "township", at.county)
        parts.append(str(await made(steward, "/areas", new)))
    why = {"valid_from": "2024-02-01", "document": "某政发〔2024〕1号"}
    for gone, into in ((0, 1), (2, 3), (3, 1)):
        body = {**why, "successor": str(at.towns[into])}
        await made(steward, f"/areas/{at.towns[gone]}/mergers", body)
    apart = {**why, "ends": True, "parts": [{"area": part} for part in parts]}
    await made(steward, f"/areas/{at.towns[4]}/splits", apart)
    assert (await at.said("stock"))["printed"] == "39"
    await at.entered(id_, at.towns[1], "30", "2024-02", unit="个")
    said = await at.said("stock")
    assert (said["printed"], said["events"]) == ("36", 2)
    assert (await at.said("stock", counted_until="2024-01-31"))["printed"] == "39"
    first, second = map(UUID, parts)
    await at.entered(id_, first, "4", "2024-02", unit="个")
    assert (await at.said("stock"))["printed"] == "40", "one part alone says not what both have"
    await at.entered(id_, second, "3", "2024-03", unit="个")
    assert (await at.said("stock"))["printed"] == "37"


async def test_a_share_of_two_indicators_is_of_their_values_whatever_their_decimals(
    at: Reported,
) -> None:
    done = await at.define("done", unit="亩", decimals=2)
    planned = await at.define("planned", unit="亩")
    for id_, text in ((done, "1.25"), (planned, "5")):
        await at.entered(id_, at.towns[0], text, unit="亩")
    await at.declared("done", done)
    await at.declared("planned", planned)
    ratio: dict[str, Any] = {"measure": "ratio", "numerator": "done", "denominator": "planned"}
    ratio |= {"scale": 100, "decimals": 1, "unit": "%"}
    body = {"figure": "share", "title": "x", "area": str(at.county), "definition": ratio}
    assert (await post(at.clerk, "/figures", body)).status_code == 201
    assert (await at.said("share"))["printed"] == "25.0"


async def test_a_township_sees_what_the_county_asks_and_enters_only_its_own(at: Reported) -> None:
    id_ = await at.define()
    town = await at.installation.client(reporting, "clerk", area=at.towns[0])
    listed = (await town.get("/indicators")).json()["items"]
    assert [(one["id"], one["level"]) for one in listed] == [(str(id_), "township")]
    body = {**DAY, "period": "2024-03", "value": {"text": "3", "unit": "期"}}
    own = await post(town, f"/indicators/{id_}/values", {**body, "area": str(at.towns[0])})
    assert own.status_code == 201, own.text
    other = await post(town, f"/indicators/{id_}/values", {**body, "area": str(at.towns[1])})
    assert numbers(other) == (403, "NotYourArea")
    county = await post(at.clerk, f"/indicators/{id_}/values", {**body, "area": str(at.county)})
    assert numbers(county) == (409, "NotTheReporter")
    await at.installation.catch_up(reporting)
    shown = (await town.get(f"/indicators/{id_}/values", params={"period": "2024-03"})).json()
    assert ([one["value"] for one in shown["items"]], shown["missing"]["count"]) == (["3"], 0)


async def test_a_jump_bends_as_reference_data_says(at: Reported) -> None:
    id_ = await at.define()
    steward = await at.installation.client(reporting, "steward", subject="steward")
    await _row(steward, "indicator_jump", "any", {"percent": 30})
    await at.entered(id_, at.towns[0], "10", "2024-02")
    assert numbers(await at.enter(id_, at.towns[0], "14")) == (409, "UnexplainedJump")
    warned = {"severity": "warn", "roles": [], "evidence": False}
    await _row(steward, "severity", "UnexplainedJump", warned)
    let = await at.enter(id_, at.towns[0], "14")
    assert (let.status_code, let.json()["warnings"][0]["rule"]) == (201, "UnexplainedJump")


async def _row(steward: AsyncClient, set_: str, key: str, values: dict[str, Any]) -> None:
    row = {"key": key, "valid_from": "2013-01-01", "values": values}
    answer = await post(steward, "/reference/rows", {"set": set_, "area": None, "row": row})
    assert answer.status_code == 201, answer.text
