"""The logs of a county as it might be after years: mostly lines of lists, ordered and paid.

Made by COPY, not by commands: who measures a rebuild needs the log, not the deciding. Facts are
encoded by the contracts; ids are random, from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg

from libs.chassis.stores import Stores
from libs.events.codec import encode_metadata
from libs.events.contracts import BY_SERVICE
from libs.events.contracts.assets import AssetClassified, AssetFormed, AssetRecorded, SourceShare
from libs.events.contracts.batches import (
    BatchDeclared,
    Beneficiary,
    LinesAnswered,
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
from libs.events.contracts.money import Amount, Draw, Movement
from libs.events.types import Actor, Event, Metadata

DAY = date(2020, 3, 16)
CHUNK = 1000


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
    """Facts by service, in the order of their logs."""

    size: Size
    chance: random.Random = field(default_factory=lambda: random.Random(2020))

    def __post_init__(self) -> None:
        self.area = self.id()
        self.villages = [self.id() for _ in range(self.size.villages)]
        self.households = [self.id() for _ in range(self.size.households)]
        self.lots = [self.id() for _ in range(self.size.lots)]
        self.projects = [self.id() for _ in range(self.size.lots)]

    def id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def village(self, number: int) -> UUID:
        return self.villages[number % len(self.villages)]

    def of_households(self) -> Iterator[tuple[UUID, Event]]:
        for number, area in enumerate((self.area, *self.villages)):
            path = (self.area,) if area == self.area else (self.area, area)
            level = "county" if area == self.area else "village"
            named = {"code": f"{number:06}", "name": f"测试村 {number}", "level": level}
            yield area, AreaRegistered(area=area, parent=None, path=path, valid_from=DAY, **named)
        for number, household in enumerate(self.households):
            yield (
                household,
                HouseholdRegistered(
                    household=household,
                    area=self.village(number),
                    era="alleviation",
                    register_type="registered_poor",
                    persons=3,
                    members=(self.id(), self.id(), self.id()),
                    registered_on=DAY,
                    synthetic=True,
                ),
            )
            if number % 10 == 0:
                yield (
                    household,
                    HouseholdFlagged(
                        household=household,
                        area=self.village(number),
                        risks=("health", "income"),
                        source="survey",
                        clue="测试",
                        flagged_on=DAY,
                    ),
                )

    def of_funds(self) -> Iterator[tuple[UUID, Event]]:
        for lot, project in zip(self.lots, self.projects, strict=True):
            yield project, ProjectProposed(
                project=project, area=self.area, path=(self.area,), year=2020, name="测试项目",
                kind="relief", purpose="relief",
            )  # fmt: skip
            yield lot, LotRegistered(
                lot=lot, area=self.area, level="county", year=2020, fund_name="测试资金",
                batch="1", document=self.id(), amount=_amount(10**9), purposes=(),
                movements=(self.movement(lot, project, "received", "unallocated", None),),
            )  # fmt: skip
        for number in range(self.size.lists):
            yield from self.list_of(number)

    def list_of(self, number: int) -> Iterator[tuple[UUID, Event]]:
        """Declared, then chunks of lines with the lot's movements, ordered first and then paid."""
        batch, lot, project = self.id(), self.lots[number], self.projects[number]
        count = len(self.households)
        yield batch, BatchDeclared(
            batch=batch, area=self.area, project=project, scheme="relief", period=f"{2014 + number}",
            tranche=1, run=1, grade="line", count=count, amount=_amount(count * 50_000),
        )  # fmt: skip
        streams = [self.id() for _ in self.households]
        for at, household in enumerate(self.households):
            if at % CHUNK == 0:
                yield (
                    lot,
                    self.moved(FundReserved, lot, batch, project, "allocated", "reserved", at),
                )
            yield (
                streams[at],
                SubsidyOrdered(**self.line(at, household, batch, lot, project, number)),
            )
        for at, household in enumerate(self.households):
            if at % CHUNK == 0:
                yield lot, self.moved(FundPaid, lot, batch, project, "in_flight", "paid", at)
                yield batch, LinesAnswered(
                    area=self.area, batch=batch, credited=CHUNK, credited_fen=1, returned=0,
                    returned_fen=0,
                )  # fmt: skip
            line = self.line(at, household, batch, lot, project, number)
            yield streams[at], SubsidyDisbursed(**line, credited_on=DAY)

    def moved(self, kind, lot, batch, project, out, into, at):  # type: ignore
        """One movement a village of the chunk's twenty."""
        movements = tuple(
            self.movement(lot, project, out, into, self.village(at + nth)) for nth in range(20)
        )
        more = {} if kind is FundReserved else {"payment": None}
        return kind(area=self.area, lot=lot, batch=batch, movements=movements, **more)

    def line(self, at, household, batch, lot, project, number):  # type: ignore
        draw = Draw(lot=lot, purpose="relief", amount_fen=50_000)
        return {
            "batch": batch, "line": at + 1, "project": project, "scheme": "relief",
            "period": f"{2014 + number}", "tranche": 1, "area": self.village(at),
            "beneficiary": Beneficiary(kind="household", id=household, household=household),
            "amount_fen": 50_000, "draws": (draw,),
        }  # fmt: skip

    def movement(self, lot, project, out, into, area):  # type: ignore
        return Movement(
            lot=lot, purpose="relief", project=project, from_account=out, to_account=into,
            from_place="treasury:county", to_place="bank", amount_fen=2_500_000, area=area, lines=50,
        )  # fmt: skip

    def of_assets(self) -> Iterator[tuple[UUID, Event]]:
        for number in range(self.size.assets):
            asset, area = self.id(), self.village(number)
            share = SourceShare(lot=self.lots[number % len(self.lots)], amount_fen=100)
            yield asset, AssetFormed(
                asset=asset, area=area, project=self.projects[0], name="测试资产", kind="road",
                value_fen=100, other_fen=0, sources=(share,), formed_on=DAY, quantity=None,
                relies_on=(),
            )  # fmt: skip
            yield asset, AssetClassified(area=area, asset=asset, category="operating", reason=None)
            yield asset, AssetRecorded(
                asset=asset, area=area, ledger="total", keeper=self.area, code=f"{number}",
                value_fen=100, relies_on=(),
            )  # fmt: skip


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


