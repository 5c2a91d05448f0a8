"""A population 人群: counted without a list, at summary grade 汇总级."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from libs.events.amount import AmountTyped
from libs.events.contracts.households import PopulationCounted
from libs.events.contracts.registers import PopulationCorrected
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .tree import Area


class CountPopulation(Command):
    """登记汇总级人数: 只有户数、人数, 没有名单；业务发生日就是统计日。"""

    area: UUID
    population: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["insured"])
    households: int | None = Field(default=None, ge=0, le=10**9)
    persons: int | None = Field(default=None, ge=0, le=10**10)
    project: UUID | None = None
    quote: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
        | None
    ) = Field(default=None, description="文件原文")
    amount: AmountTyped | None = Field(
        default=None, description="期初：该人群到统计日为止得到的金额，没有名单"
    )
    number: str | None = Field(default=None, min_length=2, max_length=120, description="依据的文号")

    @model_validator(mode="after")
    def _something_counted(self) -> Self:
        if self.households is None and self.persons is None:
            raise ValueError("户数与人数至少填一项")
        return self

    def count(self) -> UUID:
        project = "" if self.project is None else str(self.project)
        day = self.occurred_on.isoformat()
        return stream_id(
            "population", str(self.area), str(self.area), self.population, project, day
        )


class AlreadyCounted(Refused):
    """该人群当日已经登记：{population} {counted_on}，{households} 户 {persons} 人。"""


@dataclass(frozen=True, slots=True)
class Population:
    area: UUID | None = None
    population: str = ""
    households: int | None = None
    persons: int | None = None
    counted_on: date | None = None
    project: UUID | None = None
    quote: str | None = None
    amount_fen: int | None = None


class Counting(NamedTuple):
    known: Population
    area: Area


def count(state: Counting, command: CountPopulation, _: Facts) -> Decision:
    """One count of one population, place, project and day; a second one would be a correction."""
    known = state.known
    if known.area is not None:
        raise AlreadyCounted(
            population=known.population,
            counted_on=command.occurred_on.isoformat(),
            households=known.households,
            persons=known.persons,
        )
    event = PopulationCounted(
        area=command.area,
        population=command.population,
        households=command.households,
        persons=command.persons,
        counted_on=command.occurred_on,
        project=command.project,
        quote=command.quote,
        amount=None if command.amount is None else command.amount.read(),
        number=command.number,
    )
    return Decision({command.count(): (event,)}, {"id": str(command.count())})


def evolve(state: Population, event: Event) -> Population:
    match event:
        case PopulationCounted():
            return Population(
                area=event.area,
                population=event.population,
                households=event.households,
                persons=event.persons,
                counted_on=event.counted_on,
                project=event.project,
                quote=event.quote,
                amount_fen=None if event.amount is None else event.amount.amount_fen,
            )
        case PopulationCorrected():
            counts = replace(state, households=event.households, persons=event.persons)
            return replace(counts, quote=event.quote)
        case _:
            return state


populations: Fold[Population] = Fold("population", Population(), evolve)
