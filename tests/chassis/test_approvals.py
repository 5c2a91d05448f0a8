"""Approvals: who says yes to what, by amount, once; never one's own; to exactly what was seen."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from httpx import AsyncClient, Response

from libs.chassis.second_factor import SecondFactors, codes
from libs.chassis.vault.keys import kept_keys
from libs.events.clock import today
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.office import Office, open_office, refusal
from tests.registry import decided_again, post

BANDS = [
    {"up_to_fen": 1_000, "count": 0, "duties": []},
    {"up_to_fen": 5_000, "count": 1, "duties": ["finance"]},
    {"up_to_fen": None, "count": 2, "duties": ["finance", "auditor"]},
]


async def bands(client: AsyncClient, command: str, values: Any, **more: Any) -> Response:
    row = {"key": command, "valid_from": "2020-01-01", "values": {"bands": values, **more}}
    return await post(client, "/reference/rows", {"set": "approval", "area": None, "row": row})


@pytest.fixture
async def district(installation: Installation) -> District:
    """Reserving up to 10 yuan needs nobody, up to 50 one, above two."""
    district = await open_district(installation)
    steward = await installation.client(funds, "steward")
    for command in ("ReserveBatch", "AllocateFund"):
        assert (await bands(steward, command, BANDS)).status_code == 201
    return district


async def batch(district: District, *lines: str) -> UUID:
    body = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": "relief",
        "period": "2020",
        "run": len(lines),
        "grade": "line",
        "count": len(lines),
        "amount": yuan(str(sum(map(int, lines)))),
    }
    made = await post(district.finance, "/batches", body)
    assert made.status_code == 201, made.text
    return UUID(made.json()["id"])


async def asked(district: District, *lines: str) -> tuple[UUID, UUID]:
    """The batch whose reservation waits, and the approval."""
    id_ = await batch(district, *lines)
    answer = await post(district.finance, f"/batches/{id_}/reservations", {})
    assert answer.status_code == 202, answer.text
    approval = UUID(answer.json()["id"])
    assert answer.headers["location"] == f"/api/v1/funds/approvals/{approval}"
    return id_, approval


async def someone(installation: Installation, subject: str, role: str = "finance") -> AsyncClient:
    return await installation.client(funds, role, subject=subject)


async def says_yes(client: AsyncClient, approval: UUID, **more: Any) -> Response:
    digest = more.pop("digest", None)
    if digest is None:
        digest = (await client.get(f"/approvals/{approval}")).json()["digest"] or "0" * 64
    return await post(client, f"/approvals/{approval}/approvals", {"digest": digest, **more})


async def held_fen(district: District) -> int:
    lot = (await district.finance.get(f"/lots/{district.lot}")).json()
    return sum(one["amount_fen"] for one in lot["balances"] if one["account"] == "reserved")


async def test_a_payment_whose_id_follows_from_its_request_can_be_approved(
    installation: Installation, district: District
) -> None:
    """Its id is that of the first request, whoever says yes and however often it is looked at."""
    steward = await installation.client(funds, "steward")
    two = [{"up_to_fen": None, "count": 2, "duties": ["finance"]}]
    assert (await bands(steward, "OrderPayment", two)).status_code == 201
    keeper = await installation.client(households, "steward")
    unit = {"name": "施工队", "kind": "contractor", "area": str(district.county.id)}
    payee = await post(keeper, "/organisations", unit)
    await installation.catch_up(funds)
    body = {
        "project": str(district.project),
        "payee": {"kind": "contractor", "organisation": payee.json()["id"]},
        "use": "工程款",
        "amount": yuan("50"),
        "external_ref": {"system": "erp", "id": "p1"},
    }
    asked_ = await post(district.finance, "/payments", body)
    assert asked_.status_code == 202, asked_.text
    approval = UUID(asked_.json()["id"])
    first = await says_yes(await someone(installation, "chief"), approval)
    assert first.status_code == 201, first.text
    last = await says_yes(await someone(installation, "deputy"), approval)
    payment = last.json()["result"]["id"]
    shown = await district.finance.get(f"/payments/{payment}")
    assert (shown.status_code, shown.json()["amount_fen"]) == (200, 5_000)
    named = await district.finance.get("/external-refs/erp/p1")
    assert named.json()["target"] == payment
    assert await decided_again(installation, funds) > 8


async def test_one_person_is_one_whatever_the_token_states(
    office: Office, district: District
) -> None:
    """Asked with a role in the token, approved by the directory's grant: still the same person."""
    await office.grant("chief", "finance", district.county.id)
    await office.told()
    stating = await someone(office.installation, "chief")
    approval = await waits(office, district, stating)
    plain = await office.as_("chief")
    assert refusal(await says_yes(plain, approval)) == (403, "MakerIsChecker")
    assert refusal(await says_yes(stating, approval)) == (403, "MakerIsChecker")
    off = f"/users/{office.ids['chief']}/disablings"
    assert (await post(office.security, off, {"reason": "换届"})).status_code == 201
    await office.told()
    await asyncio.sleep(1.1)  # who somebody is, is remembered for a second
    gone = await says_yes(stating, approval, digest="0" * 64)
    assert refusal(gone) == (403, "RoleNotHeld")


