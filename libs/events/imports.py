"""That a file was taken 导入: which one, by whom, how many rows; how late a thing may be entered.

What its rows became are commands of their own, each with its events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from .contracts.imports import ImportTaken
from .dated_rows import Set, Values
from .decider import Ask, Decider, Decision, Facts, Fold, Knowing, Streams, where
from .errors import Refused
from .types import Command, Event, stream_id


class EntryAge(Values):
    """How many days after it happened a thing may be entered without a reason (product 7.5); the
    key is the importer's name."""

    days: int = Field(ge=0, le=36_500, description="天；超过的须写明补录理由")


class LargestAmount(Values):
    """What no amount of a column may exceed: somebody has typed it in another unit (product 7.2);
    the key is `<importer>.<field>`."""

    amount_fen: int = Field(gt=0, le=2**53 - 1, description="以分计")


LARGEST_AMOUNTS = Set("largest_amount", "金额上限", LargestAmount)
ENTRY_AGES = Set("entry_age", "补录期限", EntryAge)


class RecordImport(Command):
    """记下一次导入。只由系统发出。"""

    area: UUID
    job: UUID
    number: int
    importer: str
    digest: str
    mode: Literal["all", "valid_rows"]
    read: int
    accepted: int
    rejected: int
    ignored: int
    accepted_fen: int
    rejected_fen: int
    reason: str | None = None

    def stream(self) -> UUID:
        return stream_id("import", str(self.area), str(self.job))


class ImportAlreadyRecorded(Refused):
    """该次导入已经记下：{job}。"""


@dataclass(frozen=True, slots=True)
class Import:
    taken: ImportTaken | None = None


def record(state: Import, command: RecordImport, _: Facts) -> Decision:
    if state.taken is not None:
        raise ImportAlreadyRecorded(job=str(command.job))
    told = command.model_dump(exclude={"occurred_on", "effective_on", "external_ref"})
    return Decision({command.stream(): (ImportTaken(**told),)}, {"id": str(command.stream())})


def evolve(state: Import, event: Event) -> Import:
    return Import(event) if isinstance(event, ImportTaken) else state


imports: Fold[Import] = Fold("import", Import(), evolve)


async def _of(streams: Streams, ask: Ask[RecordImport]) -> Import:
    return await streams.load(imports, ask.command.stream())


async def _where(known: Knowing, _: Any, ask: Ask[RecordImport]) -> Facts:
    return await where(known, ask.command.area)


RECORD = Decider(RecordImport, Facts, _of, _where, record, approvable=False)
