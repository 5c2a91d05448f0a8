"""The same promises through the doors of funds: the last fen of a lot, keys, If-Match, bad text."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import AsyncClient, Response

from services.funds.service import service as funds
from tests.conftest import Installation

AREA = UUID(int=11)
DAY = "2020-03-16"


def fen(text: str) -> dict[str, str]:
    return {"text": text, "unit": "元"}


async def post(client: AsyncClient, path: str, key: str, body: dict[str, Any]) -> Response:
    headers = {"idempotency-key": key}
    return await client.post(path, json={"occurred_on": DAY, **body}, headers=headers)


async def made(client: AsyncClient, path: str, body: dict[str, Any]) -> str:
    answer = await post(client, path, path, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
async def clerk(installation: Installation) -> AsyncClient:
    app = await asyncpg.connect(**installation.stores.app("funds"))
    await app.execute(
        "INSERT INTO known.areas VALUES ($1, $2, 'county', '2013-01-01')",
        AREA,
        [AREA],
    )
    await app.execute(
        "INSERT INTO es.cursors (reader, source, epoch, position) VALUES ('known', $1, 1, 1)",
        "households",
    )
    await app.close()
    return await installation.client(funds, "clerk")


@pytest.fixture
async def lot(clerk: AsyncClient) -> str:
    """A lot of one yuan."""
    document = {
        "number": "测财农〔2020〕5号",
        "kind": "funding",
        "title": "下达",
        "level": "county",
    }
    where = {"area": str(AREA)}
    letter = await made(clerk, "/documents", {**document, **where, "issued_on": DAY})
    purposes = [{"purpose": "relief", "amount": fen("1.00")}]
    named = {"level": "county", "year": 2020, "fund_name": "测试资金", "batch": "第一批"}
    body = {**named, **where, "document": letter, "amount": fen("1.00"), "purposes": purposes}
    return await made(clerk, "/lots", body)


@pytest.fixture
async def allocation(clerk: AsyncClient) -> dict[str, Any]:
    """The body that asks for the lot's last fen; all of it at once."""
    named = {"area": str(AREA), "year": 2020, "name": "测试项目", "kind": "relief"}
    project = await made(clerk, "/projects", {**named, "purpose": "relief"})
    await made(clerk, f"/projects/{project}/library-entries", {})
    return {"project": project, "purpose": "relief", "amount": fen("1.00")}


async def test_the_last_fen_of_a_lot_is_allocated_once(
    clerk: AsyncClient, lot: str, allocation: dict[str, Any]
) -> None:
    path = f"/lots/{lot}/allocations"
    repeated = await asyncio.gather(*(post(clerk, path, "k", allocation) for _ in range(50)))
    assert {answer.status_code for answer in repeated} == {201}
    assert len({(a.content, a.headers["etag"], a.headers["position"]) for a in repeated}) == 1
    assert sum("idempotent-replay" not in a.headers for a in repeated) == 1

    others = await asyncio.gather(*(post(clerk, path, f"o{n}", allocation) for n in range(20)))
    assert Counter(a.status_code for a in others) == {409: 20}
    assert {a.json()["type"] for a in others} == {"/problems/InsufficientLot"}
    assert others[0].json()["numbers"]["short_fen"] == 100
    balances = (await clerk.get(f"/lots/{lot}")).json()["balances"]
    held = {row["account"]: row["amount_fen"] for row in balances}
    assert (held["allocated"], held.get("unallocated", 0)) == (100, 0)


