"""status, lag: one screen of health; how far every reader is behind its source."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import asyncpg
import msgspec

from libs.chassis.checking import checks
from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores
from libs.events.standing import Standing, standings

from .deadlines import Clock, clocks
from .queues import Queue, queues

UNHEALTHY = 3
LATE_S = 60
SILENT_S = 300
"""A checker that has looked at nothing for so long does not run."""
RED, PLAIN = "\x1b[31m", "\x1b[0m"


@dataclass(frozen=True)
class Lag:
    """One reader of one service: where it is, where its source ends, why it stopped if it did.
    `confirmed_s` is None before it has stood at its head once."""

    service: str
    reader: str
    source: str
    position: int
    head: int
    confirmed_s: int | None
    stopped: str | None

    @property
    def late(self) -> bool:
        """Whether it has not stood at its source's head for too long: its process may be down. A
        subscription waits for its receiver, and where a relay is not used its row stays."""
        ours = self.reader != "relay" and not self.reader.startswith("subscription.")
        return ours and (self.confirmed_s is None or self.confirmed_s > LATE_S)

    @property
    def behind(self) -> int:
        return self.head - self.position


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, run, text in (
        ("status", run_status, "is everything well? one screen"),
        ("lag", run_lag, "how far every reader is behind its source, in events and seconds"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--json", action="store_true")
        verb.set_defaults(run=run)


def run_lag(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    lags = asyncio.run(measured(stores(settings), services))
    if arguments.json:
        print(msgspec.json.encode([asdict(lag) | {"behind": lag.behind} for lag in lags]).decode())
    else:
        for lag in lags:
            print(_line(lag))
    return UNHEALTHY if any(lag.stopped for lag in lags) else 0


def run_status(
    arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]
) -> int:
    try:
        reached = stores(settings)
        health = asyncio.run(_looked(reached, services))
    except asyncpg.InvalidCatalogNameError as error:
        print(f"not migrated: {error}")
        return UNHEALTHY
    return tell(health, as_json=arguments.json)


@dataclass(frozen=True)
class Health:
    """What was found: readers, invariants by service, deadlines, imports."""

    lags: Sequence[Lag] = ()
    standing: Mapping[str, list[Standing]] = field(default_factory=dict)
    clocks: Sequence[Clock] = ()
    queues: Sequence[Queue] = ()

    @property
    def stopped(self) -> list[Lag]:
        return [lag for lag in self.lags if lag.stopped or lag.late]

    @property
    def work(self) -> tuple[Clock | Queue, ...]:
        return (*self.clocks, *self.queues)

    @property
    def well(self) -> bool:
        wrong = (_wrong(name, found) for name, found in self.standing.items())
        return not self.stopped and not any(wrong) and not any(one.wrong for one in self.work)


def tell(health: Health, *, as_json: bool = False) -> int:
    """Print which readers stand still, and why, how the invariants, deadlines and imports stand; 3
    when there is something to do."""
    if as_json:
        print(_json(health))
        return 0 if health.well else UNHEALTHY
    stopped = [_line(lag) for lag in health.stopped]
    print("\n".join(["stopped or late:", *stopped]) if stopped else "all readers run")
    print(f"heads: {', '.join(sorted({f'{lag.source}:{lag.head}' for lag in health.lags}))}")
    for name, found in health.standing.items():
        print("\n".join(map(_red, _wrong(name, found))) or _holds(name, found))
    for one in health.work:
        print(str(one) if one.wrong is None else _red(one.wrong))
    return 0 if health.well else UNHEALTHY


def _json(health: Health) -> str:
    told = {
        "healthy": health.well,
        "readers": len(health.lags),
        "broken": [
            {"service": name, **asdict(one)}
            for name, found in health.standing.items()
            for one in found
            if one.broken
        ],
        "deadlines": [asdict(clock) for clock in health.clocks],
        "imports": [asdict(queue) for queue in health.queues],
    }
    return msgspec.json.encode(told).decode()


def _wrong(service: str, found: list[Standing]) -> list[str]:
    """Red lines: what is broken or not looked at any more, and what to do."""
    lines = [
        f"{service}: {one.invariant} BROKEN ({one.title}) {_numbers(one)}\n"
        f"  change nothing, back up the store, see all of it: python -m services check {service}"
        for one in found
        if one.broken
    ]
    if silent := [one for one in found if (one.age_s or 0) > SILENT_S]:
        oldest = max(one.age_s or 0 for one in silent)
        lines.append(
            f"{service}: {len(silent)} invariants not looked at for {oldest} s\n"
            f"  is the worker running? python -m services work {service}"
        )
    return lines


def _numbers(one: Standing) -> str:
    said = one.counterexample or {}
    numbers = " ".join(f"{key}={value}" for key, value in said["numbers"].items())
    return f"event {said['event']} {numbers}" if said["event"] else numbers


def _holds(service: str, found: list[Standing]) -> str:
    looked = [one for one in found if one.age_s is not None]
    if not looked:
        return f"{service}: no invariant looked at yet"
    return f"{service}: {len(looked)} invariants hold, to {min(one.position for one in looked)}"


def _red(line: str) -> str:
    return f"{RED}{line}{PLAIN}" if sys.stdout.isatty() else line


def _line(lag: Lag) -> str:
    told = f"{lag.service:<10} {lag.reader}:{lag.source:<10} {lag.position:>8} of {lag.head:<8}"
    age = "never confirmed" if lag.confirmed_s is None else f"confirmed {lag.confirmed_s} s ago"
    return f"{told} behind {lag.behind}, {age}" + (
        f"  STOPPED {lag.stopped}" if lag.stopped else ""
    )


async def _looked(reached: Stores, services: Sequence[Service]) -> Health:
    return Health(
        await measured(reached, services),
        await _standing(reached, services),
        await clocks(reached, services),
        await queues(reached, services),
    )


async def measured(reached: Stores, services: Sequence[Service]) -> list[Lag]:
    """Every cursor of every service, the relays' too, against the heads as they were before."""
    heads = {service.name: await _head(reached, service.name) for service in services}
    return [lag for service in services for lag in await _lags(reached, service.name, heads)]


async def _standing(reached: Stores, services: Sequence[Service]) -> dict[str, list[Standing]]:
    found = {}
    for service in services:
        connection = await asyncpg.connect(**reached.app(service.name))
        try:
            found[service.name] = await standings(connection, checks(service, {}))
        finally:
            await connection.close()
    return found


async def _head(reached: Stores, service: str) -> int:
    connection = await asyncpg.connect(**reached.feed(service))
    try:
        head: int = await connection.fetchval("SELECT coalesce(max(position), 0) FROM es.events")
        return head
    finally:
        await connection.close()


async def _lags(reached: Stores, service: str, heads: dict[str, int]) -> list[Lag]:
    connection = await asyncpg.connect(**reached.app(service))
    try:
        rows = await connection.fetch(
            "SELECT reader, source, position, stopped,"
            " extract(epoch FROM clock_timestamp() - nullif(confirmed_at, 'epoch'))::bigint"
            " AS confirmed_s"
            " FROM es.cursors ORDER BY reader, source"
        )
    finally:
        await connection.close()
    return [
        Lag(
            service,
            row["reader"],
            row["source"],
            row["position"],
            heads.get(row["source"], row["position"]),
            row["confirmed_s"],
            row["stopped"],
        )
        for row in rows
    ]
