"""Figures over planted entries: declared as data, asked at two times, held within an area."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.contracts.assets import AssetClassified
from libs.events.contracts.funds import FundPaid
from services.reporting.service import service as reporting
from tests.events_of import plant
from tests.reporting import planted
from tests.reporting.conftest import District, figure
from tests.reporting.definitions import POOLED_HABITAT, RATE, RECEIVED, UNSPENT, USED, money
from tests.reporting.planted import COUNTY, OTHER, PROVINCE

LINES: dict[str, Any] = {"measure": "sum", "over": "lines", "field": "amount_fen", "unit": "万元"}


def filtered(definition: dict[str, Any], **where: str) -> dict[str, Any]:
    filters = [{"field": f.replace("__", "."), "values": [v]} for f, v in where.items()]
    return {**definition, "where": [*definition.get("where", ()), *filters]}


FIGURES: dict[str, tuple[dict[str, Any], str, int]] = {
    "recv.total": (RECEIVED, "1062.85", 4),
    "recv.upper": (
        {
            **RECEIVED,
            "where": [
                *RECEIVED["where"],
                {"field": "lot.level", "values": ["province", "prefecture"]},
            ],
        },
        "29.85",
        2,
    ),
    "recv.d6": (filtered(RECEIVED, lot__fund_name="区级行业"), "941", 1),
    "pooled.habitat": (POOLED_HABITAT, "303", 2),
    "used.total": (USED, "353.6", 6),
    "used.yulu": (filtered(USED, project__name="雨露计划"), "5", 2),
    "used.relief": (filtered(USED, project__kind="relief"), "353.6", 6),
    "used.village": (filtered(USED, area=str(planted.VILLAGE)), "5", 2),
    "used.town": (filtered(USED, area=str(planted.TOWN)), "35", 3),
    "used.summary": (filtered(USED, grade="summary"), "30", 1),
    "unspent": (UNSPENT, "709.25", 26),
    "lines.paid": (LINES, "5", 2),
    "lines.returned": (filtered(LINES, state="returned"), "1", 1),
    "lines.count": ({**LINES, "field": "lines", "unit": "户"}, "2", 2),
    "lines.households": (
        {"measure": "distinct", "over": "lines", "field": "household", "unit": "户"},
        "2",
        2,
    ),
    "insured": (
        filtered(
            {"measure": "sum", "over": "populations", "field": "persons", "unit": "人"},
            population="insured",
        ),
        "2381",
        1,
    ),
    "points.households": (
        filtered(
            {"measure": "sum", "over": "populations", "field": "households", "unit": "户"},
            grade="summary",
            project__name="积分奖励",
        ),
        "1066",
        1,
    ),
    "register": (
        {"measure": "sum", "over": "households", "field": "persons", "unit": "人"},
        "9",
        3,
    ),
    "register.real": (
        filtered({"measure": "count", "over": "households", "unit": "户"}, synthetic="false"),
        "0",
        0,
    ),
    "flagged": (
        filtered(
            {"measure": "distinct", "over": "households", "field": "household", "unit": "户"},
            fact="flagged",
        ),
        "1",
        1,
    ),
    "assets.to_household": (
        filtered(
            {"measure": "sum", "over": "assets", "field": "value_fen", "unit": "万元"},
            category="to_household",
        ),
        "303",
        1,
    ),
    "assets.from_d6": (
        filtered(
            {"measure": "sum", "over": "assets", "field": "value_fen", "unit": "万元"},
            fact="source",
            lot__fund_name="区级行业",
        ),
        "211",
        1,
    ),
    "assets.number": (
        {"measure": "sum", "over": "assets", "field": "assets", "unit": "项"},
        "1",
        1,
    ),
    "used.payees": (filtered(USED, place__kind="payee"), "353.6", 6),
    "used.2020": (filtered(USED, lot__year="2020"), "353.6", 6),
    "used.2019": (filtered(USED, lot__year="2019"), "0", 0),
    "used.d3": (filtered(USED, lot=str(planted.D3)), "92", 1),
    "lots.paying": (
        {**filtered(USED), "measure": "distinct", "field": "lot", "unit": "笔"},
        "4",
        6,
    ),
    "lines.credited": ({**USED, "field": "lines", "unit": "户"}, "1068", 6),
    "lines.waiting": ({**money("in_flight"), "field": "lines", "unit": "户"}, "0", 13),
    "execution": (RATE, "33.27", 10),
    "share.yulu": ({**RATE, "numerator": "used.yulu", "denominator": "used.total"}, "1.41", 6),
}


async def test_figures_say_what_the_entries_say(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(
        clerk, **{code.replace(".", "__"): given for code, (given, _, _) in FIGURES.items()}
    )
    said = {code: (await clerk.get(f"/figures/{code}/value")).json() for code in FIGURES}
    assert {code: (one["printed"], one["events"]) for code, one in said.items()} == {
        code: (text, events) for code, (_, text, events) in FIGURES.items()
    }
    assert said["used.total"]["raw"] == 353_600_000
    assert (said["execution"]["raw"], said["execution"]["unit"]) == (None, "%")
    assert said["execution"]["numerator"]["raw"] == 353_600_000
    assert said["execution"]["denominator"]["printed"] == "1062.85"


async def test_a_field_that_does_not_exist_is_refused_over_http(district: District) -> None:
    clerk = await district.client("clerk")
    definition = {**RECEIVED, "field": "amount"}
    refused = await district.post(clerk, "/figures", **figure("x", definition))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/UnknownField")
    assert refused.json()["numbers"]["field"] == "amount"


async def test_counted_until_is_the_business_date(district: District) -> None:
    clerk = await district.client("clerk")
    by_occurrence = {**USED, "date_basis": "occurred_on"}
    await district.declare(clerk, used=USED, happened=by_occurrence)
    late = FundPaid(
        area=COUNTY,
        lot=planted.D6,
        payment=None,
        batch=planted.POINTS_LIST,
        movements=(planted.move(planted.D6, "industry", planted.PAY, "1", planted.POINTS),),
    )
    log = district.logs["funds"]
    await plant(log, (planted.D6, late), on=date(2021, 2, 1), occurred_on=date(2020, 12, 30))
    await district.catch_up()

    async def at(code: str, day: str) -> str:
        answer = await clerk.get(f"/figures/{code}/value", params={"counted_until": day})
        text: str = answer.json()["printed"]
        return text

    assert await at("used", "2020-03-16") == "0"
    assert await at("used", "2020-07-01") == "15.6"
    assert await at("used", "2020-12-31") == "353.6"
    assert await at("happened", "2020-12-31") == "354.6"
    assert await at("used", "2021-02-01") == "354.6"


async def test_known_at_before_anything_was_recorded_is_zero(district: District) -> None:
    """The figure is declared today and asked of yesterday (capability 41)."""
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    asked = {"counted_until": "2020-12-31", "known_at": "2020-12-31T00:00:00+08:00"}
    before = (await clerk.get("/figures/used/value", params=asked)).json()
    assert (before["printed"], before["events"], set(before["cut"].values())) == ("0", 0, {0})
    asked["known_at"] = datetime.now(UTC).isoformat()
    assert (await clerk.get("/figures/used/value", params=asked)).json()["printed"] == "353.6"


async def test_known_position_is_a_cut_of_its_own(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, received=RECEIVED)
    first_lot = await district.logs["reporting"].pool.fetchval(
        "SELECT position FROM view.lots WHERE lot = $1", planted.P1
    )
    asked = {"known_position": f"funds:{first_lot}"}
    said = (await clerk.get("/figures/received/value", params=asked)).json()
    assert (said["printed"], said["cut"]["funds"]) == ("19.65", first_lot)
    assert said["complete_to"]["funds"] == {"position": first_lot, "stopped": None}
    assert said["cut"]["households"] > 0


NO_CUT: list[tuple[dict[str, str], int]] = [
    ({"known_at": "2021-01-01T00:00:00Z", "known_position": "funds:1"}, 400),
    ({"known_position": "funds:1", "cut": "x"}, 400),
    ({"known_position": "funds"}, 400),
    ({"known_position": "weather:1"}, 400),
    ({"known_position": f"funds:{2**63}"}, 400),
    ({"known_at": "2021-01-01T00:00:00"}, 422),
    ({"counted_until": "31.12.2020"}, 422),
    ({"known_position": "funds:9999"}, 503),
    ({"cut": "never"}, 404),
    ({"min_position": "rain:1"}, 404),
]


async def test_a_question_that_means_no_cut_is_not_answered(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    for path in ("/figures/used/value", "/figures/used/explanation"):
        answers = [(await clerk.get(path, params=asked)).status_code for asked, _ in NO_CUT]
        assert answers == [status for _, status in NO_CUT]


async def test_a_cut_beyond_what_is_applied_is_not_yet_visible(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    await planted.plant_points(district.logs["funds"])
    asked = {"known_at": datetime.now(UTC).isoformat()}
    missing = await clerk.get("/figures/used/value", params=asked)
    assert (missing.status_code, missing.json()["type"]) == (503, "/problems/NotYetVisible")
    assert missing.headers["retry-after"] == "1"
    await district.catch_up()
    assert (await clerk.get("/figures/used/value", params=asked)).json()["printed"] == "383.6"


async def plant_seeing(district: District, **positions: int) -> int:
    """An event of assets that had seen these positions; at last it is applied here."""
    connection = await asyncpg.connect(**district.installation.stores.app("assets"))
    for source, position in positions.items():
        await connection.execute(
            "INSERT INTO es.cursors (reader, source, epoch, position) VALUES ('known', $1, 1, $2)"
            " ON CONFLICT (reader, source) DO UPDATE SET position = $2",
            source,
            position,
        )
    await connection.close()
    fact = AssetClassified(
        area=planted.TOWN, asset=planted.WALLS, category="public_welfare", reason="x"
    )
    return await plant(district.logs["assets"], (planted.WALLS, fact), on=planted.WINTER)


async def applied_of(district: District, source: str) -> int:
    return int(
        await district.logs["reporting"].pool.fetchval(
            "SELECT position FROM es.cursors WHERE source = $1", source
        )
    )


async def test_no_way_shows_an_effect_before_its_cause(district: District) -> None:
    """An asset is applied that had seen money which is not: no answer, and no cut is kept."""
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    funds = await applied_of(district, "funds")
    assets = await plant_seeing(district, funds=funds + 1)
    await district.catch_up()
    for asked in ({}, {"known_position": f"assets:{assets}"}):
        early = await clerk.get("/figures/used/value", params=asked)
        assert (early.status_code, early.json()["type"]) == (503, "/problems/NotYetVisible")
    kept = await district.post(clerk, "/cuts", name="early", area=str(COUNTY))
    assert (kept.status_code, kept.json()["type"]) == (503, "/problems/NotYetVisible")
    await planted.plant_points(district.logs["funds"])
    await district.catch_up()
    said = (await clerk.get("/figures/used/value")).json()
    assert (said["closed"], said["cut"]["assets"]) == (True, assets)
    kept = await district.post(clerk, "/cuts", name="early", area=str(COUNTY))
    assert kept.json()["cut"]["funds"] == await applied_of(district, "funds")


async def test_a_named_position_brings_what_it_had_seen_and_no_more(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    funds = await applied_of(district, "funds")
    before = await applied_of(district, "assets")
    assets = await plant_seeing(district, funds=funds)
    await district.catch_up()
    for asked, cut in (
        (f"funds:{funds - 1}", {"funds": funds - 1, "assets": before}),
        (f"funds:{funds - 1},assets:{assets}", {"funds": funds, "assets": assets}),
        (f"funds:{funds}", {"funds": funds, "assets": assets}),
    ):
        said = await clerk.get("/figures/used/value", params={"known_position": asked})
        assert {source: said.json()["cut"][source] for source in cut} == cut, asked


async def test_without_feeds_nothing_is_called_closed(district: District) -> None:
    clerk = await district.client("clerk", feeds=False)
    await district.declare(clerk, used=USED)
    for asked in ({"known_at": datetime.now(UTC).isoformat()}, {"known_position": "funds:1"}):
        missing = await clerk.get("/figures/used/value", params=asked)
        assert (missing.status_code, missing.json()["type"]) == (503, "/problems/FeedsUnreadable")
    kept = await district.post(clerk, "/cuts", name="early", area=str(COUNTY))
    assert (kept.status_code, kept.json()["type"]) == (503, "/problems/FeedsUnreadable")
    said = (await clerk.get("/figures/used/value")).json()
    assert (said["closed"], said["printed"]) == (False, "353.6")


async def test_a_stopped_reader_is_told_with_its_reason(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    pool = district.logs["reporting"].pool
    await pool.execute("UPDATE es.cursors SET stopped = '位置 9 缺失' WHERE source = 'funds'")
    now = (await clerk.get("/figures/used/value")).json()
    assert now["complete_to"]["funds"] == {
        "position": now["cut"]["funds"],
        "stopped": "位置 9 缺失",
    }
    asked = {"known_position": f"funds:{now['cut']['funds'] + 1}"}
    beyond = await clerk.get("/figures/used/value", params=asked)
    assert (beyond.status_code, beyond.json()["detail"]) == (503, "位置 9 缺失")


async def test_a_figure_is_seen_from_its_own_area_and_above(district: District) -> None:
    await district.declare(await district.client("clerk"), used=USED)
    for area, status in ((COUNTY, 200), (PROVINCE, 200), (OTHER, 404), (planted.TOWN, 404)):
        reader = await district.client("auditor", area=area)
        for path in ("value", "explanation"):
            assert (await reader.get(f"/figures/used/{path}")).status_code == status
        assert len((await reader.get("/figures")).json()["items"]) == (status == 200)


async def test_a_figure_of_an_area_counts_the_lots_of_that_area(district: District) -> None:
    clerk = await district.client("clerk")
    for area in (COUNTY, OTHER, PROVINCE):
        made = await district.post(clerk, "/figures", **figure("received", RECEIVED, area))
        assert made.status_code == 201
    await district.catch_up()
    said = {
        area: (await clerk.get("/figures/received/value", params={"area": str(area)})).json()
        for area in (COUNTY, OTHER, PROVINCE)
    }
    assert [one["printed"] for one in said.values()] == ["1062.85", "7", "1069.85"]
    which = await clerk.get("/figures/received/value")
    assert (which.status_code, which.json()["type"]) == (400, "/problems/Ambiguous")


async def test_another_role_or_area_may_not_declare(district: District) -> None:
    body = figure("used", USED)
    for held, area in (("auditor", COUNTY), ("finance", COUNTY), ("clerk", OTHER)):
        client = await district.client(held, area=area)
        assert (await district.post(client, "/figures", **body)).status_code == 403


async def test_a_later_version_holds_from_its_own_position(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, used=USED)
    first = (await clerk.get("/figures/used/value")).json()
    await district.declare(clerk, used=money("paid", purpose="yulu"))
    now = (await clerk.get("/figures/used/value")).json()
    assert [(one["version"], one["printed"]) for one in (first, now)] == [(1, "353.6"), (2, "5")]
    asked = {"known_position": f"reporting:{first['cut']['reporting']}"}
    then = (await clerk.get("/figures/used/value", params=asked)).json()
    assert (then["version"], then["printed"]) == (1, "353.6")


async def test_figures_are_listed_by_page(district: District) -> None:
    clerk = await district.client("clerk")
    await district.declare(clerk, b=USED, a=RECEIVED, c=UNSPENT)
    first = (await clerk.get("/figures", params={"limit": 2})).json()
    rest = (await clerk.get("/figures", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["figure"] for one in first["items"]] == ["a", "b"]
    assert ([one["figure"] for one in rest["items"]], rest["next"]) == (["c"], None)
    assert first["items"][1]["definition"]["unit"] == "万元"


async def test_rows_are_the_same_in_whatever_order_sources_are_read(district: District) -> None:
    """X1 and the shuffle of design 5: dropped, and rebuilt source by source from behind."""
    before = await dump(district)
    assert sum(len(rows) for rows in before.values()) > 100
    admin = await planted_admin(district)
    await admin.execute("DELETE FROM es.cursors; DELETE FROM es.leases")
    for table in before:
        await admin.execute(f"TRUNCATE {table}")
    await admin.close()
    for reader in reversed(reporting.readers):
        await (await district.installation.reading(reporting, reader)).catch_up()
    assert await dump(district) == before


async def planted_admin(district: District) -> Any:
    database = district.installation.stores.prefix + "reporting"
    return await asyncpg.connect(**district.installation.admin(database))


async def dump(district: District) -> dict[str, list[Any]]:
    pool = district.logs["reporting"].pool
    tables = await pool.fetch(
        "SELECT schemaname || '.' || tablename AS t FROM pg_tables"
        " WHERE schemaname IN ('known', 'view') ORDER BY 1"
    )
    return {
        row["t"]: sorted(map(str, await pool.fetch(f"SELECT * FROM {row['t']}")))  # noqa: S608 - names from the catalogue
        for row in tables
    }


def test_ids_of_the_plan_are_distinct() -> None:
    ids = [value for value in vars(planted).values() if isinstance(value, UUID)]
    assert len(set(ids)) == len(ids)
