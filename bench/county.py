"""The logs of a county as it might be after years: mostly lines of lists, ordered and paid.

Made by COPY, not by commands: who measures a rebuild needs the log, not the deciding. Facts are
encoded by the contracts; ids are random, from a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg

from libs.chassis.stores import Stores
from libs.events.codec import encode_metadata
from libs.events.contracts import BY_SERVICE
from libs.events.contracts.assets import AssetClassified, AssetFormed, AssetRecorded, SourceShare
from libs.events.contracts.batches import (
    BatchDeclared,
    Beneficiary,
    SubsidyDisbursed,
    SubsidyOrdered,
)
from libs.events.contracts.funds import (
    FundPaid,
    FundReserved,
    LotRegistered,
    ProjectProposed,
)
from libs.events.contracts.households import AreaRegistered, HouseholdFlagged, HouseholdRegistered
from libs.events.contracts.money import Account, Amount, Draw, Movement
from libs.events.types import Event

from .requests import metadata

DAY = date(2020, 3, 16)
CHUNK = 1000
FEN = 50_000
Way = tuple[Account, Account]
Planted = tuple[UUID, Event]


@dataclass(frozen=True)
class Size:
    """How much of each: lists of so many lines, one line a household."""

    villages: int = 200
    households: int = 40_000
    lists: int = 6
    lots: int = 40
    assets: int = 4_000


@dataclass
class County:
    """Facts by service, each with its stream, in the order of their logs."""

    size: Size
    chance: random.Random = field(default_factory=lambda: random.Random(2020))

    def __post_init__(self) -> None:
        self.area = self.id()
        self.villages = self.ids(self.size.villages)
        self.households = self.ids(self.size.households)
        self.lots, self.projects = self.ids(self.size.lots), self.ids(self.size.lots)

    def id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def ids(self, count: int) -> list[UUID]:
        return [self.id() for _ in range(count)]

    def village(self, number: int) -> UUID:
        return self.villages[number % len(self.villages)]

    def of_households(self) -> Iterator[Planted]:
        for number, area in enumerate((self.area, *self.villages)):
            yield (
                area,
                AreaRegistered(
                    area=area,
                    code=f"{number:06}",
                    name=f"测试村 {number}",
                    level="village" if number else "county",
                    parent=self.area if number else None,
                    path=(self.area, area) if number else (area,),
                    valid_from=DAY,
                ),
            )
        for number, household in enumerate(self.households):
            area = self.village(number)
            yield (
                household,
                HouseholdRegistered(
                    household=household,
                    area=area,
                    era="alleviation",
                    register_type="registered_poor",
                    persons=3,
                    members=tuple(self.ids(3)),
                    registered_on=DAY,
                    synthetic=True,
                ),
            )
            if number % 10 == 0:
                yield (
                    household,
                    HouseholdFlagged(
                        household=household,
                        area=area,
                        risks=("health", "income"),
                        source="survey",
                        clue="测试",
                        flagged_on=DAY,
                    ),
                )

    def of_funds(self) -> Iterator[Planted]:
        for lot, project in zip(self.lots, self.projects, strict=True):
            yield (
                project,
                ProjectProposed(
                    project=project,
                    area=self.area,
                    path=(self.area,),
                    year=2020,
                    name="测试项目",
                    kind="relief",
                    purpose="relief",
                ),
            )
            yield (
                lot,
                LotRegistered(
                    lot=lot,
                    area=self.area,
                    level="county",
                    year=2020,
                    fund_name="测试资金",
                    batch="1",
                    document=self.id(),
                    amount=_amount(10**9),
                    purposes=(),
                    movements=(_movement(lot, project, ("received", "unallocated"), None),),
                ),
            )
        for number in range(self.size.lists):
            yield from self.list_of(number)

    def list_of(self, number: int) -> Iterator[Planted]:
        """Declared, then chunks of lines with the lot's movements: ordered first, then paid."""
        batch, lot, project = self.id(), self.lots[number], self.projects[number]
        count, period = len(self.households), str(2014 + number)
        yield (
            batch,
            BatchDeclared(
                batch=batch,
                area=self.area,
                project=project,
                scheme="relief",
                period=period,
                tranche=1,
                run=1,
                grade="line",
                count=count,
                amount=_amount(count * FEN),
            ),
        )
        lines = list(self.lines(batch, lot, project, period))
        streams = self.ids(count)
        own = {"area": self.area, "lot": lot, "batch": batch}
        for at, (stream, line) in enumerate(zip(streams, lines, strict=True)):
            if at % CHUNK == 0:
                ways = self.movements(lot, project, ("allocated", "reserved"))
                yield lot, FundReserved(movements=ways, **own)
            yield stream, SubsidyOrdered(**line)
        for at, (stream, line) in enumerate(zip(streams, lines, strict=True)):
            if at % CHUNK == 0:
                ways = self.movements(lot, project, ("in_flight", "paid"))
                yield lot, FundPaid(movements=ways, payment=None, **own)
            yield stream, SubsidyDisbursed(**line, credited_on=DAY)

    def lines(self, batch: UUID, lot: UUID, project: UUID, period: str) -> Iterator[dict[str, Any]]:
        draw = Draw(lot=lot, purpose="relief", amount_fen=FEN)
        common = {"batch": batch, "project": project, "scheme": "relief", "period": period}
        for number, household in enumerate(self.households):
            yield {
                **common,
                "line": number + 1,
                "tranche": 1,
                "area": self.village(number),
                "beneficiary": Beneficiary(kind="household", id=household, household=household),
                "amount_fen": FEN,
                "draws": (draw,),
            }

    def movements(self, lot: UUID, project: UUID, way: Way) -> tuple[Movement, ...]:
        """One a village of a chunk's twenty."""
        return tuple(_movement(lot, project, way, self.village(n)) for n in range(20))

    def of_assets(self) -> Iterator[Planted]:
        for number in range(self.size.assets):
            asset, area = self.id(), self.village(number)
            share = SourceShare(lot=self.lots[number % len(self.lots)], amount_fen=100)
            yield (
                asset,
                AssetFormed(
                    asset=asset,
                    area=area,
                    project=self.projects[0],
                    name="测试资产",
                    kind="road",
                    value_fen=100,
                    other_fen=0,
                    sources=(share,),
                    formed_on=DAY,
                    quantity=None,
                    relies_on=(),
                ),
            )
            yield asset, AssetClassified(area=area, asset=asset, category="operating", reason=None)
            yield (
                asset,
                AssetRecorded(
                    asset=asset,
                    area=area,
                    ledger="total",
                    keeper=self.area,
                    code=str(number),
                    value_fen=100,
                    relies_on=(),
                ),
            )