async def test_a_yes_counts_for_the_duty_in_which_it_was_said(
    installation: Installation, district: District
) -> None:
    steward = await installation.client(funds, "steward")
    row = {"count": 2, "up_to_fen": None}
    before = [{**row, "duties": ["clerk", "finance"]}]
    assert (await bands(steward, "DeclareBatch", before)).status_code == 201
    body = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": "relief",
        "period": "2020",
        "grade": "line",
        "count": 1,
        "amount": yuan("5"),
    }
    approval = UUID((await post(district.finance, "/batches", body)).json()["id"])
    clerk = await someone(installation, "clerk", "clerk")
    assert (await says_yes(clerk, approval)).json()["given"] == 1
    place = {"set": "approval", "area": None, "key": "DeclareBatch", "valid_from": "2020-01-01"}
    gone = await post(steward, "/reference/withdrawals", {**place, "reason": "误登"})
    assert gone.status_code == 201
    assert (
        await bands(steward, "DeclareBatch", [{**row, "duties": ["finance"]}])
    ).status_code == 201
    chief, deputy = await someone(installation, "chief"), await someone(installation, "deputy")
    assert (await says_yes(chief, approval)).json()["given"] == 1
    assert (await says_yes(deputy, approval)).json()["result"] is not None


async def test_rows_that_bind_their_keepers_are_for_the_whole_installations_steward(
    installation: Installation, district: District
) -> None:
    of_county = await installation.client(funds, "steward", area=district.county.id)
    none: Any = [{"up_to_fen": None, "count": 0, "duties": []}]
    row = {"key": "ReserveBatch", "valid_from": "2020-01-02", "values": {"bands": none}}
    body = {"set": "approval", "area": str(district.county.id), "row": row}
    assert refusal(await post(of_county, "/reference/rows", body)) == (403, "NotYourArea")
    steward = await installation.client(funds, "steward")
    one = [{"up_to_fen": None, "count": 1, "duties": ["auditor"]}]
    guard = {"key": "SetReference", "valid_from": "2020-01-01", "values": {"bands": one}}
    placed = {"set": "approval", "area": str(district.county.id), "row": guard}
    assert (await post(steward, "/reference/rows", placed)).status_code == 422
    assert (await post(steward, "/reference/rows", {**placed, "area": None})).status_code == 201
    place = {"set": "approval", "area": None, "key": "ReserveBatch", "valid_from": "2020-01-01"}
    for path, more in (("ends", {"valid_until": "2020-01-02"}), ("withdrawals", {"reason": "x"})):
        assert (await post(steward, f"/reference/{path}", {**place, **more})).status_code == 202


async def test_an_earlier_day_is_no_way_around_a_band(
    installation: Installation, district: District
) -> None:
    """The band of the day of asking counts, whatever day the command names."""
    steward = await installation.client(funds, "steward")
    one = [{"up_to_fen": None, "count": 1, "duties": ["finance"]}]
    row = {"key": "SealBatch", "valid_from": str(today()), "values": {"bands": one}}
    body = {"set": "approval", "area": None, "row": row}
    assert (await post(steward, "/reference/rows", body)).status_code == 201
    id_ = await batch(district, "10")
    assert (await post(district.finance, f"/batches/{id_}/reservations", {})).status_code == 201
    lines = await post(district.finance, f"/batches/{id_}/lines", district.lines("10"))
    assert lines.status_code == 201
    early = await post(district.finance, f"/batches/{id_}/seals", {"occurred_on": "2013-01-01"})
    assert early.status_code == 202
    assert await decided_again(installation, funds) > 8


