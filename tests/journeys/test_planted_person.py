"""One invented person put through every door of a whole installation, over Kafka, right doors and
wrong ones; afterwards nobody finds anything of him outside the vault's database.

What is looked through is told with its size: a search that looks at nothing finds nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from libs.chassis.auth import ROLES
from services.__main__ import SERVICES
from services.funds.service import service as funds
from tests.imports.desk import Desk, sheet
from tests.journeys.test_collector import Collector
from tests.journeys.test_scope_walk import DOORS, Door
from tests.journeys.tree import Tree, running
from tests.people import card, id_number, listed, phone, reference_rows
from tests.registry import area

SERIAL = 86_173
NAME = "欧阳埋伏甲"
SPACED = " ".join(NAME)


def spellings(text: str) -> Iterator[bytes]:
    """How a text may lie in a file: in plain, in JSON, in an address, in hex, in base64, hashed."""
    plain = text.encode()
    yield plain
    yield json.dumps(text)[1:-1].encode()
    yield quote(text).encode()
    yield plain.hex().encode()
    yield from _in_base64(plain)
    for hashed in ("sha256", "sha1", "md5"):
        digest = hashlib.new(hashed, plain, usedforsecurity=False).digest()
        yield from (digest, digest.hex().encode(), base64.b64encode(digest)[:-2])


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Wherever in a longer text it begins: only what does not hang on its neighbours."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + plain + b"\0" * 3)
            yield whole[4 if before else 0 : 4 * ((before + len(plain)) // 3)]


PERSON = {"name": NAME, "number": id_number(SERIAL), "phone": phone(SERIAL), "card": card(SERIAL)}
WANTED = {
    spelled: what for what, text in PERSON.items() for spelled in set(spellings(text)) if spelled
}


@dataclass
class Heard(Collector):
    """A collector that keeps what it is told, byte by byte."""

    bodies: list[bytes] = field(default_factory=list)

    async def _hear(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        await super()._hear(path, body)


@dataclass
class Told:
    """What the installation answered: at feed and export for the search, all to be counted."""

    statuses: dict[int, int] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)

    def keep(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1


def found_in(content: bytes) -> set[str]:
    """What of the person stands there."""
    return {what for spelled, what in WANTED.items() if spelled in content}


def searched(folder: Path) -> tuple[int, dict[str, set[str]]]:
    """(bytes looked through, files in which something was found)."""
    size, hits = 0, {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # a server's own, taken away meanwhile
            continue
        size += len(content)
        if found := found_in(content):
            hits[str(file.relative_to(folder))] = found
    return size, hits


@asynccontextmanager
async def installation() -> AsyncIterator[tuple[Tree, Heard]]:
    heard = Heard()
    await heard.listen()
    with tempfile.TemporaryDirectory(prefix="suyuan-planted-") as name:
        async with running(Path(name), kafka=True, SUYUAN_OTLP=heard.url) as tree:
            yield tree, heard
    await heard.go_away()


class Visitor:
    """Somebody with every role, who goes from door to door with the person's papers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.told, self.keys = client, Told(), 0

    async def post(self, path: str, body: Any, **how: Any) -> httpx.Response:
        self.keys += 1
        key = {"idempotency-key": f"planted-{self.keys}", **how.pop("headers", {})}
        dated = {"occurred_on": "1990-03-16", **body} if isinstance(body, dict) else body
        answer = await self.client.post(f"/api/v1/{path}", json=dated, headers=key, **how)
        self.told.keep(answer)
        return answer

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.post(path, body)
        assert answer.status_code == 201, (path, answer.text)
        told: dict[str, Any] = answer.json()
        return told


