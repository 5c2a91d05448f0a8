"""What is logged of an error: its type and places, never its words."""

from __future__ import annotations

import subprocess
import sys

from structlog.testing import capture_logs

from libs.chassis.logs import frames
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