async def test_a_small_amount_needs_nobody(district: District) -> None:
    id_ = await batch(district, "10")
    assert (await post(district.finance, f"/batches/{id_}/reservations", {})).status_code == 201


async def test_nothing_happens_before_enough_have_said_yes(
    installation: Installation, district: District
) -> None:
    batch_, approval = await asked(district, "30", "30")
    shown = (await district.finance.get(f"/approvals/{approval}")).json()
    assert (shown["command"], shown["amount_fen"], shown["state"]) == (
        "ReserveBatch",
        6_000,
        "submitted",
    )
    assert [event["type"] for event in shown["events"]] == ["BatchReserved", "FundReserved"]
    assert shown["needs"] == {"count": 2, "duties": ["finance", "auditor"]}
    first = await says_yes(await someone(installation, "chief"), approval)
    assert first.json() == {"id": str(approval), "given": 1, "needed": 2, "result": None}
    step = (await district.finance.get(f"/batches/{batch_}")).json()["step"]
    assert step == "declared"
    second = await says_yes(await someone(installation, "auditor", "auditor"), approval)
    assert second.json()["result"]["id"] == str(batch_)
    step = (await district.finance.get(f"/batches/{batch_}")).json()["step"]
    assert step == "reserved"
    events = await logged(installation)
    over = await says_yes(await someone(installation, "third"), approval, digest="0" * 64)
    assert refusal(over) == (409, "ApprovalIsOver")
    tail = [one["type"].rpartition(".")[2] for one in events][-3:]
    assert tail == ["ApprovalGiven", "BatchReserved", "FundReserved"]
    assert shown["events"][1]["data"] == events[-1]["data"]
    assert await decided_again(installation, funds) > 8


async def logged(installation: Installation) -> list[dict[str, Any]]:
    auditor = await installation.client(funds, "auditor")
    found: list[dict[str, Any]] = (await auditor.get("/events")).json()["events"]
    return found


async def test_nobody_says_yes_to_his_own_or_twice_or_without_the_duty(
    installation: Installation, district: District
) -> None:
    _, approval = await asked(district, "30", "30")
    assert refusal(await says_yes(district.finance, approval)) == (403, "MakerIsChecker")
    own = await post(district.finance, f"/approvals/{approval}/rejections", {"reason": "x"})
    assert refusal(own) == (403, "MakerIsChecker")
    clerk = await someone(installation, "clerk", "clerk")
    assert refusal(await says_yes(clerk, approval)) == (403, "ApprovalNotYours")
    chief = await someone(installation, "chief")
    assert (await says_yes(chief, approval)).status_code == 201
    assert refusal(await says_yes(chief, approval)) == (403, "AlreadyApproved")
    of_east = await installation.client(funds, "finance", subject="east", area=district.county.east)
    shown = (await chief.get(f"/approvals/{approval}")).json()
    assert (await of_east.get(f"/approvals/{approval}")).status_code == 404
    outside = await says_yes(of_east, approval, digest=shown["digest"])
    assert refusal(outside) == (403, "NotYourArea")
    assert await held_fen(district) == 0


async def test_many_who_say_yes_at_once_have_one_effect(
    installation: Installation, district: District
) -> None:
    _, approval = await asked(district, "30", "30")
    people = [await someone(installation, f"chief{nth}") for nth in range(6)]
    digest = (await people[0].get(f"/approvals/{approval}")).json()["digest"]
    answers = await asyncio.gather(
        *(says_yes(one, approval, digest=digest) for one in people),
        *(says_yes(people[0], approval, digest=digest) for _ in range(3)),
    )
    done = [one for one in answers if one.status_code == 201 and one.json()["result"] is not None]
    accepted = [one for one in answers if one.status_code == 201]
    assert (len(done), len(accepted)) == (1, 2)
    assert {refusal(one)[1] for one in answers if one.status_code != 201} <= {
        "ApprovalIsOver",
        "AlreadyApproved",
        "Busy",
    }
    assert await held_fen(district) == 6_000


