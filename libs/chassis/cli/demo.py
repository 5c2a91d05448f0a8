"""demo: from nothing to a running system with a published case, and the statement it reproduces.

It lives in a home of its own below the usual one and never in a home that holds anything else. A
second run posts the same commands again and adds nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import asyncpg
import httpx
from rich.cells import cell_len
from rich.progress import Progress

from libs.chassis import logs
from libs.chassis.auth import ROLES
from libs.chassis.broker import Broker, BrokerError
from libs.chassis.cases import Case, CaseError, Compared, compare, read_case
from libs.chassis.identity import local_issuer
from libs.chassis.installation import stores
from libs.chassis.loader import Door, Load, UnexpectedAnswerError
from libs.chassis.migrate import locked, write_private
from libs.chassis.postgres import ClusterError
from libs.chassis.service import Service
from libs.chassis.settings import SettingError, Settings
from libs.chassis.supervise import ROOT, broker_of, cluster_of, supervise

from .carried import print_carried
from .events import digest_of
from .status import measured

DEFAULT_CASE = ROOT / "tests" / "cases" / "004"
MARK = "demo.txt"
WITHIN = timedelta(hours=8)
PATIENCE_S = 120
LABEL_CELLS = 52


class NoDemoHomeError(Exception):
    """The folder holds something else than a demo; the message names it."""


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "load a published case over HTTP and print the statement that it reproduces"
    verb = verbs.add_parser("demo", help=text, description=text)
    verb.add_argument("--case", type=Path, default=DEFAULT_CASE, help="folder of the case")
    verb.add_argument("--exit", action="store_true", help="end after the statement")
    verb.add_argument("--kafka", action="store_true", help="events go by a broker of its own")
    verb.add_argument("--reset", action="store_true", help="begin with an empty demo home")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 when every published figure is reproduced, 1 when one differs or the load ended early."""
    try:
        case = read_case(arguments.case.resolve())
        home = demo_home(settings.home / f"demo-{case.name}", reset=arguments.reset)
        demo = Demo(
            case,
            replace(settings, home=home, banner=case.title.banner),
            services,
            stay=not arguments.exit,
            kafka=arguments.kafka,
        )
        local_issuer(demo.settings)
        _require_free(settings)
        logs.configure("demo", settings.log_level, home / "logs")
        return asyncio.run(demo.run())
    except (CaseError, NoDemoHomeError, SettingError, ClusterError, BrokerError) as error:
        print(error)
        return 1


def demo_home(home: Path, *, reset: bool) -> Path:
    """The demo's own home, marked as one; with `reset` emptied, unless it is in use.

    Raises: NoDemoHomeError for a folder that holds something else, or that a server works on.
    """
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise NoDemoHomeError(f"{home} holds no demo: nothing is touched")
    if reset and home.exists():
        _remove(home)
    home.mkdir(parents=True, exist_ok=True)
    write_private(home / MARK, "演示数据\n")
    return home


def _remove(home: Path) -> None:
    cluster = home / "postgres"
    lock = locked(cluster / "lock", wait=False) if cluster.exists() else None
    if lock is None and cluster.exists():
        raise NoDemoHomeError(f"{home} is in use: end that demo first")
    shutil.rmtree(home)
    if lock is not None:
        os.close(lock)


def _require_free(settings: Settings) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingError(
                f"SUYUAN_PORT: {settings.port} cannot be used ({error.strerror})"
            ) from None


