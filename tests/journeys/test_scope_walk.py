"""Every route against everyone who must not pass: no token, a foreign key, `alg: none`, another
role, a neighbour's area. 400, 401, 404 and 422 store nothing; 403 stores one refusal.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx import AsyncClient
from openpyxl.utils import get_column_letter

from libs.chassis import loader
from libs.chassis.auth import ROLES, LocalIssuer
from libs.chassis.call import Holds
from libs.chassis.cases import read_case
from libs.chassis.errand_tokens import ERRANDS
from libs.chassis.loader import Load
from libs.chassis.routers import routers_of
from libs.chassis.service import Service
from libs.events import tasks
from libs.events.subscriptions import OpenSubscription
from libs.events.tasks import OpenTask
from libs.events.unattended import Machine, commanded
from services.__main__ import SERVICES
from services.households.domain.alias import proposal_stream
from services.households.domain.area import area_stream
from services.households.domain.grant import GrantRole
from services.households.domain.system import PublicJwk, RegisterSystem
from services.households.domain.user import RegisterUser
from tests import packs, payees
from tests.conftest import Installation
from tests.imports.desk import Desk, sheet
from tests.journeys.loaded import CASES, LISTED, served
from tests.people import card, entered, id_number, listed, phone, reference_rows

OPEN = {"/health", "/version"}
"""Routes that anyone on the network may ask; they tell nothing about anybody."""
OF_ONESELF = {"/second-factors", "/second-factors/confirmations"}
"""Commands about nobody but the caller: they lie in no area."""
INNER = {"/persons/identifications"}
"""Open to another service of the installation alone: no seat and no role of a token admits."""
OF_EVERYBODY = {"/api/v1/funds/documents/{id}"}
"""What lies in every caller's area once it is there: a letter is cited from anywhere."""
_keys = itertools.count(1)
NEW_YEAR = date(2024, 1, 1)


@dataclass(frozen=True)
class Door:
    """One route of one service."""

    service: Service
    route: APIRoute
    roles: tuple[str, ...]

    @property
    def method(self) -> str:
        return next(iter(self.route.methods or ()))

    @property
    def template(self) -> str:
        return self.service.prefix + self.route.path

    @property
    def path(self) -> str:
        """An address of it that names nothing that exists."""
        return re.sub(r"\{\w+\}", "nothing", self.template.replace("{id}", str(uuid4())))

    def matches(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\{\w+\}", "[^/]+", self.template)
        return method == self.method and re.fullmatch(pattern, path) is not None

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def held(dependant: Dependant) -> Iterator[Holds]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Holds):
            yield inner.call
        yield from held(inner)


def doors() -> list[Door]:
    found = []
    for service in SERVICES:
        for router in routers_of(service):
            for route in router.routes:
                assert isinstance(route, APIRoute)
                roles = tuple(role for one in held(route.dependant) for role in one.roles)
                found.append(Door(service, route, roles))
    return found


DOORS = doors()
GUARDED = [door for door in DOORS if door.route.path not in OPEN]
COMMANDS = [door for door in GUARDED if door.method == "POST" and door.route.body_field]
"""What takes no body (an upload begun, and completed) is no command and lies in no area."""


def test_every_route_states_its_role() -> None:
    assert [str(door) for door in GUARDED if not door.roles] == []
    assert {door.route.path for door in DOORS if not door.roles} == OPEN
    assert {role for door in GUARDED for role in door.roles} <= {*ROLES, *ERRANDS}


@dataclass(frozen=True)
class Sent:
    """A command of the loaded case, as it went over the wire."""

    method: str
    path: str
    body: Any
    answer: Any
    status: int = 201