async def test_what_changed_in_between_is_seen_again(
    installation: Installation, district: District
) -> None:
    """The lot is drawn on meanwhile by another project: the events are others, or none."""
    _, approval = await asked(district, "30", "30")
    chief, deputy = await someone(installation, "chief"), await someone(installation, "deputy")
    seen = (await chief.get(f"/approvals/{approval}")).json()["digest"]
    assert (await says_yes(chief, approval)).status_code == 201
    second = await batch(district, "9")
    assert (await post(district.finance, f"/batches/{second}/reservations", {})).status_code == 201
    unchanged = (await chief.get(f"/approvals/{approval}")).json()["digest"]
    assert unchanged == seen
    strange = await says_yes(deputy, approval, digest="f" * 64)
    assert refusal(strange) == (409, "ChangedSinceSeen")
    assert strange.json()["numbers"]["now"] == seen
    third = await batch(district, "300", "300", "350")
    big = await post(district.finance, f"/batches/{third}/reservations", {})
    big_id = UUID(big.json()["id"])
    for one in (chief, deputy):
        assert (await says_yes(one, big_id)).status_code == 201
    poor = await says_yes(deputy, approval, digest=seen)
    assert refusal(poor) == (409, "InsufficientLot")
    shown = (await chief.get(f"/approvals/{approval}")).json()
    assert (shown["digest"], shown["state"]) == (None, "submitted")
    assert shown["refusal"]["type"] == "/problems/InsufficientLot"


async def test_a_rejection_says_why_and_ends_it(
    installation: Installation, district: District
) -> None:
    batch_, approval = await asked(district, "20")
    chief = await someone(installation, "chief")
    body = {"reason": "名单未公示"}
    assert (await post(chief, f"/approvals/{approval}/rejections", body)).status_code == 201
    assert refusal(await says_yes(chief, approval)) == (409, "ApprovalIsOver")
    again = await post(district.finance, f"/batches/{batch_}/reservations", {})
    assert again.status_code == 202
    assert again.json()["id"] != str(approval)
    other = again.json()["id"]
    withdrawn = await post(chief, f"/approvals/{other}/withdrawals", body)
    assert refusal(withdrawn) == (403, "NotTheMaker")
    assert (
        await post(district.finance, f"/approvals/{other}/withdrawals", body)
    ).status_code == 201
    await installation.catch_up(funds)
    for state, id_ in (("rejected", str(approval)), ("withdrawn", other)):
        listed = (await chief.get("/approvals", params={"state": state})).json()["items"]
        assert [(one["id"], one["command"]) for one in listed] == [(id_, "ReserveBatch")]


async def test_a_repeat_gets_the_first_answer(district: District) -> None:
    id_ = await batch(district, "20")
    first = await post(district.finance, f"/batches/{id_}/reservations", {}, key="same")
    again = await post(district.finance, f"/batches/{id_}/reservations", {}, key="same")
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.content, again.headers["idempotent-replay"]) == (again.content, "true")


async def test_an_old_directory_approves_nothing(
    installation: Installation, district: District
) -> None:
    _, approval = await asked(district, "20")
    chief = await someone(installation, "chief")
    digest = (await chief.get(f"/approvals/{approval}")).json()["digest"]
    await installation.plant(
        funds, "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '61 s'"
    )
    await asyncio.sleep(1.1)  # freshness is remembered for a second
    stale = await says_yes(chief, approval, digest=digest)
    assert refusal(stale) == (503, "StaleReference")


async def test_the_events_count_on_the_days_of_the_command(
    installation: Installation, district: District
) -> None:
    _, approval = await asked(district, "20")
    chief = await someone(installation, "chief")
    digest = (await chief.get(f"/approvals/{approval}")).json()["digest"]
    body = {"digest": digest, "occurred_on": "2020-06-30"}
    assert (await post(chief, f"/approvals/{approval}/approvals", body)).status_code == 201
    last = (await logged(installation))[-1]
    assert last["metadata"]["occurred_on"] == "2020-03-16"
    assert last["metadata"]["actor"]["id"] == "chief"


async def test_rows_that_could_hold_nothing_are_malformed(installation: Installation) -> None:
    steward = await installation.client(funds, "steward")
    ok = [{"up_to_fen": None, "count": 1, "duties": ["finance"]}]
    assert (await bands(steward, "ReserveBatsh", ok)).status_code == 422
    assert (await bands(steward, "GiveApproval", ok)).status_code == 422
    wrong: Any
    for wrong in (
        [{"up_to_fen": 5, "count": 1, "duties": ["finance"]}],
        [*BANDS[:2][::-1], BANDS[2]],
        [{"up_to_fen": None, "count": 1, "duties": []}],
        [],
    ):
        assert (await bands(steward, "ReserveBatch", wrong)).status_code == 422


