"""A real broker for all tests that need one; each test gets topics of its own by their prefix.

Without Java or the jars these tests fail: a broker that is not there proves nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from libs.chassis import broker
from libs.events.topic import Kafka
from tests.loop import run_in_thread

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def one_broker() -> Iterator[broker.Broker]:
    """Started on a thread that lives as long as the session, for the first test that asks."""
    with tempfile.TemporaryDirectory(prefix="suyuan-kafka-") as name, run_in_thread() as run:
        home = Path(name) / "kafka"
        started = run(broker.start(home, settings=broker.QUICK, memory=broker.SMALL))
        yield started
        run(started.stop())


@pytest.fixture
async def own() -> AsyncIterator[broker.Broker]:
    """A broker that a test may hurt."""
    with tempfile.TemporaryDirectory(prefix="suyuan-kafka-") as name:
        home = Path(name) / "kafka"
        async with await broker.start(home, settings=broker.QUICK, memory=broker.SMALL) as own:
            yield own
            with suppress(ProcessLookupError):
                os.kill(own.pid, signal.SIGCONT)


@pytest.fixture
def kafka(one_broker: broker.Broker) -> Kafka:
    """The broker with topics that no other test uses."""
    return Kafka(one_broker.bootstrap, f"t{os.getpid()}-{next(_numbers)}-")