async def by_the_right_doors(visitor: Visitor) -> tuple[str, str]:
    """Registered, paid elsewhere, revealed, sought in every way, erased; another of his name stays.
    The village, and who is erased."""
    for row in reference_rows():
        await visitor.made("households/reference/rows", row)
    county = (await visitor.made("households/areas", area("990101", "某县", "county", None)))["id"]
    under = area("990101001001", "某村", "village", county)
    village = (await visitor.made("households/areas", under))["id"]
    ids = []
    for serial, name in ((SERIAL, NAME), (SERIAL, SPACED), (SERIAL + 1, NAME)):
        one = {"name": name, "id_number": id_number(serial), "phone": PERSON["phone"]}
        account = {"number": PERSON["card"], "bank": "测试银行"}
        row = {**one, "area": village, "account": account, "synthetic": True}
        told = await visitor.made("households/persons", listed(county, row))
        ids.append(told["persons"][0]["id"])
    assert ids[0] == ids[1] != ids[2]
    await looked_at(visitor, ids[0], village)
    moved = {"number": PERSON["card"], "bank": "测试银行另一支行"}
    await visitor.made(f"households/persons/{ids[0]}/account-changes", moved)
    erased = {"reason": "保存期满", "document": "测农发〔2026〕1号"}
    await visitor.made(f"households/persons/{ids[0]}/erasures", erased)
    gone = await visitor.post(f"households/persons/{ids[0]}/reveals", {**SHOWN, "purpose": "再看"})
    assert gone.status_code == 410
    return village, ids[0]


SHOWN = {"fields": ["name", "id_number", "phone", "account"], "profile": "full"}


async def looked_at(visitor: Visitor, id_: str, village: str) -> None:
    """The person is really there: his texts come back, by every way of looking."""
    told = await visitor.made(f"households/persons/{id_}/reveals", {**SHOWN, "purpose": "核对"})
    assert set(told["values"].values()) == set(PERSON.values())
    look = {"area": village, "purpose": "查找"}
    numbers = {"id_numbers": [PERSON["number"]], "phones": [PERSON["phone"]]}
    matched = await visitor.made("households/persons/matches", {**look, **numbers})
    assert [id_ in row for row in matched["found"]] == [True, True]
    named = await visitor.made("households/persons/names", {**look, "name": NAME})
    assert id_ in named["found"][0]
    opened = await visitor.made("households/persons/openings", {**look, "contains": NAME[2:]})
    assert opened["names"][id_] == NAME


TYPED = [
    PERSON["number"],
    PERSON["phone"],
    PERSON["card"],
    f"{NAME} {PERSON['number']}",
    {"number": PERSON["number"]},
    {PERSON["number"]: 1},
    [PERSON["card"]],
]


async def by_every_wrong_door(visitor: Visitor) -> int:
    """His numbers in every field of every command, in addresses, in headers; how many commands were
    taken in all."""
    for door in DOORS:
        path = door.path.removeprefix("/api/v1/")
        for text in TYPED:
            asked = dict.fromkeys(fields_of(door), text) if door.method == "POST" else {}
            if asked:
                await visitor.post(path, asked)
        await in_addresses(visitor, door)
    return visitor.told.statuses.get(201, 0)


def fields_of(door: Door) -> list[str]:
    body = door.route.body_field
    return [] if body is None else list(body.field_info.annotation.model_fields)  # type: ignore[union-attr]  # a body is one model


async def in_addresses(visitor: Visitor, door: Door) -> None:
    number = PERSON["number"]
    place = door.template.replace("{id}", number).replace("{system}", "x").replace("{code}", number)
    headers = {"tracestate": f"a={number}", "user-agent": number, "if-match": f'"{number}"'}
    for path in (place, f"{door.path}?area={number}&{number}={NAME}"):
        asked = {"headers": {**headers, "idempotency-key": number}, "json": {"name": NAME}}
        how: dict[str, Any] = asked if door.method == "POST" else {"headers": headers}
        answer = await visitor.client.request(door.method, path, **how)
        visitor.told.keep(answer)
        assert answer.status_code < 500, (path, answer.text)


async def by_free_texts(visitor: Visitor, village: str) -> None:
    """Numbers among words that are otherwise taken: notes, aliases, names, reasons, clues."""
    text = f"见{PERSON['number']}，电话{PERSON['phone']}，卡{PERSON['card']}"
    unit = {"name": "某局", "kind": "bureau", "area": village}
    made = (await visitor.made("households/organisations", unit))["id"]
    number = {"number": "测财农〔2020〕5号", "kind": "funding", "level": "county"}
    paper = {**number, "area": village, "title": text, "issued_on": "2020-01-01"}
    for path, body in (
        ("households/organisations", {**unit, "name": text}),
        (f"households/organisations/{made}/aliases", {"alias": text}),
        (f"households/areas/{village}/aliases", {"alias": text}),
        ("households/areas", area("990102", text, "county", None)),
        ("funds/documents", paper),
        (f"households/persons/{uuid4()}/reveals", {**SHOWN, "purpose": text}),
        ("reporting/cuts", {"name": text, "area": village}),
    ):
        answer = await visitor.post(path, body)
        assert answer.status_code == 422, (path, answer.text)
        assert found_in(answer.content) == set(), path


