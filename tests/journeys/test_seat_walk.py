"""Every route × duty × scope × delegation × expiry: callers whose tokens say only who, in
every seat that admits and every one that does not. A wrong one is 403, in Chinese, and kept once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from libs.events.clock import today
from libs.events.duties import DUTIES
from tests.journeys.test_scope_walk import COMMANDS, GUARDED, INNER, OF_ONESELF, Door, Walk, walk

__all__ = ["walk"]

TODAY = today()
DAY = timedelta(days=1)


class Seat(NamedTuple):
    """How a duty came to somebody, and whether it admits today. Days count from today."""

    name: str
    admits: bool
    since: int = -9
    until: int | None = None
    ended: int | None = None
    lent: tuple[int, int] | None = None
    lent_ended: int | None = None
    giver_off: bool = False
    off: bool = False


SEATS = (
    Seat("lasting", admits=True),
    Seat("last_day", admits=True, until=0),
    Seat("first_day", admits=True, since=0),
    Seat("expired", admits=False, until=-1),
    Seat("not_begun", admits=False, since=1),
    Seat("ended_yesterday", admits=False, ended=-1),
    Seat("ends_today", admits=True, ended=0),
    Seat("disabled", admits=False, off=True),
    Seat("lent", admits=True, lent=(-7, 0)),
    Seat("lent_over", admits=False, lent=(-7, -1)),
    Seat("lent_later", admits=False, lent=(1, 7)),
    Seat("lent_ended", admits=False, lent=(-7, 7), lent_ended=-1),
    Seat("lent_of_ended", admits=False, lent=(-7, 7), ended=-1),
    Seat("lent_by_disabled", admits=False, lent=(-7, 7), giver_off=True),
    Seat("lent_to_disabled", admits=False, lent=(-7, 7), off=True),
)


def day(offset: int | None) -> str | None:
    return None if offset is None else str(TODAY + offset * DAY)


@dataclass
class Seated:
    """Users in every seat of every duty, made over HTTP."""

    walk: Walk
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: dict[str, Any]) -> str:
        """A command of the security administrator; the id that it made."""
        door = next(d for d in COMMANDS if d.matches("POST", f"/api/v1/households/{path}"))
        token = self.walk.token("security")
        body = {"occurred_on": str(date(2024, 1, 1)), **body}
        path = f"/api/v1/households/{path}"
        answer = await self.walk.ask(door, token, path=path, json=body)
        assert answer.status_code == 201, answer.text
        self.headers = {"min-position": answer.headers["position"]}
        made: str = answer.json()["id"]
        return made

    async def user(self, subject: str) -> str:
        return await self.post("users", {"subject": subject, "unit": None, "post": "x"})

    async def sit(self, duty: str, seat: Seat, area: str | None = None) -> None:
        subject = f"{duty}-{seat.name}"
        taker = await self.user(subject)
        holder = taker if seat.lent is None else await self.user(f"{subject}-giver")
        days = {"valid_from": day(seat.since), "valid_until": day(seat.until)}
        grants = f"users/{holder}/grants"
        grant = await self.post(grants, {"role": duty, "area": area, **days})
        ends = [(grant, seat.ended)]
        if seat.lent is not None:
            span = {"valid_from": day(seat.lent[0]), "valid_until": day(seat.lent[1])}
            lent = {"grant": grant, "to": taker, "document": "委字1号", **span}
            ends.append((await self.post(f"users/{holder}/delegations", lent), seat.lent_ended))
        for id_, until in ends:
            if until is not None:
                end = {"grant": id_, "valid_until": day(until), "reason": "调离"}
                await self.post(f"users/{holder}/grant-ends", end)
        for user, off in ((holder, seat.giver_off), (taker, seat.off)):
            if off:
                await self.post(f"users/{user}/disablings", {"reason": "换届"})

    def token(self, duty: str, seat: Seat) -> str:
        issuer = self.walk.installation.issuer
        return issuer.token(f"{duty}-{seat.name}", (), "", None, timedelta(hours=1))

    async def ask(self, door: Door, duty: str, seat: Seat, **how: Any) -> Any:
        return await self.walk.ask(door, self.token(duty, seat), headers=self.headers, **how)


@pytest.fixture
async def seated(walk: Walk) -> Seated:
    made = Seated(walk)
    for duty in DUTIES:
        for seat in SEATS:
            await made.sit(duty, seat)
    return made


async def test_a_seat_admits_when_it_holds_today_and_only_to_its_duty(seated: Seated) -> None:
    """About two thousand calls: each right seat passes the door, each wrong one is refused."""
    for door in GUARDED:
        duty = door.roles[0]
        for seat in SEATS if door.route.path not in INNER else ():
            answer = await seated.ask(door, duty, seat)
            passed = answer.status_code != 403
            assert passed == seat.admits, (str(door), seat.name, answer.text)
        for other in [duty for duty in DUTIES if duty not in door.roles]:
            answer = await seated.ask(door, other, SEATS[0])
            assert answer.status_code == 403, (str(door), other)


async def test_a_wrong_seat_is_told_in_chinese_and_kept_once(seated: Seated) -> None:
    for nth, door in enumerate(GUARDED):
        seat = [one for one in SEATS if not one.admits][nth % 9]
        before = await seated.walk.stored()
        duty = "clerk" if door.route.path in INNER else door.roles[0]
        answer = await seated.ask(door, duty, seat)
        assert answer.status_code == 403, str(door)
        if door.method != "HEAD":  # which has no body to tell it in
            told = answer.json()
            assert (told["status"], told["type"]) == (403, "/problems/RoleNotHeld"), str(door)
            assert re.search("角色不符：该操作需要角色", told["detail"])
        events, requests = before[door.service.name]
        after = await seated.walk.stored()
        assert after[door.service.name] == (events + 1, requests + 1), str(door)


async def test_a_grant_of_another_area_reaches_nothing_here(walk: Walk) -> None:
    """The commands of the case, by those who hold the right duty beside it, own or lent."""
    seated = Seated(walk)
    seats = [Seat("lasting", admits=True), Seat("lent", admits=True, lent=(-7, 0))]
    for duty in DUTIES:
        for seat in seats:
            await seated.sit(duty, seat, str(walk.neighbour))
    for nth, door in enumerate(d for d in COMMANDS if d.route.path not in OF_ONESELF | INNER):
        example = walk.example(door)
        assert example is not None, str(door)
        seat = seats[nth % 2]
        answer = await seated.ask(door, door.roles[0], seat, path=example.path, json=example.body)
        assert answer.status_code == 403, (str(door), answer.text)
        assert answer.json()["type"] == "/problems/NotYourArea", str(door)
