"""J1: the statement of one district and year, from its first document to its last figure.

Every figure that the document prints is computed from the events of a load over HTTP; what the
rules must refuse on the way was refused in the same load. Cases are data: tests/cases.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.contracts.log import CommandRefused
from libs.events.money import parse_amount
from libs.events.store import identity, read_after
from libs.events.types import Event
from services.__main__ import SERVICES
from services.funds.domain.balances import Balances
from services.funds.domain.lot import Lot, lots
from tests.conftest import Installation
from tests.journeys.conftest import Reproduced
from tests.journeys.loaded import (
    asked,
    different,
    served,
)

SOURCES = ("received", "carried_in", "reallocated")


def test_every_published_figure_is_reproduced(reproduced: Reproduced) -> None:
    """52 facts of the document and 7 that it does not print; 4 are no figures of the books."""
    assert different(reproduced.case, reproduced.statement) == []
    of_the_document = [one for one in reproduced.case.published if one.line is not None]
    assert len(of_the_document) == 52
    uncomputed = [one for one in reproduced.case.published if one.figure is None]
    assert [one.fact for one in uncomputed if not one.reason] == []
    assert {one.fact.split(".")[1] for one in uncomputed} == {"use", "cadre"}
    assert len(uncomputed) == 4


async def test_what_must_be_refused_is_refused_and_kept(kept: Installation) -> None:
    """004:L49, C.1: tenth lot, habitat before the move, no approval, retention money, twice, the
    fen beyond the last. The loader has compared the numbers of each."""
    refusals = [
        (event.refusal, event.numbers.get("short_fen"))
        for event in (await events_of(kept, "funds")).values()
        if isinstance(event, CommandRefused)
    ]
    assert refusals == [
        ("LotAlreadyRegistered", None),
        ("InsufficientLot", 211_000_000),
        ("ApprovalNeeded", None),
        ("PurposeNotAllowed", None),
        ("BatchAlreadyDeclared", None),
        ("InsufficientLot", 1),
    ]


async def test_every_fen_is_traced_forward_and_backward(
    kept: Installation, reproduced: Reproduced
) -> None:
    """X3: the payments of a lot sum to what it paid, the lots of a payment to the payment."""
    forward: Counter[tuple[str, str]] = Counter()
    backward: Counter[tuple[str, str]] = Counter()
    async with served(kept) as door:
        for lot in ids(reproduced, "lot."):
            trace = await asked(door, f"reporting/trace/lots/{lot}")
            balance = await asked(door, f"funds/lots/{lot}")
            paid_fen = sum(
                row["amount_fen"] for row in balance["balances"] if row["account"] == "paid"
            )
            assert trace["paid_fen"] == trace["payments_paid_fen"] == paid_fen
            for payment in trace["payments"]:
                forward[lot, payment["id"]] += payment["paid_fen"]
        for payment_id in [*ids(reproduced, "pay."), *ids(reproduced, "batch.")]:
            trace = await asked(door, f"reporting/trace/payments/{payment_id}")
            assert trace["paid_fen"] == trace["payment"]["amount_fen"]
            for lot_of in trace["lots"]:
                backward[lot_of["id"], payment_id] += lot_of["paid_fen"]
    assert forward == backward
    assert forward.total() == printed_fen(reproduced, "used.total")


async def test_a_household_is_traced_to_the_documents_of_its_money(
    kept: Installation, reproduced: Reproduced
) -> None:
    """The first household of the list got money of four schemes; its lots are those drawn first."""
    household = reproduced.answers.at("households.ids.demo-0001")
    async with served(kept) as door:
        trace = await asked(door, f"reporting/trace/households/{household}")
    paid = {line["scheme"]: line["paid_fen"] for line in trace["lines"]}
    assert paid == {"yulu": 300_000, "habitat": 863_300, "relief": 73_800, "points": 28_200}
    assert trace["household"]["synthetic"] is True
    assert all(line["document"] for line in trace["lines"])


def ids(reproduced: Reproduced, kind: str) -> list[str]:
    found = [
        body["id"] for name, body in reproduced.answers.bodies.items() if name.startswith(kind)
    ]
    assert found
    return found


def printed_fen(reproduced: Reproduced, figure: str) -> int:
    one = next(one for one in reproduced.case.published if one.figure == figure)
    return parse_amount(one.text, "万元")


async def events_of(installation: Installation, service: str) -> dict[tuple[UUID, int], Event]:
    """Every event of a log by stream and version, in the order of the log."""
    contracts = next(s.contracts for s in SERVICES if s.name == service)
    connection = await asyncpg.connect(**installation.stores.feed(service))
    store, _ = await identity(connection)
    found: dict[tuple[UUID, int], Event] = {}
    after = 0
    while page := await read_after(connection, store, after, 1000):
        after = page[-1].position
        for one in page:
            event = contracts.decode(one.type, one.schema_version, one.payload)
            assert event is not None
            found[one.stream, one.version] = event
    await connection.close()
    return found


async def test_the_buckets_of_every_lot_hold_what_came_in_at_every_version(
    kept: Installation, reproduced: Reproduced
) -> None:
    """X4: received = paid + allocated and not spent, to the fen, after each event."""
    of_lots = {UUID(lot) for lot in ids(reproduced, "lot.")}
    states: dict[UUID, Lot] = {}
    versions = 0
    for (stream, _), event in (await events_of(kept, "funds")).items():
        if stream in of_lots:
            states[stream] = lots.evolve(states.get(stream, lots.initial), event)
            require_whole(states[stream])
            versions += 1
    assert versions > 50
    paid = sum(standing(lot.balances, "paid") for lot in states.values())
    left = sum(standing(lot.balances, "allocated") for lot in states.values())
    received = sum(lot.amount_fen for lot in states.values())
    assert (received, paid, left) == tuple(
        printed_fen(reproduced, figure) for figure in ("recv.total", "used.total", "unspent.total")
    )


def require_whole(lot: Lot) -> None:
    held: Counter[str] = Counter()
    came: Counter[str] = Counter()
    for place, fen in lot.balances.items():
        if place.account in SOURCES:
            came[place.purpose] -= fen
        else:
            assert fen > 0
            held[place.purpose] += fen
    assert +held == +came
    assert held.total() == lot.amount_fen


def standing(balances: Balances, account: str) -> int:
    return sum(fen for place, fen in balances.items() if place.account == account)


async def test_every_published_figure_explains_itself(
    kept: Installation, reproduced: Reproduced
) -> None:
    """X5: formula, operands, entries that add up to the value, their events and documents."""
    area = reproduced.answers.at(f"{reproduced.case.title.area}.id")
    async with served(kept) as door:
        for line in reproduced.statement["lines"]:
            told, counted = await explained(door, line["figure"], area)
            assert told["printed"] == line["printed"]
            assert told["formula"]
            assert told["declared_by"]["id"]
            sides = [told["numerator"], told["denominator"]] if line["raw"] is None else [line]
            for side in sides:
                assert counted[side["figure"]] == side["raw"]
            assert line["events"] > 0
            if line["unit"] in ("万元", "%"):
                assert told["documents"]
                assert all(document["id"] for document in told["documents"])


async def explained(door: Any, figure: str, area: str) -> tuple[dict[str, Any], Counter[str]]:
    """The explanation, and what its entries add up to by figure (different things once)."""
    counted: Counter[str] = Counter()
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        told = await asked(
            door, f"reporting/figures/{figure}/explanation", area=area, limit=50, **more
        )
        thing = told["definition"]["field"] if told["definition"]["measure"] == "distinct" else None
        for entry in told["entries"]:
            if thing is None:
                counted[entry["figure"]] += entry["counted"]
            elif entry["household"] not in seen:
                counted[entry["figure"]] += 1
                seen.add(entry["household"])
        cursor = told["next"]
        if cursor is None:
            return told, counted


async def test_the_move_of_purpose_names_its_approval(
    kept: Installation, reproduced: Reproduced
) -> None:
    """004.C.1: never printed, and visible with its document."""
    area = reproduced.answers.at(f"{reproduced.case.title.area}.id")
    async with served(kept) as door:
        told, _ = await explained(door, "moved.habitat", area)
    kinds = [document["kind"] for document in told["documents"]]
    assert "approval" in kinds