async def by_a_file(tree: Tree, visitor: Visitor, village: str) -> None:
    """A roster with him in it, uploaded in two pieces and attached: it comes back whole, and lies
    in clear at no moment. By the name of a file he does not come in."""
    data = "\n".join([",".join(PERSON), *[",".join(PERSON.values())] * 400]).encode()
    place, tus = "/api/v1/households/files", {"tus-resumable": "1.0.0"}
    more = {"upload-length": str(len(data))}
    named = base64.b64encode(f"{PERSON['number']}.csv".encode()).decode()
    wrong = {**tus, **more, "upload-metadata": f"filename {named}"}
    assert (await visitor.client.post(place, headers=wrong)).status_code == 422
    name = base64.b64encode("花名册.csv".encode()).decode()
    headers = {**tus, **more, "upload-metadata": f"filename {name}"}
    id_ = (await visitor.client.post(place, headers=headers)).json()["id"]
    half = len(data) // 2
    for at, piece in ((0, data[:half]), (half, data[half:])):
        said = {**tus, "upload-offset": str(at), "content-type": "application/offset+octet-stream"}
        answer = await visitor.client.patch(f"{place}/{id_}", content=piece, headers=said)
        assert answer.status_code == 204
        assert searched(tree.settings.home / "files")[1] == {}
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    kept = await visitor.client.post(f"{place}/{id_}/completions", params=digest)
    assert kept.status_code == 201, kept.text
    body = {"target": village, "kind": "roster", "upload": id_, "caption": "花名册"}
    made = await visitor.made("households/attachments", body)
    position = {"min_position": f"households:{await head(visitor)}"}
    path = f"/api/v1/households/attachments/{made['id']}/content"
    content = await visitor.client.get(path, params=position)
    assert content.content == data
    assert found_in(content.content) == set(PERSON)


async def by_a_roster(tree: Tree, village: str) -> None:
    """In a sheet of payments: a worker of funds asks households who he is, over HTTP. Who is erased
    is nobody; another of his name and account is known, and in no household."""
    heads = ("证件号码", "户主", "账号", "金额(元)")
    rows = [[id_number(serial), NAME, PERSON["card"], "100"] for serial in (SERIAL, SERIAL + 1)]
    base = f"{tree.settings.origin}/api/v1/funds"
    headers = {"authorization": f"Bearer {tree.token('finance')}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
        desk = Desk(cast("Any", None), funds, client)
        settings, content = {"batch": str(uuid4())}, sheet(heads, *rows)
        prepared = await desk.prepare("payments", UUID(village), content, settings=settings)
        assert prepared.status_code == 201, prepared.text
        id_ = (await desk.commit(prepared.json()["id"], "valid_rows")).json()["id"]
        async with asyncio.timeout(60):
            while (await desk.job(id_))["state"] != "done":  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)
        told = await desk.outcome(id_)
    rules = [(one["row"], one["rule"]) for one in told]
    assert rules == [(2, "unknown_person"), (3, "not_registered")]
    assert found_in(json.dumps(told, ensure_ascii=False).encode() + prepared.content) == set()


async def head(visitor: Visitor) -> int:
    told: int = (await visitor.client.get("/api/v1/households/health")).json()["head"]
    return told


async def by_a_role_that_is_refused(tree: Tree, village: str) -> None:
    """Refused before anything is read, and the refusal is kept."""
    row = {"name": NAME, "id_number": PERSON["number"], "area": village}
    async with tree.client("operator") as stranger:
        visitor = Visitor(stranger)
        visitor.keys = 10**6
        for path, body in (
            ("households/persons", listed(village, row)),
            (f"households/persons/{PERSON['number']}/account-changes", {}),
            ("funds/documents", {"title": PERSON["number"]}),
        ):
            assert (await visitor.post(path, body)).status_code in (403, 400)


