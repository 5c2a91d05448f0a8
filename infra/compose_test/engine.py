"""An engine of this run's own: its socket, its data, its pid; nothing of it is left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .shell import FailedError, run, say

EMPTY_TABLES = {
    "filter": ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]",
    "nat": ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n"
    ":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]",
}
"""What the engine writes into, as a machine without rules has it."""
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
START_S, STOP_S = 60, 60


@dataclass(frozen=True)
class Engine:
    """A running engine; `env` leads every client to it."""

    folder: Path

    @property
    def env(self) -> Mapping[str, str]:
        # The builder of the engine itself: it needs no plug-in of the client's.
        return {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_BUILDKIT": "0"}

    def docker(self, *words: str | Path, text: str | None = None) -> str:
        return run("docker", *words, env=self.env, text=text)


@contextmanager
def engine() -> Iterator[Engine]:
    """A fresh engine, ended by its pid; its data, its bridge and its rules go with it."""
    folder = Path(tempfile.mkdtemp(prefix="suyuan-compose-", dir="/var/tmp"))
    try:
        with _as_before(), _running(folder) as started:
            yield started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path) -> Iterator[Engine]:
    places = {"host": f"unix://{folder}/docker.sock", "pidfile": folder / "docker.pid"}
    places |= {"data-root": folder / "data", "exec-root": folder / "exec"}
    words = ["dockerd", *(f"--{name}={value}" for name, value in places.items())]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - Debian's engine, found by name
    try:
        _wait(process, folder)
        yield Engine(folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up = time.monotonic() + START_S
    while True:
        try:
            say(
                f"engine {Engine(folder).docker('version', '--format={{.Server.Version}}').strip()}"
            )
        except FailedError:
            if process.poll() is not None or time.monotonic() > give_up:
                said = (folder / "engine.log").read_text().splitlines()[-15:]
                raise FailedError("\n".join(["no engine:", *said])) from None
            time.sleep(0.2)
        else:
            return


@contextmanager
def _as_before() -> Iterator[None]:
    """The machine's packet rules and forwarding, as they were."""
    rules, forwarding = run("iptables-save"), FORWARDING.read_text()
    for table, chains in EMPTY_TABLES.items():
        if f"*{table}\n" not in rules:
            rules += f"*{table}\n{chains}\nCOMMIT\n"
    try:
        yield
    finally:
        run("iptables-restore", text=rules)
        FORWARDING.write_text(forwarding)
        if Path("/sys/class/net/docker0").exists():
            run("ip", "link", "delete", "docker0")
