"""Requests as funds makes them, ready for the queue: some 370 bytes of payload, 400 of metadata."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from uuid import UUID

from libs.events.canonical import canonical
from libs.events.contracts.funds import CONTRACTS, DocumentRegistered
from libs.events.store import Part, Ready, Request, prepare
from libs.events.types import Actor, Metadata, stream_id

AREA = UUID("a3b1c2d4-1111-8222-8333-444455556666")
DAY = date(2020, 3, 16)
_random = random.Random(1)


def new_id() -> UUID:
    """A random id near its area, as stream ids are (ADR 0001)."""
    return UUID(bytes=AREA.bytes[:4] + _random.randbytes(12))


def requests(parts: int = 1, events: int = 1) -> Iterator[Ready]:
    """Without end: each on new streams (expected: none), with `events` on each of its parts."""
    while True:
        key = new_id()
        body = {"body": {"id": str(key)}, "status": 201}
        asked = Request(
            id=key,
            body_hash=_random.randbytes(32),
            answer=canonical(body),
            parts=tuple(Part(new_id(), _facts(events), 0) for _ in range(parts)),
            metadata=metadata(key),
            command=_command(key),
            facts=canonical({"actor": {"area": str(AREA), "id": "u1"}, "path": [str(AREA)]}),
            keep=True,
        )
        yield prepare(asked, CONTRACTS)


def _facts(events: int) -> tuple[DocumentRegistered, ...]:
    serial = _random.randrange(1, 1000)
    fact = DocumentRegistered(
        document=AREA,
        number=f"济财农〔2020〕{serial}号",
        number_text=f"济财农[2020]{serial}号",
        issuer="济财农",
        year=2020,
        serial=serial,
        kind="funding",
        title="关于下达2020年中央财政专项扶贫资金预算的通知",
        level="province",
        area=AREA,
        issued_on=DAY,
        note=None,
    )
    return (fact,) * events


def metadata(request: UUID) -> Metadata:
    return Metadata(
        actor=Actor(id="clerk-0042", role="clerk", unit="finance-bureau", area=AREA),
        cause=None,
        correlation=request,
        document="济财农〔2020〕5号",
        effective_on=DAY,
        occurred_on=DAY,
        origin="command",
        request=request,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )


def _command(key: UUID) -> bytes:
    body = {
        "amount": {"text": "196.5", "unit": "万元"},
        "document": None,
        "effective_on": None,
        "external_ref": None,
        "occurred_on": DAY.isoformat(),
        "project": str(key),
        "purpose": "insurance",
    }
    return canonical(
        {"body": body, "target": str(stream_id("lot", str(key))), "type": "AllocateFund"}
    )
