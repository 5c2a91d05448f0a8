"""The trace in both directions (X3), and what must be so whatever happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from libs.events.contracts import batches, funds
from tests.events_of import plant
from tests.reporting import planted
from tests.reporting.conftest import District
from tests.reporting.planted import C1, COUNTY, D3, D6, OTHER, P1, fen

PAYMENTS = {
    planted.TO_INSURER: fen("15.6"),
    planted.TO_BUILDER: fen("303"),
    planted.YULU_LIST: fen("5"),
    planted.POINTS_LIST: fen("30"),
}
PAID = {P1: fen("19.65"), C1: fen("0.95"), D3: fen("92"), D6: fen("241")}


async def traced(district: District, noun: str, id: UUID, **asked: str) -> Any:
    auditor = await district.client("auditor", area=COUNTY)
    found = await auditor.get(f"/trace/{noun}/{id}", params=asked)
    assert found.status_code == 200, found.text
    return found.json()


async def test_forward_a_lot_ends_in_payments_of_its_paid_amount(district: District) -> None:
    for lot, paid in PAID.items():
        found = await traced(district, "lots", lot)
        assert found["paid_fen"] == found["payments_paid_fen"] == paid
        assert found["lot"]["number"] == planted.LETTER_NUMBER


async def test_backward_a_payment_ends_in_lots_of_its_amount(district: District) -> None:
    for payment, paid in PAYMENTS.items():
        found = await traced(district, "payments", payment)
        assert sum(lot["paid_fen"] for lot in found["lots"]) == found["paid_fen"] == paid
        assert {lot["number"] for lot in found["lots"]} == {planted.LETTER_NUMBER}


async def test_both_directions_say_the_same_of_every_pair(district: District) -> None:
    forward = {
        (lot, payment["id"]): payment["paid_fen"]
        for lot in map(str, PAID)
        for payment in (await traced(district, "lots", UUID(lot)))["payments"]
    }
    backward = {
        (lot["id"], str(payment)): lot["paid_fen"]
        for payment in PAYMENTS
        for lot in (await traced(district, "payments", payment))["lots"]
    }
    assert forward == backward
    assert len(forward) == 6


async def test_a_lot_shows_its_change_of_use_with_the_document(district: District) -> None:
    found = await traced(district, "lots", D6)
    habitat, industry = found["purposes"]
    assert (habitat["purpose"], habitat["reallocated_fen"]) == ("habitat", fen("211"))
    assert (industry["reallocated_fen"], industry["unallocated_fen"]) == (-fen("211"), fen("700"))
    assert habitat["reallocated_by"] == [planted.APPROVAL_NUMBER]
    assert (habitat["received_fen"], industry["received_fen"]) == (0, fen("941"))
    given = {project["name"]: project["given_fen"] for project in found["projects"]}
    assert given == {"人居环境": fen("211"), "积分奖励": fen("30")}
    (asset,) = found["assets"]
    assert (asset["id"], asset["from_lot_fen"]) == (str(planted.WALLS), fen("211"))


async def test_a_lot_counts_and_pages_its_households(district: District) -> None:
    found = (await traced(district, "lots", P1, limit="1"))["households"]
    assert (found["count"], found["paid_fen"]) == (2, fen("4.05"))
    assert [item["id"] for item in found["items"]] == [str(planted.H1)]
    rest = (await traced(district, "lots", P1, limit="1", cursor=found["next"]))["households"]
    assert [(item["id"], item["paid_fen"]) for item in rest["items"]] == [
        (str(planted.H2), fen("1.05"))
    ]
    assert rest["next"] is None


async def test_a_list_at_summary_grade_names_no_household(district: District) -> None:
    found = await traced(district, "payments", planted.POINTS_LIST)
    assert (found["payment"]["grade"], found["lots"][0]["paid_lines"]) == ("summary", 1066)
    assert found["households"] == {"count": 0, "paid_fen": 0, "items": [], "next": None}


async def test_a_payment_shows_payee_project_and_its_assets(district: District) -> None:
    found = await traced(district, "payments", planted.TO_BUILDER)
    assert found["payment"]["payee_name"] == "某建筑公司"
    assert found["payment"]["project_name"] == "人居环境"
    assert [asset["id"] for asset in found["assets"]] == [str(planted.WALLS)]


async def test_a_list_in_flight_is_drawn_and_not_paid(district: District) -> None:
    sent = funds.FundSent(
        area=COUNTY,
        lot=D6,
        payment=None,
        batch=planted.POINTS_LIST,
        movements=(planted.move(D6, "industry", ("allocated", "in_flight"), "2", planted.POINTS),),
    )
    await plant(district.logs["funds"], (D6, sent), on=planted.WINTER)
    await district.catch_up()
    found = await traced(district, "payments", planted.POINTS_LIST)
    assert (found["drawn_fen"], found["paid_fen"]) == (fen("32"), fen("30"))


async def test_a_household_leads_to_its_lots(district: District) -> None:
    found = await traced(district, "households", planted.H2)
    assert found["paid_fen"] == fen("2")
    lots = [(line["lot"], line["paid_fen"], line["document"]) for line in found["lines"]]
    assert sorted(lots) == [
        (str(P1), fen("1.05"), planted.LETTER_NUMBER),
        (str(C1), fen("0.95"), planted.LETTER_NUMBER),
    ]
    assert {line["project_name"] for line in found["lines"]} == {"雨露计划"}


async def test_a_line_that_came_back_is_not_paid(district: District) -> None:
    found = await traced(district, "households", planted.H3)
    (line,) = found["lines"]
    assert (found["paid_fen"], line["returned_fen"], line["paid_on"]) == (0, fen("1"), None)


async def test_a_trace_may_be_asked_of_an_earlier_day(district: District) -> None:
    found = await traced(district, "lots", P1, counted_until="2020-07-01")
    assert found["paid_fen"] == found["payments_paid_fen"] == fen("15.6")
    assert found["households"]["count"] == 0


async def test_an_asset_leads_to_lots_payments_and_its_life(district: District) -> None:
    found = await traced(district, "assets", planted.WALLS)
    assert {lot["id"]: lot["amount_fen"] for lot in found["lots"]} == {
        str(D3): fen("92"),
        str(D6): fen("211"),
    }
    (payment,) = found["payments"]
    assert (payment["id"], payment["paid_fen"]) == (str(planted.TO_BUILDER), fen("303"))
    facts = [(step["fact"], step["category"], step["organisation_name"]) for step in found["life"]]
    assert facts == [
        ("formed", None, None),
        ("classified", "to_household", None),
        ("recorded", None, "农业农村局"),
    ]


async def test_nothing_of_another_area_can_be_traced(district: District) -> None:
    stranger = await district.client("auditor", area=OTHER)
    for noun, id in (
        ("lots", P1),
        ("payments", planted.TO_INSURER),
        ("households", planted.H1),
        ("assets", planted.WALLS),
        ("lots", uuid4()),
    ):
        assert (await stranger.get(f"/trace/{noun}/{id}")).status_code == 404


async def test_the_books_close(district: District) -> None:
    auditor = await district.client("auditor", area=COUNTY)
    found = (await auditor.get("/balances/check")).json()
    assert found["lots_close"] == {"checked": 6, "breaches": []}
    assert found["totals_are_entries"] == {"breaches": []}
    assert found["lists_are_lots"] == {"checked": 2, "breaches": []}


async def test_a_list_that_differs_from_its_lots_is_named(district: District) -> None:
    """A line is credited without its movement: a defect that only the check can see."""
    line = batches.SubsidyDisbursed(**planted.line(3), credited_on=planted.WINTER)
    await plant(district.logs["funds"], (UUID(int=103), line), on=planted.WINTER)
    await district.catch_up()
    auditor = await district.client("auditor")
    (breach,) = (await auditor.get("/balances/check")).json()["lists_are_lots"]["breaches"]
    assert (breach["lot"], breach["lines_fen"]) == (str(C1), fen("1.95"))
    assert breach["movements_fen"] == fen("0.95")


async def test_totals_that_left_their_entries_are_named(district: District) -> None:
    pool = district.logs["reporting"].pool
    await pool.execute(
        "UPDATE view.balances SET amount_fen = amount_fen + 1"
        " WHERE lot = $1 AND account = 'paid' AND purpose = 'habitat'",
        D3,
    )
    auditor = await district.client("auditor")
    found = (await auditor.get("/balances/check")).json()
    (total,) = found["totals_are_entries"]["breaches"]
    assert (total["lot"], total["amount_fen"] - total["entries_fen"]) == (str(D3), 1)
    (lot,) = found["lots_close"]["breaches"]
    assert (lot["lot"], lot["amount_fen"]) == (str(D3), 1)
