"""Every answer of a loaded case, member by member, as the OpenAPI document declares it: nothing is
missing, and nothing is answered that the document does not know."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from jsonschema import Draft202012Validator

from libs.chassis.openapi import openapi
from libs.events.invariant import Breach
from services.__main__ import SERVICES
from services.assets.service import service as assets
from services.funds.service import service as funds
from tests.journeys.test_scope_walk import DOORS, Door, Sent, Walk, existing, walk

__all__ = ["walk"]

KEPT = """
INSERT INTO es.checks AS c (invariant, token, counterexample) VALUES ($1, 1, $2::json)
ON CONFLICT (invariant) DO UPDATE SET counterexample = $2::json
"""
OVERRIDDEN = """
INSERT INTO es.objections (id, kind, rule, command, numbers, reason, actor, role, unit, at)
VALUES ($1, 'override', 'Walked', 'Walk', '{"fen": 3}', '走查', 'walker', 'finance', 'w', now())
"""


def closed(schema: Any) -> Any:
    """The schema, with no member allowed that it does not name."""
    match schema:
        case dict():
            inner = {key: closed(value) for key, value in schema.items()}
            if isinstance(inner.get("properties"), dict):
                inner.setdefault("additionalProperties", False)
            return inner
        case list():
            return [closed(one) for one in schema]
        case _:
            return schema


@cache
def document(service: str) -> Any:
    return closed(openapi(next(one for one in SERVICES if one.name == service)))


@cache
def checker(service: str, path: str, method: str, status: int) -> Draft202012Validator | None:
    """What checks an answer of an operation, if that status is declared."""
    declared = document(service)["paths"][path][method]["responses"].get(str(status))
    if declared is None:
        return None
    (content,) = declared["content"].values()
    schema = {**content["schema"], "components": document(service)["components"]}
    formats = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=formats)


def faults(door: Door, status: int, body: Any) -> list[str]:
    """Where an answer is not as declared; an undeclared status is a fault of its own."""
    checked = checker(door.service.name, door.route.path, door.method.lower(), status)
    if checked is None:
        return [f"{status} is not declared"]
    return [f"{error.json_path}: {error.message}" for error in checked.iter_errors(body)]


def made(walk: Walk, *nouns: str) -> Iterator[str]:
    """The ids that the case's commands to these collections made; a few of each."""
    for noun in nouns:
        sent = [one.answer for one in walk.sent if one.path.split("/")[4:] == [noun]]
        ids = [id_ for told in sent for id_ in (*told.get("ids", {}).values(), told.get("id"))]
        yield from [id_ for id_ in ids if id_ is not None][:5]


def addresses(walk: Walk, door: Door) -> Iterator[str]:
    """Where a question of this door has an answer in the case."""
    noun = door.template.split("/")[-2]
    if "{system}" in door.template:
        yield door.template.format(system="walk", id="funds")
    elif "{code}" in door.template:
        told = "statement" if "/statements/" in door.template else "figure"
        codes = [one.body[told] for one in walk.sent if one.path.endswith(f"/{told}s")]
        yield from (door.template.format(code=code) for code in codes)
    elif "{set}" in door.template:
        yield door.template.format(set="approval")
    elif "{id}" in door.template:
        nouns = (noun, "batches") if "/trace/payments" in door.template else (noun,)
        nouns = ("attachments",) if door.route.path.endswith("/content") else nouns
        yield from (door.template.format(id=id_) for id_ in made(walk, *nouns))
        yield from existing(walk, door)
    elif door.route.path == "/exports/members":
        yield f"{door.template}?profile=full&purpose=走查"
    elif door.route.path == "/exports/offline":
        (county, *_) = made(walk, "areas")
        yield f"{door.template}?profile=full&purpose=走查&area={county}"
    else:
        yield door.template + ("?state=closed" if door.route.path == "/tasks" else "")


def is_declared_file(door: Door, answer: httpx.Response) -> bool:
    """Whether an answer is a file, of a kind that the document names."""
    declared = document(door.service.name)["paths"][door.route.path][door.method.lower()]
    kinds = declared["responses"]["200"].get("content", {}).keys() - {"application/json"}
    return answer.headers["content-type"].partition(";")[0] in kinds


async def named_outside(walk: Walk) -> None:
    """A document that another system names too."""
    door = next(door for door in DOORS if str(door) == "POST /api/v1/funds/documents")
    example = walk.example(door)
    assert example is not None
    ref = {"system": "walk", "id": "funds"}
    body = {**example.body, "number": "测财农〔2024〕99号", "external_ref": ref}
    answer = await walk.ask(door, walk.token(*door.roles), path=example.path, json=body)
    assert answer.status_code == 201, answer.text


