"""Persons over HTTP, over a real log and a real vault: what is stored, told, refused, erased."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from httpx import AsyncClient, Response

from libs.chassis.cli.events import digest_of
from libs.chassis.vault.spelling import Kind
from libs.chassis.vault.vault import Line
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.people import card, entered, id_number, listed, phone, reference_rows, wrong
from tests.registry import County, decided_again, post, register_county

LONG_AGO = "1990-01-02"


@pytest.fixture
async def county(installation: Installation) -> County:
    """With the dated rows that reveals and erasures rest on."""
    steward = await installation.client(households, "steward", subject="steward")
    for row in reference_rows():
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    return await register_county(installation)


@pytest.fixture
async def clerk(installation: Installation) -> AsyncClient:
    return await installation.client(households, "clerk")


async def registered(clerk: AsyncClient, village: UUID, serial: int = 1, **more: Any) -> str:
    """The id of a person made long ago."""
    said = await post(
        clerk, "/persons", listed(village, entered(village, serial, **more), occurred_on=LONG_AGO)
    )
    assert said.status_code == 201, said.text
    id_: str = said.json()["persons"][0]["id"]
    return id_


async def reveal(client: AsyncClient, id_: str, *fields: str, **more: Any) -> Response:
    asked = {"fields": list(fields), "purpose": "测试核对", "profile": "full", **more}
    return await post(client, f"/persons/{id_}/reveals", asked)


async def events(installation: Installation, kind: str) -> list[str]:
    pool = (await installation.log(households)).pool
    query = "SELECT payload::text FROM es.events WHERE type = $1 ORDER BY position"
    return [row[0] for row in await pool.fetch(query, kind)]


async def test_what_is_registered_is_sealed_and_told_again(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    account = {"number": card(), "bank": "测试银行"}
    told = entered(county.east_village, phone=phone(), account=account)
    said = await post(clerk, "/persons", listed(county.id, told))
    assert said.status_code == 201
    (person,) = said.json()["persons"]
    shown = (await clerk.get(f"/persons/{person['id']}")).json()
    assert shown["area"] == str(county.east_village)
    assert [one["bank"] for one in shown["accounts"]] == ["测试银行"]
    fields = ("name", "id_number", "phone", "account")
    answer = (await reveal(clerk, person["id"], *fields)).json()
    plain = ("测试1", id_number(), phone(), card())
    assert answer["values"] == dict(zip(fields, plain, strict=True))
    pool = (await installation.log(households)).pool
    log = await pool.fetch("SELECT e::text FROM es.events e")
    requests = await pool.fetch("SELECT r::text FROM es.requests r")
    everything = " ".join(row[0] for row in [*log, *requests])
    for text in plain:
        assert text not in everything
        assert text.encode().hex() not in everything
    assert await decided_again(installation, households) > 6


async def test_one_id_number_is_one_person_however_often_it_comes(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    first = await post(clerk, "/persons", listed(county.id, entered(county.east_village)))
    id_ = first.json()["persons"][0]["id"]
    other = entered(
        county.east_village, name="另一名", id_number=f" {id_number()[:6]} {id_number()[6:]}"
    )
    again = await post(clerk, "/persons", listed(county.id, other, entered(county.west_village, 2)))
    assert again.status_code == 201
    assert again.json()["count"] == 1
    assert again.json()["persons"][0] == {"id": id_, "known": True}
    only = await post(clerk, "/persons", listed(county.id, other))
    assert (only.status_code, only.json()["count"]) == (201, 0)
    assert (await reveal(clerk, id_, "name")).json()["values"] == {"name": "测试1"}
    assert len(await events(installation, "PersonRegistered")) == 2


async def test_a_person_of_another_area_is_told_as_known_and_not_who(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    id_ = await registered(clerk, county.east_village)
    west = await installation.client(households, "clerk", area=county.west)
    rows = entered(county.west_village, 2), entered(county.west_village)
    said = await post(west, "/persons", listed(county.west, *rows))
    assert (said.status_code, said.json()["type"]) == (409, "/problems/PersonKnownElsewhere")
    assert said.json()["numbers"] == {"row": 2, "count": 1}
    assert id_ not in said.text


async def test_a_repeat_is_the_first_answer_and_another_body_is_not(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    asked = listed(
        county.id, entered(county.east_village), entered(county.east_village, 0, id_number=None)
    )
    first = await post(clerk, "/persons", asked, "same")
    again = await post(clerk, "/persons", asked, "same")
    assert again.content == first.content
    assert again.headers["idempotent-replay"] == "true"
    other = listed(county.id, entered(county.east_village, 3))
    said = await post(clerk, "/persons", other, "same")
    assert (said.status_code, said.json()["type"]) == (409, "/problems/KeyReused")
    assert len(await events(installation, "PersonRegistered")) == 2


async def test_the_hash_of_a_request_needs_the_vaults_key(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    """Whoever has the log and guesses the body cannot try it out."""
    asked = {"occurred_on": "2020-03-16", **listed(county.id, entered(county.east_village))}
    content = json.dumps(asked).encode()
    headers = {"idempotency-key": "tried", "content-type": "application/json"}
    said = await clerk.post("/persons", content=content, headers=headers)
    assert said.status_code == 201
    pool = (await installation.log(households)).pool
    kept = [row[0] for row in await pool.fetch("SELECT body_hash FROM es.requests")]
    assert hashlib.sha256(b"POST\0/persons\0" + content).digest() not in kept
    vault = await installation.vault()
    assert vault.mac("request", b"POST\0/persons\0" + content) in kept


async def test_a_refused_role_keeps_nothing_of_what_was_typed(
    installation: Installation, county: County
) -> None:
    """Nor of a service that has no vault, where a hash of it could be tried out."""
    content = json.dumps(listed(county.id, entered(county.east_village))).encode()
    for service, path in ((households, "/persons"), (funds, "/documents")):
        stranger = await installation.client(service, "operator")
        headers = {"idempotency-key": "r", "content-type": "application/json"}
        said = await stranger.post(path, content=content, headers=headers)
        assert said.status_code == 403
        pool = (await installation.log(service)).pool
        kept = [row[0] for row in await pool.fetch("SELECT body_hash FROM es.requests")]
        sent = b"POST\0" + path.encode() + b"\0" + content
        assert kept
        assert hashlib.sha256(sent).digest() not in kept


async def test_a_refused_role_is_repeated_where_nothing_was_read(
    installation: Installation,
) -> None:
    stranger = await installation.client(funds, "operator")
    first = await post(stranger, "/documents", {"title": "甲"}, "r")
    again = await post(stranger, "/documents", {"title": "乙"}, "r")
    assert (again.status_code, again.content) == (403, first.content)


@pytest.mark.parametrize(
    ("path", "key"),
    [("/persons?note={}", "k"), ("/persons?{}=1", "k"), ("/persons/{}/reveals", "k"), ("", "{}")],
)
async def test_an_address_or_key_that_names_somebody_is_not_taken(
    installation: Installation,
    county: County,
    clerk: AsyncClient,
    path: str,
    key: str,
) -> None:
    number = id_number()
    pool = (await installation.log(households)).pool
    before = await pool.fetchval("SELECT count(*) FROM es.requests")
    path, named = path or "/persons", {"idempotency-key": key.format(number)}
    asked = {"occurred_on": "2020-03-16", **listed(county.id, entered(county.east_village))}
    said = await clerk.post(path.format(number), json=asked, headers=named)
    assert (said.status_code, said.json()["type"]) == (400, "/problems/Unreadable")
    assert number not in said.text
    assert await pool.fetchval("SELECT count(*) FROM es.requests") == before


async def test_check_digits_warn_and_stop_nobody(county: County, clerk: AsyncClient) -> None:
    account = {"number": wrong(card()), "bank": "测试银行"}
    asked = entered(county.east_village, id_number=wrong(id_number()), account=account)
    said = await post(clerk, "/persons", listed(county.id, asked))
    assert said.status_code == 201
    assert [(one["row"], one["field"]) for one in said.json()["warnings"]] == [
        (1, "id_number"),
        (1, "account"),
    ]
    assert wrong(id_number()) not in said.text


async def test_the_same_number_twice_in_a_list_is_malformed_and_not_repeated(
    county: County, clerk: AsyncClient
) -> None:
    row = entered(county.east_village)
    said = await post(
        clerk, "/persons", listed(county.id, row, entered(county.east_village, 2), row)
    )
    assert said.status_code == 422
    assert "第 1、3 行" in said.text
    assert id_number() not in said.text


async def test_every_account_has_one_id_whoever_holds_it(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    one, two = [await registered(clerk, county.east_village, n) for n in (1, 2)]
    paid = {"number": card()[:4] + " " + card()[4:], "bank": "测试银行"}
    first = await post(clerk, f"/persons/{one}/account-changes", paid)
    shared = await post(clerk, f"/persons/{two}/account-changes", {**paid, "number": card()})
    assert first.status_code == shared.status_code == 201
    assert first.json()["account"] == shared.json()["account"]
    same = await post(clerk, f"/persons/{one}/account-changes", paid)
    assert same.json()["type"] == "/problems/AccountUnchanged"
    asked = {"area": str(county.id), "purpose": "测试", "accounts": [paid["number"]]}
    found = await post(clerk, "/persons/matches", asked)
    assert sorted(found.json()["found"][0]) == sorted([one, two])


async def test_a_reveal_is_recorded_before_it_is_told_and_a_repeat_tells_nothing(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    id_ = await registered(clerk, county.east_village)
    asked = {"fields": ["name", "id_number"], "purpose": "测试核对", "profile": "middle_hidden"}
    first = await post(clerk, f"/persons/{id_}/reveals", asked, "look")
    number = id_number()
    assert first.json()["values"] == {
        "name": "测试1",
        "id_number": number[:6] + "*" * 6 + number[12:],
    }
    again = await post(clerk, f"/persons/{id_}/reveals", asked, "look")
    assert again.json()["values"] is None
    assert len(await events(installation, "PersonRevealed")) == 1
    (told,) = await events(installation, "PersonRevealed")
    assert "测试核对" in told
    strange = await reveal(clerk, id_, "name", profile="strange")
    assert strange.json()["type"] == "/problems/UnknownProfile"
    missing = await reveal(clerk, id_, "name", purpose="")
    assert missing.status_code == 422
    notice = await reveal(clerk, id_, "name", "phone", profile="public_notice")
    assert notice.json()["values"] == {"name": "测*1", "phone": None}


async def test_nothing_is_told_that_is_not_recorded(
    installation: Installation, county: County, clerk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await registered(clerk, county.east_village)
    vault, order = await installation.vault(), list[str]()
    opens = vault.open

    async def open_(lines: list[Line]) -> list[str]:
        order.append(f"{len(await events(installation, 'PersonRevealed'))} recorded")
        return await opens(lines)

    monkeypatch.setattr(vault, "open", open_)
    assert (await reveal(clerk, id_, "name")).status_code == 201
    assert order == ["1 recorded"]


async def test_matches_tell_ids_of_the_own_area_alone(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    east = await registered(clerk, county.east_village, 1, phone=phone())
    west = await registered(clerk, county.west_village, 2, phone=phone())
    asked = {
        "purpose": "测试",
        "id_numbers": [id_number(2), id_number(1).lower(), id_number(9)],
        "phones": [f"+86 {phone()[:3]}-{phone()[3:]}"],
    }
    all_ = await post(clerk, "/persons/matches", {**asked, "area": str(county.id)})
    assert all_.json()["found"][:3] == [[west], [east], []]
    assert sorted(all_.json()["found"][3]) == sorted([east, west])
    near = await post(clerk, "/persons/matches", {**asked, "area": str(county.east)})
    assert near.json()["found"] == [[], [east], [], [east]]
    neighbour = await installation.client(households, "clerk", area=county.west)
    said = await post(neighbour, "/persons/matches", {**asked, "area": str(county.east)})
    assert said.json()["type"] == "/problems/NotYourArea"
    assert len(await events(installation, "PersonsSought")) == 2


async def test_a_name_is_found_whole_or_by_opening_its_village(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    one = await registered(clerk, county.east_village, 1, name="测试甲")
    two = await registered(clerk, county.east_village, 2, name="测试甲乙")
    await registered(clerk, county.west_village, 3, name="测试甲")
    await installation.catch_up(households)
    asked = {"area": str(county.east), "purpose": "测试查找"}
    whole = await post(clerk, "/persons/names", {**asked, "name": "测 试甲"})
    assert whole.json() == {"found": [[one]]}
    village = {**asked, "area": str(county.east_village)}
    opened = await post(clerk, "/persons/openings", {**village, "contains": "试甲"}, "o")
    assert sorted(opened.json()["found"][0]) == sorted([one, two])
    assert opened.json()["names"] == {one: "测试甲", two: "测试甲乙"}
    again = await post(clerk, "/persons/openings", {**village, "contains": "试甲"}, "o")
    assert again.json()["names"] is None
    recorded = await events(installation, "PersonsSought")
    assert len(recorded) == 2
    assert not any("测试甲" in one for one in recorded)
    assert '"asked":2' in recorded[1]


async def test_erasure_waits_for_retention_and_then_nothing_can_be_opened(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    steward = await installation.client(households, "steward")
    young = await post(clerk, "/persons", listed(county.id, entered(county.east_village, 5)))
    asked = {"reason": "保存期满", "document": "测农发〔2026〕1号"}
    kept = await post(steward, f"/persons/{young.json()['persons'][0]['id']}/erasures", asked)
    assert (kept.status_code, kept.json()["type"]) == (409, "/problems/StillRetained")
    assert kept.json()["numbers"]["until"] == "2050-03-16"

    id_ = await registered(clerk, county.east_village, phone=phone())
    assert (await post(steward, f"/persons/{id_}/erasures", asked)).status_code == 201
    for path, what in (
        ("reveals", {"fields": ["name"], "purpose": "测试", "profile": "full"}),
        ("account-changes", {"number": card(), "bank": "测试银行"}),
    ):
        said = await post(clerk, f"/persons/{id_}/{path}", what)
        assert (said.status_code, said.json()["type"]) == (410, "/problems/PersonIsErased")
    twice = await post(steward, f"/persons/{id_}/erasures", asked)
    assert twice.status_code == 410
    assert (await clerk.get(f"/persons/{id_}")).json()["erased"] is True
    early = await post(clerk, "/persons", listed(county.id, entered(county.east_village)))
    assert early.status_code == 410
    west = await installation.client(households, "clerk", area=county.west)
    other = await post(west, "/persons", listed(county.west, entered(county.west_village)))
    assert other.json()["type"] == "/problems/PersonKnownElsewhere", "and not that he is erased"

    log = await asyncpg.connect(**installation.stores.feed("households"))
    before = await digest_of(log)
    await installation.erase(households)
    assert await digest_of(log) == before, "as many events, the same leaves"
    await log.close()
    vault = await installation.vault()
    assert await vault.store.subjects([UUID(id_)]) == []
    assert await vault.holders(Kind.IDENTITY, [id_number()]) == [[]]
    anew = await registered(clerk, county.east_village)
    assert anew != id_
    assert await decided_again(installation, households) > 10


async def test_a_crash_between_key_and_event_leaves_a_key_of_nobody(
    installation: Installation, county: County, clerk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await installation.log(households)

    async def dies(_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(type(log), "append", dies)
        said = await post(clerk, "/persons", listed(county.id, entered(county.east_village)), "k")
        assert said.status_code >= 500
    vault = await installation.vault()
    ((orphan,),) = await vault.holders(Kind.IDENTITY, [id_number()])
    asked = {"area": str(county.id), "purpose": "测试", "id_numbers": [id_number()]}
    assert (await post(clerk, "/persons/matches", asked)).json()["found"] == [[]]
    again = await post(clerk, "/persons", listed(county.id, entered(county.east_village)), "k")
    assert again.json()["persons"] == [{"id": str(orphan), "known": False}]
    assert (await reveal(clerk, str(orphan), "name")).json()["values"] == {"name": "测试1"}


async def test_a_crash_between_event_and_keys_is_finished_by_the_reader(
    installation: Installation, county: County, clerk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await registered(clerk, county.east_village)
    steward = await installation.client(households, "steward")
    asked = {"reason": "保存期满", "document": "测农发〔2026〕1号"}
    assert (await post(steward, f"/persons/{id_}/erasures", asked)).status_code == 201
    vault = await installation.vault()

    async def dies(_: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(vault.store, "destroy", dies)
        with pytest.raises(RuntimeError):
            await installation.erase(households)
    assert len(await vault.store.subjects([UUID(id_)])) == 1
    await (await installation.log(households)).pool.execute("UPDATE es.leases SET until = 'epoch'")
    await installation.erase(households)
    assert await vault.store.subjects([UUID(id_)]) == []


async def test_a_feed_tells_ids_and_never_sealed_text(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    id_ = await registered(clerk, county.east_village)
    auditor = await installation.client(households, "auditor")
    told = (await auditor.get("/events", params={"types": "PersonRegistered"})).json()
    (event,) = told["events"]
    assert event["data"]["person"] == id_
    assert (event["data"]["name"], event["data"]["id_number"]) == (None, None)
    assert "s1." not in str(told)


async def test_somebody_elses_person_is_not_found(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    id_ = await registered(clerk, county.east_village)
    await installation.catch_up(households)
    neighbour = await installation.client(households, "clerk", "steward", area=county.west)
    assert (await neighbour.get(f"/persons/{id_}")).status_code == 404
    assert (await neighbour.get(f"/persons/{uuid4()}")).status_code == 404
    assert (await reveal(neighbour, id_, "name")).status_code == 403
    paid = {"number": card(), "bank": "测试银行"}
    assert (await post(neighbour, f"/persons/{id_}/account-changes", paid)).status_code == 403
    assert (await post(neighbour, f"/persons/{uuid4()}/account-changes", paid)).status_code == 404
    asked = listed(county.east, entered(county.east_village, 7))
    assert (await post(neighbour, "/persons", asked)).status_code == 403
    vault = await installation.vault()
    assert await vault.holders(Kind.IDENTITY, [id_number(7)]) == [[]]
    assert await vault.store.ids(Kind.ACCOUNT, [vault._number(Kind.ACCOUNT, paid["number"])]) == {}
