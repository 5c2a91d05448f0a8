"""migrate: the stores of a PostgreSQL that is not embedded, made or brought to this release."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from libs.chassis import logs
from libs.chassis.installation import stores
from libs.chassis.migrate import MigrationError
from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.chassis.stores import set_up


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make databases, roles and tables that are missing; `run` and `demo` do it themselves"
    verb = verbs.add_parser("migrate", help=text, description=text)
    verb.set_defaults(run=run)


def run(_: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """0 when every store fits this release, 1 when one refuses it."""
    logs.configure("migrate", settings.log_level)
    try:
        reached = stores(settings)
        asyncio.run(set_up(reached.superuser, reached.passwords, services))
    except MigrationError as error:
        print(error)
        return 1
    print(f"migrated: {', '.join(service.name for service in services)}")
    return 0
