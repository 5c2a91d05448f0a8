"""What leaves the process: a command's way from request to reader, numbers, and never a person."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags, set_span_in_context
from structlog.testing import capture_logs

from libs.chassis.observe import look_at_store
from libs.chassis.service import Service
from libs.chassis.telemetry import Few, bounded
from libs.chassis.traced import Traced
from libs.events.codec import decode_metadata
from libs.events.errors import PoisonError
from libs.events.reader import Reader
from libs.events.spans import child_of, remote, traceparent
from libs.events.store import COLUMNS, recorded
from libs.events.types import Recorded
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.recorded import Recorder, of, recording
from tests.registry import area, post

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NAME, ID_NUMBER = "张三丰", "370112198001011234"
"""A person who must be found nowhere; the number is of nobody."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@asynccontextmanager
async def traced(installation: Installation, service: Service, *held: str) -> AsyncIterator[Any]:
    """A client through the app as the process serves it when there is a collector."""
    plain = await installation.client(service, *held)
    app = Traced(plain._transport.app, service.prefix)  # type: ignore[attr-defined]  # its own
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(
        transport=transport, base_url="http://test", headers=plain.headers
    ) as client:
        yield client


async def events(installation: Installation, service: Service) -> list[Recorded]:
    log = await installation.log(service)
    rows = await log.pool.fetch(f"SELECT {COLUMNS} FROM es.events ORDER BY position")  # noqa: S608 - constant
    return [recorded(log.store, row) for row in rows]


def context_of(text: str | None) -> Any:
    assert text is not None
    found = remote(text)
    assert found is not None
    return found


async def test_a_command_is_followed_from_its_request_to_the_readers(
    installation: Installation, recorder: Recorder
) -> None:
    async with traced(installation, households, "steward") as steward:
        steward.headers["traceparent"] = CALLER
        answer = await post(steward, "/areas", area("370112", "历城区", "county", None))
    assert answer.status_code == 201
    served = recorder.span("POST")
    caller = context_of(CALLER)
    assert served.name == "POST /api/v1/households/areas"
    assert served.parent is not None
    assert (served.context.trace_id, served.parent.span_id) == (caller.trace_id, caller.span_id)
    assert dict(served.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/api/v1/households/areas",
        "url.scheme": "http",
    }

    executed = recorder.span("execute")
    assert executed.parent is not None
    assert executed.parent.span_id == served.context.span_id
    assert [event.name for event in executed.events] == [
        *("gathered", "learned", "decided", "appended")
    ]
    assert executed.attributes == {
        "service": "households",
        "command": "RegisterArea",
        "position": 3,
        "status": 201,
        "replay": False,
    }

    group = recorder.span("append_group")
    assert group.parent is None
    assert [link.context.span_id for link in group.links] == [executed.context.span_id]
    assert group.attributes == {"service": "households", "size": 1}

    stored = (await events(installation, households))[-1]
    made_in = context_of(decode_metadata(stored.metadata).traceparent)
    assert (made_in.trace_id, made_in.span_id) == (caller.trace_id, served.context.span_id)

    known = next(reader for reader in funds.readers if reader.source == "households")
    await (await installation.reading(funds, known)).catch_up()
    project = recorder.span("project")
    assert project.parent is None
    assert project.context.trace_id != caller.trace_id
    assert [link.context.span_id for link in project.links] == [served.context.span_id]
    assert project.attributes is not None
    assert (project.attributes["from_position"], project.attributes["to_position"]) == (1, 3)
    assert "replay" not in project.attributes


