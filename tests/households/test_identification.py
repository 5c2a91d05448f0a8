"""核对人员: what another service of the installation is told of a roster, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis.errand_tokens import ErrandKey, errand_key
from libs.events.types import Actor
from services.households.domain.identification import Meant, account_of
from services.households.domain.person import Account, Person
from services.households.service import service as households
from tests.conftest import Installation
from tests.payees import CLERK, asked, household, identify, person, token
from tests.people import card, id_number, reference_rows
from tests.registry import County, post, register_county


@dataclass
class Register:
    """Two of one household in the east, one of the east who is in none, one in the west."""

    county: County
    head: UUID
    spouse: UUID
    house: UUID
    alone: UUID
    far: UUID


@pytest.fixture
async def register(installation: Installation) -> Register:
    county = await register_county(installation)
    clerk = await installation.client(households, "clerk")
    head = await person(clerk, county.east_village, 1, name="阿·测 试")
    spouse = await person(clerk, county.east_village, 2)
    house = await household(clerk, county.east_village, "H1", [head, spouse])
    alone = await person(clerk, county.east_village, 3)
    far = await person(clerk, county.west_village, 4)
    await installation.catch_up(households)
    return Register(county, head, spouse, house, alone, far)


def row(serial: int, name: str = "", account: str | None = None) -> dict[str, Any]:
    named = {"id_number": id_number(serial), "name": name or f"测试{serial}"}
    return {**named, "account": account}


async def told(installation: Installation, county: County, *rows: dict[str, Any]) -> list[Any]:
    answer = await identify(installation, token(installation, county.id), asked(county, *rows))
    assert answer.status_code == 201, answer.text
    found: list[Any] = answer.json()["rows"]
    return found


async def test_a_row_is_told_by_ids_and_by_whether_it_agrees(
    installation: Installation, register: Register
) -> None:
    rows = row(1, "阿•测试", card(1)), row(2, "另一名", card(1)), row(3, account=card(99))
    one, two, three = await told(installation, register.county, *rows)
    village = str(register.county.east_village)
    assert (one["person"], one["household"]) == (str(register.head), str(register.house))
    assert (one["village"], one["name_agrees"], one["account_of"]) == (village, True, "person")
    assert (two["person"], two["name_agrees"]) == (str(register.spouse), False)
    assert (two["account_of"], two["account"]) == ("household", one["account"])
    assert (three["household"], three["account_of"], three["account"]) == (None, "unknown", None)
    later = asked(register.county, row(1), on="2019-12-31")
    answer = await identify(installation, token(installation, register.county.id), later)
    assert answer.json()["rows"][0]["household"] is None, "not on the register by that day"


async def test_who_is_elsewhere_is_as_nobody(
    installation: Installation, register: Register
) -> None:
    """Also by an account: that it is somebody's in another area is told to nobody."""
    county = register.county
    body = asked(county, row(4), row(77), row(1, account=card(4)), area=str(county.east))
    answer = await identify(installation, token(installation, county.east), body)
    far, nobody, by_account = answer.json()["rows"]
    assert far is nobody is None
    assert (by_account["account_of"], by_account["account"]) == ("unknown", None)
    whole = await told(installation, county, row(4), row(1, account=card(4)))
    assert (whole[0]["person"], whole[1]["account_of"]) == (str(register.far), "other")


async def test_each_use_is_kept_with_who_asked_and_for_whom_and_without_a_text(
    installation: Installation, register: Register
) -> None:
    body = asked(register.county, row(1, "阿·测试", card(1)), row(77))
    bearer = token(installation, register.county.id)
    first = await identify(installation, bearer, body, "once")
    again = await identify(installation, bearer, body, "once")
    assert (len(first.json()["rows"]), again.json()["rows"]) == (2, None)
    pool = (await installation.log(households)).pool
    events = await pool.fetch(
        "SELECT payload, metadata FROM es.events WHERE type = 'PersonsIdentified'"
    )
    assert len(events) == 1
    payload, metadata = (json.loads(events[0][part]) for part in ("payload", "metadata"))
    assert payload["persons"] == [str(register.head)]
    assert (payload["asked"], payload["behalf"]) == (2, CLERK)
    assert (metadata["actor"]["id"], metadata["actor"]["role"]) == ("service:funds", "identify")
    kept = await pool.fetch(
        "SELECT r::text FROM es.requests r UNION ALL SELECT e::text FROM es.events e"
    )
    everything = "\n".join(one[0] for one in kept)
    for text in (id_number(1), id_number(77), card(1), "阿·测试"):
        assert text not in everything
        assert text.encode().hex() not in everything


