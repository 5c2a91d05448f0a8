"""Whatever a view shows of what was registered it shows of the correction too, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from libs.events.contracts import BY_SERVICE
from libs.events.contracts.changes import Corrected
from libs.events.correction import Correctable
from libs.events.reader import Reader
from libs.events.types import Actor, Event, Metadata, Recorded
from services.__main__ import SERVICES
from services.assets.domain import correction as of_assets
from services.assets.domain.asset import Asset, Entry
from services.assets.domain.correction import Entered
from services.funds.domain import correction as of_funds
from services.funds.domain import lot_correction
from services.funds.domain.batch import Batch
from services.funds.domain.document import Document
from services.funds.domain.lot import Lot
from services.funds.domain.payment import Payment
from services.funds.domain.project import Project
from services.households.domain import correction as of_households
from services.households.domain.household import Household
from services.households.domain.organisation import Organisation
from services.households.domain.population import Population
from services.households.domain.tree import Area, DatedCode
from services.households.service import service as households
from tests.events.make_samples import sample_of

RECORDED = Asset(entries={"total": Entry(UUID(int=1), None)}, codes={"total": "1"})
CODED = Area(codes=(DatedCode(date(2020, 1, 1), "990101", "东镇", None),))
WAS: dict[str, tuple[str, Correctable[Any], Any]] = {
    "AreaCorrected": ("AreaRegistered", of_households.AREA, CODED),
    "AssetCorrected": ("AssetFormed", of_assets.ASSET, Asset()),
    "BatchCorrected": ("BatchDeclared", of_funds.BATCH, Batch()),
    "DocumentCorrected": ("DocumentRegistered", of_funds.DOCUMENT, Document()),
    "HouseholdCorrected": ("HouseholdRegistered", of_households.HOUSEHOLD, Household()),
    "LedgerCorrected": ("AssetRecorded", of_assets.ENTRY, Entered(RECORDED, "total")),
    "LotCorrected": ("LotRegistered", lot_correction.LOT, Lot()),
    "OrganisationCorrected": (
        "OrganisationRegistered",
        of_households.ORGANISATION,
        Organisation(),
    ),
    "PaymentCorrected": ("PaymentOrdered", of_funds.PAYMENT, Payment()),
    "PopulationCorrected": ("PopulationCounted", of_households.POPULATION, Population()),
    "ProjectCorrected": ("ProjectProposed", of_funds.PROJECT, Project()),
}
"""What was said at first, how it is corrected, and a thing of that kind. An allocation is a
movement, which goes back and is made anew; the texts of a person stand in no view."""
FEN = {"value": "value_fen", "other": "other_fen", "amount": "amount_fen"}
"""Fields that facts name otherwise."""
METADATA = Metadata(
    actor=Actor(id="u", role="clerk", unit="x", area=None),
    cause=None,
    correlation=UUID(int=1),
    document=None,
    effective_on=date(2020, 3, 16),
    occurred_on=date(2020, 3, 16),
    origin="command",
    request=UUID(int=1),
    traceparent=None,
)


def kinds() -> dict[str, type[Event]]:
    return {name: kind for of in BY_SERVICE.values() for name, kind in of.events.items()}


def corrections() -> set[str]:
    return {name for name, kind in kinds().items() if issubclass(kind, Corrected)}


def fields(name: str) -> list[str]:
    """What may be corrected, as the fact names it; of a lot its sum beside."""
    _, correctable, thing = WAS[name]
    found = [FEN.get(field, field) for field in correctable.says(thing)]
    return [*found, "amount_fen"] if name == "LotCorrected" else found


def told(kind: inspect.Type) -> inspect.Type:
    """The kind of a value that is there."""
    match kind:
        case inspect.Metadata():
            return told(kind.type)
        case inspect.UnionType():
            return told(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
    return kind


def other(kind: inspect.Type, value: Any) -> Any:
    """Another value of the kind."""
    match told(kind):
        case inspect.LiteralType(values=values):
            return next(one for one in values if one != value)
        case inspect.StructType(fields=fields):
            return {one.encode_name: other(one.type, value[one.encode_name]) for one in fields}
        case inspect.BoolType():
            return not value
        case inspect.IntType():
            return value - 1
        case inspect.DateType():
            return (date.fromisoformat(value) + timedelta(days=40)).isoformat()
        case inspect.UUIDType():
            return str(UUID(int=77))
    return f"{value} 又"


def said(name: str, field: str | None = None) -> Event:
    """A sample of a fact, one field of it saying something else."""
    kind = kinds()[name]
    plain = msgspec.json.decode(sample_of(kind)) | {"changes": []}
    if field is not None:
        names = (field, field.removesuffix("_fen"))
        (of,) = (one for one in inspect.type_info(kind).fields if one.name in names)  # type: ignore[attr-defined]
        plain[of.encode_name] = other(of.type, plain[of.encode_name])
    return msgspec.convert(plain, kind)


def shown(reader: Reader, fact: Event) -> dict[tuple[str, str], list[Any]]:
    """All that a view comes to say, by table and column."""
    name = type(fact).__name__
    recorded = Recorded(
        store=UUID(int=1),
        epoch=1,
        position=7,
        stream=UUID(int=2),
        version=1,
        recorded_at=datetime(2020, 3, 16, tzinfo=UTC),
        seen=b"{}",
        type=name,
        schema_version=1,
        salt=b"",
        payload=msgspec.json.encode(fact),
        metadata=msgspec.json.encode(METADATA),
    )
    found: dict[tuple[str, str], list[Any]] = {}
    if reader.of is not None and type(fact) not in reader.of:
        return found
    for table, row in reader.project(recorded, fact, METADATA):
        for (column, _), value in zip(table.columns, row, strict=True):
            found.setdefault((table.name, column), []).append(value)
    return found


def follows(reader: Reader, name: str, field: str) -> set[tuple[str, str]]:
    """Where a field of a fact is seen."""
    before, after = shown(reader, said(name)), shown(reader, said(name, field))
    return {place for place in {*before, *after} if before.get(place) != after.get(place)}


def readers() -> Iterator[tuple[str, Reader]]:
    return ((service.name, reader) for service in SERVICES for reader in service.readers)


def not_followed(readers: Any) -> set[tuple[str, str, str, str]]:
    return {
        (service, name, field, ".".join(place))
        for service, reader in readers
        for name in WAS
        if name in BY_SERVICE[reader.source].events
        for field in fields(name)
        for place in follows(reader, WAS[name][0], field) - follows(reader, name, field)
    }


def test_every_correction_of_a_thing_is_looked_at() -> None:
    assert corrections() - {"AllocationCorrected"} == set(WAS)
    assert {"era", "register_type", "persons", "registered_on", "synthetic"} <= set(
        fields("HouseholdCorrected")
    )


def test_what_a_view_shows_of_a_thing_follows_its_correction() -> None:
    assert not_followed(readers()) == set()


def test_a_view_that_does_not_read_a_correction_is_found() -> None:
    (own,) = (reader for reader in households.readers if reader.source == "households")
    deaf = replace(
        own, of=tuple(one for one in own.of or () if one.__name__ != "HouseholdCorrected")
    )
    columns = {field for _, _, field, _ in not_followed([("households", deaf)])}
    assert columns == {"era", "register_type", "persons", "registered_on", "synthetic"}