async def test_what_a_command_was_is_counted(
    installation: Installation, recorder: Recorder
) -> None:
    county = area("370112", "历城区", "county", None)
    async with traced(installation, households, "steward") as steward:
        for key in ("a", "a"):
            assert (await post(steward, "/areas", county, key)).status_code == 201
        orphan = area("370112100", "东镇", "township", uuid4())
        assert (await post(steward, "/areas", orphan)).status_code == 409
        assert (await steward.get(f"/areas/{uuid4()}")).status_code == 404
        assert (await steward.request("张三", "/areas")).status_code == 405
    measured = recorder.measured()
    service = {"service": "households"}
    (groups,) = of(measured["suyuan.append.group_size"], **service)
    assert (groups.count, groups.sum) == (2, 2)
    (appended,) = of(measured["suyuan.append.outcomes"], outcome="appended", **service)
    assert appended.value == 2
    (took,) = of(measured["suyuan.append.duration"], **service)
    assert took.count == 2
    (refused,) = of(measured["suyuan.command.refusals"], **service)
    assert (refused.attributes["refusal"], refused.value) == ("UnknownParent", 1)
    (waited,) = of(measured["suyuan.append.queue"], **service)
    assert waited.value == 1
    requests = {
        (
            point.attributes["http.request.method"],
            point.attributes.get("http.route", ""),
            point.attributes["http.response.status_code"],
        ): point.count
        for point in measured["http.server.request.duration"]
    }
    prefix = "/api/v1/households/areas"
    assert requests == {
        ("POST", prefix, 201): 2,
        ("POST", prefix, 409): 1,
        ("GET", f"{prefix}/{{id}}", 404): 1,
        ("_OTHER", prefix, 405): 1,
    }


