"""Figures over what was corrected: later ones follow, at an earlier cut they are as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from libs.events.contracts import assets, registers
from libs.events.contracts.allocations import AllocationCorrected
from libs.events.contracts.changes import Change
from tests.events_of import plant
from tests.reporting.conftest import District
from tests.reporting.planted import (
    BUREAU,
    COUNTY,
    D3,
    D6,
    H1,
    HABITAT,
    INSURANCE,
    POINTS,
    TOWN,
    VILLAGE,
    WALLS,
    WINTER,
    fen,
    move,
)

BY_TYPE: dict[str, Any] = {
    "over": "households",
    "where": [{"field": "register_type", "values": ["registered_poor"]}],
}
FIGURES: dict[str, dict[str, Any]] = {
    "people": {"measure": "sum", "over": "households", "field": "persons", "unit": "人"},
    "poor": {"measure": "count", **BY_TYPE, "unit": "户"},
    "poor.each": {"measure": "distinct", "field": "household", **BY_TYPE, "unit": "户"},
    "types": {"measure": "distinct", "over": "households", "field": "register_type", "unit": "项"},
    "insured": {
        "measure": "sum",
        "over": "populations",
        "field": "persons",
        "where": [{"field": "population", "values": ["insured"]}],
        "unit": "人",
    },
    "worth": {"measure": "sum", "over": "assets", "field": "value_fen", "unit": "万元"},
    "assets": {"measure": "count", "over": "assets", "unit": "项"},
    "booked": {
        "measure": "sum",
        "over": "assets",
        "field": "value_fen",
        "where": [{"field": "fact", "values": ["recorded"]}],
        "unit": "万元",
    },
}
WHY: dict[str, Any] = {"reason": "看错一行"}


def changes(**told: tuple[Any, Any]) -> tuple[Change, ...]:
    return tuple(Change(field=name, was=was, now=now) for name, (was, now) in told.items())


async def correct(district: District) -> None:
    """One household is of another type and of one more; one insured less; the walls, and what the
    ledger says of them, are worth ten (万元) more."""
    await plant(
        district.logs["households"],
        (
            H1,
            registers.HouseholdCorrected(
                area=VILLAGE,
                **WHY,
                changes=changes(persons=(3, 4), register_type=("registered_poor", "lifted")),
                household=H1,
                era="alleviation",
                register_type="lifted",
                persons=4,
                registered_on=WINTER,
                synthetic=True,
            ),
        ),
        (
            UUID(int=200),
            registers.PopulationCorrected(
                area=COUNTY,
                **WHY,
                changes=changes(persons=(2381, 2380)),
                population="insured",
                households=None,
                persons=2380,
                counted_on=WINTER,
                project=INSURANCE,
                quote=None,
            ),
        ),
        on=WINTER,
    )
    worth = {"value": (fen("303"), fen("313"))}
    shares = ((D3, "102"), (D6, "201"))
    given = {
        f"sources.{D3}": (fen("92"), fen("102")),
        f"sources.{D6}": (fen("211"), fen("201")),
    }
    await plant(
        district.logs["assets"],
        (
            WALLS,
            (
                assets.AssetCorrected(
                    area=TOWN,
                    **WHY,
                    changes=changes(**worth, **given, other=(None, fen("10"))),
                    asset=WALLS,
                    project=HABITAT,
                    name="院墙改造",
                    kind="wall",
                    value_fen=fen("313"),
                    other_fen=fen("10"),
                    sources=tuple(
                        assets.SourceShare(lot=lot, amount_fen=fen(text)) for lot, text in shares
                    ),
                    formed_on=WINTER,
                    quantity="351 户",
                ),
                assets.LedgerCorrected(
                    area=TOWN,
                    **WHY,
                    changes=changes(**worth),
                    asset=WALLS,
                    ledger="total",
                    keeper=BUREAU,
                    code="A-1",
                    value_fen=fen("313"),
                    relies_on=(),
                ),
            ),
        ),
        on=WINTER,
    )
    await district.catch_up()


async def head(district: District, service: str) -> int:
    found: int = await district.logs[service].pool.fetchval("SELECT max(position) FROM es.events")
    return found


async def test_figures_follow_a_correction_and_an_earlier_cut_stays(district: District) -> None:
    """Sums, counts and distinct values, of households, of counts without a list, of assets."""
    clerk = await district.client("clerk", "auditor")
    await district.declare(clerk, **{name.replace(".", "__"): one for name, one in FIGURES.items()})
    heads = [f"{name}:{await head(district, name)}" for name in ("assets", "households")]
    asked = {"known_position": ",".join(heads), "area": str(COUNTY)}

    async def values(**params: str) -> dict[str, int]:
        found = {}
        for name in FIGURES:
            said = await clerk.get(f"/figures/{name}/value", params=params)
            assert said.status_code == 200, (name, said.text)
            found[name] = said.json()["raw"]
        return found

    before = await values(area=str(COUNTY))
    assert before == {
        "people": 9,
        "poor": 3,
        "poor.each": 3,
        "types": 1,
        "insured": 2381,
        "worth": fen("303"),
        "assets": 1,
        "booked": fen("303"),
    }
    await correct(district)
    assert await values(area=str(COUNTY)) == {
        "people": 10,
        "poor": 2,
        "poor.each": 2,
        "types": 2,
        "insured": 2380,
        "worth": fen("313"),
        "assets": 1,
        "booked": fen("313"),
    }
    assert await values(**asked) == before
    explained = (await clerk.get("/figures/poor/explanation", params={"area": str(COUNTY)})).json()
    assert sum(entry["counted"] for entry in explained["entries"]) == 2


async def test_a_trace_shows_what_stands_once(district: District) -> None:
    """As it is now, and in its life what was recorded, each step once."""
    auditor = await district.client("auditor")
    await correct(district)
    shown = (await auditor.get(f"/trace/assets/{WALLS}")).json()
    assert shown["asset"]["value_fen"] == fen("313")
    steps = [(step["event"], step["value_fen"]) for step in shown["life"]]
    assert steps == [
        ("AssetFormed", fen("303")),
        ("AssetClassified", None),
        ("AssetRecorded", fen("303")),
        ("AssetCorrected", fen("313")),
        ("LedgerCorrected", fen("313")),
    ]
    gave = {one["id"]: one["amount_fen"] for one in shown["lots"]}
    assert gave == {str(D3): fen("102"), str(D6): fen("201")}
    forward = (await auditor.get(f"/trace/lots/{D3}")).json()
    assert [(one["id"], one["from_lot_fen"]) for one in forward["assets"]] == [
        (str(WALLS), fen("102"))
    ]
    household = (await auditor.get(f"/trace/households/{H1}")).json()["household"]
    assert (household["persons"], household["register_type"]) == (4, "lifted")


async def test_a_corrected_allocation_is_traced_as_it_stands(district: District) -> None:
    """A third of what the points had of the lot goes back; what was known before stays."""
    auditor = await district.client("auditor")

    async def of_points(**params: str) -> tuple[int, int]:
        found = (await auditor.get(f"/trace/lots/{D6}", params=params)).json()
        given = {one["name"]: one["given_fen"] for one in found["projects"]}
        free = {one["purpose"]: one["unallocated_fen"] for one in found["purposes"]}
        return given["积分奖励"], free["industry"]

    before = f"funds:{await head(district, 'funds')}"
    back = move(D6, "industry", ("allocated", "unallocated"), "10", POINTS)
    event = AllocationCorrected(
        area=COUNTY,
        **WHY,
        changes=changes(amount=(fen("30"), fen("20"))),
        lot=D6,
        allocation=2,
        project=POINTS,
        document=None,
        amount_fen=fen("20"),
        movements=(back,),
    )
    await plant(district.logs["funds"], (D6, event), on=WINTER)
    await district.catch_up()
    assert await of_points() == (fen("20"), fen("710"))
    assert await of_points(known_position=before) == (fen("30"), fen("700"))
