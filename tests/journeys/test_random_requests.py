"""More than 5,000 requests drawn from the OpenAPI documents, over the wire, against a whole
installation with a case in it: never a fault of ours, every answer as declared and as promised.

The seed is fixed; SUYUAN_TEST_SEED draws others. A failure shows it with the request.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import requests
from fastapi.routing import APIRoute
from schemathesis import Response
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from libs.chassis.auth import ROLES
from libs.chassis.cases import read_case
from libs.chassis.http import PROBLEM
from libs.chassis.loader import Door, Load
from libs.chassis.service import Service
from libs.events.canonical import canonical
from libs.events.types import request_id
from services.__main__ import SERVICES
from tests.journeys.at_random import MODES, About, Asking, drawn, operations
from tests.journeys.loaded import CASES
from tests.journeys.tree import Tree, running
from tests.loop import Run, run_in_thread

SEED = int(os.environ.get("SUYUAN_TEST_SEED", "20261122"))
EACH, AGAIN = 32, 4
"""Requests of each operation that are as its schema says, and as many that are not; and of one that
every service has by the same code, in services after the first."""
BUDGET = {"funds": 2450, "households": 1000, "assets": 650, "reporting": 900}
"""What is sent at least; 5,000 together."""
BINDS_NOTHING = (400, 401, 404, 405, 412, 413, 415, 422, 503)
NOWHERE = "http://127.0.0.1:9/hooks"
"""The one address that webhooks may be sent to; nobody is there."""
DECLARED: list[CheckFunction] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
STANDING = """
SELECT (SELECT max(position) FROM es.events) AS head,
       EXISTS (SELECT FROM es.requests WHERE request_id = $1) AS bound
"""


@dataclass
class Live:
    """The installation, what lies in it, and how it is asked."""

    tree: Tree
    run: Run
    about: About
    stores: dict[str, asyncpg.Connection]
    session: requests.Session = field(default_factory=requests.Session)

    def standing(self, service: Service, key: str) -> tuple[int, bool]:
        """(head of the log, whether the key is bound)."""
        connection = self.stores[service.name]
        row = self.run(connection.fetchrow(STANDING, request_id("tester", key)))
        return row["head"], row["bound"]

    def call(self, service: Service, case: Asking) -> Response:
        return case.call(self.tree.settings.origin + service.prefix, self.session)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """A whole installation with case 900 loaded; every role in one token."""
    with tempfile.TemporaryDirectory(prefix="suyuan-random-") as name, run_in_thread() as run:
        stack = AsyncExitStack()
        (listed := Path(name) / "webhooks").write_text(NOWHERE)
        tree: Tree = run(stack.enter_async_context(running(Path(name), webhooks=listed)))
        world = run(loaded(tree))
        stores = {s.name: run(asyncpg.connect(**tree.stores.app(s.name))) for s in SERVICES}
        found = Live(tree, run, About(world, SEED), stores)
        found.session.headers["authorization"] = f"Bearer {tree.token(*ROLES)}"
        yield found
        for connection in stores.values():
            run(connection.close())
        run(stack.aclose())


async def loaded(tree: Tree) -> dict[str, list[str]]:
    """Load the case over the wire; the ids that it made, by collection."""
    world = defaultdict[str, list[str]](list)

    async def keep(answer: httpx.Response) -> None:
        if answer.request.method == "POST" and answer.status_code == 201:
            told = json.loads(await answer.aread())
            noun, *below = answer.request.url.path.split("/")[4:]
            made = [*told.get("ids", {}).values(), told.get("id")] if not below else []
            world[noun] += [id_ for id_ in made if id_ is not None]
            world[noun] += [told[noun[:-1]]] if noun in ("figures", "statements") else []

    sources = {service.name: service.sources for service in SERVICES}
    async with tree.client() as client:
        client.event_hooks["response"].append(keep)
        door = Door(client, tree.token, sources)
        await Load(read_case(CASES / "900"), door).run()
        for service in SERVICES:
            await subscribe(door, service)
    return dict(world) | {"addresses": [NOWHERE, f"{NOWHERE}/more"]}


async def subscribe(door: Door, service: Service) -> None:
    body = {"occurred_on": "2024-01-01", "url": NOWHERE}
    path, key = f"{service.prefix}/subscriptions", {"idempotency-key": "subscribe"}
    answer = await door.ask("POST", path, "operator", json=body, headers=key)
    assert answer.status_code == 201, answer.text


def broken(case: Asking, answer: Response) -> Iterator[str]:
    """Promises that an answer breaks: of the document, and of the rules for problems."""
    if case.method == "HEAD":  # has no body to hold to anything
        return
    promised = list(DECLARED)
    if case.path.startswith("/files"):  # what was wrong of it may be the header that was taken away
        promised.remove(checks.negative_data_rejection)
    try:
        case.validate_response(answer, checks=promised)
    except FailureGroup as group:
        yield from (f"{type(one).__name__}: {one.message}" for one in group.exceptions)
    if answer.status_code == 503:
        named = answer.json()["type"]
        if named != "/problems/NotYetVisible" or "retry-after" not in answer.headers:
            yield f"503 {named}"
    elif answer.status_code >= 500:
        yield f"{answer.status_code}"
    elif answer.status_code >= 400:
        yield from unlike_a_problem(answer)


def told_again(answer: bytes) -> bytes:
    """What a repeat is answered: the same, save a secret or a person's data, told once."""
    told = json.loads(answer)
    once = {member: None for member in ("secret", "values", "names", "uri") if member in told}
    return canonical({**told, **once}) if once else answer


