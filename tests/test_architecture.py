"""Who may import whom, how large anything may grow, and what may be named how.

The rules stand as data in `tests/lints/architecture.py`. Each rule and each room has a planted
breach here: a rule that was never seen to refuse anything is only a hope.
"""

from pathlib import Path

import pytest

from tests.lints.architecture import (
    FUNCTION_LINES,
    MODULE_LINES,
    ROOMS,
    lint,
    room_of,
)
from tests.lints.source import Breach, breaches_below

ROOT = Path(__file__).parents[1]
DOMAIN = "services/funds/domain/lot.py"
LONG_FUNCTION = "def decide():\n" + "    pass\n" * FUNCTION_LINES

STRANGERS = [
    ("services/funds/__init__.py", "from services.funds import service"),
    ("libs/events/types.py", "import asyncpg"),
    ("libs/events/contracts/funds.py", "from ..store import Store"),
    ("libs/events/codec.py", "from libs import events"),
    ("libs/events/store.py", "from libs.chassis import settings"),
    ("libs/events/reader.py", "from opentelemetry.sdk import trace"),
    ("libs/events/feed.py", "import fastapi"),
    ("libs/chassis/http.py", "from services.funds.service import service"),
    (DOMAIN, "from libs.events.store import Store"),
    (DOMAIN, "from services.funds.views import balances"),
    (DOMAIN, "from services.households.domain.household import Household"),
    (DOMAIN, "def decide():\n    import asyncpg"),
    ("services/funds/policies.py", "from libs.events.reader import Reader"),
    ("services/funds/views/balances.py", "from services.funds.domain.lot import Lot"),
    ("services/funds/views/balances.py", "import fastapi"),
    ("services/funds/api/lot.py", "from ...assets.domain import asset"),
    ("services/reporting/figures/measure.py", "import services.funds.views.balances"),
    ("services/funds/service.py", "from services import assets"),
    ("services/__main__.py", "import uvicorn"),
]

PLANTED = [
    *((path, source, "import") for path, source in STRANGERS),
    (DOMAIN, "import time", "pure import"),
    (DOMAIN, "import os.path", "pure import"),
    (DOMAIN, "from random import choice", "pure import"),
    (DOMAIN, "import secrets as chance", "pure import"),
    (DOMAIN, "from uuid import uuid4", "pure import"),
    ("services/funds/policies.py", "import asyncio", "pure import"),
    (DOMAIN, "import uuid\nkey = uuid.uuid4()", "pure use"),
    (DOMAIN, "from datetime import UTC, datetime\nat = datetime.now(UTC)", "pure use"),
    (DOMAIN, "import datetime as dt\nat = dt.datetime.utcnow()", "pure use"),
    (DOMAIN, "from datetime import date\non = date.today()", "pure use"),
    ("services/funds/policies.py", "from datetime import date\ntoday = date.today", "pure use"),
    (DOMAIN, "text = open('standard.csv')", "pure use"),
    (DOMAIN, "async def decide(): ...", "async"),
    ("services/funds/policies/aid.py", "async def react(): ...", "async"),
    (DOMAIN, "\n" * (MODULE_LINES + 1), "module length"),
    (DOMAIN, LONG_FUNCTION, "function length"),
    ("libs/events/store.py", LONG_FUNCTION.replace("def", "async def"), "function length"),
    ("libs/chassis/utils.py", "", "file name"),
    ("services/funds/domain/common.py", "", "file name"),
    ("libs/chassis/helpers/text.py", "", "file name"),
    *(
        (DOMAIN, f"class Lot{suffix}: ...", "class name")
        for suffix in ("Manager", "Helper", "Util", "Utils", "Handler", "Impl")
    ),
    ("services/funds/repositories/lot.py", "", "no room"),
    ("services/lot.py", "", "no room"),
]

LAWFUL = [
    ("libs/events/types.py", "from __future__ import annotations\nfrom uuid import UUID, uuid4"),
    ("libs/events/codec.py", "import msgspec\nfrom libs.events import contracts, types"),
    ("libs/events/contracts/funds.py", "from ..types import Fen\nfrom . import households"),
    ("libs/events/store.py", "import asyncpg, structlog\nfrom opentelemetry import trace"),
    ("libs/chassis/http.py", "import time, os, jwt\nfrom libs.events.errors import Refused"),
    (DOMAIN, "from datetime import date, datetime\nfrom libs.events.decider import Decider"),
    (DOMAIN, "def decide(uuid, command):\n    return uuid.uuid4, command.now, command.open()"),
    (DOMAIN, LONG_FUNCTION.replace("    pass\n", "", 1)),
    (DOMAIN, "\n" * MODULE_LINES),
    ("services/funds/policies.py", "from services.funds.domain.lot import Lot"),
    ("services/funds/views/balances.py", "import asyncpg\nfrom libs.events.entries import Entry"),
    ("services/funds/api/lot.py", "from fastapi import APIRouter\nfrom ..views import balances"),
    ("services/reporting/figures/cut.py", "from libs.events.store import Store"),
    ("services/funds/service.py", "from services.funds import api, domain, policies"),
    ("services/__main__.py", "from services.funds.service import service as funds"),
]


def test_the_house_keeps_its_own_rules() -> None:
    assert [str(breach) for breach in breaches_below(ROOT, lint)] == []


@pytest.mark.parametrize(("path", "source", "rule"), PLANTED)
def test_a_planted_breach_is_caught_by_its_rule(path: str, source: str, rule: str) -> None:
    assert {breach.rule for breach in lint(path, source)} == {rule}


@pytest.mark.parametrize(("path", "source"), LAWFUL)
def test_what_the_rules_allow_is_let_pass(path: str, source: str) -> None:
    assert lint(path, source) == []


def test_every_room_has_a_planted_stranger() -> None:
    assert {room_of(path) for path, _ in STRANGERS} == set(ROOMS)


def test_a_planted_file_is_found_in_the_tree(tmp_path: Path) -> None:
    for path in (DOMAIN, "libs/events/contracts/funds.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("\nimport asyncpg\n", "utf-8")
    assert breaches_below(tmp_path, lint) == [
        Breach("import", "libs/events/contracts/funds.py", 2, "language may not import asyncpg"),
        Breach("import", DOMAIN, 2, "domain may not import asyncpg"),
    ]
