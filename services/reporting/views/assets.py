"""Rows from the log of assets: what was formed and from which lots, then each step of its life."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from libs.events.contracts.assets import (
    AssetClassified,
    AssetCorrected,
    AssetFormed,
    AssetRecorded,
    AssetTransferred,
    LedgerCorrected,
    RightConfirmed,
)
from libs.events.entries import Row, Table
from libs.events.types import Event, Metadata, Recorded

from .tables import ANEW, ASSETS, TAKEN_BACK, Origin, before, signed

SOURCE = "assets"
OF = (
    *(AssetFormed, AssetClassified, AssetRecorded, RightConfirmed, AssetTransferred),
    *(AssetCorrected, LedgerCorrected),
)


def project(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
    origin = Origin(SOURCE, recorded, metadata)
    match fact:
        case AssetFormed():
            yield from _formed(origin, fact)
        case AssetClassified():
            yield _step(origin, "classified", fact.asset, fact.area, category=fact.category)
        case AssetCorrected():
            yield from _formed_anew(origin, fact)
        case LedgerCorrected():
            yield from _recorded_anew(origin, fact)
        case AssetRecorded():
            entered: dict[str, Any] = {
                "ledger": fact.ledger,
                "organisation": fact.keeper,
                "code": fact.code,
                "value_fen": fact.value_fen,
            }
            yield _step(origin, "recorded", fact.asset, fact.area, **entered)
        case RightConfirmed():
            yield _step(origin, "confirmed", fact.asset, fact.area, organisation=fact.owner)
        case AssetTransferred():
            to = fact.to_organisation
            yield _step(
                origin, "transferred", fact.asset, fact.area, organisation=to, code=fact.list_number
            )
        case _:
            return


def _formed(origin: Origin, fact: AssetFormed) -> Iterator[tuple[Table, Row]]:
    asset = fact.asset
    known: dict[str, Any] = {"project": fact.project, "name": fact.name, "kind": fact.kind}
    whole: dict[str, Any] = {"quantity": fact.quantity, "value_fen": fact.value_fen, "assets": 1}
    yield _step(origin, "formed", asset, fact.area, **known, **whole)
    for nth, share in enumerate(fact.sources, 1):
        given: dict[str, Any] = {"lot": share.lot, "value_fen": share.amount_fen}
        yield _step(origin, "source", asset, fact.area, n=nth, **known, **given)


def _step(
    origin: Origin, fact: str, asset: UUID, area: UUID, *, n: int = 0, **values: Any
) -> tuple[Table, Row]:
    """A row with these values and null in every other column of its own; counted only if said."""
    own = ("project", "lot", "name", "kind", "category", "ledger", "organisation", "code")
    told = [values.pop(name, None) for name in (*own, "quantity", "value_fen")]
    counted = values.pop("assets", 0)
    assert not values, f"no such column: {sorted(values)}"
    return ASSETS, origin.row(n, origin.recorded.type, fact, asset, area, *told, counted)


def _formed_anew(origin: Origin, fact: AssetCorrected) -> Iterator[tuple[Table, Row]]:
    """What was said of its formation is taken back, then said as it should have been."""
    was = before(fact)
    for n, sign, told in ((TAKEN_BACK, -1, was), (ANEW, 1, {})):
        yield _step(
            origin,
            "formed",
            fact.asset,
            fact.area,
            n=n,
            project=fact.project,
            name=fact.name,
            kind=told.get("kind", fact.kind),
            quantity=told.get("quantity", fact.quantity),
            value_fen=signed(sign, told.get("value", fact.value_fen)),
            assets=sign,
        )
    yield from _sources_anew(origin, fact)


def _sources_anew(origin: Origin, fact: AssetCorrected) -> Iterator[tuple[Table, Row]]:
    """The same of each lot whose share was another; behind those of the formation, by parity."""
    known: dict[str, Any] = {"project": fact.project, "name": fact.name, "kind": fact.kind}
    named = [change for change in fact.changes if change.field.startswith("sources.")]
    for nth, change in enumerate(named, 1):
        lot = UUID(change.field.removeprefix("sources."))
        for n, sign, fen in ((TAKEN_BACK, -1, change.was), (ANEW, 1, change.now)):
            if fen:
                given: dict[str, Any] = {"lot": lot, "value_fen": signed(sign, fen)}
                yield _step(
                    origin, "source", fact.asset, fact.area, n=2 * nth + n, **known, **given
                )


def _recorded_anew(origin: Origin, fact: LedgerCorrected) -> Iterator[tuple[Table, Row]]:
    was = before(fact)
    for n, sign, told in ((TAKEN_BACK, -1, was), (ANEW, 1, {})):
        keeper = told.get("keeper")
        yield _step(
            origin,
            "recorded",
            fact.asset,
            fact.area,
            n=n,
            ledger=fact.ledger,
            organisation=fact.keeper if keeper is None else UUID(keeper),
            code=told.get("code", fact.code),
            value_fen=signed(sign, told.get("value", fact.value_fen)),
        )