async def uploaded(walk: Walk) -> None:
    """A file that waits for its bytes, begun by who asks for it below."""
    door = next(door for door in DOORS if str(door) == "POST /api/v1/funds/files")
    headers = {"tus-resumable": "1.0.0", "upload-length": "9"}
    answer = await walk.ask(door, walk.token(*door.roles), headers=headers)
    assert answer.status_code == 201, answer.text
    walk.sent.append(Sent("POST", door.template, {}, answer.json()))


async def objected(walk: Walk) -> None:
    """A refusal, and a rule that was overridden."""
    door = next(door for door in DOORS if str(door) == "POST /api/v1/funds/batches")
    assert (await walk.ask(door, walk.token("clerk"))).status_code == 403
    await walk.installation.plant(funds, OVERRIDDEN, uuid4())


async def in_one_ledger(walk: Walk) -> None:
    """An asset of the case's project that stands in the total ledger only."""
    steps = ("assets", "classifications", "ledger-entries")
    sent = [next(one for one in walk.sent if one.path.endswith(f"/{step}")) for step in steps]
    own: dict[str, Any] = {"name": "只在总台账", "sources": [], "value": None, "other": None}
    id_ = str(sent[0].answer["id"])
    for one in sent:
        door = next(door for door in DOORS if door.matches(one.method, one.path))
        body = one.body | (own if one is sent[0] else {})
        path = one.path.replace(str(sent[0].answer["id"]), id_)
        answer = await walk.ask(door, walk.token(*door.roles), path=path, json=body)
        assert answer.status_code == 201, answer.text
        id_ = answer.json()["id"]


async def reading_all(walk: Walk, door: Door) -> dict[str, str]:
    """The header with which a question waits for all that its service has written."""
    events, _ = (await walk.stored())[door.service.name]
    return {"min-position": f"{door.service.name}:{events}"}


async def test_every_answer_is_as_declared(walk: Walk) -> None:
    """And of every list at least one row was seen, in one of the services that have it."""
    await named_outside(walk)
    await uploaded(walk)
    await objected(walk)
    await in_one_ledger(walk)
    await walk.installation.react(assets)
    for one in walk.sent:
        door = next(door for door in DOORS if door.matches(one.method, one.path))
        assert faults(door, one.status, one.answer) == [], str(door)
    answered: set[str] = set()
    listed: dict[str, bool] = {}
    for door in (door for door in DOORS if door.method == "GET"):
        token = walk.token(*door.roles) if door.roles else None
        for path in addresses(walk, door):
            waiting = await reading_all(walk, door)
            answer = await walk.ask(door, token, path=path, headers=waiting)
            if is_declared_file(door, answer):
                answered.add(door.route.path)
                continue
            if answer.status_code == 200:
                answered.add(door.route.path)
            if door.route.path.endswith("/content"):  # a file's bytes
                continue
            told = answer.json()
            assert faults(door, answer.status_code, told) == [], (str(door), path)
            if "items" in told:
                listed.setdefault(door.route.path, False)
                listed[door.route.path] |= told["items"] != []
    assert {door.route.path for door in DOORS if door.method == "GET"} - answered == set()
    assert [door for door, seen in listed.items() if not seen] == []


async def test_a_counterexample_is_as_declared(walk: Walk) -> None:
    """With an event that shows it and without, as the checker keeps them."""
    door = next(door for door in DOORS if str(door) == "GET /api/v1/assets/invariants")
    pool = (await walk.installation.log(assets)).pool
    told = (await walk.ask(door, walk.token("auditor"))).json()
    for one, event in zip(told["invariants"], ("1-7", None), strict=False):
        breach = Breach(event=event, numbers={"fen": 3, "lot": "x", "was": None})
        kept = msgspec.json.encode(breach).decode()
        await pool.execute(KEPT, one["invariant"], kept)
    answer = await walk.ask(door, walk.token("auditor"))
    assert faults(door, 200, answer.json()) == []
    found = [one["counterexample"] for one in answer.json()["invariants"]]
    assert [one["event"] for one in found if one is not None] == ["1-7", None]


async def test_an_event_says_what_stood_before_it_or_since_when_nothing(walk: Walk) -> None:
    door = next(door for door in DOORS if str(door) == "GET /api/v1/funds/events")
    told = (await walk.ask(door, walk.token("auditor"))).json()
    event = {key: value for key, value in told["events"][0].items() if key != "previous"}
    found = [
        len(faults(door, 200, {**told, "events": [event | before]}))
        for before in ({"previous": None}, {"previous": 1}, {"none_since": 1}, {"none": 1})
    ]
    assert found == [0, 0, 0, 1]


def test_a_member_that_is_missing_or_not_declared_is_found() -> None:
    door = next(door for door in DOORS if str(door) == "GET /api/v1/households/health")
    told = {"service": "households", "status": "ok", "head": 7}
    assert faults(door, 200, told) == []
    assert len(faults(door, 200, {**told, "more": 1})) == 1
    assert len(faults(door, 200, {"service": "households", "status": "ok"})) == 1
    assert faults(door, 418, {}) == ["418 is not declared"]
