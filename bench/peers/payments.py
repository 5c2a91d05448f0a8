"""The work of all projections: a log of payments, and one balance a payee kept from it.

The payee is one of a thousand, at random, so that a page of 500 still touches some 390 rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import asyncpg

from libs.events.codec import Contracts
from libs.events.entries import Row, Table
from libs.events.store import APPEND, Part, Request, arguments, prepare
from libs.events.types import Event, Metadata, PositiveFen, Recorded

from ..requests import DAY, metadata, new_id

PAYEES = tuple(UUID(int=number) for number in range(1, 1_001))
GROUP = 500
TITLE = "关于下达2020年中央财政专项扶贫资金预算的通知"


class Paid(Event, frozen=True, kw_only=True):
    """One payment, of the size that payments have."""

    payee: UUID
    amount_fen: PositiveFen
    lot: UUID
    project: UUID
    purpose: str
    title: str
    paid_on: date


CONTRACTS = Contracts((Paid,))
BALANCES = Table(
    "view.bench_balances",
    (("payee", "uuid"), ("amount_fen", "bigint"), ("payments", "bigint")),
    key=("payee",),
    mode="sum",
    sums=("amount_fen", "payments"),
)
CREATE = """
CREATE TABLE view.bench_balances (payee uuid PRIMARY KEY, amount_fen bigint NOT NULL,
    payments bigint NOT NULL) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, TRUNCATE ON view.bench_balances TO funds_app;
"""


def project(_: Recorded, fact: Event, __: Metadata) -> Iterator[tuple[Table, Row]]:
    assert isinstance(fact, Paid)
    yield BALANCES, (fact.payee, fact.amount_fen, 1)


def payments(count: int) -> Iterator[Paid]:
    drawn = random.Random(2)
    lot, plan = new_id(), new_id()
    for number in range(1, count + 1):
        yield Paid(
            payee=drawn.choice(PAYEES),
            amount_fen=number,
            lot=lot,
            project=plan,
            purpose="insurance",
            title=TITLE,
            paid_on=DAY,
        )


async def append(pool: asyncpg.Pool, count: int) -> None:
    """Append payments, each a request of its own, in groups as the writer makes them."""
    epoch = await pool.fetchval("SELECT epoch FROM es.store")
    group = []
    for paid in payments(count):
        key = new_id()
        told = metadata(key)
        asked = Request(key, b"\0" * 32, b"{}", (Part(new_id(), (paid,), 0),), told)
        group.append(prepare(asked, CONTRACTS))
        if len(group) == GROUP:
            await pool.fetch(APPEND, *arguments(epoch, group))
            group.clear()
    if group:
        await pool.fetch(APPEND, *arguments(epoch, group))
