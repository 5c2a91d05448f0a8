"""The composed system: brought up, looked at, killed part by part, taken down."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from .engine import Engine
from .shell import FailedError, run

UP_S, BACK_S = 600, 300
OURS = "suyuan:compose-test"
PROJECT = ("--project-name", "suyuan-compose-test", "--profile", "telemetry")


@dataclass(frozen=True)
class System:
    """docker-compose on an engine, with settings of its own in place of .env."""

    engine: Engine
    secrets: Path
    port: int
    issuer: str

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *words: str, **changed: str) -> str:
        told: Mapping[str, str] = {
            **self.engine.env,
            "SUYUAN_UID": "10001",
            "SUYUAN_RELEASE": OURS.partition(":")[2],
            "SUYUAN_ISSUER": self.issuer,
            "SUYUAN_PORT": str(self.port),
            "SUYUAN_SECRETS": str(self.secrets),
            "SUYUAN_OTLP": "http://collector:4318",
            **changed,
        }
        return run("docker-compose", *PROJECT, *words, env=told)

    def definition(self) -> dict[str, Any]:
        """docker-compose.yml as it is read, settings filled in."""
        found: dict[str, Any] = yaml.safe_load(self.compose("config"))
        return found

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine says of each container, by service."""
        ids = self.compose("ps", "--quiet").split()
        told = json.loads(self.engine.docker("inspect", *ids))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in told}

    def wait(self) -> float:
        """Seconds until all that stay run and are healthy."""
        began = time.monotonic()
        while True:
            states = {name: one["State"] for name, one in self.containers().items()}
            states.pop("migrate", None)
            late = {name: _told(state) for name, state in states.items()}
            late = {name: told for name, told in late.items() if told != "healthy"}
            if not late:
                return time.monotonic() - began
            if time.monotonic() - began > UP_S:
                raise FailedError(f"not healthy after {UP_S} s: {late}")
            time.sleep(0.5)

    def kill(self, service: str) -> None:
        """SIGKILL to its first process, from outside; returns once it runs again.

        Not by the engine's own kill: that one counts as wished and starts nothing again.
        """
        before = self.containers()[service]
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        began = time.monotonic()
        while self.containers()[service]["RestartCount"] == before["RestartCount"]:
            if time.monotonic() - began > BACK_S:
                raise FailedError(f"{service} was killed and not started again")
            time.sleep(0.1)


def _told(state: Mapping[str, Any]) -> str:
    """A state in a word; "healthy" for whatever has no check and runs."""
    if state["Status"] != "running":
        return str(state["Status"])
    return str(state["Health"]["Status"]) if "Health" in state else "healthy"