async def test_who_died_is_in_no_household_from_that_day(
    installation: Installation, register: Register
) -> None:
    clerk = await installation.client(households, "clerk")
    left = {"change": "death", "person": str(register.spouse), "occurred_on": "2020-03-16"}
    answer = await post(clerk, f"/households/{register.house}/member-changes", left)
    assert answer.status_code == 201, answer.text
    await installation.catch_up(households)
    found = []
    for day in ("2020-03-15", "2020-12-31"):
        body = asked(register.county, row(2), on=day)
        told = await identify(installation, token(installation, register.county.id), body)
        found.append(told.json()["rows"][0]["household"])
    assert found == [str(register.house), None]


async def test_who_was_erased_is_nobody(installation: Installation, register: Register) -> None:
    steward = await installation.client(households, "steward")
    for one in reference_rows():
        answer = await post(steward, "/reference/rows", one)
        assert answer.status_code == 201, answer.text
    clerk = await installation.client(households, "clerk")
    old = await person(clerk, register.county.east_village, 5, on="1980-01-01")
    (before,) = await told(installation, register.county, row(5))
    body = {"reason": "保存期满", "document": "测农发〔2026〕1号"}
    gone = await post(steward, f"/persons/{old}/erasures", body)
    assert gone.status_code == 201, gone.text
    (found,) = await told(installation, register.county, row(5))
    assert (before is None, found) == (False, None)


def unbelievable(installation: Installation, area: UUID) -> Iterator[tuple[str, str]]:
    """What is wrong with each, and the token."""
    now = datetime.now(UTC)
    asker = Actor(id=CLERK, role="finance", unit="bureau", area=area)
    other = ErrandKey(b"x" * 32)
    yield "another service", token(installation, area, "assets")
    yield "another errand", token(installation, area, errand="reveal")
    yield "ended", token(installation, area, iat=now - timedelta(60), exp=now - timedelta(30))
    yield "too long", token(installation, area, exp=now + timedelta(hours=1))
    yield "for nobody", token(installation, area, behalf="")
    yield "everywhere", token(installation, area, area=None)
    yield "for another audience", token(installation, area, aud="other")
    yield "of another name", token(installation, area, sub="service:households")
    yield "another key", other.token("funds", "identify", asker, area)
    other.kid = errand_key(installation.services_key).kid
    yield "another key under its id", other.token("funds", "identify", asker, area)


async def test_no_other_token_opens_it(installation: Installation, register: Register) -> None:
    county = register.county
    body = asked(county, row(1))
    for wrong, bearer in unbelievable(installation, county.id):
        answer = await identify(installation, bearer, body)
        assert answer.status_code == 401, (wrong, answer.text)
    for held in ("finance", "clerk", "steward", "auditor", "system"):
        bearer = installation.issuer.token("u", (held,), "bureau", None, timedelta(hours=1))
        answer = await identify(installation, bearer, body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/RoleNotHeld"), held
    wrong_area = await identify(
        installation, token(installation, county.west), body | {"area": str(county.east)}
    )
    assert (wrong_area.status_code, wrong_area.json()["type"]) == (403, "/problems/NotYourArea")


async def test_its_token_opens_nothing_else(installation: Installation, register: Register) -> None:
    client = await installation.client(households)
    headers = {"authorization": f"Bearer {token(installation, register.county.id)}"}
    look = {"area": str(register.county.id), "purpose": "查找", "id_numbers": [id_number(1)]}
    for path, body in (
        ("/persons/matches", look),
        (
            f"/persons/{register.head}/reveals",
            {"fields": ["name"], "purpose": "看", "profile": "full"},
        ),
    ):
        keyed = {**headers, "idempotency-key": uuid4().hex}
        answer = await client.post(path, json={"occurred_on": "2020-03-16", **body}, headers=keyed)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/RoleNotHeld"), path
    assert (await client.get(f"/persons/{register.head}", headers=headers)).status_code == 403


def test_a_key_is_made_once_and_lies_where_nobody_else_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "services.key"
    assert errand_key(file).kid == errand_key(file).kid
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_account_that_the_person_had_before_is_told_apart() -> None:
    old, new, day = uuid4(), uuid4(), datetime(2020, 1, 1, tzinfo=UTC).date()
    accounts = tuple(Account(id_, None, "测试银行", day) for id_ in (old, new))
    someone = Person(accounts=accounts)
    assert account_of(Meant(uuid4(), someone, True, (), new), {}) == "person"
    assert account_of(Meant(uuid4(), someone, True, (), old), {}) == "former"
