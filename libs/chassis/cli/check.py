"""check: every invariant from position 1, in the foreground; all findings."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

import asyncpg
import msgspec

from libs.chassis.checking import examined
from libs.chassis.collector import quiet_gc
from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import Stores
from libs.events.examine import Finding
from libs.events.standing import go_again

from .processes import chosen

UNHEALTHY = 3


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "every invariant from position 1, all findings; 3 when one is broken"
    verb = verbs.add_parser("check", help=text, description=text)
    verb.add_argument("services", nargs="*", help="funds, households, assets, reporting")
    verb.add_argument(
        "--again",
        action="store_true",
        help="also let the running checker forget its counterexamples and begin again",
    )
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 when everything holds, 3 when something does not."""
    quiet_gc()
    picked, reached = chosen(arguments.services, services), stores(settings)
    broken = False
    for service in picked:
        findings = asyncio.run(_examined(service, reached, again=arguments.again))
        broken |= any(finding.broken for finding in findings)
        for finding in findings:
            print(_json(service, finding) if arguments.json else _told(service, finding))
    return UNHEALTHY if broken else 0


async def _examined(service: Service, reached: Stores, *, again: bool) -> list[Finding]:
    if again:
        connection = await asyncpg.connect(**reached.app(service.name))
        await go_again(connection)
        await connection.close()
    return await examined(service, reached)


def _told(service: Service, finding: Finding) -> str:
    name = f"{service.name:<10} {finding.check.name:<24}"
    if not finding.broken:
        return f"{name} holds ({finding.looked})"
    lines = [f"{name} BROKEN {finding.broken} of {finding.looked}  {finding.check.title}"]
    lines += [
        f"    {breach.event or '-'}  " + " ".join(f"{k}={v}" for k, v in breach.numbers.items())
        for breach in finding.breaches
    ]
    return "\n".join(lines)


def _json(service: Service, finding: Finding) -> str:
    told = {"service": service.name, "invariant": finding.check.name, "looked": finding.looked}
    return msgspec.json.encode(
        {**told, "broken": finding.broken, "counterexamples": finding.breaches}
    ).decode()
