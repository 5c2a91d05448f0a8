"""What became of the rows of a job as csv or json, a page of rows at a time: however many there
are, the process answers others in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from libs.events.canonical import canonical

from ..sheets.writing import csv_lines
from .job_rows import RowResult

HEADS = ("row", "result", "rule", "severity", "field", "message", "hint")


async def as_csv(pages: AsyncIterator[list[RowResult]]) -> AsyncIterator[str]:
    """With a BOM, so that spreadsheets read it as UTF-8."""
    yield "\ufeff" + csv_lines([HEADS])
    async for page in pages:
        yield csv_lines([line[head] for head in HEADS] for row in page for line in _lines(row))


async def as_json(pages: AsyncIterator[list[RowResult]]) -> AsyncIterator[bytes]:
    """One object with all `items`."""
    between = b'{"items":['
    async for page in pages:
        yield between + b",".join(canonical(line) for row in page for line in _lines(row))
        between = b","
    yield b"]}" if between == b"," else between + b"]}"


