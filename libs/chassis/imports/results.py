"""What becomes of a row, said once for every way in which it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec
from pydantic import ValidationError

from libs.events.answer import Answer
from libs.events.errors import EventsError, Refused
from libs.events.private import looks_personal

from .importer import UNCHANGED, Fault
from .job_rows import Result, RowResult, Run
from .reading import Read

LONGEST_VALUE = 100
NEXT_STEP = "按说明改正后，连同表头单独再导入被拒绝的行"
UNSURE = Fault("unsure", "办到这一行时任务中断，可能已经收下", "先在册中核对，没有收下的再导入")


AWAITS = Fault(
    "awaits_approval",
    "已报审，批准后才生效",
    "批准后再导入同一文件，可办完其余步骤；驳回的改正后再导入",
    severity="warn",
)


def accepted(read: Read) -> RowResult:
    """With what it was warned of."""
    return _result(read, "accepted", None, read.faults)


def acceptable(row: RowResult) -> RowResult:
    """Of a check: what would be accepted, and was not taken."""
    return msgspec.structs.replace(row, result="acceptable")


def rejected(read: Read, more: Iterable[Fault]) -> RowResult:
    """For all that was found, in reading it and after."""
    return _result(read, "rejected", None, (*read.faults, *more))


def become(runs: Iterable[Run], fates: Mapping[int, Fault | None]) -> Iterator[RowResult]:
    """Of rows whose commands were to be done, by first row of their group: why not, if not. Whose
    end nobody saw may be taken or not."""
    for run in runs:
        for rows in run.groups:
            fault = fates.get(rows[0].number, UNSURE)
            for row in rows:
                yield row if fault is None else _with(row, fault)


def _with(row: RowResult, fault: Fault) -> RowResult:
    """Not taken, unless it is but a warning."""
    result = row.result if fault.severity == "warn" else "rejected"
    return msgspec.structs.replace(row, result=result, faults=(*row.faults, fault))


def ignored(read: Read) -> RowResult:
    """No data, and why."""
    return _result(read, "ignored", read.ignored, read.faults)


def unchanged(read: Read) -> RowResult:
    """What it says is known already."""
    return _result(read, "ignored", UNCHANGED, read.faults)


def _result(read: Read, result: Result, why: str | None, faults: Iterable[Fault]) -> RowResult:
    kept = tuple(_with_value(fault, read.texts) for fault in faults)
    return RowResult(read.number, result, read.fen, why, kept, read.key)


def _with_value(fault: Fault, texts: Mapping[str, str]) -> Fault:
    text = texts.get(fault.field or "")
    if text is None or looks_personal(text) is not None:
        return fault
    return replace(fault, value=text[:LONGEST_VALUE])


def told(error: EventsError | Refused) -> Fault:
    """Why the command that the row became is not taken."""
    return Fault(type(error).__name__, str(error), NEXT_STEP)


def told_of(answer: Answer) -> Fault:
    """The same, of an answer."""
    problem = msgspec.json.decode(answer.body)
    return Fault(problem["type"].rpartition("/")[2], problem["detail"], NEXT_STEP)


def malformed(error: ValidationError) -> Fault:
    """Its words name the place and never what stands there."""
    places = "、".join("/".join(map(str, one["loc"])) for one in error.errors()[:3])
    return Fault("malformed", f"内容不合格式：{places}", NEXT_STEP)
