"""The calendar in every service, the deadlines of assets and of the directory, and what the
operator is told of the scheduler."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from libs.chassis.cli.deadlines import Clock, clocks
from libs.chassis.cli.status import UNHEALTHY, Health, tell
from libs.events.calendar import Calendar, is_working_day
from libs.events.calendar_copy import calendars
from libs.events.clock import today
from libs.events.deadline import OVER
from services.__main__ import SERVICES
from services.funds.service import service as funds
from services.households.service import service as households
from tests.clock import kinds, ruled, ticked
from tests.conftest import Installation
from tests.office import open_office
from tests.registry import County, made, post, register_county

TODAY = today()
DAY = timedelta(days=1)
FESTIVAL, SUNDAY = date(2026, 2, 17), date(2026, 2, 15)


async def calendar_of(installation: Installation, service: Any, county: County) -> Calendar:
    log = await installation.log(service)
    return (await calendars(log.pool)).of(await log.known.path(county.east_village))


async def test_the_calendar_of_households_is_known_in_every_service_and_follows_its_changes(
    installation: Installation,
) -> None:
    county = await register_county(installation)
    await installation.catch_up()
    steward = await installation.client(households, "steward")
    values: dict[str, Any] = {"holidays": [str(FESTIVAL)], "workdays": [str(SUNDAY)]}
    row = {"key": "2026", "valid_from": "2026-01-01", "values": values}
    place = {"set": "calendar", "area": str(county.east)}
    await made(steward, "/reference/rows", {**place, "row": row})
    other = {**row, "key": "farmland", "values": {"title": "测试"}}
    await made(steward, "/reference/rows", {"set": "code", "area": None, "row": other})
    await installation.catch_up()
    for service in SERVICES:
        calendar = await calendar_of(installation, service, county)
        assert is_working_day(calendar, FESTIVAL) == (False, False)
        assert is_working_day(calendar, SUNDAY) == (True, False)
        log = await installation.log(service)
        assert await log.pool.fetchval("SELECT count(*) FROM known.calendar_facts") == 1
    mistake = {**place, "key": "2026", "valid_from": "2026-01-01", "reason": "误登"}
    await made(steward, "/reference/withdrawals", mistake)
    await installation.catch_up()
    for service in SERVICES:
        calendar = await calendar_of(installation, service, county)
        assert is_working_day(calendar, FESTIVAL) == (True, True)


async def test_grants_and_delegations_that_end_are_told_a_week_before(
    installation: Installation,
) -> None:
    """Not those that were ended on purpose, nor one that another follows; and none that is over."""
    office = await open_office(installation, await register_county(installation))
    for subject in ("chief", "deputy", "third", "fourth"):
        await office.user(subject)
    await ruled(installation, households, "grant_ending", days=0, remind=7)
    last, county = TODAY + 30 * DAY, office.county.id
    days = {"valid_from": "2020-01-01", "valid_until": str(last)}
    base = await office.grant("chief", "finance", county)
    lent = {"valid_from": str(TODAY), "valid_until": str(TODAY + 20 * DAY)}
    await office.delegate("chief", base, "deputy", **lent)
    await office.grant("third", "clerk", county, **days)
    ended = await office.grant("fourth", "clerk", county, **days)
    end = {"grant": str(ended), "valid_until": str(TODAY + 10 * DAY), "reason": "调离"}
    path = f"/users/{office.ids['fourth']}/grant-ends"
    assert (await post(office.security, path, end)).status_code == 201
    await ticked(installation, households, TODAY + 12 * DAY)
    assert await kinds(installation, "security") == []
    await ticked(installation, households, TODAY + 13 * DAY)
    delegation = ("grant_ending", "delegation", lent["valid_until"])
    assert await kinds(installation, "security") == [delegation]
    await ticked(installation, households, TODAY + 20 * DAY)
    assert await kinds(installation, "security") == [delegation]
    await ticked(installation, households, TODAY + 21 * DAY)
    assert await kinds(installation, "security") == []
    closed = (await office.security.get("/tasks", params={"state": "closed"})).json()["items"]
    assert [task["note"] for task in closed] == [OVER]
    await ticked(installation, households, TODAY + 23 * DAY)
    assert await kinds(installation, "security") == [("grant_ending", "grant", str(last))]
    await office.grant("third", "clerk", county, valid_from=str(last + DAY))
    await ticked(installation, households, TODAY + 24 * DAY)
    assert await kinds(installation, "security") == []


@pytest.mark.parametrize(
    ("of", "key"), [("deadline", "nothing"), ("deadline", "batch_silent"), ("live", "never")]
)
async def test_a_row_for_a_deadline_that_the_service_does_not_have_is_malformed(
    installation: Installation, of: str, key: str
) -> None:
    steward = await installation.client(households, "steward")
    values = {"deadline": {"days": 3, "basis": "x"}, "live": {"note": "x"}}[of]
    row = {"key": key, "valid_from": "2020-01-01", "values": values}
    answer = await post(steward, "/reference/rows", {"set": of, "area": None, "row": row})
    assert (answer.status_code, "可用" in answer.text) == (422, True)


async def told(installation: Installation) -> list[Clock]:
    return await clocks(installation.stores, (funds,))


async def test_the_operator_is_told_of_late_deadlines_and_of_a_scheduler_that_stands(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    await register_county(installation)
    assert await told(installation) == []
    await ticked(installation, funds, TODAY + DAY)
    (clock,) = await told(installation)
    assert (clock.swept_to, clock.late, clock.wrong) == (TODAY + DAY, 0, None)
    assert tell(Health(clocks=[clock])) == 0
    assert f"funds: deadlines to {TODAY + DAY}, 0 late, 0 overdue" in capsys.readouterr().out
    for change, says in (
        ("late = 2", "2 deadlines are late"),
        ("stopped = 'planted'", "STOPPED planted"),
        ("stopped = NULL, waits = 'clock'", "waits: clock"),
        ("waits = NULL, swept_at = now() - interval '10 min'", "not looked at for 6"),
    ):
        await installation.plant(funds, f"UPDATE es.clocks SET {change}")  # noqa: S608 - of this test
        (clock,) = await told(installation)
        assert tell(Health(clocks=[clock])) == UNHEALTHY
        assert says in capsys.readouterr().out