@dataclass
class Walk:
    """A loaded case behind its doors, and what its commands looked like."""

    installation: Installation
    client: httpx.AsyncClient
    sent: list[Sent]
    neighbour: UUID

    def token(self, *roles: str, area: UUID | None = None) -> str:
        if roles and set(roles) <= set(ERRANDS):  # it is never good everywhere
            return payees.token(self.installation, area or self.neighbour)
        issuer = self.installation.issuer
        return issuer.token("walker", roles, "walkers", area, timedelta(hours=1))

    async def stored(self) -> dict[str, tuple[int, int]]:
        """(events, requests) of each log."""
        counted = {}
        for service in SERVICES:
            pool = (await self.installation.log(service)).pool
            row = await pool.fetchrow(
                "SELECT (SELECT count(*) FROM es.events), (SELECT count(*) FROM es.requests)"
            )
            assert row is not None
            counted[service.name] = (row[0], row[1])
        return counted

    async def ask(self, door: Door, token: str | None, **how: Any) -> httpx.Response:
        headers = {"idempotency-key": f"walk-{next(_keys)}", **how.pop("headers", {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        path = how.pop("path", door.path)
        if door.method == "POST":
            headers["content-type"] = "application/json"
            how = how or {"json": {}}
        return await self.client.request(door.method, path, headers=headers, **how)

    def example(self, door: Door) -> Sent | None:
        """The first command of the case that went through this door."""
        return next((one for one in self.sent if door.matches(one.method, one.path)), None)


@pytest.fixture
async def walk(installation: Installation) -> AsyncIterator[Walk]:
    """Case 900 loaded, its commands kept; a second county beside its own."""
    sent: list[Sent] = []

    async def keep(answer: httpx.Response) -> None:
        request = answer.request
        if request.method == "POST" and answer.status_code < 300 and request.content:
            told = json.loads(await answer.aread())
            body = json.loads(request.content)
            sent.append(Sent(request.method, request.url.path, body, told, answer.status_code))

    async with served(installation) as door:
        door.client.event_hooks["response"].append(keep)
        await Load(read_case(CASES / "900"), door).run()
        for path, body in itertools.chain(seldom(sent), of_users(sent)):
            await said(door, path, body)
        await identifying(door, installation, sent)
        for service in SERVICES:
            task = await a_task(installation, service, sent)
            for path, body in of_every_service(service, task, sent):
                await said(door, path, body)
            await importing(door, installation, service, sent)
            await attaching(door, service, task)
            await approving(door, service, sent)
        door.client.event_hooks["response"].clear()
        county = {"code": "990199", "name": "邻县", "level": "county", "parent": None}
        made = await said(door, "households/areas", {**county, "valid_from": "2013-01-01"})
        await known_everywhere(door)
        yield Walk(installation, door.client, sent, UUID(made["id"]))


def seldom(sent: list[Sent]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands that the case does not send, about what it made."""
    by_path = {one.path.removeprefix("/api/v1/"): one.answer for one in sent}
    area, unit = by_path["households/areas"]["id"], by_path["households/organisations"]["id"]
    household = next(iter(by_path["households/households"]["ids"].values()))
    code = {"code": "990999", "name": "改名", "valid_from": "2024-01-01"}
    flag = {"risks": ["health"], "source": "survey", "clue": "测试名单"}
    system = {"code": "walked", "organisation": "走查单位", "unit": "walkers", "area": area}
    named = RegisterSystem(occurred_on=date(2024, 1, 1), **system).system()
    key, kid = public_key()
    days = {"valid_from": "2024-01-01T00:00:00Z", "valid_until": "2034-01-01T00:00:00Z"}
    yield f"households/areas/{area}/aliases", {"alias": "旧名"}
    yield f"households/areas/{area}/codes", code
    yield f"households/organisations/{unit}/aliases", {"alias": "旧称"}
    yield f"households/households/{household}/flags", flag
    yield "households/systems", system
    yield f"households/systems/{named}/keys", {"key": key, **days}
    yield f"households/systems/{named}/key-retirements", {"kid": kid, "reason": "走查"}
    for subject, alias, act, said in (
        (area, "旧集", "confirmations", {}),
        (area, "新集", "rejections", {"reason": "另有其地"}),
    ):
        met = {"of": "area", "subject": subject, "alias": alias, "met": "发放表 第3行"}
        yield "households/alias-proposals", met
        yield f"households/alias-proposals/{proposal_stream(UUID(subject), alias)}/{act}", said
    open_ = {"of": "area", "subject": area, "alias": "未定", "met": "发放表 第4行"}
    yield "households/alias-proposals", open_
    yield "reporting/cuts", {"name": "walk", "area": area}
    yield from of_indicators(sent, area)
    yield from of_persons(sent, str(area))
    yield from corrections(sent)
    yield from reforms(next(one.answer["id"] for one in sent if one.path.endswith("/areas")))


def of_indicators(sent: list[Sent], area: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What an area counts of itself, and a figure that says it."""
    means = {"title": "走查", "unit": "期", "period": "month", "level": None}
    rolls = {"over_areas": "none", "over_periods": "sum", "valid_from": "2013-01-01"}
    yield "reporting/indicators", {"area": area, "code": "walked", **means, **rolls}
    id_ = sent[-1].answer["id"]
    counted = {"area": area, "period": "2023-12", "value": {"text": "3", "unit": "期"}}
    yield f"reporting/indicators/{id_}/values", counted
    where = [{"field": "indicator", "values": [id_]}]
    measured = {"measure": "sum", "over": "indicators", "field": "value", "where": where}
    named = {"figure": "walked", "title": "走查", "area": area}
    yield "reporting/figures", {**named, "definition": measured}


def of_persons(sent: list[Sent], area: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands about people, invented ones."""
    bodies = [one.body for one in sent if one.path.endswith("/households/areas")]
    answers = [one.answer["id"] for one in sent if one.path.endswith("/households/areas")]
    levels = {body["level"]: id_ for body, id_ in zip(bodies, answers, strict=True)}
    for row in reference_rows():
        yield "households/reference/rows", row
    rows = [entered(levels["village"], serial, phone=phone(serial)) for serial in (1, 2)]
    yield "households/persons", listed(area, *rows, occurred_on="1990-01-01")
    one, two = (told["id"] for told in sent[-1].answer["persons"])
    look = {"area": area, "purpose": "走查"}
    shown = {"fields": ["name", "phone"], "purpose": "走查", "profile": "full"}
    paid = {"number": card(), "bank": "测试银行"}
    yield f"households/persons/{one}/reveals", shown
    yield f"households/persons/{one}/account-changes", paid
    yield "households/persons/matches", {**look, "id_numbers": [id_number(1)]}
    yield "households/persons/names", {**look, "name": "测试1"}
    yield "households/persons/openings", {**look, "area": levels["village"], "contains": "试"}
    family = {"key": "W-1", "area": levels["village"], "era": "linkage", "register_type": "walked"}
    members = [{"person": one, "relation": "head"}, {"person": two, "relation": "spouse"}]
    family |= {"persons": 2, "listed": members, "registered_on": "2024-01-01"}
    yield "households/households", {"area": area, "households": [family]}
    home = sent[-1].answer["ids"]["W-1"]
    sister = {"change": "relation", "person": two, "relation": "sibling"}
    yield f"households/households/{home}/member-changes", sister
    apart = {"key": "W-2", "members": [{"person": two, "relation": "head"}]}
    yield f"households/households/{home}/splits", apart
    erased = {"reason": "走查", "document": "测农发〔2024〕1号"}
    yield f"households/persons/{two}/erasures", erased


def corrections(sent: list[Sent]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A correction of each noun that has one, of things that the case made."""

    def first(path: str) -> Sent:
        return next(one for one in sent if one.path == f"/api/v1/{path}")

    why = {"reason": "走查", "document": "测农发〔2024〕1号"}
    yield "funds/batches", first("funds/batches").body | {"run": 9}
    batch = sent[-1].answer["id"]
    person = first("households/persons").answer["persons"][0]["id"]
    household = next(iter(first("households/households").answer["ids"].values()))
    named: dict[str, tuple[str | None, dict[str, Any]]] = {
        "funds/documents": (None, {"title": "走查改题"}),
        "funds/lots": (None, {"fund_name": "走查资金"}),
        "funds/projects": (None, {"name": "走查项目"}),
        "funds/payments": (None, {"use": "走查用途"}),
        "funds/batches": (batch, {"count": 1}),
        "households/households": (household, {"register_type": "walked"}),
        "households/populations": (None, {"quote": "走查"}),
        "households/organisations": (None, {"name": "走查单位名"}),
        "households/areas": (None, {"name": "走查区域"}),
        "households/persons": (person, {"name": "测试改"}),
        "assets/assets": (None, {"quantity": "7 处"}),
    }
    for path, (id_, changes) in named.items():
        wanted = id_ or first(path).answer["id"]
        yield f"{path}/{wanted}/corrections", {**why, "changes": changes}
    asset = next(one for one in sent if one.path.endswith("/ledger-entries"))
    entry = {"ledger": asset.body["ledger"], "changes": {"value": {"text": "1", "unit": "元"}}}
    path = asset.path.removeprefix("/api/v1/").replace("ledger-entries", "ledger-corrections")
    yield path, {**why, **entry}
    given = next(one for one in sent if one.path.endswith("/allocations"))
    path = given.path.removeprefix("/api/v1/").replace("allocations", "allocation-corrections")
    letter = first("funds/documents").answer["id"]
    yield path, {**why, "allocation": 1, "changes": {"document": letter}}


def of_users(sent: list[Sent]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands on users of the case's bureau, in the case's county."""
    by_path = {one.path.removeprefix("/api/v1/"): one for one in reversed(sent)}
    area = by_path["households/areas"].answer["id"]
    unit = by_path["households/organisations"].answer["id"]
    one, other = (RegisterUser(occurred_on=NEW_YEAR, subject=s, unit=unit, post="x") for s in "ab")
    path = f"households/users/{one.user()}"
    for user in (one, other):
        yield "households/users", {"subject": user.subject, "unit": unit, "post": "x"}
    grant = GrantRole(occurred_on=NEW_YEAR, role="clerk", area=area, valid_from=NEW_YEAR)
    days = {"valid_from": "2024-01-01", "valid_until": "2024-02-01"}
    lent = {"grant": str(grant.grant(one.user())), "to": str(other.user()), "document": "x", **days}
    end = {"grant": lent["grant"], "valid_until": "2024-03-01", "reason": "x"}
    bureau = by_path["households/organisations"].body
    named = (one for one in sent if one.path.endswith("/households/areas"))
    county = next(one.body for one in named if one.answer["id"] == bureau["area"])
    line = {"subject": "c", "unit": bureau["name"], "post": "x", "role": "clerk"}
    line |= {"area_code": county["code"], "valid_from": "2024-01-01"}
    yield "households/users/lists", {"area": area, "rows": [line]}
    yield f"{path}/posts", {"unit": unit, "post": "y"}
    yield f"{path}/grants", {"role": "clerk", "area": area, "valid_from": "2024-01-01"}
    yield f"{path}/delegations", lent
    yield f"{path}/grant-ends", end
    yield f"{path}/disablings", {"reason": "x"}
    yield f"{path}/handovers", {"to": str(other.user())}


def public_key() -> tuple[dict[str, str], str]:
    """A key that nobody signs with, and its id."""
    key = PublicJwk(kty="OKP", crv="Ed25519", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    return key.members(), key.kid_of_it()


def reforms(county: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Two townships and a village that moves to and fro between them."""
    began, letter = date(2013, 1, 1), {"document": "某政发〔2020〕12号"}
    first, second, village = (str(area_stream(f"99019{n}", began)) for n in (1, 2, 3))
    for n, level, parent in (
        (1, "township", county),
        (2, "township", county),
        (3, "village", first),
    ):
        made = {"code": f"99019{n}", "name": "改", "level": level, "parent": parent}
        yield "households/areas", {**made, "valid_from": began.isoformat()}
    moved = {"parent": second, "valid_from": "2020-01-01", **letter}
    yield f"households/areas/{village}/moves", moved
    parts = [{"area": first, "takes": [village]}]
    divided = {"parts": parts, "ends": False, "valid_from": "2021-01-01", **letter}
    yield f"households/areas/{second}/splits", divided
    merged = {"successor": second, "valid_from": "2022-01-01", **letter}
    yield f"households/areas/{first}/mergers", merged


async def a_task(installation: Installation, service: Service, sent: list[Sent]) -> UUID:
    """A task of the case's county; no command of a person opens one."""
    county = next(one.answer["id"] for one in sent if one.path.endswith("/households/areas"))
    asked = OpenTask(
        occurred_on=date(2024, 1, 1),
        area=county,
        kind="walked",
        waits_for="clerk",
        about="walk",
        reason="walk",
    )
    log = await installation.log(service)
    await commanded(log, Machine("walk"), "task", tasks.OPEN, asked)
    return asked.task()


def of_every_service(
    service: Service, task: UUID, sent: list[Sent]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands that every service has."""
    county = next(one.answer["id"] for one in sent if one.path.endswith("/households/areas"))
    opens = OpenSubscription(occurred_on=date(2024, 1, 1), url=LISTED, area=county)
    one = f"{service.name}/subscriptions/{opens.subscription()}"
    yield f"{service.name}/subscriptions", {"url": LISTED, "area": county}
    yield f"{one}/pauses", {}
    yield f"{one}/resumes", {}
    yield f"{one}/redeliveries", {"from_position": 1}
    yield f"{one}/secret-rotations", {}
    yield f"{service.name}/tasks/{task}/closures", {"note": "走查"}
    command = next(one.name for one in service.deciders if one.approvable)
    yield f"{service.name}/second-factors", {}
    yield f"{service.name}/second-factors/drops", {"person": "nobody", "reason": "走查"}
    for path, body in of_reference(county, command):
        yield f"{service.name}/reference/{path}", body


async def known_everywhere(door: loader.Door) -> None:
    """What households told by now is in every service's copy."""
    health = await door.ask("GET", "/api/v1/households/health", "clerk")
    seen = {"min-position": f"households:{health.json()['head']}"}
    for service in SERVICES:
        answer = await door.ask("GET", f"/api/v1/{service.name}/tasks", "clerk", headers=seen)
        assert answer.status_code == 200, answer.text


async def identifying(door: loader.Door, installation: Installation, sent: list[Sent]) -> None:
    """What a service of the installation asks of another, about the persons of the case."""
    county = next(one.answer["id"] for one in sent if one.path.endswith("/households/areas"))
    row = {"id_number": id_number(1), "name": "测试1", "account": card()}
    body = {"occurred_on": "2024-01-01", "area": county, "on": "2024-01-01", "purpose": "走查"}
    headers = {"authorization": f"Bearer {payees.token(installation, UUID(county))}"}
    answer = await door.client.post(
        "/api/v1/households/persons/identifications",
        json={**body, "rows": [row, {**row, "id_number": id_number(99)}]},
        headers={**headers, "idempotency-key": "identifying"},
    )
    assert answer.status_code == 201, answer.text
    assert [one is None for one in answer.json()["rows"]] == [False, True]


async def importing(
    door: loader.Door, installation: Installation, service: Service, sent: list[Sent]
) -> None:
    """A sheet prepared, mapped, committed and given up, where sheets are taken."""
    for importer in service.importers[:1]:
        county = next(one.answer["id"] for one in sent if one.path.endswith("/households/areas"))
        headers = {"authorization": f"Bearer {door.token('clerk')}"}
        base = f"http://case{service.prefix}"
        client = AsyncClient(transport=door.client._transport, base_url=base, headers=headers)
        fields = [one.field for one in importer.columns]
        heads = ["户编号", "文号", "指标", *(f"列{nth}" for nth in range(4, len(fields) + 1))]
        desk = Desk(installation, service, client)
        file = await desk.upload(sheet(heads, ["x"] * len(heads)))
        settings = {one.name: "linkage" for one in importer.asks if one.required}
        body = {"importer": importer.name, "area": county, "file": file, "name": "走查.xlsx"}
        path = f"{service.name}/imports"
        made = await said(door, path, {**body, "settings": settings}, dated=False)
        columns = {field: get_column_letter(nth) for nth, field in enumerate(fields, 1)}
        one = f"{path}/{made['id']}"
        await said(door, f"{one}/mapping", {"columns": columns}, dated=False)
        job = await said(door, f"{one}/commit", {"mode": "valid_rows"}, status=202, dated=False)
        await desk.work()
        await said(door, f"{service.name}/jobs/{job['id']}/cancellations", {}, dated=False)


async def attaching(door: loader.Door, service: Service, task: UUID) -> None:
    """A file that shows something about the task, and does so no longer."""
    base, data = f"/api/v1/{service.name}/files", b"%PDF-1.7"
    tus = {"tus-resumable": "1.0.0", "upload-length": str(len(data))}
    begun = await door.ask("POST", base, "clerk", headers=tus)
    one = f"{base}/{begun.json()['id']}"
    tus |= {"upload-offset": "0", "content-type": "application/offset+octet-stream"}
    await door.ask("PATCH", one, "clerk", headers=tus, content=data)
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    kept = await door.ask("POST", f"{one}/completions", "clerk", params=digest)
    body = {"target": str(task), "kind": "walked", "upload": kept.json()["id"]}
    made = await said(door, f"{service.name}/attachments", body)
    gone = {"target": str(task), "attachment": made["id"], "reason": "走查"}
    await said(door, f"{service.name}/attachments/withdrawals", gone)


async def approving(door: loader.Door, service: Service, sent: list[Sent]) -> None:
    """Changes of reference data wait for an auditor from here on: said yes to, no, withdrawn, and
    one that waits still."""
    county = next(one.answer["id"] for one in sent if one.path.endswith("/households/areas"))
    command = next(one.name for one in service.deciders if one.approvable)
    base, since = f"{service.name}/reference/rows", "2024-01-01"
    one = {"bands": [{"up_to_fen": None, "count": 1, "duties": ["auditor"]}]}
    place = {"set": "approval", "area": county}
    row = {"key": "SetReference", "valid_from": since, "values": one}
    await said(door, base, {"set": "approval", "area": None, "row": row})
    for nth, step in enumerate(("approvals", "rejections", "withdrawals", None), 1):
        later = {**row, "key": command, "valid_from": f"2051-01-0{nth}"}
        body = {**place, "row": later}
        waits = await said(door, base, body, status=202)
        path = f"{service.name}/approvals/{waits['id']}"
        yes, why = {"digest": waits["approval"]["digest"]}, {"reason": "走查"}
        if step is not None:
            role = "steward" if step == "withdrawals" else "auditor"
            body = yes if step == "approvals" else why
            await said(door, f"{path}/{step}", body, role=role)


def of_reference(county: str, command: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands on reference data; they leave a local row that differs from one from above."""
    first = {"key": command, "valid_from": "2044-01-01"}
    mistake = {"key": command, "valid_from": "2045-01-01"}
    place = {"set": "approval", "area": county}
    nobody = {"bands": [{"up_to_fen": None, "count": 0, "duties": []}], "second_factor": False}
    above = {"set": "approval", "area": None, "values": nobody | {"second_factor": True}, **first}
    for row in (first, mistake):
        yield "rows", {**place, "row": {**row, "values": nobody}}
    yield "ends", {**place, **first, "valid_until": "2044-12-31"}
    yield "withdrawals", {**place, **mistake, "reason": "误登"}
    yield "packs", packs.signed(packs.pack(above))


async def said(
    door: loader.Door,
    path: str,
    body: dict[str, Any],
    *,
    role: str = "",
    status: int = 201,
    dated: bool = True,
) -> dict[str, Any]:
    """A command of whoever may give it, accepted."""
    roles = {"households/areas": "steward", "households/organisations": "steward"}
    roles |= {"households/alias-proposals/": "steward"}
    roles |= {"funds/payments": "finance", "funds/batches": "finance"}
    roles |= {"households/systems": "steward", "households/users": "security"}
    roles |= {f"{one.name}/reference": "steward" for one in SERVICES}
    roles |= {f"{one.name}/subscriptions": "operator" for one in SERVICES}
    roles |= {f"{one.name}/second-factors/drops": "security" for one in SERVICES}
    role = role or next((held for start, held in roles.items() if path.startswith(start)), "clerk")
    role = "steward" if path.endswith("/erasures") else role
    answer = await door.ask(
        "POST",
        f"/api/v1/{path}",
        role,
        json={"occurred_on": "2024-01-01", **body} if dated else body,
        headers={"idempotency-key": f"said-{next(_keys)}"},
    )
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def forged(issuer: LocalIssuer) -> Iterable[tuple[str, str | None]]:
    """Tokens that say the right thing and must not be believed."""
    good = issuer.token("walker", ROLES, "walkers", None, timedelta(hours=1))
    claims = jwt.decode(good, options={"verify_signature": False})
    head = jwt.get_unverified_header(good)
    other = Ed25519PrivateKey.generate()
    key_id = {"kid": head["kid"]}
    yield "no token", None
    yield "no signature", jwt.encode(claims, None, algorithm="none", headers=key_id)  # type: ignore[arg-type]  # as a forger would
    yield "foreign key", jwt.encode(claims, other, algorithm="EdDSA", headers=key_id)
    yield "unknown key id", jwt.encode(claims, other, algorithm="EdDSA", headers={"kid": "x"})
    yield "public key as a secret", jwt.encode(claims, b"x" * 32, algorithm="HS256", headers=key_id)
    yield "expired", issuer.token("walker", ROLES, "walkers", None, timedelta(seconds=-1))
    yield "cut short", good[:-4]


async def test_nobody_passes_without_a_believable_token(walk: Walk) -> None:
    before = await walk.stored()
    passed = [
        (str(door), how)
        for how, token in forged(walk.installation.issuer)
        for door in GUARDED
        if (await walk.ask(door, token)).status_code != 401
    ]
    assert passed == []
    assert await walk.stored() == before


async def test_another_role_is_refused_and_the_refusal_is_kept_once(walk: Walk) -> None:
    for door in GUARDED:
        other = [role for role in ROLES if role not in door.roles][:1]  # none: no role at all
        before = await walk.stored()
        answer = await walk.ask(door, walk.token(*other))
        assert answer.status_code == 403, door
        assert door.method == "HEAD" or answer.json()["type"] == "/problems/RoleNotHeld", door
        events, requests = before[door.service.name]
        assert (await walk.stored())[door.service.name] == (events + 1, requests + 1), door


async def test_what_cannot_be_read_or_found_stores_nothing(walk: Walk) -> None:
    before = await walk.stored()
    for door in COMMANDS:
        token = walk.token(*door.roles)
        assert (await walk.ask(door, token, content=b"{")).status_code == 400, door
        assert (await walk.ask(door, token, json={"strange": 1})).status_code == 422, door
        example = walk.example(door)
        if example is not None and "{id}" in door.template:
            assert (await walk.ask(door, token, json=example.body)).status_code == 404, door
    assert await walk.stored() == before


async def test_a_command_without_a_key_is_unreadable(walk: Walk) -> None:
    before = await walk.stored()
    for door in COMMANDS:
        example = walk.example(door)
        if example is not None:
            headers = {"authorization": f"Bearer {walk.token(*door.roles)}"}
            answer = await walk.client.post(example.path, json=example.body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (400, "/problems/KeyMissing"), (
                door
            )
    assert await walk.stored() == before


async def test_a_neighbour_is_refused_at_every_command(walk: Walk) -> None:
    """403 with the area, one refusal kept; whatever the command would otherwise have met."""
    missing = []
    for door in (one for one in COMMANDS if one.route.path not in OF_ONESELF):
        example = walk.example(door)
        if example is None:
            missing.append(str(door))
            continue
        before = await walk.stored()
        token = walk.token(*door.roles, area=walk.neighbour)
        answer = await walk.ask(door, token, path=example.path, json=example.body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/NotYourArea"), door
        events, requests = before[door.service.name]
        assert (await walk.stored())[door.service.name] == (events + 1, requests + 1), door
    assert missing == []


async def test_a_neighbour_finds_nothing(walk: Walk) -> None:
    """Reading outside one's area is as if nothing were there; lists are empty."""
    before = await walk.stored()
    for door in (one for one in GUARDED if one.method == "GET"):
        if door.template in OF_EVERYBODY:
            continue
        token = walk.token(*door.roles, area=walk.neighbour)
        for path in existing(walk, door):
            answer = await walk.ask(door, token, path=path)
            assert answer.status_code == 404, (door, path, answer.text)
    assert await walk.stored() == before


def existing(walk: Walk, door: Door) -> list[str]:
    """Addresses of this door that name things of the case: by the commands sent to them."""
    if "{id}" not in door.template:
        return []
    named = {
        found[1]
        for one in walk.sent
        if (found := re.search(r"/([0-9a-f-]{36})(/|$)", one.path)) is not None
        and one.path.startswith(door.template.split("{id}")[0])
    }
    return [door.template.replace("{id}", id_) for id_ in sorted(named)[:3]]
