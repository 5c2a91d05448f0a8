"""A case: commands as data, in order, and the printed figures that they must reproduce.

The format is described in tests/cases/README.md. Nothing here posts anything, and nothing here
knows a place, an amount or a law: all of that lies in the folder of the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from libs.events.money import print_amount, share

CHUNK = 1000
"""Rows of a list that travel in one request: the limit of every list route."""

T = TypeVar("T")
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]


class CaseError(Exception):
    """The folder is no case, or a step refers to what is not there; the message names the place."""


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer that a step must get: its status, and these members of its body at least."""

    status: int = 201
    body: dict[str, Any] = {}


class Spread(Struct, frozen=True, forbid_unknown_fields=True):
    """The values of one column over the rows of a list; exactly one of the three is said.

    `total_fen` in parts of whole `step_fen`, as amounts; `total` in whole things; `runs` as pairs
    of how many rows and what stands in them.
    """

    total_fen: int | None = None
    step_fen: int = 1
    total: int | None = None
    runs: list[tuple[int, Any]] | None = None

    def over(self, count: int) -> list[Any]:
        """One value a row. Raises: CaseError when the parts do not make up the whole."""
        if self.runs is not None:
            values = list(chain.from_iterable(repeat(value, n) for n, value in self.runs))
            if len(values) != count:
                raise CaseError(f"runs of {len(values)} rows for a list of {count}")
            return values
        if self.total is not None:
            return list(share(self.total, count))
        whole, rest = divmod(self.total_fen or 0, self.step_fen)
        if not whole or rest:
            raise CaseError(f"{self.total_fen} fen are not whole parts of {self.step_fen} fen")
        fens = [part * self.step_fen for part in share(whole, count)]
        return [{"text": print_amount(fen, "元"), "unit": "元"} for fen in fens]


class Rows(Struct, frozen=True, forbid_unknown_fields=True):
    """A list made from one row as pattern: `{"#": "amount"}` is the column `amount` of the row,
    `{"#": "n"}` its number, and `{n}` in a text the same number in four digits."""

    field: str
    count: int
    row: dict[str, Any]
    first: str | None = None
    start: int = 1
    spread: dict[str, Spread] = {}

    def all(self) -> list[Mapping[str, Any]]:
        """The columns of every row, in order."""
        columns = {name: spread.over(self.count) for name, spread in self.spread.items()}
        return [
            {"n": self.start + nth, **{name: values[nth] for name, values in columns.items()}}
            for nth in range(self.count)
        ]


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command. With `rows` it is one request a chunk, and its answer is theirs joined."""

    name: Name
    role: str = msgspec.field(name="as")
    post: str
    body: dict[str, Any]
    rows: Rows | None = None
    expect: Expected = Expected()
    after: Name | None = None
    note: str | None = None

    @property
    def requests(self) -> int:
        return 1 if self.rows is None else -(-self.rows.count // CHUNK)


class Published(Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of the document, as printed; `line` null: derived from it, never printed. Where
    no figure computes it (`figure` null) the reason says why."""

    fact: str
    text: str
    unit: str
    line: int | None
    quote: str | None
    figure: str | None
    reason: str | None = None


class Title(Struct, frozen=True, forbid_unknown_fields=True):
    """case.json. `area` names the step that registers the district."""

    title: str
    document: str
    area: Name
    area_code: str
    year: int
    statement: str
    banner: str
    notes: list[str] = []


@dataclass(frozen=True)
class Case:
    name: str
    title: Title
    steps: tuple[Step, ...]
    published: tuple[Published, ...]

    @property
    def requests(self) -> int:
        return sum(step.requests for step in self.steps)


def read_case(folder: Path, *, refused: bool = False) -> Case:
    """A case from its folder; `refused` weaves in the commands that must be refused, each behind
    the step that it names. Raises: CaseError."""
    steps = [step for file in _step_files(folder) for step in _read(file, list[Step])]
    if refused:
        for step in _read(folder / "refused.json", list[Step]):
            steps.insert(_place(steps, step), step)
    if twice := {step.name for step in steps if sum(s.name == step.name for s in steps) > 1}:
        raise CaseError(f"{folder.name}: names twice: {', '.join(sorted(twice))}")
    return Case(
        folder.name,
        _read(folder / "case.json", Title),
        tuple(steps),
        tuple(_read(folder / "published.json", list[Published])),
    )


def _step_files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("[0-9][0-9]_*.json"))
    if not found:
        raise CaseError(f"{folder} holds no steps (NN_name.json)")
    return found


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise CaseError(f"{file}: {error}") from None


def _place(steps: list[Step], step: Step) -> int:
    for place, earlier in enumerate(steps):
        if earlier.name == step.after:
            return place + 1
    raise CaseError(f"{step.name} comes after {step.after}, which is no step")


@dataclass(frozen=True)
class Compared:
    """One line of the statement beside what the document prints; `published` None: extra line."""

    label: str
    text: str | None
    unit: str
    events: int
    published: Published | None

    @property
    def printed(self) -> bool:
        """Whether the document itself says it."""
        return self.published is not None and self.published.line is not None

    @property
    def equal(self) -> bool:
        said = self.published
        return said is None or (self.text, self.unit) == (said.text, said.unit)


def compare(case: Case, statement: Mapping[str, Any]) -> list[Compared]:
    """Every line of the statement with its published figure, then every published figure that the
    statement does not print, as a line without a value."""
    waiting = {one.figure: one for one in case.published if one.figure is not None}
    lines = [
        Compared(
            line["label"],
            line["printed"],
            line["unit"],
            line["events"],
            waiting.pop(line["figure"], None),
        )
        for line in statement["lines"]
    ]
    return lines + [Compared(one.fact, None, one.unit, 0, one) for one in waiting.values()]