@dataclass(frozen=True)
class Demo:
    """One run: which case, in which home, and whether it stays to be looked at."""

    case: Case
    settings: Settings
    services: Sequence[Service]
    stay: bool
    kafka: bool = False

    async def run(self) -> int:
        """Start everything, load, print; serve on until Ctrl-C if it stays."""
        title = self.case.title
        print(f"{title.title}\n{title.banner}\nhome {self.settings.home}", flush=True)
        stop = asyncio.Event()
        async with cluster_of(self.settings, self.services) as cluster, AsyncExitStack() as stack:
            own = broker_of(self.settings)
            broker = await stack.enter_async_context(own) if self.kafka else None
            async with asyncio.TaskGroup() as group:
                group.create_task(supervise(self.settings, cluster, stop, broker))
                shown = group.create_task(self._show(stop, broker))
                for number in (signal.SIGTERM, signal.SIGINT):
                    asyncio.get_running_loop().add_signal_handler(number, shown.cancel)
        return 1 if shown.cancelled() else shown.result()

    async def _show(self, stop: asyncio.Event, broker: Broker | None) -> int:
        try:
            code = await self._reproduced()
            if broker is not None:
                reached = stores(self.settings)
                carried = await print_carried(broker.bootstrap, reached, self.services)
                code = code if carried else 1
            if self.stay:
                print("Ctrl-C ends it", flush=True)
                with suppress(asyncio.CancelledError):
                    await stop.wait()
        except (CaseError, UnexpectedAnswerError, httpx.HTTPError) as error:
            print(error)
            return 1
        else:
            return code
        finally:
            stop.set()

    async def _reproduced(self) -> int:
        issuer = local_issuer(self.settings)

        @cache
        def token(role: str) -> str:
            return issuer.token(f"demo-{role}", (role,), "demo", None, WITHIN)

        sources = {service.name: service.sources for service in self.services}
        async with httpx.AsyncClient(base_url=self.settings.origin, timeout=60) as client:
            load = await _loaded(self.case, Door(client, token, sources))
            await self._settled()
            await load.count()
            lines = compare(self.case, await load.statement())
        _print_statement(lines)
        _print_uncomputed(self.case)
        asked = f"requests {load.requests}, replays {load.replays}, new events {load.events}"
        print(f"\n{asked}  ({load.seconds:.1f} s)")
        await self._print_logs()
        self._print_ways_in(issuer.token("demo", ROLES, "demo", None, WITHIN))
        return 0 if all(line.equal for line in lines) else 1

    async def _settled(self) -> None:
        """Until the reactors have answered what was loaded, so that two runs show the same heads;
        not for ever: one that stopped is told by `status`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while any(  # noqa: ASYNC110 - the worker is another process
                    lag.behind > 0 and lag.reader.startswith("policy.")
                    for lag in await measured(stores(self.settings), self.services)
                ):
                    await asyncio.sleep(0.1)

    async def _print_logs(self) -> None:
        for service in self.services:
            connection = await asyncpg.connect(**stores(self.settings).feed(service.name))
            try:
                head, digest = await digest_of(connection)
            finally:
                await connection.close()
            print(f"{service.name:<10} head {head:>6}  digest {digest}")

    def _print_ways_in(self, token: str) -> None:
        origin, statement = self.settings.origin, self.case.title.statement
        print(f"\ntoken {token}\n")
        print(f"curl -H 'Authorization: Bearer {token}' \\")
        print(f"  {origin}/api/v1/reporting/statements/{statement}\n")
        print(f"{origin}/#token={token}", flush=True)


async def _loaded(case: Case, door: Door) -> Load:
    await _answering(door)
    with Progress() as progress:
        bar = progress.add_task(f"case {case.name}", total=case.requests)
        load = Load(case, door, lambda _: progress.advance(bar))
        await load.run()
    return load


async def _answering(door: Door) -> None:
    """Wait until every service answers. Raises: httpx.HTTPError when they do not in time."""
    give_up = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            await door.heads()
        except httpx.HTTPError:
            if asyncio.get_running_loop().time() > give_up:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def _print_statement(lines: Sequence[Compared]) -> None:
    """Printed figures first, then those that the document never printed."""
    for heading, wanted in (
        ("公布的数字", [line for line in lines if line.printed]),
        ("未印出、由账目得出", [line for line in lines if not line.printed]),
    ):
        print(f"\n{_column(heading, LABEL_CELLS)}{'系统':>10}{'文件':>10}  {'事件':>6}")
        for line in wanted:
            published = "" if line.published is None else line.published.text
            mark = "✓" if line.equal else "≠"
            label = _column(line.label, LABEL_CELLS)
            value = f"{line.text or '缺':>12}{published:>12} {mark}"
            print(f"{label}{value}{line.events:>8}  {line.unit}")


def _print_uncomputed(case: Case) -> None:
    unasked = [one for one in case.published if one.figure is None]
    if unasked:
        print("\n印出而系统不计算的数字")
    for one in unasked:
        print(f"{_column(one.fact, LABEL_CELLS)}{'':>12}{one.text:>12}  {one.unit}  {one.reason}")


def _column(text: str, cells: int) -> str:
    return text + " " * max(1, cells - cell_len(text))
