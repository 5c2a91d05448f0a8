"""What became of the rows of a job as csv or json, a page of rows at a time: however many there
are, the process answers others in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import asyncpg

from libs.events.canonical import canonical
from libs.events.clock import today

from ..sheets.cells import letter
from ..sheets.writing import csv_lines
from .importer import Fault
from .job_rows import RowResult
from .places import PROPOSALS
from .store import from_json

SAID = ("field", "value", "rule", "severity", "message", "hint")
HEADS = (
    *("sheet", "row", "column", "field", "value", "result", "rule", "rule_version"),
    *("severity", "message", "hint", "row_key"),
)
Pages = AsyncIterator[list[RowResult]]


async def as_csv(job: asyncpg.Record, pages: Pages) -> AsyncIterator[str]:
    """With a BOM, so that spreadsheets read it as UTF-8."""
    yield "\ufeff" + csv_lines([HEADS])
    async for page in pages:
        yield csv_lines([line[head] for head in HEADS] for line in _lines(job, page))


async def as_json(job: asyncpg.Record, pages: Pages) -> AsyncIterator[bytes]:
    """One object with all `items`."""
    between = b'{"items":['
    async for page in pages:
        yield between + b",".join(canonical(line) for line in _lines(job, page))
        between = b","
    yield b"]}" if between == b"," else between + b"]}"


def _lines(job: asyncpg.Record, rows: Iterable[RowResult]) -> Iterator[dict[str, Any]]:
    """One for each thing that is said of a row, with what may be proposed of it, and one for a row
    of which nothing is."""
    mapping: dict[str, int] = {} if job["mapping"] is None else from_json(job["mapping"])
    for row in rows:
        about = {"sheet": job["sheet"], "row": row.number, "result": row.result}
        key = {"row_key": row.key or str(row.number)}
        if not row.faults:
            judged = {"rule": row.why, "rule_version": job["release"] if row.why else None}
            yield about | dict.fromkeys((*SAID, "column")) | judged | key | {"proposals": []}
        for fault in row.faults:
            at = mapping.get(fault.field or "")
            said = {name: getattr(fault, name) for name in SAID}
            place = {"column": None if at is None else letter(at), "rule_version": job["release"]}
            proposed = {"proposals": _proposals(fault, row.number, job)}
            yield about | said | place | key | proposed


def _proposals(fault: Fault, number: int, job: asyncpg.Record) -> list[dict[str, Any]]:
    """The requests by one of which a name that is none is proposed as an alias."""
    if fault.strange is None:
        return []
    alias, near = fault.strange.alias, fault.strange.near
    met = f"导入任务 {job['number']}（{job['importer']}）第 {number} 行"
    body = {"occurred_on": today().isoformat(), "of": "area", "alias": alias, "met": met}
    return [
        {
            "title": f"“{alias}”是“{one.name}”（{one.code}）的别名",
            "method": "POST",
            "path": PROPOSALS,
            "body": {**body, "subject": str(one.area)},
        }
        for one in near
    ]
