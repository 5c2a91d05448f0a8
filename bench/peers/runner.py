"""The projection of eventsourcing 9.5: its ProjectionRunner over the same payments.

Written as its documents write one: an application whose aggregate events are JSON, a view that is a
PostgresTrackingRecorder, one transaction per event with the UPSERT and the tracking in it. Import
this module only where psycopg finds libpq.
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking, TrackingRecorder
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from . import payments

A_SAVE = 100
WITHIN_S = 300


class Payee(Aggregate):
    """What is paid to one payee."""

    class Paid(Aggregate.Event):
        payee: UUID
        amount_fen: int
        lot: UUID
        project: UUID
        purpose: str
        title: str
        paid_on: str


class Payments(Application[UUID]):
    """The application whose log is projected."""


class Balances(PostgresTrackingRecorder, TrackingRecorder):
    """The view: one row a payee."""

    def __init__(self, datastore: PostgresDatastore, **named: Any) -> None:
        super().__init__(datastore, **named)
        table = {"schema": Identifier(datastore.schema), "table": Identifier("balances")}
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS {schema}.{table} (payee uuid PRIMARY KEY,"
                " amount_fen bigint NOT NULL, payments bigint NOT NULL) WITH (fillfactor = 70)"
            ).format(**table)
        )
        self._add = SQL(
            "INSERT INTO {schema}.{table} AS b VALUES (%s, %s, 1) ON CONFLICT (payee) DO UPDATE"
            " SET amount_fen = b.amount_fen + excluded.amount_fen, payments = b.payments + 1"
        ).format(**table)

    def add(self, payee: UUID, amount_fen: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._add, (payee, amount_fen), prepare=True)


class BalancesOfPayees(Projection[Balances]):
    """From events to the view."""

    name = "balances"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        match domain_event:
            case Payee.Paid(payee=payee, amount_fen=fen):
                self.view.add(payee, fen, tracking)
            case _:
                self.view.insert_tracking(tracking)


def append(environment: dict[str, str], count: int) -> int:
    """Append payments, a hundred on each aggregate; the id of the last notification."""
    application = Payments(environment)
    drawn = payments.payments(count)
    while saved := list(islice(drawn, A_SAVE)):
        payee = Payee()
        for paid in saved:
            payee.trigger_event(Payee.Paid, **_fields(paid))
        application.save(payee)
    last = application.recorder.max_notification_id()
    application.close()
    assert last is not None
    return last


def _fields(paid: payments.Paid) -> dict[str, Any]:
    fields = {name: getattr(paid, name) for name in paid.__struct_fields__}
    return {**fields, "paid_on": paid.paid_on.isoformat()}


def project(environment: dict[str, str], last: int) -> None:
    """Run from the view's tracking to that notification, and stop."""
    with ProjectionRunner(
        application_class=Payments,
        projection_class=BalancesOfPayees,
        view_class=Balances,
        env=environment,
    ) as runner:
        runner.wait(last, timeout=WITHIN_S)