async def test_what_keeps_the_rules_can_need_approval_too(installation: Installation) -> None:
    """Or one person could lower the bands alone."""
    steward = await installation.client(households, "steward")
    await installation.catch_up(households)
    one = [{"up_to_fen": None, "count": 1, "duties": ["steward"]}]
    assert (await bands(steward, "SetReference", one)).status_code == 201
    line = {"key": "monitoring", "valid_from": "2020-01-01", "values": {"amount_fen": 5}}
    row = {"set": "income_line", "area": None, "row": line}
    waits = await post(steward, "/reference/rows", row)
    assert waits.status_code == 202
    assert refusal(await says_yes(steward, waits.json()["id"])) == (403, "MakerIsChecker")
    other = await installation.client(households, "steward", subject="other")
    assert (await says_yes(other, waits.json()["id"])).status_code == 201
    (shown,) = (await other.get("/reference/income_line")).json()["items"]
    assert shown["values"] == {"amount_fen": 5}
    assert await decided_again(installation, households) > 2


@pytest.fixture
async def office(installation: Installation, district: District) -> Office:
    """A chief and a deputy of finance, each with a grant of the county."""
    office = await open_office(installation, district.county)
    for subject in ("chief", "deputy", "other"):
        await office.user(subject)
    return office


async def waits(office: Office, district: District, maker: AsyncClient) -> UUID:
    """An approval of what this maker asked for."""
    id_ = await batch(district, "20")
    answer = await post(maker, f"/batches/{id_}/reservations", {})
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


async def test_neither_delegate_nor_principal_says_yes_to_what_either_asked(
    office: Office, district: District
) -> None:
    days = {"valid_from": str(today()), "valid_until": str(today())}
    grant = await office.grant("chief", "finance", district.county.id)
    await office.delegate("chief", grant, "deputy", **days)
    await office.grant("other", "finance", district.county.id)
    await office.told()
    chief, deputy = await office.as_("chief"), await office.as_("deputy")
    by_chief = await waits(office, district, chief)
    assert refusal(await says_yes(deputy, by_chief)) == (403, "MakerIsChecker")
    own = await post(chief, f"/approvals/{by_chief}/withdrawals", {"reason": "x"})
    assert own.status_code == 201
    district.finance = await office.as_("other")
    id_ = await batch(district, "10", "10")
    lent = await post(deputy, f"/batches/{id_}/reservations", {})
    assert refusal(await says_yes(chief, UUID(lent.json()["id"]))) == (403, "MakerIsChecker")
    assert refusal(await says_yes(deputy, UUID(lent.json()["id"]))) == (403, "MakerIsChecker")
    assert (await says_yes(district.finance, UUID(lent.json()["id"]))).status_code == 201
    assert await decided_again(office.installation, funds) > 8


async def test_two_seats_of_one_person_are_one_yes(office: Office, district: District) -> None:
    grant = await office.grant("chief", "finance", district.county.id)
    days = {"valid_from": str(today()), "valid_until": str(today())}
    await office.delegate("chief", grant, "deputy", **days)
    await office.told()
    chief, deputy = await office.as_("chief"), await office.as_("deputy")
    id_ = await batch(district, "30", "30")
    asked_ = await post(district.finance, f"/batches/{id_}/reservations", {})
    approval = UUID(asked_.json()["id"])
    assert (await says_yes(deputy, approval)).json()["given"] == 1
    assert refusal(await says_yes(chief, approval)) == (403, "AlreadyApproved")
    assert await held_fen(district) == 0


async def test_who_took_the_work_over_may_withdraw_it_and_not_say_yes(
    office: Office, district: District
) -> None:
    for subject in ("chief", "deputy", "other"):
        await office.grant(subject, "finance", district.county.id)
    await office.told()
    approval = await waits(office, district, await office.as_("chief"))
    path = f"/users/{office.ids['chief']}"
    await post(office.security, f"{path}/disablings", {"reason": "换届"})
    await post(office.security, f"{path}/handovers", {"to": str(office.ids["deputy"])})
    await office.told()
    deputy, other = await office.as_("deputy"), await office.as_("other")
    assert refusal(await says_yes(deputy, approval)) == (403, "MakerIsChecker")
    gone = await says_yes(await office.as_("chief"), approval, digest="0" * 64)
    assert refusal(gone) == (403, "RoleNotHeld")
    body = {"reason": "重新核对"}
    strange = await post(other, f"/approvals/{approval}/withdrawals", body)
    assert refusal(strange) == (403, "NotTheMaker")
    assert (await post(deputy, f"/approvals/{approval}/withdrawals", body)).status_code == 201


