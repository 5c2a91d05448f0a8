"""Rules of formation: sources sum to the value, and no lot gives more than it gave (A1)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.assets import AssetFormed, ProjectCapitalised, SourceShare
from libs.events.types import Reliance
from services.assets.domain import formation
from services.assets.domain.asset import Asset, asset_stream, assets
from services.assets.domain.formation import (
    AssetAlreadyFormed,
    Capital,
    FormAsset,
    Formation,
    FormationFacts,
    ProjectElsewhere,
    SourceExceedsFunding,
    SourcesDiffer,
    SourcesWithoutValue,
    UnknownProject,
    capital_stream,
    capitals,
)
from tests.spec import when

DAY = date(2020, 11, 30)
COUNTY, VILLAGE, OTHER, PROJECT = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
LOT, SECOND = UUID(int=5), UUID(int=6)
FUNDS = Reliance(source="funds", epoch=1, position=12)
FACTS = FormationFacts(
    path=(COUNTY, VILLAGE), funds=FUNDS, project=(COUNTY,), funded={LOT: 350_0000_00, SECOND: 1_00}
)
NEW = Formation(Asset(), Capital())
ROAD = asset_stream(PROJECT, "村组道路")


def _form(**changed: Any) -> FormAsset:
    said = {
        "occurred_on": DAY,
        "area": VILLAGE,
        "project": PROJECT,
        "name": "村组道路",
        "kind": "road",
        "value": {"text": "360"},
        "sources": [{"lot": LOT, "amount": {"text": "350"}}],
        "other": {"text": "10"},
        "formed_on": DAY,
        "quantity": "12.5 公里",
    }
    return FormAsset.model_validate(said | changed)


SHARE = SourceShare(lot=LOT, amount_fen=350_0000_00)
CAPITALISED = ProjectCapitalised(area=VILLAGE, project=PROJECT, asset=ROAD, sources=(SHARE,))
FORMED = AssetFormed(
    asset=ROAD,
    area=VILLAGE,
    project=PROJECT,
    name="村组道路",
    kind="road",
    value_fen=360_0000_00,
    other_fen=10_0000_00,
    sources=(SHARE,),
    formed_on=DAY,
    quantity="12.5 公里",
    relies_on=(FUNDS,),
)


def test_an_asset_is_formed_and_its_project_keeps_the_total() -> None:
    decided = when(formation.form, NEW, _form(), FACTS).then(FORMED, CAPITALISED)
    assert list(decided.events) == [ROAD, capital_stream(PROJECT)]
    assert decided.body == {"id": str(ROAD)}


def test_sources_and_other_money_sum_to_the_value() -> None:
    when(formation.form, NEW, _form(other=None), FACTS).refused(
        SourcesDiffer, sources_fen=350_0000_00, other_fen=0, value_fen=360_0000_00
    )
    asked = _form(value={"text": "359.999999"})
    when(formation.form, NEW, asked, FACTS).refused(SourcesDiffer, value_fen=359_9999_99)


def test_a_value_not_stated_has_no_sources() -> None:
    bare = _form(value=None, sources=[], other=None)
    decided = when(formation.form, NEW, bare, FACTS).accepted()
    assert list(decided.events) == [ROAD]
    when(formation.form, NEW, _form(value=None), FACTS).refused(
        SourcesWithoutValue, sources=1, other_fen=10_0000_00
    )
    when(formation.form, NEW, _form(value=None, sources=[]), FACTS).refused(SourcesWithoutValue)


def test_a_source_gives_no_more_than_the_lot_gave() -> None:
    sources = [{"lot": SECOND, "amount": {"text": "1.01", "unit": "元"}}]
    asked = _form(value={"text": "1.01", "unit": "元"}, sources=sources, other=None)
    when(formation.form, NEW, asked, FACTS).refused(
        SourceExceedsFunding, lot=str(SECOND), funded_fen=100, used_fen=0, asked_fen=101
    )


def test_no_fen_becomes_part_of_two_assets() -> None:
    used = capitals.over([CAPITALISED])
    asked = _form(
        name="水管",
        value={"text": "0.01", "unit": "元"},
        sources=[{"lot": LOT, "amount": {"text": "0.01", "unit": "元"}}],
        other=None,
    )
    when(formation.form, Formation(Asset(), used), asked, FACTS).refused(
        SourceExceedsFunding, funded_fen=350_0000_00, used_fen=350_0000_00, asked_fen=1
    )
    assert capitals.over([CAPITALISED], used).used == {LOT: 700_0000_00}


def test_a_lot_that_gave_nothing_is_no_source() -> None:
    asked = _form(sources=[{"lot": OTHER, "amount": {"text": "350"}}])
    when(formation.form, NEW, asked, FACTS).refused(SourceExceedsFunding, funded_fen=0)


def test_an_unknown_project_is_refused_with_the_position_read() -> None:
    facts = FormationFacts(path=(COUNTY, VILLAGE), funds=FUNDS, project=(), funded={})
    when(formation.form, NEW, _form(), facts).refused(
        UnknownProject, project=str(PROJECT), position=12
    )


@pytest.mark.parametrize(
    ("project", "refused"),
    [
        ((COUNTY,), False),
        ((COUNTY, VILLAGE), False),
        ((COUNTY, VILLAGE, OTHER), False),
        ((COUNTY, OTHER), True),
        ((OTHER,), True),
    ],
)
def test_the_project_stands_on_the_line_of_the_asset(
    project: tuple[UUID, ...], refused: bool
) -> None:
    facts = FormationFacts(path=FACTS.path, funds=FUNDS, project=project, funded=FACTS.funded)
    outcome = when(formation.form, NEW, _form(), facts)
    if refused:
        outcome.refused(ProjectElsewhere, project_area=str(OTHER), area=str(VILLAGE))
    else:
        outcome.accepted()


def test_a_project_forms_an_asset_of_one_name_once() -> None:
    known = Formation(assets.over([FORMED]), Capital())
    when(formation.form, known, _form(area=OTHER), FACTS).refused(
        AssetAlreadyFormed, name="村组道路"
    )
    assert known.known.id == _form(area=OTHER).asset()
    assert known.known.id != _form(name="水管").asset()


def test_a_lot_is_listed_once_and_a_quantity_has_a_unit() -> None:
    source = {"lot": LOT, "amount": {"text": "175"}}
    with pytest.raises(ValidationError, match="同一资金来源只列一次"):
        _form(sources=[source, source])
    with pytest.raises(ValidationError, match="should match pattern"):
        _form(quantity="351")


def test_a_name_of_blanks_is_malformed_and_others_are_trimmed() -> None:
    for field in ("name", "kind"):
        with pytest.raises(ValidationError, match="at least 1 character"):
            _form(**{field: "  "})
    assert _form(name=" 村组道路 ").name == "村组道路"