def _movement(lot: UUID, project: UUID, way: Way, area: UUID | None) -> Movement:
    return Movement(
        lot=lot,
        purpose="relief",
        project=project,
        from_account=way[0],
        to_account=way[1],
        from_place="treasury:county",
        to_place="bank",
        amount_fen=50 * FEN,
        area=area,
        lines=50,
    )


def _amount(fen: int) -> Amount:
    return Amount(amount_fen=fen, amount_text=str(fen), unit="元")


async def write(stores: Stores, size: Size) -> dict[str, int]:
    """Append the county to empty stores of an installation; events by service."""
    county = County(size)
    facts = {
        "households": county.of_households(),
        "funds": county.of_funds(),
        "assets": county.of_assets(),
    }
    return {name: await _append(stores, name, events) for name, events in facts.items()}


async def _append(stores: Stores, name: str, facts: Iterator[Planted]) -> int:
    connection = await asyncpg.connect(**stores.admin(name))  # nobody else writes past es.append
    try:
        last: int = await connection.fetchval("SELECT max(position) FROM es.events")
        versions: Counter[UUID] = Counter()
        chance = random.Random(name)
        while some := list(islice(facts, CHUNK)):
            rows, now = [], datetime.now(UTC)
            beside = encode_metadata(metadata(UUID(int=last // CHUNK + 1))).decode()
            for stream, fact in some:
                last, versions[stream] = last + 1, versions[stream] + 1
                text = BY_SERVICE[name].encode(fact).decode(), beside
                of = (type(fact).__name__, "{}", chance.randbytes(16))
                rows.append((last, stream, versions[stream], now, 1, 1, *of, *text))
            await connection.copy_records_to_table(
                "events", schema_name="es", columns=COLUMNS, records=rows
            )
        await connection.execute("ANALYZE es.events")
    finally:
        await connection.close()
    return last


COLUMNS = (
    *("position", "stream_id", "version", "recorded_at", "epoch", "schema_version"),
    *("type", "seen", "salt", "payload", "metadata"),
)
