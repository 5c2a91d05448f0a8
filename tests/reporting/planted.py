"""A district of few facts: four lots, a change of use, two payments, two lists, one asset.

Lots (万元): P1 province insurance 15.6 + yulu 4.05; C1 prefecture yulu 10.2; D3 county habitat 92;
D6 county industry 941, of which 211 go to habitat by an approval. Received 1,062.85.
Paid: insurer 15.6 (P1); contractor 303 (D3 92, D6 211); list yulu 5 of 6 (P1 4.05, C1 1.95; the
last line of 1 comes back to C1); list points 30 (D6), summary grade, 1,066 lines. Used 353.6.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from libs.events.contracts import assets, batches, funds, households
from libs.events.contracts.money import Account, Amount, Draw, Level, Movement, PolicyUsed
from libs.events.log import Log
from libs.events.money import parse_amount
from tests.events_of import plant

PROVINCE, COUNTY, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
TOWN, VILLAGE = UUID(int=4), UUID(int=5)
NEW_TOWN = UUID(int=6)
INSURER, BUILDER, BUREAU = UUID(int=11), UUID(int=12), UUID(int=13)
LETTER, APPROVAL = UUID(int=21), UUID(int=22)
P1, C1, D3, D6, ELSEWHERE = (UUID(int=n) for n in range(31, 36))
INSURANCE, YULU, HABITAT, POINTS = (UUID(int=n) for n in range(41, 45))
TO_INSURER, TO_BUILDER = UUID(int=51), UUID(int=52)
YULU_LIST, POINTS_LIST = UUID(int=53), UUID(int=54)
H1, H2, H3 = UUID(int=61), UUID(int=62), UUID(int=63)
WALLS = UUID(int=71)
POLICY = PolicyUsed(policy=UUID(int=81), version=1)
Way = tuple[Account, Account]
SEND: Way = ("allocated", "in_flight")
PAY: Way = ("in_flight", "paid")
BACK: Way = ("in_flight", "allocated")
SPRING, SUMMER, WINTER = date(2020, 3, 16), date(2020, 7, 1), date(2020, 12, 20)
LETTER_NUMBER, APPROVAL_NUMBER = "济财农〔2020〕5号", "历城政批〔2020〕2号"


def fen(wanyuan: str) -> int:
    return parse_amount(wanyuan, "万元")


def amount(wanyuan: str) -> Amount:
    return Amount(amount_fen=fen(wanyuan), amount_text=wanyuan, unit="万元")


def move(
    lot: UUID,
    purpose: str,
    way: Way,
    wanyuan: str,
    project: UUID | None = None,
    **of_lines: Any,
) -> Movement:
    """Fen of a lot between accounts; in the treasury, at the bank or with the payee."""
    places = {"in_flight": "bank", "paid": "payee"}
    return Movement(
        lot=lot,
        purpose=purpose,
        project=project,
        from_account=way[0],
        to_account=way[1],
        from_place=places.get(way[0], f"treasury:{COUNTY}"),
        to_place=places.get(way[1], f"treasury:{COUNTY}"),
        amount_fen=fen(wanyuan),
        area=of_lines.get("area"),
        lines=of_lines.get("lines"),
    )


async def plant_all(logs: dict[str, Log]) -> None:
    await plant_areas(logs["households"])
    await plant_lots(logs["funds"])
    await plant_payments(logs["funds"])
    await plant_list(logs["funds"])
    await plant_points(logs["funds"])
    await plant_people(logs["households"])
    await plant_asset(logs["assets"])


async def plant_areas(log: Log) -> None:
    tree: list[tuple[UUID, str, Any, tuple[UUID, ...]]] = [
        (PROVINCE, "山东省", "province", ()),
        (COUNTY, "历城区", "county", (PROVINCE,)),
        (OTHER, "章丘区", "county", (PROVINCE,)),
        (TOWN, "彩石街道", "township", (PROVINCE, COUNTY)),
        (VILLAGE, "老树峪村", "village", (PROVINCE, COUNTY, TOWN)),
    ]
    for area, name, level, above in tree:
        fact = households.AreaRegistered(
            area=area,
            code=f"3701{area.int:02}",
            name=name,
            level=level,
            parent=above[-1] if above else None,
            path=(*above, area),
            valid_from=date(2013, 1, 1),
        )
        await plant(log, (area, fact), on=date(2013, 1, 1))
    renamed = households.AreaCodeChanged(
        area=TOWN, code="370199", name="彩石镇", valid_from=date(2019, 1, 1)
    )
    await plant(log, (TOWN, renamed), on=date(2019, 1, 1))
    for organisation, name, kind in (
        (INSURER, "某保险公司", "insurer"),
        (BUILDER, "某建筑公司", "contractor"),
        (BUREAU, "农业农村局", "bureau"),
    ):
        made = households.OrganisationRegistered(
            organisation=organisation, name=name, kind=kind, area=COUNTY, aliases=()
        )
        await plant(log, (organisation, made), on=date(2013, 1, 1))


async def plant_merger(log: Log, since: date) -> None:
    """Another township, into which TOWN is merged from a day on."""
    new = households.AreaRegistered(
        area=NEW_TOWN,
        code="370106",
        name="新街道",
        level="township",
        parent=COUNTY,
        path=(PROVINCE, COUNTY, NEW_TOWN),
        valid_from=date(2013, 1, 1),
    )
    await plant(log, (NEW_TOWN, new), on=date(2013, 1, 1))
    merged = households.AreaMerged(
        area=TOWN,
        successor=NEW_TOWN,
        path=(PROVINCE, COUNTY, NEW_TOWN, TOWN),
        valid_from=since,
        document="历城政发〔2020〕9号",
    )
    followed = households.AreaFollowed(
        area=VILLAGE,
        path=(PROVINCE, COUNTY, NEW_TOWN, VILLAGE),
        valid_from=since,
        after=TOWN,
    )
    await plant(log, (TOWN, merged), (VILLAGE, followed), on=since)


async def plant_lots(log: Log) -> None:
    await plant(log, (LETTER, _letter(LETTER, LETTER_NUMBER, "funding", 5)), on=SPRING)
    await plant(log, (APPROVAL, _letter(APPROVAL, APPROVAL_NUMBER, "approval", 2)), on=SPRING)
    await _lot(log, P1, "province", "省级专项", insurance="15.6", yulu="4.05")
    await _lot(log, C1, "prefecture", "市级专项", yulu="10.2")
    await _lot(log, D3, "county", "区级人居", habitat="92")
    await _lot(log, D6, "county", "区级行业", industry="941")
    await _lot(log, ELSEWHERE, "county", "外区资金", area=OTHER, industry="7")
    for project, name, purpose in (
        (INSURANCE, "扶贫保险", "insurance"),
        (YULU, "雨露计划", "yulu"),
        (HABITAT, "人居环境", "habitat"),
        (POINTS, "积分奖励", "industry"),
    ):
        fact = funds.ProjectProposed(
            project=project,
            area=COUNTY,
            path=(COUNTY,),
            year=2020,
            name=name,
            kind="relief",
            purpose=purpose,
        )
        await plant(log, (project, fact), on=SPRING)
    change = funds.FundReallocated(
        area=COUNTY,
        lot=D6,
        from_purpose="industry",
        to_purpose="habitat",
        document=APPROVAL,
        movements=(
            move(D6, "industry", ("unallocated", "reallocated"), "211"),
            move(D6, "habitat", ("reallocated", "unallocated"), "211"),
        ),
    )
    await plant(log, (D6, change), on=SPRING, document=APPROVAL_NUMBER)
    for lot, purpose, project, wanyuan in (
        (P1, "insurance", INSURANCE, "15.6"),
        (P1, "yulu", YULU, "4.05"),
        (C1, "yulu", YULU, "8.5"),
        (D3, "habitat", HABITAT, "92"),
        (D6, "habitat", HABITAT, "211"),
        (D6, "industry", POINTS, "30"),
    ):
        allocated = funds.FundAllocated(
            area=COUNTY,
            lot=lot,
            project=project,
            document=None,
            movements=(move(lot, purpose, ("unallocated", "allocated"), wanyuan, project),),
        )
        await plant(log, (lot, allocated), on=SPRING)


def _letter(id_: UUID, number: str, kind: Any, serial: int) -> funds.DocumentRegistered:
    return funds.DocumentRegistered(
        document=id_,
        number=number,
        number_text=number,
        issuer=number.partition("〔")[0],
        year=2020,
        serial=serial,
        kind=kind,
        title="关于资金的通知",
        level="county",
        area=COUNTY,
        issued_on=SPRING,
        note=None,
    )


async def _lot(
    log: Log, lot: UUID, level: Level, name: str, area: UUID = COUNTY, **purposes: str
) -> None:
    movements = tuple(
        move(lot, purpose, ("received", "unallocated"), wanyuan)
        for purpose, wanyuan in purposes.items()
    )
    total = sum(movement.amount_fen for movement in movements)
    fact = funds.LotRegistered(
        lot=lot,
        area=area,
        level=level,
        year=2020,
        fund_name=name,
        batch="1",
        document=LETTER,
        amount=Amount(amount_fen=total, amount_text=str(total), unit="元"),
        purposes=tuple(funds.PurposeLine(purpose=p, amount=amount(w)) for p, w in purposes.items()),
        movements=movements,
    )
    await plant(log, (lot, fact), on=SPRING, document=LETTER_NUMBER)


async def plant_payments(log: Log) -> None:
    """The insurer is paid in summer, the builder in winter."""
    insurer = funds.Payee(kind="insurer", organisation=INSURER)
    builder = funds.Payee(kind="contractor", organisation=BUILDER)
    await _pay(log, TO_INSURER, INSURANCE, insurer, "insurance", on=SUMMER, draws={P1: "15.6"})
    from_both = {D3: "92", D6: "211"}
    await _pay(log, TO_BUILDER, HABITAT, builder, "habitat", on=WINTER, draws=from_both)


async def _pay(
    log: Log,
    payment: UUID,
    project: UUID,
    payee: funds.Payee,
    purpose: str,
    *,
    on: date,
    draws: dict[UUID, str],
) -> None:
    total = sum(fen(wanyuan) for wanyuan in draws.values())
    ordered = funds.PaymentOrdered(
        payment=payment,
        area=COUNTY,
        project=project,
        payee=payee,
        use="按合同支付",
        amount=Amount(amount_fen=total, amount_text=str(total), unit="元"),
        draws=tuple(Draw(lot=lot, purpose=purpose, amount_fen=fen(w)) for lot, w in draws.items()),
        policy=POLICY,
        relies_on=(),
    )
    await plant(log, (payment, ordered), on=on)
    for lot, wanyuan in draws.items():
        sent = (move(lot, purpose, SEND, wanyuan, project),)
        paid = (move(lot, purpose, PAY, wanyuan, project),)
        facts = (
            funds.FundSent(area=COUNTY, lot=lot, payment=payment, batch=None, movements=sent),
            funds.FundPaid(area=COUNTY, lot=lot, payment=payment, batch=None, movements=paid),
        )
        await plant(log, (lot, facts), on=on)


LINES = (
    (1, H1, "3", ((P1, "3"),)),
    (2, H2, "2", ((P1, "1.05"), (C1, "0.95"))),
    (3, H3, "1", ((C1, "1"),)),
)
"""Line, household, 万元, draws of the yulu list."""


def line(number: int) -> dict[str, Any]:
    """The fields that a line has at every step."""
    _, household, wanyuan, draws = LINES[number - 1]
    return {
        "batch": YULU_LIST,
        "line": number,
        "project": YULU,
        "scheme": "yulu",
        "period": "2020",
        "tranche": 1,
        "beneficiary": batches.Beneficiary(kind="household", id=household, household=household),
        "area": VILLAGE,
        "amount_fen": fen(wanyuan),
        "draws": tuple(Draw(lot=lot, purpose="yulu", amount_fen=fen(w)) for lot, w in draws),
    }


async def plant_list(log: Log) -> None:
    """Two lines are credited, the third comes back."""
    declared = batches.BatchDeclared(
        batch=YULU_LIST,
        run=1,
        area=COUNTY,
        project=YULU,
        scheme="yulu",
        period="2020",
        tranche=1,
        grade="line",
        count=3,
        amount=amount("6"),
    )
    await plant(log, (YULU_LIST, declared), on=WINTER)
    held = {P1: ("4.05", 2), C1: ("1.95", 1)}
    for number in (1, 2, 3):
        ordered = batches.SubsidyOrdered(**line(number))
        await plant(log, (UUID(int=100 + number), ordered), on=WINTER)
    for lot, (wanyuan, lines) in held.items():
        seen = {"area": VILLAGE, "lines": lines}
        for fact in (
            funds.FundReserved(
                area=COUNTY,
                lot=lot,
                batch=YULU_LIST,
                movements=(move(lot, "yulu", ("allocated", "reserved"), wanyuan, YULU),),
            ),
            funds.FundSent(
                area=COUNTY,
                lot=lot,
                payment=None,
                batch=YULU_LIST,
                movements=(move(lot, "yulu", ("reserved", "in_flight"), wanyuan, YULU, **seen),),
            ),
        ):
            await plant(log, (lot, fact), on=WINTER)
    await plant(log, *_answers(), on=WINTER)


def _answers() -> list[Any]:
    """The bank's answer, lines and lots in one request."""
    lots: list[tuple[UUID, Any, Way, str, int]] = [
        (P1, funds.FundPaid, PAY, "4.05", 2),
        (C1, funds.FundPaid, PAY, "0.95", 0),
        (C1, funds.FundReturned, BACK, "1", 1),
    ]
    moved = [
        (
            lot,
            kind(
                area=COUNTY,
                lot=lot,
                payment=None,
                batch=YULU_LIST,
                movements=(move(lot, "yulu", way, w, YULU, area=VILLAGE, lines=lines),),
            ),
        )
        for lot, kind, way, w, lines in lots
    ]
    credited = [
        (UUID(int=100 + n), batches.SubsidyDisbursed(**line(n), credited_on=WINTER)) for n in (1, 2)
    ]
    returned = batches.SubsidyReturned(**line(3), returned_on=WINTER, reason="卡号与户名不一致")
    return [*moved, *credited, (UUID(int=103), returned)]


