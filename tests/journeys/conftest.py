"""The case of document 004, loaded once a session with what must be refused; copies of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from libs.chassis.answers import Answers
from libs.chassis.cases import Case, read_case
from tests.conftest import Installation, Templates, drop
from tests.journeys.loaded import (
    CASES,
    MIGRATED,
    broken,
    copy,
    digests,
    load,
    make,
    opened,
)
from tests.loop import run_in_thread

_numbers = itertools.count(1)


def prefix() -> str:
    return f"j1_{os.getpid()}_{next(_numbers)}_"


@dataclass(frozen=True)
class Reproduced:
    """A loaded case: the stores that it lies in, and what was answered."""

    case: Case
    stores: str
    answers: Answers
    statement: dict[str, Any]
    digests: dict[str, tuple[int, str]]


@pytest.fixture(scope="session")
def reproduced(templates: Templates) -> Iterator[Reproduced]:
    """Case 004 with the commands that must be refused, loaded once."""
    case, stores = read_case(CASES / "004", refused=True), prefix()

    async def loaded() -> Reproduced:
        async with opened(templates, stores) as installation:
            done, statement = await load(case, installation)
            logs = await digests(installation)
            assert await broken(installation.stores) == []
        return Reproduced(case, stores, done.answers, statement, logs)

    with run_in_thread() as run:
        run(make(templates, MIGRATED, stores))
        yield run(loaded())
        run(drop(templates.cluster, stores))


@pytest.fixture
async def kept(templates: Templates, reproduced: Reproduced) -> AsyncIterator[Installation]:
    """The stores of the loaded case, for tests that add nothing to them."""
    async with opened(templates, reproduced.stores) as installation:
        yield installation


@pytest.fixture
async def copied(templates: Templates, reproduced: Reproduced) -> AsyncIterator[Installation]:
    """The stores of the loaded case, this test's own."""
    async with copy(templates, reproduced.stores, prefix()) as installation:
        yield installation


@pytest.fixture
async def empty(templates: Templates) -> AsyncIterator[Installation]:
    async with copy(templates, MIGRATED, prefix()) as installation:
        yield installation
