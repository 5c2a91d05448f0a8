"""A statement 报表: which figures it prints, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.events.contracts.reporting import StatementDeclared, StatementLine
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from . import figure
from .names import Code, Title


class LineTyped(BaseModel):
    """报表的一行：文字与指标。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Title
    figure: Code


class DeclareStatement(Command):
    """声明报表。指标须已在同一区域声明；再次声明产生新版本。"""

    statement: Code
    title: Title
    area: UUID
    year: int = Field(ge=2013, le=2100)
    lines: tuple[LineTyped, ...] = Field(min_length=1, max_length=200)

    def stream(self) -> UUID:
        return stream_id("statement", str(self.area), str(self.area), self.statement)

    def codes(self) -> list[str]:
        """The figures printed, each once."""
        return list(dict.fromkeys(line.figure for line in self.lines))


class StatementUnchanged(Refused):
    """报表与现行版本相同：{statement}。"""


@dataclass(frozen=True, slots=True)
class Printing:
    """A statement as it is, and the figures that the new one prints."""

    statement: StatementDeclared | None
    figures: tuple[figure.Declared, ...]


def declare(state: Printing, command: DeclareStatement, _: Facts) -> Decision:
    """A line prints a figure that exists; a new paragraph needs no code (capability 38)."""
    figure.require_declared(command.codes(), state.figures)
    event = StatementDeclared(
        statement=command.statement,
        title=command.title,
        area=command.area,
        year=command.year,
        lines=tuple(StatementLine(label=line.label, figure=line.figure) for line in command.lines),
    )
    if state.statement == event:
        raise StatementUnchanged(statement=command.statement)
    body = {"id": str(command.stream()), "statement": command.statement}
    return Decision({command.stream(): (event,)}, body)


def evolve(state: StatementDeclared | None, event: Event) -> StatementDeclared | None:
    return event if isinstance(event, StatementDeclared) else state


statements: Fold[StatementDeclared | None] = Fold("statement", None, evolve)
