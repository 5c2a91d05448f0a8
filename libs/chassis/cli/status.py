"""status, lag: one screen of health; how far every reader is behind its source."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import asyncpg
import msgspec

from libs.chassis.installation import NotRunningError, stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores

UNHEALTHY = 3


@dataclass(frozen=True)
class Lag:
    """One reader of one service: where it is, where its source ends, why it stopped if it did."""

    service: str
    reader: str
    source: str
    position: int
    head: int
    confirmed_s: int
    stopped: str | None

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
        lags = asyncio.run(measured(stores(settings), services))
    except (OSError, NotRunningError, asyncpg.PostgresError) as error:
        print(f"not running: {error}")
        return UNHEALTHY
    return tell(lags, as_json=arguments.json)


def tell(lags: Sequence[Lag], *, as_json: bool = False) -> int:
    """Print which readers stand still, and why; 3 when there is one."""
    wrong = [lag for lag in lags if lag.stopped]
    if as_json:
        print(msgspec.json.encode({"healthy": not wrong, "readers": len(lags)}).decode())
    else:
        print("all readers run" if not wrong else "stopped:\n" + "\n".join(map(_line, wrong)))
        print(f"heads: {', '.join(sorted({f'{lag.source}:{lag.head}' for lag in lags}))}")
    return UNHEALTHY if wrong else 0


def _line(lag: Lag) -> str:
    told = f"{lag.service:<10} {lag.reader}:{lag.source:<10} {lag.position:>8} of {lag.head:<8}"
    age = f"behind {lag.behind}, confirmed {lag.confirmed_s} s ago"
    return f"{told} {age}" + (f"  STOPPED {lag.stopped}" if lag.stopped else "")


async def measured(reached: Stores, services: Sequence[Service]) -> list[Lag]:
    """Every reader of every service, and every relay that has begun."""
    heads = {service.name: await _head(reached, service.name) for service in services}
    return [lag for service in services for lag in await _lags(reached, service.name, heads)]


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
            " extract(epoch FROM clock_timestamp() - confirmed_at)::int AS confirmed_s"
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
