"""An importer as a declaration: its columns, what it checks, and the commands that rows become.

    Importer("lots", "资金下达表", ("finance",), COLUMNS, plan)

`plan` is given groups of rows that were read without a fault and says what to do with them: which
commands, which groups are there already, which it objects to. Everything else (workbooks, heads,
totals, previews, error workbooks, progress, kills) is the chassis's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from libs.events.decider import AnyDecider, Streams
from libs.events.log import Log
from libs.events.types import Actor, Command

from ..errands import Errands
from ..sheets.book import Book
from ..vault.vault import Vault
from .columns import Column, Severity
from .places import Places, Strange

UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row is not taken or, at `warn`, what somebody should look at. `field`: whose cell;
    `strange`: of a place's name that is none; `value`: what stands there, where it may be kept:
    never in a sheet that tells of persons."""

    rule: str
    message: str
    hint: str
    field: str | None = None
    severity: Severity = "block"
    strange: Strange | None = None
    value: str | None = None


def otherwise(differing: Sequence[str]) -> Fault:
    """What a row names is in the register and says otherwise. `differing`: titles of columns."""
    message = f"已在册，{'、'.join(differing)}与册上不同"
    return Fault("registered_otherwise", message, "核对后登记更正；再次导入不改变册上内容")


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that was read without a fault; a value only where the cell held something."""

    number: int
    values: Mapping[str, Any]
    shares: int | None = None
    """An earlier row with the same of what only one should have (`Importer.one_each`)."""

    def get(self, field_: str) -> Any:
        return self.values.get(field_)

    def __getitem__(self, field_: str) -> Any:
        return self.values[field_]


Group = tuple[Taken, ...]
"""Rows that stand or fall together, in order; mostly one."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A command that the rows become. `key`: what makes it the same command when it is planned
    again, where its texts are not the same each time (sealed ones)."""

    decider: AnyDecider
    command: Command
    target: UUID | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of some groups: deeds in order, for all but the faulty and the unchanged ones.
    Keys are places in the sequence of groups; a fault names the first row of its group unless it
    says which."""

    deeds: Sequence[Deed] = ()
    unchanged: frozenset[int] = frozenset()
    faults: Mapping[int, Sequence[Fault]] = field(default_factory=dict)
    warnings: Mapping[int, Sequence[Fault]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What an importer may look at: its service's log and streams (with what was rehearsed before),
    the vault where there is one, who asked and for which area, the settings of this import, the
    places of that area. `errands`: how another service is asked. `day`: when it happened, where
    rows do not say. `taking`: what is planned will be done; else nothing may be left behind.
    `told`: what the importer keeps for itself while the job runs in this process."""

    log: Log
    streams: Streams
    vault: Vault | None
    errands: Errands | None
    actor: Actor
    behalf: str | None
    area: UUID
    settings: Mapping[str, str]
    places: Places
    day: date
    taking: bool
    told: dict[str, Any] = field(default_factory=dict)


Planner = Callable[[Desk, Sequence[Group]], Awaitable[Plan]]
Says = Callable[[Book, UUID], Mapping[str, str]]
"""Of a workbook and the area of the import. Raises: Refused."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A setting of an import that its sheet does not say."""

    name: str
    title: str
    pattern: str
    required: bool = True


DAY, REASON = "occurred_on", "reason"
ALWAYS = (
    Asked(name=DAY, title="业务发生日（缺省为今天）", pattern=r"\d{4}-\d\d-\d\d", required=False),
    Asked(name=REASON, title="补录理由", pattern=r".{1,200}", required=False),
)


@dataclass(frozen=True, kw_only=True)
class Importer:
    """`group`: fields whose equal values make neighbours one group. `unique`: fields of which no
    two rows may hold the same. `one_each`: a field of whose equal values the other should be one
    name, too; a row that differs from an earlier one is told to the plan. `amount`: the field that
    sums are kept of; `totals`: others whose printed totals are compared, while all rows above them
    hold the same in `alike`. `happened`: the field of the day on which the thing happened.
    `together`: how many groups become one plan. `totals_block`: a printed total that differs from
    its parts stops the whole file (else it is a warning). `says`: settings that nobody types,
    because the workbook itself says them."""

    name: str
    title: str
    roles: tuple[str, ...]
    columns: tuple[Column, ...]
    plan: Planner
    asks: tuple[Asked, ...] = ()
    group: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    one_each: tuple[str, str] | None = None
    amount: str | None = None
    totals: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    happened: str | None = None
    together: int = 200
    totals_block: bool = False
    says: Says | None = None

    def __post_init__(self) -> None:
        """Columns know whether their sheet tells of persons."""
        if self.of_people:
            columns = tuple(replace(column, of_people=True) for column in self.columns)
            object.__setattr__(self, "columns", columns)

    @property
    def every_ask(self) -> tuple[Asked, ...]:
        """Its own; when it happened, and why what happened long ago is entered only now."""
        return (*self.asks, *ALWAYS)

    @property
    def every_total(self) -> tuple[str, ...]:
        return self.totals if self.amount is None else (self.amount, *self.totals)

    @property
    def of_people(self) -> bool:
        """Its sheets tell of persons."""
        return any(column.personal for column in self.columns)

    def column(self, field_: str) -> Column:
        return next(column for column in self.columns if column.field == field_)


def row_by_row(decider: AnyDecider, command: Callable[[Desk, Taken], Command]) -> Planner:
    """The plan of an importer whose every row makes one thing by one command."""

    async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
        return Plan([Deed(decider, command(desk, row)) for (row,) in groups])

    return plan
