"""The service value of households."""

from __future__ import annotations

from pathlib import Path

from libs.chassis.service import Service
from libs.events.reader import Reader
from services.households.api import (
    alias,
    area,
    beginning,
    correction,
    disclosure,
    exports,
    household,
    identification,
    member,
    offline,
    organisation,
    person,
    population,
    reform,
    system,
    user,
    user_list,
)
from services.households.domain import counted, sets
from services.households.imports import offline as offline_book
from services.households.imports import populations, roster
from services.households.views import register, waiting

service = Service(
    name="households",
    title="农户",
    routers=(
        area.router,
        reform.router,
        organisation.router,
        alias.router,
        household.router,
        member.router,
        population.router,
        user.router,
        user_list.router,
        system.router,
        person.router,
        disclosure.router,
        identification.router,
        correction.router,
        offline.router,
    ),
    deciders=(
        *area.DECIDERS,
        *reform.DECIDERS,
        *organisation.DECIDERS,
        *alias.DECIDERS,
        *household.DECIDERS,
        *member.DECIDERS,
        *population.DECIDERS,
        *user.DECIDERS,
        *user_list.DECIDERS,
        *beginning.DECIDERS,
        *system.DECIDERS,
        *person.DECIDERS,
        *disclosure.DECIDERS,
        *identification.DECIDERS,
        *correction.DECIDERS,
    ),
    readers=(Reader("view", "households", register.project, register.OF),),
    sql=Path(__file__).parent / "sql",
    invariants=counted.INVARIANTS,
    sets=sets.SETS,
    importers=(roster.ROSTER, populations.POPULATIONS, offline_book.OFFLINE),
    deadlines=waiting.DEADLINES,
    vault=True,
    exports=exports.EXPORTS,
)
