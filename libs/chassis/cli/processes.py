"""serve, work, run: the processes of an installation."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import uvloop

from libs.chassis import logs
from libs.chassis.broker import BrokerError, start
from libs.chassis.effects import Folder
from libs.chassis.errands import Errands
from libs.chassis.identity import identity
from libs.chassis.installation import stores
from libs.chassis.origin import Origin, serve
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.supervise import broker_of, cluster_of, supervise
from libs.chassis.webhook import read_listed
from libs.chassis.worker import relay, stopped_by_signal, work
from libs.events.topic import Kafka


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, run, text in (
        ("serve", run_serve, "the HTTP API of all services, or of those named"),
        ("work", run_work, "the readers of all services, or of those named"),
        ("relay", run_relay, "the relays of all services, or of those named, into Kafka"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("services", nargs="*", help="funds, households, assets, reporting")
        verb.set_defaults(run=run)
        if name == "work":
            verb.add_argument("--relay", action="store_true", help="with their relays into Kafka")
    text = "everything on this machine: PostgreSQL, API and worker in one process tree"
    verb = verbs.add_parser("run", help=text, description=text)
    verb.add_argument("--kafka", action="store_true", help="with a broker of its own")
    verb.set_defaults(run=run_all)
    text = "a broker alone, on this machine (make kafka)"
    verb = verbs.add_parser("kafka", help=text, description=text)
    verb.add_argument("--port", type=int, default=9092, help="of a home that has none yet")
    verb.set_defaults(run=run_kafka)


def chosen(named: Sequence[str], services: Sequence[Service]) -> list[Service]:
    """The services named, or all. Raises: SystemExit(2) for a name that is none."""
    known = {service.name: service for service in services}
    if strange := set(named) - known.keys():
        print(f"no such service: {', '.join(sorted(strange))}", file=sys.stderr)
        raise SystemExit(2)
    return [known[name] for name in named] if named else list(services)


def brokers(settings: Settings) -> Kafka | None:
    """Where Kafka is, if events go by it."""
    return None if settings.kafka is None else Kafka(settings.kafka)


def run_serve(
    arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]
) -> int:
    logs.configure("serve", settings.log_level, settings.logs)
    picked = chosen(arguments.services, services)
    origin = Origin(picked, stores(settings), identity(settings), settings, services)
    uvloop.run(serve(origin))
    return 0


def run_work(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    logs.configure("work", settings.log_level, settings.logs)
    picked, reached = chosen(arguments.services, services), stores(settings)
    listed = read_listed(settings.webhooks)
    where = reached, brokers(settings), listed
    more = {"relay": arguments.relay, "otlp": settings.otlp, "errands": errands(settings)}
    files = Folder(settings.files_folder, settings.files_key_file)
    uvloop.run(work(picked, *where, vault=settings.vault_folder, files=files, **more))
    return 0


def errands(settings: Settings) -> Errands | None:
    """How a service of this process asks another; None where no key lets it."""
    key = settings.services_key_file
    return None if key is None else Errands(key, {"households": settings.households_address})


def run_relay(
    arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]
) -> int:
    """2 where no broker is named."""
    if (kafka := brokers(settings)) is None:
        print("SUYUAN_KAFKA names no broker")
        return 2
    logs.configure("relay", settings.log_level, settings.logs)
    picked = chosen(arguments.services, services)
    uvloop.run(relay(picked, stores(settings), kafka, otlp=settings.otlp))
    return 0


def run_all(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """1 when the broker that was asked for cannot run."""
    logs.configure("run", settings.log_level)
    try:
        asyncio.run(_run_all(settings, services, own_broker=arguments.kafka))
    except BrokerError as error:
        print(error)
        return 1
    return 0


async def _run_all(settings: Settings, services: Sequence[Service], *, own_broker: bool) -> None:
    stop = stopped_by_signal()
    async with cluster_of(settings, services) as cluster, AsyncExitStack() as stack:
        broker = await stack.enter_async_context(broker_of(settings)) if own_broker else None
        await supervise(settings, cluster, stop, broker)


def run_kafka(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    """1 when it cannot run."""
    logs.configure("kafka", settings.log_level)
    try:
        asyncio.run(_run_kafka(settings, arguments.port))
    except BrokerError as error:
        print(error)
        return 1
    return 0


async def _run_kafka(settings: Settings, port: int) -> None:
    stop = stopped_by_signal()
    async with await start(settings.home / "kafka", port=port) as broker:
        print(f"SUYUAN_KAFKA={broker.bootstrap}", flush=True)
        await stop.wait()
