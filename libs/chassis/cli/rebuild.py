"""rebuild: a second build of the read models beside the serving one; compare, swap, go back."""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import asyncpg
import msgspec
import uvloop

from libs.chassis import logs, telemetry
from libs.chassis.collector import quiet_gc
from libs.chassis.installation import NotRunningError, stores
from libs.chassis.kin import follows_us
from libs.chassis.read_model import ReadModel, opened
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.events.compare import Comparison, Difference
from libs.events.errors import FeedStoppedError
from libs.events.explain import Written
from libs.events.generations import GenerationError

from .processes import chosen

REFUSED, USAGE, UNHEALTHY = 1, 2, 3
_FORK = multiprocessing.get_context("fork")
Told = dict[str, Any]
Ended = tuple[int, Told]
"""Exit code, and what is to be told of one service."""


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "build the read models anew beside the serving ones, and compare; everything runs on"
    verb = verbs.add_parser("rebuild", help=text, description=text)
    verb.add_argument("services", nargs="*")
    act = verb.add_mutually_exclusive_group()
    act.add_argument("--plan", action="store_true", help="what it would take; nothing is built")
    act.add_argument("--swap", action="store_true", help="put the build in service, if equal")
    act.add_argument("--rollback", action="store_true", help="put the one before in service again")
    act.add_argument("--drop", action="store_true", help="remove the one that does not serve")
    verb.add_argument("--accept", metavar="DIGEST", help="swap though exactly this differs")
    verb.add_argument("--reason", help="why, for the log; needed by --accept and --rollback")
    verb.add_argument("--json", action="store_true", help="one JSON object a service and line")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 done, 1 refused or different, 2 usage, 3 it cannot be built."""
    if wrong := _misused(arguments):
        print(wrong, file=sys.stderr)
        return USAGE
    picked = chosen(arguments.services, services)
    logs.configure("rebuild", settings.log_level)

    def work(service: Service) -> Ended:
        return uvloop.run(_one(arguments, settings, service))

    at_once = len(picked) > 1 and not (arguments.swap or arguments.rollback or arguments.drop)
    codes = []
    for code, told in _in_processes(work, picked) if at_once else map(work, picked):
        print(_line(arguments, told), flush=True)
        codes.append(code)
    return max(codes)


def _misused(arguments: argparse.Namespace) -> str | None:
    if arguments.accept and not (arguments.swap and len(arguments.services) == 1):
        return "--accept: with --swap and one service"
    if (arguments.accept or arguments.rollback) and not arguments.reason:
        return "--reason: say why"
    return None


def _in_processes(work: Callable[[Service], Ended], picked: Sequence[Service]) -> Iterator[Ended]:
    """A process a service: each has its own logs to read and its own tables to fill. Forked before
    there is a loop or a thread: what is imported here need not be again."""
    running, watched = [], follows_us(signal.SIGTERM)

    def child(sender: Connection, service: Service) -> None:
        watched()
        sender.send(work(service))

    for service in picked:
        receiver, sender = _FORK.Pipe(duplex=False)
        _FORK.Process(target=child, args=(sender, service)).start()
        sender.close()  # the child alone holds it: its end is heard
        running.append((service, receiver))
    for service, receiver in running:
        try:
            yield receiver.recv()
        except (EOFError, OSError):  # killed is not done
            yield UNHEALTHY, {"service": service.name, "failed": "process ended"}


async def _one(arguments: argparse.Namespace, settings: Settings, service: Service) -> Ended:
    quiet_gc()
    try:
        reached = stores(settings)
        async with (
            telemetry.exported("rebuild", settings.otlp, reached, [service]),
            opened(service, reached) as model,
        ):
            code, told = await _act(arguments, settings, model)
    except GenerationError as error:
        code, told = REFUSED, {"refused": str(error), **error.facts}
    except (FeedStoppedError, NotRunningError, asyncpg.PostgresError, OSError) as error:
        code, told = UNHEALTHY, {"failed": type(error).__name__}
        if isinstance(error, FeedStoppedError | NotRunningError):
            told["why"] = str(error)
    return code, {"service": service.name, **told}


async def _act(
    arguments: argparse.Namespace, settings: Settings, model: ReadModel
) -> tuple[int, Told]:
    if arguments.plan:
        return await _plan(settings, model)
    if arguments.swap:
        return 0, asdict(await model.swap(arguments.accept, arguments.reason))
    if arguments.rollback:
        return 0, asdict(await model.roll_back(arguments.reason))
    if arguments.drop:
        return 0, {"dropped": await model.drop()}
    code, planned = await _plan(settings, model)
    if code:
        return code, planned
    built = asdict(await model.build())
    comparison, explained = await model.compared()
    return 0 if comparison.equal else REFUSED, built | _compared(comparison, explained)


async def _plan(settings: Settings, model: ReadModel) -> tuple[int, Told]:
    embedded = settings.home / "postgres"
    plan = await model.plan(embedded if embedded.exists() else None)
    return (0 if plan.fits else REFUSED), asdict(plan)


def _compared(
    comparison: Comparison, explained: Sequence[tuple[Difference, Sequence[Written]]]
) -> Told:
    return {
        "cursors": dict(comparison.cursors),
        "equal": comparison.equal,
        "buckets": len(comparison.buckets),
        "digest": comparison.digest,
        "different": [asdict(bucket) for bucket in comparison.different],
        "differences": [
            {
                "table": one.table,
                "bucket": one.bucket,
                "key": one.key,
                "columns": one.columns,
                "written_by": [asdict(event) for event in events],
            }
            for one, events in explained
        ],
        "more": [
            {"table": t, "bucket": b, "rows": count} for (t, b), count in comparison.more.items()
        ],
    }


def _line(arguments: argparse.Namespace, told: Told) -> str:
    if arguments.json:
        return msgspec.json.encode(told).decode()
    flat = [f"{k} {v}" for k, v in told.items() if not isinstance(v, list | dict)]
    lines = ["  ".join(flat).removeprefix("service ")]
    for one in told.get("different", ()):
        lines.append(f"  {one['table']} [{one['name']}] {one['serving']} -> {one['other']}")
    for one in told.get("differences", ()):
        by = ", ".join(f"{e['source']} {e['event']} {e['type']}" for e in one["written_by"])
        lines.append(f"    {one['table']} {one['key']} by {by or '?'}")
        lines += [f"      {name}: {a} -> {b}" for name, (a, b) in one["columns"].items()]
    lines += [f"    {m['table']} [{m['bucket']}] +{m['rows']}" for m in told.get("more", ())]
    return "\n".join(lines)
