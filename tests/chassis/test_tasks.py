"""The routes of tasks 待办: listed and closed by whoever works there."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from libs.events import tasks
from libs.events.tasks import OpenTask
from libs.events.unattended import Machine, commanded
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, decided_again, post, register_county


@pytest.fixture
async def county(installation: Installation) -> County:
    county = await register_county(installation)
    await installation.catch_up(households)
    return county


async def a_task(installation: Installation, area: UUID | None, about: str) -> UUID:
    asked = OpenTask(
        occurred_on=date(2024, 1, 1),
        area=area,
        kind="planted",
        waits_for="clerk",
        due_on=date(2024, 2, 1),
        about=about,
        reason="Planted",
        numbers={"fen": 3},
    )
    log = await installation.log(households)
    for key in (about, f"{about} again"):
        await commanded(log, Machine("planter"), key, tasks.OPEN, asked)
    await installation.catch_up(households)
    return asked.task()


async def test_a_task_is_opened_once_and_closed_once(
    installation: Installation, county: County
) -> None:
    id_ = await a_task(installation, county.east, "funds/1-7")
    clerk = await installation.client(households, "clerk")
    (task,) = (await clerk.get("/tasks")).json()["items"]
    assert (task["id"], task["waits_for"], task["due_on"]) == (str(id_), "clerk", "2024-02-01")
    assert (task["about"], task["closed_at"]) == ("funds/1-7", None)
    assert (task["overdue"], task["assumed"]) == (True, True)
    assert (await clerk.get("/tasks", params={"waits_for": "finance"})).json()["items"] == []
    shown = (await clerk.get(f"/tasks/{id_}")).json()
    assert (shown["numbers"], shown["closed"]) == ({"fen": 3}, False)
    closed = await post(clerk, f"/tasks/{id_}/closures", {"note": "已补登记"})
    assert closed.status_code == 201
    await installation.catch_up(households)
    assert (await clerk.get("/tasks")).json()["items"] == []
    (done,) = (await clerk.get("/tasks", params={"state": "closed"})).json()["items"]
    assert (done["note"], done["closed_by"]) == ("已补登记", "u1")
    assert (done["days_left"] < 0, done["overdue"]) == (True, False)
    again = await post(clerk, f"/tasks/{id_}/closures", {"note": "又一次"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/TaskAlreadyClosed")
    assert await decided_again(installation, households) > 5


async def test_tasks_are_cut_to_the_area_of_whoever_asks(
    installation: Installation, county: County
) -> None:
    east = await a_task(installation, county.east_village, "a")
    west = await a_task(installation, county.west, "b")
    whole = await a_task(installation, None, "c")
    clerk = await installation.client(households, "clerk", area=county.east)
    assert [one["id"] for one in (await clerk.get("/tasks")).json()["items"]] == [str(east)]
    everywhere = await installation.client(households, "clerk")
    assert len((await everywhere.get("/tasks")).json()["items"]) == 3
    for id_ in (west, whole):
        assert (await clerk.get(f"/tasks/{id_}")).status_code == 404
        assert (await post(clerk, f"/tasks/{id_}/closures", {"note": "x"})).status_code == 403
    assert (await post(everywhere, f"/tasks/{whole}/closures", {"note": "x"})).status_code == 201
    auditor = await installation.client(households, "auditor")
    assert (await post(auditor, f"/tasks/{west}/closures", {"note": "x"})).status_code == 403