def unlike_a_problem(answer: Response) -> Iterator[str]:
    kind = answer.headers["content-type"][0]
    if kind != PROBLEM:
        yield f"{answer.status_code} is {kind}"
        return
    if answer.request.method == "HEAD":  # which has no body (RFC 9110, 9.3.2)
        return
    told = answer.json()
    if not re.fullmatch(r"/problems/[A-Z]\w+", told["type"]):
        yield f"type {told['type']}"
    if told["status"] != answer.status_code:
        yield f"{answer.status_code} says {told['status']}"
    for member in ("title", "detail"):
        if not re.search("[\u4e00-\u9fff]", told[member]):
            yield f"{told['type']} has a {member} that is not Chinese: {told[member]}"
    if answer.status_code == 422:
        yield from unlike_faults(told)


def unlike_faults(told: Any) -> Iterator[str]:
    """A 422 names every place, and says in Chinese what is wrong there."""
    if not told.get("errors"):
        yield f"422 without a place: {told}"
    for fault in told.get("errors", ()):
        if not re.fullmatch(r"(?:[a-z]+:)?(?:/(?:[^~/]|~0|~1)*)*", fault["pointer"], re.DOTALL):
            yield f"pointer {fault['pointer']}"
        if not re.search("[\u4e00-\u9fff]", fault["message"]):
            yield f"rule {fault['rule']} is not told in Chinese: {fault['message']}"


def test_the_origin_tells_what_an_event_is_and_what_is_not_there(live: Live) -> None:
    origin, session = live.tree.settings.origin, live.session
    page = session.get(f"{origin}/api/v1/funds/events", params={"after": 1, "limit": 1}).json()
    schema = session.get(origin + page["events"][0]["dataschema"])
    assert (schema.status_code, schema.json()["$id"]) == (200, page["events"][0]["dataschema"])
    assert session.get(f"{origin}/changelog").json()["releases"]
    for path in ("/nowhere", "/events/Unheard/1", "/api/v1/funds/nowhere", "/api/v1/funds/%0A"):
        answer = session.get(origin + path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM), path
        assert answer.json()["title"] == "未找到"


@dataclass
class Sent:
    """What was sent to one service, and which promises were broken, each with one request."""

    live: Live
    service: Service
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    head: int = 0
    bound: set[str] = field(default_factory=set)

    def send(self, case: Asking) -> None:
        answer = self._answer(case)
        for fault in broken(case, answer):
            self._found(case, fault, answer)
        if answer.status_code == 201 and not case.path.startswith("/files"):  # no command
            again = self._answer(case)
            if (again.content, again.headers.get("idempotent-replay")) != (
                told_again(answer.content),
                ["true"],
            ):
                self._found(case, "a repeat got another answer", again)

    def _answer(self, case: Asking) -> Response:
        answer = self.live.call(self.service, case)
        self.statuses[answer.status_code] += 1
        key = str(case.headers.get("Idempotency-Key", ""))
        head, bound = self.live.standing(self.service, key)
        stored = head != self.head or (bound and key not in self.bound)
        dry = (case.query or {}).get("dry_run") is True and answer.status_code != 400
        if (dry or answer.status_code in BINDS_NOTHING) and stored:
            self._found(case, f"{answer.status_code} stored something", answer)
        self.head = head
        self.bound |= {key} if bound else set()
        return answer

    def _found(self, case: Asking, fault: str, answer: Response) -> None:
        where = (case.operation.label, re.sub(r"\d+|'[^']*'", "#", fault)[:80])
        self.faults.setdefault(where, f"{fault}\n{case.as_curl_command()}\n{answer.text[:400]}")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_request_meets_a_fault_or_an_answer_that_was_not_promised(
    live: Live, service: Service
) -> None:
    sent = Sent(live, service, head=live.standing(service, "")[0])
    routes = (route for router in service.routers for route in router.routes)
    own = {route.path for route in routes if isinstance(route, APIRoute)}
    for operation in operations(service):
        count = EACH if operation.path in own or service is SERVICES[0] else AGAIN
        for mode in MODES:
            for case in drawn(operation, mode, count, SEED):
                live.about.turn(case)
                sent.send(case)
    told = f"seed {SEED}, {service.name}: {sent.statuses.total()} sent, {dict(sent.statuses)}"
    sys.stdout.write(f"{told}\n")
    shown = [f"{label}: {told}" for (label, _), told in sent.faults.items()]
    assert not shown, "\n\n".join([told, *shown])
    assert sent.statuses.total() >= BUDGET[service.name]
