"""Evidence that a rule demands: kinds and numbers, by command, area and day (design 11).

Rows of the set `evidence` (key: the command's name). What is missing is an objection like that of
any rule that may bend: how strict it is, the set `severity` says under `EvidenceMissing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .correction import Correct
from .dated_rows import Reference, Row, Set, Values
from .decider import Ask, Facts, Streams
from .errors import Refused
from .evidence import Evidence, Kind, evidence, evidence_stream


class Needed(BaseModel):
    """So many files of one kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    title: str = Field(min_length=1, max_length=40, examples=["验收单"])
    count: int = Field(default=1, ge=1, le=99)


class EvidenceRow(Values):
    """What must be attached before the command: to the thing in its path, or to the one that a
    field of it names."""

    of: str = Field(
        default="",
        pattern=r"^([a-z][a-z_]{0,39})?$",
        description="命令中指明所附之物的字段；空: 路径中的那一件",
        examples=["project"],
    )
    needs: tuple[Needed, ...] = Field(max_length=20, description="空: 不要求")


NEEDED = Set("evidence", "必备证据", EvidenceRow, central=True)


class EvidenceMissing(Refused):
    """缺少必备证据：{missing}；请先上传，并附在 {target} 上。"""


class EvidenceNotAttached(Refused):
    """所列证据没有附在被更正之物上：{evidence}；请先上传，并附在 {target} 上。"""


@dataclass(frozen=True, slots=True)
class Showing:
    """The rows, and the evidence of every thing that one of them may ask about, or on which a
    correction says that it rests."""

    rows: Reference = field(default_factory=Reference)
    of: Mapping[UUID, Evidence] = field(default_factory=dict)


async def showing(streams: Streams, ask: Ask[Any], rows: Reference) -> Showing:
    """Fenced with the decision: what was attached when it was decided, and no more."""
    asked = (_thing(EvidenceRow.model_validate(row.values), ask) for row in _rows_of(rows, ask))
    things = sorted({thing for thing in (*asked, _corrected(ask)) if thing is not None})
    found = await streams.load_many(evidence, map(evidence_stream, things)) if things else []
    return Showing(rows, dict(zip(things, found, strict=True)))


def missing(shown: Showing, ask: Ask[Any], facts: Facts) -> EvidenceMissing | None:
    """By the rows in force on the day that counts and on the day of asking, both: naming another
    day spares nothing."""
    days = dict.fromkeys((ask.command.counted_on, ask.asked_on))
    rows = [shown.rows.at(_name(ask), facts.path_then, day) for day in days]
    asked = [EvidenceRow.model_validate(row.values) for row in rows if row is not None]
    for row in asked:
        thing = _thing(row, ask)
        held = Evidence() if thing is None else shown.of[thing]
        short = [
            f"{one.title} {one.count - there} 份"
            for one in row.needs
            if (there := held.count(one.kind, facts.path)) < one.count
        ]
        if short:
            told = "、".join(short)
            return EvidenceMissing(missing=told, target=None if thing is None else str(thing))
    return None


def require_attached(shown: Showing, ask: Ask[Any], facts: Facts) -> None:
    """A correction that names a file names one that is attached to what it corrects: no digest of
    nothing stands for a document. Raises: EvidenceNotAttached."""
    thing = _corrected(ask)
    if thing is not None and not shown.of[thing].stands(ask.command.evidence, facts.path):
        raise EvidenceNotAttached(evidence=ask.command.evidence, target=str(thing))


def _corrected(ask: Ask[Any]) -> UUID | None:
    """What is corrected by a file."""
    rests = isinstance(ask.command, Correct) and ask.command.evidence is not None
    return ask.target if rests else None


def _thing(row: EvidenceRow, ask: Ask[Any]) -> UUID | None:
    found = getattr(ask.command, row.of, None) if row.of else ask.target
    return found if isinstance(found, UUID) else None


def _rows_of(rows: Reference, ask: Ask[Any]) -> Iterator[Row]:
    return (row for (key, _), them in rows.rows.items() if key == _name(ask) for row in them)


def _name(ask: Ask[Any]) -> str:
    return type(ask.command).__name__
