"""Errands: what a service is answered that asks another, and what it does when it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from libs.chassis.errands import AskedServiceAwayError, ErrandRefusedError, Errands
from libs.chassis.settings import Settings
from libs.events.types import Actor
from services.households.service import service as households
from tests.conftest import Installation
from tests.payees import asked
from tests.people import id_number
from tests.registry import register_county
from tests.wired import errands, free_port, listening

ASKER = Actor(id="officer", role="finance", unit="bureau", area=None)


async def ask(by: Errands, body: Any, area: UUID) -> Any:
    where = ("households", "/persons/identifications", body)
    return await by.ask("identify", *where, by="funds", asker=ASKER, area=area)


async def test_a_no_is_told_in_its_own_words_and_a_strange_key_is_waited_for(
    installation: Installation, tmp_path: Path
) -> None:
    county, port = await register_county(installation), free_port()
    await installation.catch_up(households)
    ours = errands(installation, port)
    theirs = replace(ours, key_file=tmp_path / "services.key")
    body = asked(county, {"id_number": id_number(1), "name": "测试1"})
    async with listening(installation, households, port):
        with pytest.raises(ErrandRefusedError, match="区域"):
            await ask(ours, body, uuid4())
        with capture_logs() as said, pytest.raises(AskedServiceAwayError):
            await ask(theirs, body, county.id)
        told = await ask(ours, body, county.id)
    assert [one["status"] for one in said if one["event"] == "errand_not_answered"] == [401] * 3
    assert id_number(1) not in str(said)
    assert told["rows"] == [None]


def test_where_households_is_asked_and_by_which_key() -> None:
    home = Path("/somewhere")
    own, elsewhere = Settings(home), Settings(home, database="db:5432")
    assert own.households_address == own.origin
    assert replace(own, host="0.0.0.0").households_address == "http://127.0.0.1:8800"  # noqa: S104 - a setting
    assert replace(own, households="https://h").households_address == "https://h"
    assert (own.services_key_file, elsewhere.services_key_file) == (home / "services.key", None)
