"""Rules of organisations: within an area one name names one organisation."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.households import (
    NameTaken,
    OrganisationAliasAdded,
    OrganisationRegistered,
)
from services.households.domain import organisation
from services.households.domain.organisation import (
    Addition,
    AddOrganisationAlias,
    AliasTaken,
    Name,
    Organisation,
    OrganisationAlreadyRegistered,
    OrganisationNotRegistered,
    RegisterOrganisation,
    Registration,
    name_stream,
    organisation_stream,
    organisations,
)
from services.households.domain.tree import Area
from tests.spec import when

DAY = date(2020, 1, 1)
AREA = UUID(int=7)
BUREAU = organisation_stream(AREA, "区农业农村局")
REGISTER = RegisterOrganisation(
    occurred_on=DAY, name="区农业农村局", kind="bureau", area=AREA, aliases=("农业局", "区扶贫办")
)
REGISTERED = OrganisationRegistered(
    organisation=BUREAU,
    name="区农业农村局",
    kind="bureau",
    area=AREA,
    aliases=("农业局", "区扶贫办"),
)
bureau = organisations.over([REGISTERED])
FREE = [Name(), Name(), Name()]


def _named(name: str) -> NameTaken:
    return NameTaken(area=AREA, name=name, organisation=BUREAU)


def test_registering_binds_the_name_and_every_alias() -> None:
    decision = when(organisation.register, Registration(Organisation(), Area(), FREE), REGISTER)
    decided = decision.then(
        REGISTERED, _named("区农业农村局"), _named("农业局"), _named("区扶贫办")
    )
    bound = [name_stream(AREA, name) for name in ("区农业农村局", "农业局", "区扶贫办")]
    assert list(decided.events) == [BUREAU, *bound]
    assert bureau.id == BUREAU


def test_the_same_name_in_the_same_area_is_one_organisation() -> None:
    when(organisation.register, Registration(bureau, Area(), FREE), REGISTER).refused(
        OrganisationAlreadyRegistered, organisation=str(BUREAU)
    )


@pytest.mark.parametrize(("at", "alias"), [(0, "区农业农村局"), (2, "区扶贫办")])
def test_a_name_that_names_another_is_refused_naming_it(at: int, alias: str) -> None:
    taken = [Name(UUID(int=9)) if index == at else Name() for index in range(3)]
    when(organisation.register, Registration(Organisation(), Area(), taken), REGISTER).refused(
        AliasTaken, alias=alias, organisation=str(UUID(int=9))
    )


def test_an_alias_stands_on_the_organisation_and_its_name_is_taken() -> None:
    asked = AddOrganisationAlias(occurred_on=DAY, alias="乡村振兴局")
    decided = when(organisation.add_alias, Addition(bureau, Area(), Name()), asked).then(
        OrganisationAliasAdded(area=AREA, organisation=BUREAU, alias="乡村振兴局"),
        _named("乡村振兴局"),
    )
    assert list(decided.events) == [BUREAU, name_stream(AREA, "乡村振兴局")]
    known = organisations.over(decided.events[BUREAU], bureau)
    assert known.aliases == ("农业局", "区扶贫办", "乡村振兴局")
    assert decided.body == {"id": str(BUREAU)}
    when(organisation.add_alias, Addition(bureau, Area(), Name(BUREAU)), asked).refused(AliasTaken)
    when(organisation.add_alias, Addition(Organisation(), Area(), Name()), asked).refused(
        OrganisationNotRegistered
    )


def test_names_are_trimmed_and_differ() -> None:
    spaced = RegisterOrganisation(occurred_on=DAY, name=" 农业局 ", kind="bureau", area=AREA)
    assert spaced.name == "农业局"
    for alias in ("农业局 ", "农业局\u3000"):
        with pytest.raises(ValidationError, match="名称与别名不得重复"):
            RegisterOrganisation(
                occurred_on=DAY, name="农业局", kind="bureau", area=AREA, aliases=(alias,)
            )
    with pytest.raises(ValidationError, match="名称与别名不得重复"):
        RegisterOrganisation(
            occurred_on=DAY, name="农业1局", kind="bureau", area=AREA, aliases=("农业１局",)
        )