async def plant_points(log: Log) -> None:
    """A list without names: summary grade."""
    declared = batches.BatchDeclared(
        batch=POINTS_LIST,
        run=1,
        area=COUNTY,
        project=POINTS,
        scheme="points",
        period="2020",
        tranche=1,
        grade="summary",
        count=1066,
        amount=amount("30"),
    )
    seen = {"area": TOWN, "lines": 1066}
    sent = funds.FundSent(
        area=COUNTY,
        lot=D6,
        payment=None,
        batch=POINTS_LIST,
        movements=(move(D6, "industry", SEND, "30", POINTS, **seen),),
    )
    paid = funds.FundPaid(
        area=COUNTY,
        lot=D6,
        payment=None,
        batch=POINTS_LIST,
        movements=(move(D6, "industry", PAY, "30", POINTS, **seen),),
    )
    await plant(log, (POINTS_LIST, declared), (D6, (sent, paid)), on=WINTER)


async def plant_people(log: Log) -> None:
    for household, persons in ((H1, 3), (H2, 2), (H3, 4)):
        registered = households.HouseholdRegistered(
            household=household,
            area=VILLAGE,
            era="alleviation",
            register_type="registered_poor",
            persons=persons,
            members=(),
            registered_on=SPRING,
            synthetic=True,
        )
        await plant(log, (household, registered), on=SPRING)
    flagged = households.HouseholdFlagged(
        household=H1,
        area=VILLAGE,
        risks=("health", "employment"),
        source="survey",
        clue="入户走访",
        flagged_on=WINTER,
    )
    await plant(log, (H1, flagged), on=WINTER)
    counts: list[tuple[str, int | None, int | None, UUID]] = [
        ("insured", None, 2381, INSURANCE),
        ("points", 1066, None, POINTS),
    ]
    for number, (population, of_households, of_persons, project) in enumerate(counts):
        counted = households.PopulationCounted(
            area=COUNTY,
            population=population,
            households=of_households,
            persons=of_persons,
            counted_on=WINTER,
            project=project,
            quote=None,
        )
        await plant(log, (UUID(int=200 + number), counted), on=WINTER)


async def plant_asset(log: Log) -> None:
    formed = assets.AssetFormed(
        asset=WALLS,
        area=TOWN,
        project=HABITAT,
        name="院墙改造",
        kind="wall",
        value_fen=fen("303"),
        other_fen=0,
        sources=(
            assets.SourceShare(lot=D3, amount_fen=fen("92")),
            assets.SourceShare(lot=D6, amount_fen=fen("211")),
        ),
        formed_on=WINTER,
        quantity="351 户",
        relies_on=(),
    )
    classified = assets.AssetClassified(
        area=TOWN, asset=WALLS, category="to_household", reason=None
    )
    recorded = assets.AssetRecorded(
        asset=WALLS,
        area=TOWN,
        ledger="total",
        keeper=BUREAU,
        code="A-1",
        value_fen=fen("303"),
        relies_on=(),
    )
    await plant(log, (WALLS, (formed, classified, recorded)), on=WINTER)
