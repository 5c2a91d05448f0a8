"""The command line: `python -m services <verb>`; one module a noun.

Every verb says what it does with --help; exit 0 done, 1 refused, 2 usage, 3 unhealthy. None prints
a secret or a person.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Protocol

import asyncpg

from libs.chassis.installation import NotRunningError, require_running
from libs.chassis.service import Service
from libs.chassis.settings import VARIABLES, SettingError, Settings

from . import (
    check,
    clock,
    contracts,
    demo,
    events,
    figure,
    init,
    migrate,
    parked,
    processes,
    rebuild,
    replay,
    secrets,
    status,
    token,
    users,
)


class Noun(Protocol):
    """A module of verbs: adds its parsers, each with `run(arguments, settings, services)`."""

    def configure(self, verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...


NOUNS = (
    processes,
    demo,
    status,
    check,
    token,
    init,
    users,
    events,
    figure,
    replay,
    rebuild,
    parked,
    clock,
    contracts,
    migrate,
    secrets,
)
UNHEALTHY = 3
AWAY = (OSError, asyncpg.PostgresConnectionError)
"""What a verb meets where no server is; it may mean other things where one is."""


def main(services: Sequence[Service], arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen, Settings.read(os.environ), services)
    except SettingError as error:
        parser.error(str(error))
    except (NotRunningError, asyncpg.CannotConnectNowError) as error:
        print(error)
        return UNHEALTHY


def _run(chosen: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    """Raises: NotRunningError in place of whatever a verb met because no server answers."""
    try:
        code: int = chosen.run(chosen, settings, services)
    except AWAY:
        require_running(settings)
        raise
    return code


def _parser() -> argparse.ArgumentParser:
    variables = "\n".join(f"  SUYUAN_{name.upper():<10} {text}" for name, text in VARIABLES.items())
    parser = argparse.ArgumentParser(
        prog="python -m services",
        description="溯源 Suyuan",
        epilog=f"settings, from the environment:\n{variables}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for noun in NOUNS:
        noun.configure(verbs)
    return parser