async def test_a_key_used_on_another_route_or_with_another_body_is_refused(
    clerk: AsyncClient, lot: str, allocation: dict[str, Any]
) -> None:
    path = f"/lots/{lot}/allocations"
    first = await post(clerk, path, "k", allocation)
    less = {**allocation, "amount": fen("0.50")}
    for answer in (
        await post(clerk, path, "k", less),
        await post(clerk, path + "?x=1", "k", allocation),
        await post(clerk, f"/projects/{allocation['project']}/library-entries", "k", {}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/KeyReused")
    assert (await post(clerk, path, "k", allocation)).content == first.content


async def test_if_match_of_another_version_is_412_and_binds_nothing(
    clerk: AsyncClient, lot: str, allocation: dict[str, Any]
) -> None:
    path = f"/lots/{lot}/allocations"
    for given, status in (('"7"', 412), ('"1"', 201)):
        headers = {"idempotency-key": "k", "if-match": given}
        body = {"occurred_on": DAY, **allocation}
        answer = await clerk.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text


async def test_if_match_where_nothing_is_yet_is_412_and_no_fault(clerk: AsyncClient) -> None:
    headers = {"idempotency-key": "k", "if-match": '"1"'}
    named = {"area": str(AREA), "year": 2020, "name": "x", "kind": "y", "purpose": "relief"}
    answer = await clerk.post("/projects", json={"occurred_on": DAY, **named}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/ChangedMeanwhile")


@pytest.mark.parametrize("text", ["nul \0", "lone \ud800"])
async def test_text_that_cannot_be_stored_is_malformed(clerk: AsyncClient, text: str) -> None:
    named = {"area": str(AREA), "year": 2020, "name": text, "kind": "y", "purpose": "relief"}
    body = json.dumps({"occurred_on": DAY, **named})
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    answer = await clerk.post("/projects", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/Malformed")
    if "\0" in text:
        assert answer.json()["errors"][0]["pointer"] == "/name"


async def test_a_persons_number_is_malformed_told_by_its_place_and_never_repeated(
    clerk: AsyncClient,
) -> None:
    document = {"number": "测财农〔2020〕5号", "kind": "funding", "level": "county"}
    named = {**document, "area": str(AREA), "issued_on": DAY, "title": "致电１３８００００００００"}
    answer = await post(clerk, "/documents", "k", named)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/Malformed")
    assert answer.json()["errors"][0]["pointer"] == "/title"
    assert "手机号码" in answer.json()["errors"][0]["message"]
    assert "１３８" not in answer.text
    assert (await post(clerk, "/documents", "k", {**named, "title": "下达"})).status_code == 201


@pytest.mark.parametrize(
    "given", ["7", '"-1"', '"٧"', '"' + "9" * 16 + '"', '"' + "9" * 5000 + '"']
)
async def test_an_if_match_that_is_no_version_is_unreadable(clerk: AsyncClient, given: str) -> None:
    headers = [(b"idempotency-key", b"k"), (b"if-match", given.encode())]
    named = {"area": str(AREA), "year": 2020, "name": "x", "kind": "y", "purpose": "relief"}
    answer = await clerk.post("/projects", json={"occurred_on": DAY, **named}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/Unreadable")


async def test_a_body_that_is_no_text_is_unreadable_in_chinese(clerk: AsyncClient) -> None:
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    answer = await clerk.post("/projects", content=b'{"name": "\xff"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/Unreadable")
    assert not answer.json()["detail"].isascii()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/events?types=a%00b", 400),
        ("/events?types=a;b", 422),
        (f"/events?after={2**53}", 422),
        (f"/events?after={2**53 - 1}", 200),
        ("/external-refs/x/a%00", 400),
        ("/external-refs/x/a%20b", 404),
        ("/lots?cursor=%00", 400),
        ("/events?strange=%00", 400),
    ],
)
async def test_no_address_is_a_fault_of_ours(
    installation: Installation, path: str, status: int
) -> None:
    asker = await installation.client(funds, "auditor")
    assert (await asker.get(path)).status_code == status


async def test_another_systems_id_is_bound_with_noun_and_area_and_told_within_scope(
    installation: Installation, clerk: AsyncClient, lot: str
) -> None:
    ref = {"external_ref": {"system": "budget", "id": "p1"}}
    named = {"area": str(AREA), "year": 2020, "name": "x", "kind": "y", "purpose": "relief"}
    project = await made(clerk, "/projects", {**named, **ref})
    address = "/external-refs/budget/p1"
    told = {"system": "budget", "id": "p1", "noun": "project", "target": project}
    assert (await clerk.get(address)).json() == told
    pool = (await installation.log(funds)).pool
    bound = await pool.fetchval("SELECT payload FROM es.events WHERE type = 'ExternalRefBound'")
    assert json.loads(bound)["area"] == str(AREA)

    other = UUID(int=12)
    await pool.execute(
        "INSERT INTO known.areas VALUES ($1, $2, 'county', '2013-01-01')",
        other,
        [other],
    )
    neighbour = await installation.client(funds, "clerk", area=other)
    own = await installation.client(funds, "clerk", area=AREA)
    assert (await neighbour.get(address)).status_code == 404
    assert (await own.get(address)).json() == told
    theirs = {**named, "area": str(other), **ref}
    taken = await post(neighbour, "/projects", "theirs", theirs)
    assert taken.json()["type"] == "/problems/ExternalRefTaken"
    assert project not in taken.text
    again = await post(own, "/projects", "again", {**named, "name": "z", **ref})
    assert again.json()["numbers"]["target"] == project
    entry = await post(clerk, f"/projects/{project}/library-entries", "e", ref)
    assert (entry.status_code, entry.json()["type"]) == (422, "/problems/NotNameable")
    assert lot