async def test_revoked_in_the_same_second_there_is_one_effect_or_none(
    office: Office, district: District
) -> None:
    for nth in range(4):
        grant = await office.grant("chief", "finance", None, valid_from=f"2020-01-0{nth + 1}")
        await office.told()
        chief = await office.as_("chief")
        id_ = await batch(district, *["5"] * (nth + 3))
        asked_ = await post(district.finance, f"/batches/{id_}/reservations", {})
        approval = UUID(asked_.json()["id"])
        digest = (await chief.get(f"/approvals/{approval}")).json()["digest"]
        end = {"grant": str(grant), "valid_until": "2019-12-31", "reason": "调离"}
        telling = asyncio.create_task(office.told())
        *answers, ended = await asyncio.gather(
            *(says_yes(chief, approval, digest=digest) for _ in range(4)),
            post(office.security, f"/users/{office.ids['chief']}/grant-ends", end),
        )
        await telling
        await office.told()
        answers.append(await says_yes(chief, approval, digest=digest))
        assert ended.status_code == 201
        assert refusal(answers[-1]) == (403, "RoleNotHeld")
        done = [one for one in answers if one.status_code == 201]
        step = (await district.finance.get(f"/batches/{id_}")).json()["step"]
        assert (len(done), step) in {(0, "declared"), (1, "reserved")}


async def test_a_row_may_ask_for_a_second_factor(
    installation: Installation, district: District, tmp_path: Path
) -> None:
    """Enrolled by oneself, confirmed by a first code; a code is used once; security may drop it."""
    steward = await installation.client(funds, "steward")
    one = [{"up_to_fen": None, "count": 1, "duties": ["finance"]}]
    assert (await bands(steward, "DeclareBatch", one, second_factor=True)).status_code == 201
    body = {
        "area": str(district.county.id),
        "project": str(district.project),
        "scheme": "relief",
        "period": "2020",
        "grade": "line",
        "count": 1,
        "amount": yuan("5"),
    }
    approval = UUID((await post(district.finance, "/batches", body)).json()["id"])
    chief = await with_factors(installation, "chief", tmp_path)
    assert refusal(await says_yes(chief, approval)) == (403, "SecondFactorNeeded")
    enrolled = await post(chief, "/second-factors", {}, key="enrol")
    assert enrolled.headers["cache-control"] == "no-store"
    assert (await post(chief, "/second-factors", {}, key="enrol")).json()["uri"] is None
    uri = urlsplit(enrolled.json()["uri"])
    text = parse_qs(uri.query)["secret"][0]
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    _, now, late = codes(secret, datetime.now(UTC)).values()  # good for half a minute and more
    wrong = f"{(int(now) + 1) % 10**6:06}"
    assert (await confirmed(chief, wrong)).status_code == 401
    assert (await confirmed(chief, now)).status_code == 201
    for bad in (now, wrong):
        chief.headers["second-factor"] = bad
        assert (await says_yes(chief, approval)).status_code == 401
    chief.headers["second-factor"] = late
    assert (await says_yes(chief, approval)).status_code == 201
    stored = "SELECT count(*) FROM es.events WHERE payload::text LIKE '%' || $1 || '%'"
    pool = (await installation.log(funds)).pool
    assert await pool.fetchval(stored, text) == 0
    security = await with_factors(installation, "guard", tmp_path, "security")
    drop = {"person": "chief", "reason": "手机遗失"}
    assert (await post(security, "/second-factors/drops", drop)).status_code == 201
    assert (await post(chief, "/second-factors", {})).status_code == 201
    steps = [e["data"]["step"] for e in await logged(installation) if "SecondFactor" in e["type"]]
    assert steps == ["enrolled", "confirmed", "dropped", "enrolled"]


async def with_factors(
    installation: Installation, subject: str, folder: Path, role: str = "finance"
) -> AsyncClient:
    client = await someone(installation, subject, role)
    keys = kept_keys(folder / "key", may_make=True)
    factors = SecondFactors((await installation.log(funds)).pool, keys)
    client._transport.app.state.second_factors = factors  # type: ignore[attr-defined]
    return client


async def confirmed(client: AsyncClient, code: str) -> Response:
    client.headers["second-factor"] = code
    answer = await post(client, "/second-factors/confirmations", {})
    del client.headers["second-factor"]
    return answer