async def test_without_a_span_the_callers_traceparent_is_stored_as_it_came(
    installation: Installation,
) -> None:
    steward = await installation.client(households, "steward")
    steward.headers["traceparent"] = CALLER
    await post(steward, "/areas", area("370112", "历城区", "county", None))
    stored = (await events(installation, households))[-1]
    assert decode_metadata(stored.metadata).traceparent == CALLER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        CALLER.upper(),
        CALLER + "-00",
        "ff" + CALLER[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_what_is_no_traceparent_names_no_span(text: str) -> None:
    assert remote(text) is None


def test_there_is_no_traceparent_without_a_span() -> None:
    assert traceparent() is None


async def test_no_person_and_no_query_leaves_the_process(
    installation: Installation, recorder: Recorder
) -> None:
    """Planted in a body that is accepted, one that is refused, one that cannot be read, paths,
    queries, headers, a method, a database's own words and a reader's."""
    person = f"{NAME}{ID_NUMBER}"
    with capture_logs() as logs:
        async with traced(installation, households, "steward", "auditor") as steward:
            steward.headers.update(
                {
                    "traceparent": CALLER,
                    "tracestate": f"vendor={ID_NUMBER}",
                    "baggage": f"who={ID_NUMBER}",
                    "user-agent": ID_NUMBER,
                    "x-request-id": ID_NUMBER,
                }
            )
            county = area("370112", person, "county", None)
            assert (await post(steward, "/areas", county, key=ID_NUMBER)).status_code == 201
            orphan = area(ID_NUMBER, person, "township", uuid4())
            assert (await post(steward, "/areas", orphan)).status_code in (409, 422)
            assert (await post(steward, "/areas", {"name": person})).status_code == 422
            assert (await steward.get(f"/{person}", params={"q": person})).status_code == 404
            assert (await steward.get(f"/external-refs/x/{ID_NUMBER}")).status_code == 404
            assert (await steward.get("/areas", params={"area": person})).status_code == 422
            assert (await steward.request(ID_NUMBER, "/areas")).status_code == 405
            plant_fault(steward, (await installation.log(households)).pool, person)
            assert (await steward.get("/fault")).status_code == 500
        await stop_a_reader(installation, person)
    left = recorder.everything()
    assert len(recorder.exporter.get_finished_spans()) > 10
    assert "suyuan.reader.stops" not in left  # the reader was stepped, not run
    for where in (left, json.dumps(logs, default=str)):
        assert "PoisonError" in where or "unexpected" in where, "the planted faults were told"
        assert NAME not in where
        assert NAME.encode("unicode_escape").decode() not in where
        assert ID_NUMBER not in where


def plant_fault(client: AsyncClient, pool: asyncpg.Pool, person: str) -> None:
    """A route whose query fails with words that quote the person."""

    async def fault() -> None:
        await pool.fetch("SELECT $1::text::uuid", person)

    client._transport.app._app.add_api_route("/fault", fault)  # type: ignore[attr-defined]  # its own


async def stop_a_reader(installation: Installation, person: str) -> None:
    """A reader whose projection fails with the person's name in its words."""

    def fails(*_: Any) -> Any:
        raise ValueError(person)

    reading = await installation.reading(funds, Reader("planted", "households", fails))
    with pytest.raises(PoisonError):
        await reading.catch_up()


async def test_a_fault_is_a_span_with_its_type_and_nothing_of_its_words(
    installation: Installation, recorder: Recorder
) -> None:
    async with traced(installation, households, "steward") as steward:
        plant_fault(steward, (await installation.log(households)).pool, NAME)
        assert (await steward.get("/fault")).status_code == 500
    span = recorder.span("GET")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.events == ()
    assert (span.attributes or {})["http.response.status_code"] == 500


async def test_a_store_is_observed_with_its_cursors(
    installation: Installation, recorder: Recorder
) -> None:
    async with traced(installation, households, "steward") as steward:
        await post(steward, "/areas", area("370112", "历城区", "county", None))
    await installation.catch_up(funds)
    log = await installation.log(funds)
    await log.pool.execute(
        "UPDATE es.cursors SET stopped = 'planted', confirmed_at = confirmed_at - interval '1 hour'"
        " WHERE reader = 'known' AND source = 'households'"
    )
    await log.pool.execute(
        "INSERT INTO es.parked VALUES ('policy.x', 'households', gen_random_uuid(), 1, 1, now(),"
        " 'planted', now() - interval '1 hour')"
    )
    await log.pool.execute(
        "INSERT INTO es.checks (invariant, counterexample) VALUES ('planted', '{}')"
    )
    async with log.pool.acquire() as held, held.transaction(isolation="repeatable_read"):
        await held.fetch("SELECT 1 FROM es.events")
        await look_at_store(log)
    measured = recorder.measured()
    (head,) = of(measured["suyuan.log.head"], service="funds")
    assert head.value == 1
    stopped = of(measured["suyuan.cursor.stopped"], service="funds")
    assert {(p.attributes["reader"], p.attributes["source"]): p.value for p in stopped}[
        ("known", "households")
    ] == 1
    assert sum(point.value for point in stopped) == 1
    named = {"service": "funds", "reader": "known", "source": "households"}
    (age,) = of(measured["suyuan.cursor.age"], **named)
    assert 3600 <= age.value < 3660
    (lag,) = of(measured["suyuan.cursor.lag"], reader="known", source="households")
    assert lag.value == 0
    assert of(measured["suyuan.parked.deliveries"], service="funds")[0].value == 1
    assert 3600 <= of(measured["suyuan.parked.age"], service="funds")[0].value < 3660
    broken = of(measured["suyuan.invariant.broken"], service="funds", invariant="planted")
    assert [point.value for point in broken] == [1]
    (told,) = of(measured["suyuan.feed.age"], source="households")
    assert 0 <= told.value < 30
    (size,) = of(measured["suyuan.database.size"], service="funds")
    assert size.value > 1_000_000
    (snapshot,) = of(measured["suyuan.database.snapshot_age"], service="funds")
    assert 0 < snapshot.value < 30
    used = {"db.client.connection.pool.name": "funds", "db.client.connection.state": "used"}
    assert of(measured["db.client.connection.count"], **used)[0].value == 1


def test_traces_are_bounded_and_those_that_serve_a_told_one_are_told() -> None:
    now = [0.0]
    few = Few(10, lambda: now[0])

    def told(*links: Link) -> bool:
        return few.should_sample(None, 1, "x", links=links).decision is Decision.RECORD_AND_SAMPLE

    def link(flags: int) -> Link:
        return Link(SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(flags)))

    assert [told() for _ in range(12)] == [True] * 10 + [False] * 2
    assert told(link(0), link(1)), "it serves one that is told, whatever is left"
    assert not told(link(0))
    now[0] = 0.25
    assert [told() for _ in range(3)] == [True, True, False]
    now[0] = 1000
    assert sum(told() for _ in range(50)) == 10
    assert not told(link(0)), "what serves none that is told spends nothing"


def test_a_caller_decides_not_what_is_spent() -> None:
    """A parent that says `sampled` goes through the same bucket as a trace that begins here."""
    tracer = TracerProvider(bounded(10, lambda: 0.0)).get_tracer("x")
    wished, unwished = child_of(CALLER), child_of(CALLER[:-1] + "0")
    assert not tracer.start_span("x", unwished).is_recording()
    made = [tracer.start_span("x", wished) for _ in range(20)]
    assert [span.is_recording() for span in made] == [True] * 10 + [False] * 10
    for parent in (made[0], made[-1]):
        child = tracer.start_span("y", set_span_in_context(parent))
        assert child.is_recording() == parent.is_recording()
