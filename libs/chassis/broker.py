"""Apache Kafka as a child of our own process, for a machine that has none: one node, KRaft.

The jars are those of `infra/kafka/pom.xml`, copied and checked by the Makefile; a Java runtime (17
or newer) is the machine's. A home holds `data`, `log`, the cluster's id and the two ports, which
stay what they were, since the quorum remembers them. For several brokers: docs/operations.md.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libs.events.cluster import described

from .kin import follows_us
from .migrate import locked, write_private

ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / ".venv" / "kafka"
LOGGING = ROOT / "infra" / "kafka" / "log4j2.yaml"
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 30
MEMORY = ("-Xmx1g", "-Xms256m")
SMALL = ("-Xmx256m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For tests and demonstrations: starts in two seconds."""
QUICK = {
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "300",
    "controller.quorum.fetch.timeout.ms": "1000",
}
"""After a kill the next life waits for the session of the dead one: 1.5 s and not 9."""


class BrokerError(Exception):
    """The embedded broker cannot run as asked."""


@dataclass(repr=False)
class Broker(AbstractAsyncContextManager[Any]):
    """One running broker; `async with await start(home) as broker:` stops it at the end."""

    home: Path
    port: int
    _command: list[str]
    _lock: int | None
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """The exit code, once it is dead and reaped, however it died."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 - a pidfd needs Linux 5.3
            await asyncio.sleep(0.02)
        return code

    async def stop(self) -> None:
        await self._end()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    async def restart(self) -> None:
        """The same broker at the same address again, after its death or instead of it."""
        await self._end()
        await self._launch()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
            await self.wait()

    async def _launch(self) -> None:
        self._process = _spawn(self._command, self.home / "broker.log")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._answering()
        except BaseException as error:
            self._process.kill()
            code = self._process.wait()
            if not isinstance(error, Exception):
                raise
            last = (self.home / "broker.log").read_text(errors="replace").splitlines()[-12:]
            raise BrokerError(f"Kafka did not start, exit {code}:\n" + "\n".join(last)) from error

    async def _answering(self) -> None:
        while self._process.poll() is None:
            if _listens(self.port) and await described(self.bootstrap):
                return
            await asyncio.sleep(0.05)
        raise ChildProcessError


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A direct child; the kernel ends it when we are gone, SIGKILL included."""
    watched = follows_us(signal.SIGTERM)
    with log.open("ab") as said:
        told: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
        return subprocess.Popen(command, start_new_session=True, preexec_fn=watched, **told)  # noqa: PLW1509, S603 - see kin.py; a command of our own


async def start(
    home: Path,
    *,
    settings: Mapping[str, str] | None = None,
    memory: tuple[str, ...] = MEMORY,
    port: int | None = None,
) -> Broker:
    """A broker that answers, on `home`, which is formatted the first time.

    Raises: BrokerError without Java or the jars, or when another has this home.
    """
    java = shutil.which("java")
    if java is None:
        raise BrokerError("Kafka needs a Java runtime: apt-get install default-jre-headless")
    if not JARS.is_dir():
        raise BrokerError(f"no jars in {JARS}: `make kafka` puts them there")
    os.makedirs(home, exist_ok=True)
    if (lock := locked(home / "lock", wait=False)) is None:
        raise BrokerError(f"another launcher has {home}")
    try:
        listens, controller = _ports(home, port)
        file = _configured(home, listens, controller, settings or {})
        run = [java, *memory, f"-Dlog4j2.configurationFile={LOGGING}", "-cp", f"{JARS}/*"]
        _format(home, run, file)
        broker = Broker(home, listens, [*run, "kafka.Kafka", str(file)], lock)
        await broker._launch()
    except BaseException:
        os.close(lock)
        raise
    return broker


def _ports(home: Path, wanted: int | None) -> tuple[int, int]:
    """Of the clients and of the controller; the same in every life of this home."""
    kept = home / "ports.json"
    if not kept.exists():
        write_private(kept, json.dumps([wanted or _free_port(), _free_port()]))
    listens, controller = json.loads(kept.read_text())
    return listens, controller


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _configured(home: Path, port: int, controller: int, settings: Mapping[str, str]) -> Path:
    """server.properties, written anew at each start."""
    at, asked = f"PLAINTEXT://127.0.0.1:{port}", f"127.0.0.1:{controller}"
    told = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": asked,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{at},CONTROLLER://{asked}",
        "advertised.listeners": f"{at},CONTROLLER://{asked}",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(home / "data"),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "4",
        **settings,
    }
    file = home / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
    return file


def _format(home: Path, run: list[str], file: Path) -> None:
    """A cluster of its own the first time; one that was cut short is formatted again."""
    if (home / "data" / "meta.properties").exists():
        return
    shutil.rmtree(home / "data", ignore_errors=True)
    # As Kafka's own ids: none begins with a dash, which the tool would take for an option.
    while (cluster := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()).startswith("-"):
        pass
    cluster = cluster.rstrip("=")
    tool = [*run, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c"]
    tool.append(str(file))
    done = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise BrokerError(f"Kafka could not format {home}:\n{done.stdout}{done.stderr}")
