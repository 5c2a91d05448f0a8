"""What is logged of an error: its type and places, never its words; and a flood once a minute."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from structlog.testing import capture_logs

from libs.chassis.logs import SELDOM_S, Seldom, frames
from services.funds.service import service as funds
from tests.conftest import Installation

SECRET = "13800000000"
FAULT = f"""
import logging, structlog
from libs.chassis.logs import configure
configure("test", "info")
try:
    try:
        raise KeyError("{SECRET}")
    except KeyError as error:
        raise ValueError("{SECRET}") from error
except ValueError as error:
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    structlog.get_logger().error("fault", exc_info=error)
"""

FLOOD = """
import logging, structlog
from libs.chassis.logs import configure
configure("test", "info")
for number in range(200):
    logging.getLogger("aiokafka").error("Unable connect to node with id %s", number)
    logging.getLogger("uvicorn.error").info("told %s", number)
structlog.get_logger("aiokafka").info("ours")
"""


def test_no_record_repeats_what_an_error_says() -> None:
    ran = subprocess.run([sys.executable, "-c", FAULT], capture_output=True, text=True, check=True)
    assert len(ran.stderr.splitlines()) == 2
    for line in ran.stderr.splitlines():
        assert "ValueError\\n  <string>:" in line
        assert "KeyError\\n  <string>:" in line
        assert SECRET not in line


def test_an_error_without_a_trace_is_told_by_its_type() -> None:
    assert frames(ValueError(SECRET)) == "ValueError"


async def test_an_unexpected_fault_is_logged_without_its_words(installation: Installation) -> None:
    client = await installation.client(funds)
    pool = (await installation.log(funds)).pool
    await pool.execute("SELECT 1")
    app = client._transport.app  # type: ignore[attr-defined]  # the service's own

    async def fault() -> None:
        await pool.fetch(f"SELECT '{SECRET}'::uuid")

    app.add_api_route("/fault", fault)
    with capture_logs() as logs:
        assert (await client.get("/fault")).status_code == 500
    assert [line["event"] for line in logs] == ["unexpected"]
    assert "InvalidTextRepresentationError" in logs[0]["frames"]
    assert SECRET not in str(logs)


def record(logger: str, template: str, *given: object) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, "", 0, template, given, None)


def test_one_record_a_minute_of_a_logger_and_template_with_the_count_of_the_others() -> None:
    now = [0.0]
    seldom = Seldom(lambda: now[0])

    def told(logger: str, template: str, *given: object) -> int | None:
        """None when it is not let through; else how many were not before it."""
        one = record(logger, template, *given)
        return getattr(one, "suppressed", 0) if seldom.filter(one) else None

    away = "Unable connect to node with id %s: %s"
    assert told("aiokafka", away, 1, "refused") == 0
    assert [told("aiokafka", away, node, "refused") for node in range(79)] == [None] * 79
    assert told("aiokafka", "Unable to update metadata from %s", [1]) == 0
    assert told("aiokafka.consumer.fetcher", away, 1, "refused") == 0
    now[0] = SELDOM_S - 1
    assert told("aiokafka", away, 1, "refused") is None
    now[0] = SELDOM_S
    assert told("aiokafka", away, 1, "refused") == 80
    assert told("aiokafka", away, 1, "refused") is None
    now[0] = 3 * SELDOM_S
    assert told("aiokafka", away, 1, "refused") == 1


def test_of_the_telemetry_itself_one_record_a_minute_whatever_it_says() -> None:
    seldom = Seldom(lambda: 0.0)
    assert seldom.filter(record("opentelemetry.sdk._shared_internal", "Queue full, dropping %s."))
    assert not seldom.filter(record("opentelemetry.exporter.otlp.common.http", "Failed to export"))


def test_what_others_log_is_never_left_out() -> None:
    seldom = Seldom(lambda: 0.0)
    assert all(seldom.filter(record("uvicorn.error", "the same")) for _ in range(100))


def test_templates_beyond_a_thousand_do_not_fill_the_memory() -> None:
    seldom = Seldom(lambda: 0.0)
    for number in range(2_500):
        assert seldom.filter(record("aiokafka", f"written out {number}"))
    assert len(seldom._told) <= 1_000


def test_a_flood_is_one_line_and_names_its_logger() -> None:
    ran = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    flood = [line for line in lines if line.get("logger") == "aiokafka"]
    assert [line["event"] for line in flood] == ["Unable connect to node with id 0"]
    assert len(lines) == 1 + 200 + 1
