"""Fault 16 of product.md 7: whoever knows two passwords does both steps at one browser."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from libs.chassis.device import COOKIE, Numbered
from services.funds.service import service as funds
from tests.chassis.test_approvals import BANDS, asked, bands, batch, says_yes, someone
from tests.conftest import Installation
from tests.funds.district import District, open_district
from tests.office import refusal
from tests.registry import decided_again, post

EARLIER = """
UPDATE es.events SET recorded_at = recorded_at - make_interval(secs => $1)
 WHERE stream_id = $2 AND type = 'ApprovalRequested'
"""


@pytest.fixture
async def district(installation: Installation) -> District:
    """Reserving above 50 yuan needs two; the same device within 10 minutes is flagged."""
    district = await open_district(installation)
    steward = await installation.client(funds, "steward")
    assert (await bands(steward, "ReserveBatch", BANDS)).status_code == 201
    row = {"key": "approval", "valid_from": "2020-01-01", "values": {"minutes": 10}}
    body = {"set": "same_device", "area": None, "row": row}
    assert (await post(steward, "/reference/rows", body)).status_code == 201
    return district


def at(client: AsyncClient, device: UUID | None) -> AsyncClient:
    """The same person at that browser."""
    client.cookies.clear()
    if device is not None:
        client.cookies.set(COOKIE, str(device))
    return client


async def flagged(installation: Installation, **query: Any) -> list[str]:
    """What the auditor is told."""
    await installation.catch_up(funds)
    auditor = await installation.client(funds, "auditor", subject="auditor")
    answer = await auditor.get("/approvals", params={"flagged": True, **query})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def given(client: AsyncClient, approval: UUID) -> list[tuple[str, int | None, bool]]:
    shown = (await client.get(f"/approvals/{approval}")).json()
    return [(one["device"], one["after_s"], one["flagged"]) for one in shown["given"]]


async def minutes_later(installation: Installation, approval: UUID, minutes: int) -> None:
    """What was asked for, was so much earlier."""
    await installation.plant(funds, "ALTER TABLE es.events DISABLE TRIGGER ALL")
    await installation.plant(funds, EARLIER, minutes * 60, approval)


async def test_fault_16_both_steps_at_one_browser_within_ten_minutes_are_flagged(
    installation: Installation, district: District
) -> None:
    """By another account, so that nothing is refused; on another process of the service."""
    browser = uuid4()
    at(district.finance, browser)
    _, approval = await asked(district, "30")
    assert refusal(await says_yes(district.finance, approval)) == (403, "MakerIsChecker")
    answer = await says_yes(at(await someone(installation, "chief"), browser), approval)
    assert answer.status_code == 201
    assert answer.json()["result"] is not None
    assert "flagged" not in answer.text
    [(device, after_s, flag)] = await given(district.finance, approval)
    assert (device, flag) == ("same", True)
    assert after_s is not None
    assert 0 <= after_s < 600
    assert await flagged(installation) == [str(approval)]
    assert await flagged(installation, state="submitted") == []
    assert await decided_again(installation, funds) > 8


async def test_eleven_minutes_later_the_same_browser_is_told_and_not_flagged(
    installation: Installation, district: District
) -> None:
    browser = uuid4()
    at(district.finance, browser)
    _, approval = await asked(district, "30")
    await minutes_later(installation, approval, 11)
    chief = at(await someone(installation, "chief"), browser)
    assert (await says_yes(chief, approval)).status_code == 201
    [(device, after_s, flag)] = await given(chief, approval)
    assert (device, flag) == ("same", False)
    assert after_s is not None
    assert 660 <= after_s < 700
    assert await flagged(installation) == []


async def test_two_who_say_yes_at_one_browser_are_flagged_as_maker_and_checker_are(
    installation: Installation, district: District
) -> None:
    browser = uuid4()
    at(district.finance, uuid4())
    _, approval = await asked(district, "30", "30")
    for subject in ("chief", "deputy"):
        client = at(await someone(installation, subject), browser)
        assert (await says_yes(client, approval)).status_code == 201
    first, second = await given(district.finance, approval)
    assert (first, second[0], second[2]) == (("other", None, False), "same", True)
    assert await flagged(installation) == [str(approval)]


async def test_who_tells_no_device_is_unknown_and_neither_the_same_nor_another(
    installation: Installation, district: District
) -> None:
    _, approval = await asked(district, "30", "30")
    chief = at(await someone(installation, "chief"), uuid4())
    deputy = await someone(installation, "deputy")
    for client in (chief, deputy):
        assert (await says_yes(client, approval)).status_code == 201
    assert await given(chief, approval) == [("unknown", None, False)] * 2
    assert await flagged(installation) == []


async def test_a_client_without_cookies_may_send_a_number_of_its_own(
    installation: Installation, district: District
) -> None:
    """What is no random number is told so, not taken for one; the cookie goes before it."""
    phone = uuid4()
    district.finance.headers["device"] = str(phone)
    _, approval = await asked(district, "30")
    chief = await someone(installation, "chief")
    chief.headers["device"] = "192.0.2.7"
    wrong = await post(chief, f"/approvals/{approval}/approvals", {"digest": "0" * 64})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/UnreadableDevice")
    assert "192.0.2.7" not in wrong.text
    chief.headers["device"] = phone.hex.upper()
    assert (await says_yes(at(chief, uuid4()), approval)).status_code == 201
    assert await given(chief, approval) == [("other", None, False)]
    chief.cookies.clear()
    id_ = await batch(district, "20", "20")
    again = await post(district.finance, f"/batches/{id_}/reservations", {})
    assert (await says_yes(chief, UUID(again.json()["id"]))).status_code == 201
    assert [one[0] for one in await given(chief, UUID(again.json()["id"]))] == ["same"]


async def test_of_a_device_nothing_is_kept_but_its_mark_in_an_approval(
    installation: Installation, district: District
) -> None:
    browser = uuid4()
    at(district.finance, browser)
    _, approval = await asked(district, "30")
    chief = at(await someone(installation, "chief"), browser)
    assert (await says_yes(chief, approval)).status_code == 201
    pool = (await installation.log(funds)).pool
    for shown in (str(browser), browser.hex):
        for table in ("es.events", "es.requests", "es.approvals", "es.approval_flags"):
            found = await pool.fetchval(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE $1",  # noqa: S608 - constants
                f"%{shown}%",
            )
            assert found == 0, table
    kept = "SELECT count(*) FROM es.requests WHERE facts::text LIKE '%\"device\"%'"
    assert await pool.fetchval(kept) == 2  # of dozens from this browser: what asked, and the yes


async def test_a_page_gives_a_browser_its_number_once() -> None:
    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("页")

    app = Starlette(routes=[Mount("/", Numbered(Starlette(routes=[Route("/", page)])))])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1") as client:
        first = await client.get("/")
        cookie = first.headers["set-cookie"]
        name, _, rest = cookie.partition("=")
        assert (name, UUID(rest.partition(";")[0]).version) == (COOKIE, 4)
        assert cookie.endswith("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict")
        assert "set-cookie" not in (await client.get("/")).headers
        client.cookies.clear()
        behind = await client.get("/", headers={"x-forwarded-proto": "https"})
        assert behind.headers["set-cookie"].endswith("; Secure")
        strange = await client.get("/", headers={"cookie": f"{COOKIE}=mine"})
        assert "set-cookie" in strange.headers