async def everything_told(tree: Tree, visitor: Visitor) -> dict[str, bytes]:
    """What those who read along are told: feeds, exports, lists of refusals."""
    answers = {}
    for service in SERVICES:
        page = await visitor.client.get(f"{service.prefix}/events", params={"limit": 500})
        assert page.status_code == 200
        answers[f"feed of {service.name}"] = page.content
        code, said = await tree.said("events", "export", service.name)
        assert code == 0
        answers[f"export of {service.name}"] = said.encode()
    return answers


async def checkpoint(tree: Tree) -> str:
    """All that was written lies in files; the number of the folder of the key database."""
    connection = await asyncpg.connect(**tree.stores.superuser("postgres"))
    await connection.execute("CHECKPOINT")
    query = "SELECT oid::text FROM pg_database WHERE datname = 'suyuan_keys'"
    folder: str = await connection.fetchval(query)
    await connection.close()
    return folder


async def rows_of(tree: Tree) -> dict[str, bytes]:
    """Every row of every table of the four logs, as text: files may hold them compressed."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(**tree.stores.admin(service.name))
        for table in await connection.fetch(_TABLES):
            rows = await connection.fetch(f"SELECT t::text FROM {table[0]} t")  # noqa: S608 - a catalogue's
            found[f"{service.name} {table[0]}"] = "\n".join(row[0] for row in rows).encode()
        await connection.close()
    return found


_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname IN ('es', 'known', 'view')
"""


async def settled(tree: Tree, gone: str) -> None:
    """Until the worker has destroyed the person's key, and the broker's files hold that he is
    erased."""
    connection = await asyncpg.connect(**tree.stores.keys())
    query = "SELECT count(*) FROM vault.subjects WHERE subject = $1"
    async with asyncio.timeout(60):
        while (  # noqa: ASYNC110 - worker and broker are other processes
            await connection.fetchval(query, gone) or not _carried(tree)
        ):
            await asyncio.sleep(0.2)
    await connection.close()


def _carried(tree: Tree) -> bool:
    files = (tree.settings.home / "kafka").rglob("*.log")
    return any(b"PersonErased" in file.read_bytes() for file in files)


async def test_nothing_of_a_person_is_found_outside_the_vault() -> None:
    async with installation() as (tree, heard):
        async with tree.client(*ROLES) as client:
            visitor = Visitor(client)
            village, gone = await by_the_right_doors(visitor)
            accepted = visitor.told.statuses[201]
            await by_free_texts(visitor, village)
            await by_a_file(tree, visitor, village)
            await by_a_roster(tree, village)
            assert await by_every_wrong_door(visitor) == accepted + 2, "a unit, an attachment"
            await by_a_role_that_is_refused(tree, village)
            await settled(tree, gone)
            answers = await everything_told(tree, visitor)
        answers |= await rows_of(tree)
        await heard.until(lambda: "execute" in heard.spans.get("suyuan-serve", ()))
        await asyncio.sleep(6)  # what is still to be told to the collector
        keys = await checkpoint(tree)
        size, hits = searched(tree.settings.home)
    told = {name: found for name, content in answers.items() if (found := found_in(content))}
    traces = found_in(b"\0".join(heard.bodies))
    assert (size > 50_000_000, len(heard.bodies) > 2, len(answers) > 60) == (True, True, True)
    assert {file: what for file, what in hits.items() if f"/base/{keys}/" not in f"/{file}"} == {}
    assert (told, traces) == ({}, set())


@pytest.mark.parametrize("text", PERSON.values(), ids=PERSON.keys())
def test_a_leak_in_any_spelling_would_be_found(text: str, tmp_path: Path) -> None:
    for number, spelled in enumerate(spellings(text)):
        (tmp_path / f"{number}.log").write_bytes(b"\x00before " + spelled + b" after\xff")
    (tmp_path / "clean.log").write_text(f"{NAME[:2]} {id_number(SERIAL + 1)}")
    _, hits = searched(tmp_path)
    assert len(hits) == len(list(tmp_path.iterdir())) - 1
    whole = base64.b64encode(f"some text before {text} and after".encode())
    assert found_in(whole)
