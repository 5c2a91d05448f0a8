"""Figures by the areas of each entry's own day, and by those of one day, after a merger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from httpx import AsyncClient

from libs.events.clock import today
from libs.events.contracts.funds import FundPaid
from libs.events.contracts.households import AreaMoved
from tests.events_of import plant
from tests.reporting import planted
from tests.reporting.conftest import District, figure
from tests.reporting.definitions import USED
from tests.reporting.planted import NEW_TOWN, SUMMER, TOWN, VILLAGE, WINTER
from tests.reporting.test_figures_api import filtered

REGISTER = {"measure": "sum", "over": "households", "field": "persons", "unit": "人"}
CODES = ("new.persons", "new.flagged", "new.used", "old.persons", "old.used", "county.used")
OLD = {
    "new.persons": "0",
    "new.flagged": "1",
    "new.used": "35",
    "old.persons": "9",
    "old.used": "30",
    "county.used": "353.6",
}
"""By the areas of each day: registered in spring below TOWN, paid in winter below NEW_TOWN. What
lies in TOWN itself (30) is still its own beside."""
NEW = {**OLD, "new.persons": "9", "old.persons": "0"}


async def merged(district: District, since: date = SUMMER) -> AsyncClient:
    """Figures of both townships, declared; TOWN merged into NEW_TOWN from a day on."""
    await planted.plant_merger(district.logs["households"], since)
    await district.catch_up()
    clerk = await district.client("clerk")
    flagged = {"measure": "distinct", "over": "households", "field": "household", "unit": "户"}
    given: dict[str, dict[str, Any]] = {
        "new__persons": filtered(REGISTER, area=str(NEW_TOWN)),
        "new__flagged": filtered(flagged, area=str(NEW_TOWN), fact="flagged"),
        "new__used": filtered(USED, area=str(NEW_TOWN)),
        "old__persons": filtered(REGISTER, area=str(TOWN)),
        "old__used": filtered(USED, area=str(TOWN)),
        "county__used": USED,
    }
    await district.declare(clerk, **given)
    return clerk


async def values(clerk: AsyncClient, **asked: str) -> dict[str, str]:
    found = {}
    for code in CODES:
        answer = await clerk.get(f"/figures/{code}/value", params=asked)
        assert answer.status_code == 200, answer.text
        found[code] = answer.json()["printed"]
    return found


async def test_entries_count_where_their_area_stood_on_their_day_or_stands_today(
    district: District,
) -> None:
    clerk = await merged(district)
    assert await values(clerk) == await values(clerk, basis="then") == OLD
    assert await values(clerk, basis="today") == NEW
    assert await values(clerk, basis="today", areas_on="2020-06-30") == {
        **OLD,
        "new.flagged": "0",
        "new.used": "0",
        "old.used": "35",
    }


async def test_an_answer_says_its_basis_and_its_day(district: District) -> None:
    clerk = await merged(district)
    told = (await clerk.get("/figures/new.used/value")).json()
    assert (told["basis"], "areas_on" in told) == ("then", False)
    for address in ("value", "explanation"):
        told = (await clerk.get(f"/figures/new.used/{address}", params={"basis": "today"})).json()
        assert (told["basis"], told["areas_on"]) == ("today", today().isoformat())
    refused = await clerk.get("/figures/new.used/value", params={"areas_on": "2020-01-01"})
    assert (refused.status_code, "basis=today" in refused.text) == (400, True)


async def test_the_date_by_which_a_figure_counts_picks_the_areas(district: District) -> None:
    """Paid on one day, in the books of another; the areas changed between them."""
    await planted.plant_merger(district.logs["households"], date(2021, 1, 1))
    clerk = await district.client("clerk")
    used = filtered(USED, area=str(NEW_TOWN))
    await district.declare(clerk, books=used, happened={**used, "date_basis": "occurred_on"})
    log = district.logs["funds"]
    moved = planted.move(planted.D6, "industry", planted.PAY, "1", planted.POINTS, area=VILLAGE)
    late = FundPaid(
        area=planted.COUNTY,
        lot=planted.D6,
        payment=None,
        batch=planted.POINTS_LIST,
        movements=(moved,),
    )
    await plant(log, (planted.D6, late), on=date(2021, 2, 1), occurred_on=WINTER)
    await district.catch_up()
    for code, printed in (("books", "1"), ("happened", "0")):
        assert (await clerk.get(f"/figures/{code}/value")).json()["printed"] == printed


async def test_an_explanation_lists_what_its_basis_counts(district: District) -> None:
    clerk = await merged(district)
    for basis, count in (("then", 0), ("today", 3)):
        told = await clerk.get("/figures/new.persons/explanation", params={"basis": basis})
        assert [one["counted"] for one in told.json()["entries"]] == [3, 2, 4][:count]


async def test_a_merger_that_was_not_known_at_the_cut_moves_nothing(district: District) -> None:
    """And a kept cut with its basis gives the same bytes whatever areas do later."""
    before = datetime.now(UTC).isoformat()
    clerk = await merged(district)
    assert (await values(clerk, basis="today", known_at=before))["old.persons"] == "9"
    once = {"known_at": "2020-01-01T00:30:00+08:00", "basis": "today"}
    told = (await clerk.get("/figures/old.persons/value", params=once)).json()
    assert (told["printed"], told["areas_on"]) == ("0", "2020-01-01")
    made = await district.post(clerk, "/cuts", name="kept", area=str(planted.COUNTY))
    assert made.status_code == 201, made.text
    await district.catch_up()
    asked = {"cut": "kept", "basis": "today"}
    first = await clerk.get("/figures/new.persons/value", params=asked)
    assert (first.json()["printed"], first.json()["areas_on"]) == ("9", today().isoformat())
    away = AreaMoved(
        area=VILLAGE,
        parent=planted.OTHER,
        path=(planted.PROVINCE, planted.OTHER, VILLAGE),
        valid_from=date(2020, 8, 1),
        document="历城政发〔2020〕10号",
    )
    await plant(district.logs["households"], (VILLAGE, away), on=SUMMER)
    await district.catch_up()
    again = await clerk.get("/figures/new.persons/value", params=asked)
    assert again.content == first.content
    assert (await values(clerk, basis="today"))["new.persons"] == "0"


async def test_a_printed_line_leads_to_its_explanation_on_the_same_basis(
    district: District,
) -> None:
    clerk = await merged(district)
    lines = [{"label": "新街道人数", "figure": "new.persons"}]
    body = {"statement": "s", "title": "表", "area": str(planted.COUNTY), "year": 2020}
    made = await district.post(clerk, "/statements", **body, lines=lines)
    assert made.status_code == 201, made.text
    await district.catch_up()
    for basis, printed in (("then", "0"), ("today", "9")):
        shown = (await clerk.get("/statements/s", params={"basis": basis})).json()
        (line,) = shown["lines"]
        assert (shown["basis"], line["printed"]) == (basis, printed)
        told = await clerk.get(line["explanation"].removeprefix("/api/v1/reporting"))
        assert (told.json()["printed"], told.json()["basis"]) == (printed, basis)


async def test_a_figure_of_the_successor_covers_what_was_merged_into_it(
    district: District,
) -> None:
    """Declared for the new township itself, and read within its scope."""
    await planted.plant_merger(district.logs["households"], SUMMER)
    await district.catch_up()
    scoped = await district.client("clerk", area=NEW_TOWN)
    made = await district.post(scoped, "/figures", **figure("p", REGISTER, NEW_TOWN))
    assert made.status_code == 201, made.text
    await district.catch_up()
    for basis, printed in (("then", "0"), ("today", "9")):
        told = await scoped.get("/figures/p/value", params={"basis": basis})
        assert told.json()["printed"] == printed
