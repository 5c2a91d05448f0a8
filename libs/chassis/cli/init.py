"""init: the first user of an installation, who may then grant roles to others."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence

from libs.chassis.installation import stores
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.events.answer import Answer
from libs.events.clock import today
from libs.events.log import open_log
from libs.events.unattended import Machine, commanded

OWNER = "households"


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make the first user, a security administrator; refused once the log is not empty"
    verb = verbs.add_parser("init", help=text, description=text)
    verb.add_argument("--subject", required=True, help="what the issuer of tokens calls the person")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 when made, or made before for the same subject; 1 when refused."""
    owner = next(service for service in services if service.name == OWNER)
    answer = asyncio.run(_begin(settings, owner, arguments.subject))
    told = json.loads(answer.body)
    print(told["detail"] if answer.status >= 400 else told["id"])
    return 1 if answer.status >= 400 else 0


async def _begin(settings: Settings, owner: Service, subject: str) -> Answer:
    decider = next(one for one in owner.deciders if one.name == "BeginDirectory")
    command = decider.command(occurred_on=today(), subject=subject)
    machine = Machine("init", role="operator", origin="init")
    address = stores(settings).app(owner.name)
    async with open_log(owner.name, address, owner.contracts) as log:
        return await commanded(log, machine, subject, decider, command)
