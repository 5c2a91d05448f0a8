"""What a composed system must refuse and must not give away."""

from __future__ import annotations

import json
import time
from pathlib import Path

from services.__main__ import SERVICES

from .shell import FailedError, say
from .system import UP_S, System

OUR_UID = "10001"
READING = "SELECT bool_and(stopped IS NULL AND confirmed_at > '{since}') FROM es.cursors"
NAMES = [service.name for service in SERVICES]
TAKEN = "SELECT coalesce(sum(taken), 0) FROM es.cursors WHERE source <> '{service}'"
APPLIED = "SELECT coalesce(sum(position), 0) FROM es.cursors WHERE source <> '{service}'"


def require_refused(system: System) -> None:
    """Without the settings that only an operator can give, nothing is even read."""
    for name in ("SUYUAN_UID", "SUYUAN_ISSUER"):
        try:
            system.compose("config", "--quiet", **{name: ""})
        except FailedError as refused:
            if name not in str(refused):
                raise
        else:
            raise FailedError(f"started without {name}")
    say("refused without SUYUAN_UID, without SUYUAN_ISSUER")


def require_closed(system: System) -> None:
    """One published port, on this machine alone; no service runs as root, may write its files, or
    holds another's password."""
    for service, told in system.containers().items():
        ports = [one for many in told["NetworkSettings"]["Ports"].values() for one in many or ()]
        open_to = {one["HostIp"] for one in ports}
        if open_to != ({"127.0.0.1"} if service == "gateway" else set()):
            raise FailedError(f"{service} is published on {open_to}")
        if service.endswith(("-api", "-worker")):
            _require_bound(system, service, told["State"]["Pid"])
    say("published: the gateway on 127.0.0.1; services run as no root and hold their own passwords")


def _require_bound(system: System, service: str, pid: int) -> None:
    status = Path(f"/proc/{pid}/status").read_text()
    if f"Uid:\t{OUR_UID}\t{OUR_UID}" not in status or "CapEff:\t0000000000000000" not in status:
        raise FailedError(f"{service} may more than it needs:\n{status}")
    held = json.loads(Path(f"/proc/{pid}/root/run/secrets/passwords").read_text())
    own = service.rpartition("-")[0]
    vault = {"keys_app"} if own == "households" else set()  # it alone seals people's data
    if set(held) != {f"{own}_app", "feed"} | vault:
        raise FailedError(f"{service} holds passwords of {sorted(held)}")
    if not _read_only(pid):
        raise FailedError(f"{service} may write its own files")


def _read_only(pid: int) -> bool:
    root = next(
        line
        for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()
        if line.split()[1] == "/"
    )
    return "ro" in root.split()[3].split(",")


def wait_reading(system: System) -> float:
    """Seconds until every reader and relay has stood at its head later than now. What the engine
    says of a container's health is up to a minute old.

    Raises: FailedError.
    """
    began = time.monotonic()
    since = _asked(system, NAMES[0], "SELECT clock_timestamp()").strip()
    while any(_asked(system, name, READING.format(since=since)).strip() != "t" for name in NAMES):
        if time.monotonic() - began > UP_S:
            raise FailedError(f"not every reader reads on:\n{system.compose('ps')}")
        time.sleep(1)
    return time.monotonic() - began


def require_carried(system: System) -> None:
    """What one service knows of another came by the broker, save for holes read from the owner."""
    taken = sum(int(_asked(system, name, TAKEN.format(service=name))) for name in NAMES)
    applied = sum(int(_asked(system, name, APPLIED.format(service=name))) for name in NAMES)
    if not 0 < taken <= applied:
        raise FailedError(f"{taken} of {applied} events came by Kafka")
    say(f"events that crossed services: {applied}, by Kafka {taken}")


def _asked(system: System, service: str, query: str) -> str:
    """By the server's own client in its container, where the password lies as a file."""
    psql = f'psql --host=127.0.0.1 --username=postgres -At --dbname=suyuan_{service} -c "$0"'
    script = f"PGPASSWORD=$(cat /run/secrets/postgres) exec {psql}"
    return system.compose("exec", "-T", "postgres", "bash", "-c", script, query)
