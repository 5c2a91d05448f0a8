"""A mistyped ID number becomes nobody's, the right one leads to the same person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Response

from libs.events.contracts.registers import NumberTaken
from libs.events.decider import Facts
from services.households.domain.person import (
    Listed,
    NumberJustTaken,
    RegisterPersons,
    persons,
    register,
)
from services.households.domain.tree import Area
from services.households.service import service as households
from tests.conftest import Installation
from tests.office import refusal
from tests.people import entered, id_number, listed, reference_rows, wrong
from tests.registry import County, decided_again, post, register_county

WHY = {"reason": "录入时看错一行", "document": "测农发〔2026〕9号"}


@pytest.fixture
async def county(installation: Installation) -> County:
    steward = await installation.client(households, "steward", subject="steward")
    for row in reference_rows():
        assert (await post(steward, "/reference/rows", row)).status_code == 201
    return await register_county(installation)


@pytest.fixture
async def clerk(installation: Installation) -> AsyncClient:
    return await installation.client(households, "clerk")


async def registered(clerk: AsyncClient, village: UUID, serial: int, **more: Any) -> dict[str, Any]:
    """What is told of the person."""
    said = await post(clerk, "/persons", listed(village, entered(village, serial, **more)))
    assert said.status_code == 201, said.text
    told: dict[str, Any] = said.json()["persons"][0]
    return told


async def correct(clerk: AsyncClient, id_: str, number: str, dry: bool = False) -> Response:
    path = f"/persons/{id_}/corrections" + ("?dry_run=true" if dry else "")
    return await post(clerk, path, {**WHY, "changes": {"id_number": number}})


async def whose(clerk: AsyncClient, village: UUID, number: str) -> list[str]:
    body = {"area": str(village), "purpose": "测试核对", "id_numbers": [number]}
    found: list[list[str]] = (await post(clerk, "/persons/matches", body)).json()["found"]
    return [id_ for row in found for id_ in row]


async def test_the_right_number_is_the_same_persons_and_the_wrong_one_leads_nowhere(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    village = county.east_village
    id_ = (await registered(clerk, village, 1))["id"]
    shown = await correct(clerk, id_, id_number(2), dry=True)
    assert shown.json()["answer"]["changes"] == [{"field": "id_number", "was": None, "now": None}]
    assert {one["what"]: one["count"] for one in shown.json()["dependants"]} == {
        "households": 0,
        "accounts": 0,
    }
    assert await whose(clerk, village, id_number(1)) == [id_]
    done = await correct(clerk, id_, id_number(2))
    assert (done.status_code, done.json()) == (201, shown.json()["answer"])
    asked = {"fields": ["id_number"], "purpose": "测试核对", "profile": "full"}
    seen = await post(clerk, f"/persons/{id_}/reveals", asked)
    assert seen.json()["values"] == {"id_number": id_number(2)}
    assert await whose(clerk, village, id_number(2)) == [id_]
    assert await whose(clerk, village, id_number(1)) == []
    assert await registered(clerk, village, 2) == {"id": id_, "known": True}
    other = await registered(clerk, village, 1)
    assert (other["known"], other["id"] != id_) == (False, True)
    await installation.erase(households)
    assert await whose(clerk, village, id_number(1)) == [other["id"]]
    assert await whose(clerk, village, id_number(2)) == [id_]
    assert await decided_again(installation, households) > 5


async def test_a_number_of_somebody_else_is_refused_and_nothing_is_told_of_them(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    """Nor is it without a document, nor is a rehearsal kept; a wrong check digit warns."""
    village = county.east_village
    id_ = (await registered(clerk, village, 1))["id"]
    other = (await registered(clerk, county.west_village, 2))["id"]
    for dry in (True, False):
        answer = await correct(clerk, id_, id_number(2), dry)
        assert refusal(answer) == (409, "NumberIsAnothers")
        assert other not in answer.text
        assert id_number(2) not in answer.text
    bare = {"reason": "看错", "changes": {"id_number": id_number(3)}}
    assert refusal(await post(clerk, f"/persons/{id_}/corrections", bare)) == (
        409,
        "NumberNeedsDocument",
    )
    same = await correct(clerk, id_, id_number(1))
    assert refusal(same) == (409, "NothingToCorrect")
    doubtful = wrong(id_number(3))
    warned = (await correct(clerk, id_, doubtful, dry=True)).json()["answer"]["warnings"]
    assert [one["field"] for one in warned] == ["id_number"]
    assert await whose(clerk, village, doubtful) == []
    assert await whose(clerk, county.west_village, id_number(2)) == [other]
    assert await decided_again(installation, households) > 5


async def test_a_crash_between_event_and_vault_is_finished_by_the_reader(
    installation: Installation, county: County, clerk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the right number is known as the person's already."""
    village = county.east_village
    id_ = (await registered(clerk, village, 1))["id"]
    vault = await installation.vault()

    async def dies(*_: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(vault.store, "renumber", dies)
        assert (await correct(clerk, id_, id_number(2))).status_code == 500
        assert await registered(clerk, village, 2) == {"id": id_, "known": True}
        other = (await registered(clerk, county.west_village, 3))["id"]
        answer = await correct(clerk, other, id_number(2))
        assert refusal(answer) == (409, "NumberIsAnothers")
    await installation.erase(households)
    assert await whose(clerk, village, id_number(2)) == [id_]
    assert (await registered(clerk, village, 1))["known"] is False


async def test_back_and_forth_and_what_is_repeated_later_changes_nothing(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    village = county.east_village
    id_ = (await registered(clerk, village, 1))["id"]
    for serial in (2, 1, 2):
        done = await correct(clerk, id_, id_number(serial))
        assert done.status_code == 201, done.text
    await installation.erase(households)
    assert await whose(clerk, village, id_number(2)) == [id_]
    assert await whose(clerk, village, id_number(1)) == []
    told = (await clerk.get(f"/persons/{id_}/corrections")).json()["corrections"]
    assert [one["changes"][0]["field"] for one in told] == ["id_number"] * 3
    assert id_number(2) not in str(told)
    pool = (await installation.log(households)).pool
    stored = await pool.fetchval(
        "SELECT string_agg(payload::text || metadata::text, '')"
        " || (SELECT string_agg(command::text || facts::text || answer::text, '') FROM es.requests)"
        " FROM es.events"
    )
    assert [serial for serial in (1, 2) if id_number(serial) in stored] == []


async def test_a_person_without_a_number_is_given_one(
    installation: Installation, county: County, clerk: AsyncClient
) -> None:
    village = county.east_village
    id_ = (await registered(clerk, village, 1, id_number=None))["id"]
    assert (await correct(clerk, id_, id_number(5))).status_code == 201
    assert await registered(clerk, village, 5) == {"id": id_, "known": True}


def test_who_was_sealed_under_an_id_that_was_taken_meanwhile_is_not_registered() -> None:
    village, id_ = UUID(int=1), UUID(int=2)
    taken = persons.over([NumberTaken(area=village, by=UUID(int=3))])
    row = {"person": id_, "area": village, "name": None, "id_number": None, "phone": None}
    command = RegisterPersons.model_validate(
        {
            "occurred_on": "2020-03-16",
            "area": village,
            "persons": [{**row, "account": None, "synthetic": True}],
        }
    )
    state = Listed(Area(), {village: _Here(village)}, [taken])  # type: ignore[dict-item]
    with pytest.raises(NumberJustTaken) as refused:
        register(state, command, Facts(path=(village,)))
    assert refused.value.numbers == {"row": 1}


class _Here:
    """A village that stands in itself."""

    def __init__(self, id_: UUID) -> None:
        self._id = id_

    def path_on(self, _: object) -> tuple[UUID, ...]:
        return (self._id,)
