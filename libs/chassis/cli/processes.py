"""serve, work, run: the processes of an installation."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence

import uvloop

from libs.chassis import telemetry
from libs.chassis.identity import identity
from libs.chassis.installation import stores
from libs.chassis.origin import Origin, serve
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.supervise import cluster_of, supervise
from libs.chassis.webhook import read_listed
from libs.chassis.worker import work


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, run, text in (
        ("serve", run_serve, "the HTTP API of all services, or of those named"),
        ("work", run_work, "the readers of all services, or of those named"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("services", nargs="*", help="funds, households, assets, reporting")
        verb.set_defaults(run=run)
    text = "everything on this machine: PostgreSQL, API and worker in one process tree"
    verb = verbs.add_parser("run", help=text, description=text)
    verb.set_defaults(run=run_all)


def chosen(named: Sequence[str], services: Sequence[Service]) -> list[Service]:
    """The services named, or all. Raises: SystemExit(2) for a name that is none."""
    known = {service.name: service for service in services}
    if strange := set(named) - known.keys():
        raise SystemExit(f"no such service: {', '.join(sorted(strange))}")
    return [known[name] for name in named] if named else list(services)


def run_serve(
    arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]
) -> int:
    telemetry.configure("serve", settings.log_level, settings.home / "logs")
    picked = chosen(arguments.services, services)
    origin = Origin(picked, stores(settings), identity(settings), settings)
    uvloop.run(serve(origin))
    return 0


def run_work(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    telemetry.configure("work", settings.log_level, settings.home / "logs")
    picked, listed = chosen(arguments.services, services), read_listed(settings.webhooks)
    uvloop.run(work(picked, stores(settings), listed))
    return 0


def run_all(_: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    telemetry.configure("run", settings.log_level)
    asyncio.run(_run_all(settings, services))
    return 0


async def _run_all(settings: Settings, services: Sequence[Service]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with cluster_of(settings, services) as cluster:
        await supervise(settings, cluster, stop)