async def _append(stores: Stores, name: str, facts: Iterator[tuple[UUID, Event]]) -> int:
    connection = await asyncpg.connect(**stores.app(name))
    try:
        last = await connection.fetchval("SELECT max(position) FROM es.events")
        versions: dict[UUID, int] = {}
        at, chance = datetime.now(UTC), random.Random(name)
        salts = iter(lambda: chance.randbytes(16), None)
        rows = []
        for position, (stream, fact) in enumerate(facts, last + 1):
            version = versions[stream] = versions.get(stream, 0) + 1
            kind = type(fact).__name__
            payload = BY_SERVICE[name].encode(fact).decode()
            meta = _metadata(position)
            rows.append(
                (position, stream, version, at, 1, 1, kind, "{}", next(salts), payload, meta)
            )
            if len(rows) == 10_000:
                await _copy(connection, rows)
                rows.clear()
        await _copy(connection, rows)
        await connection.execute("ANALYZE es.events")
    finally:
        await connection.close()
    return position


async def _copy(connection: asyncpg.Connection, rows: list[tuple[object, ...]]) -> None:
    columns = (
        *("position", "stream_id", "version", "recorded_at", "epoch", "schema_version", "type"),
        *("seen", "salt", "payload", "metadata"),
    )
    await connection.copy_records_to_table(
        "events", schema_name="es", columns=columns, records=rows
    )


def _metadata(position: int) -> str:
    """As commands write it: a chunk of a thousand has one request."""
    request = UUID(int=position // CHUNK + 1)
    return encode_metadata(
        Metadata(
            actor=Actor(id="a7f3c2d1", role="clerk", unit="bureau", area=UUID(int=1)),
            cause=None,
            correlation=request,
            document=None,
            effective_on=DAY,
            occurred_on=DAY,
            origin="command",
            request=request,
            traceparent=None,
        )
    ).decode()
