"""What two runs of one case must have in common: heads, the statement, and what every event says.

Leaves cannot agree: they cover a random salt and the time of recording, and so differ from run to
run by design. What a log says is compared instead: type, schema, stream, payload and metadata of
each event, without the trace that it belongs to and up to where another log was known, which is a
matter of milliseconds; and without the id of who asked and of the request, which is made of it: a
configured issuer's people have ids of that issuer. Two chunks of one list may have been appended in
either order, so the events are put in order of what they say. The first one names the store, which
is drawn: it is left out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libs.chassis.cases import Case, compare
from libs.chassis.loader import Door, Load
from libs.events.canonical import canonical

from .shell import FailedError

PAGE = 500
QUIET_S, SETTLED_WITHIN_S = 5, 120
SAID = ("type", "dataschema", "subject")
OWN = ("traceparent", "request", "correlation")


@dataclass(frozen=True)
class Figures:
    """One run of a case, in what is comparable."""

    heads: Mapping[str, int]
    statement: str
    logs: Mapping[str, str]


async def figures_of(load: Load) -> Figures:
    """Asked over HTTP, as anyone entitled may. Raises: FailedError for one not as published."""
    heads = await _settled(load.door)
    statement = statement_digest(load.case, await load.statement())
    logs = {service: await log_digest(load.door, service) for service in load.door.sources}
    return Figures(heads, statement, logs)


async def _settled(door: Door) -> Mapping[str, int]:
    """The heads once nothing more is appended: reactions come a moment after their causes."""
    before: Mapping[str, int] = {}
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (now := await door.heads()) != before:
            before = now
            await asyncio.sleep(QUIET_S)
    return now


def statement_digest(case: Case, statement: Mapping[str, Any]) -> str:
    """SHA-256 over label, value, unit and number of events of every line."""
    lines = compare(case, statement)
    if wrong := [line.label for line in lines if not line.equal]:
        raise FailedError(f"not as published: {', '.join(wrong)}")
    said = [[line.label, line.text, line.unit, line.events] for line in lines]
    return hashlib.sha256(canonical(said)).hexdigest()


async def log_digest(door: Door, service: str) -> str:
    """SHA-256 over what the events of a log say."""
    said, after = [], 1
    while True:
        path, asked = f"/api/v1/{service}/events", {"after": after, "limit": PAGE}
        page = (await door.ask("GET", path, "auditor", params=asked)).raise_for_status().json()
        said += [canonical(_said(event)) for event in page["events"]]
        after = page["covered_to"]
        if after >= page["head"]:
            return hashlib.sha256(b"\n".join(sorted(said))).hexdigest()


def _said(event: Mapping[str, Any]) -> dict[str, Any]:
    data = {name: value for name, value in event["data"].items() if name != "relies_on"}
    metadata = {name: value for name, value in event["metadata"].items() if name not in OWN}
    actor = {name: value for name, value in metadata["actor"].items() if name != "id"}
    said = {name: event[name] for name in SAID}
    return {**said, "data": data, "metadata": {**metadata, "actor": actor}}
