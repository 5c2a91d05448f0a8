"""The command line: `python -m services <verb>`; one module a noun.

Every verb says what it does with --help; exit 0 done, 1 refused, 2 usage, 3 unhealthy. None prints
a secret or a person.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Protocol

from libs.chassis.service import Service
from libs.chassis.settings import VARIABLES, SettingError, Settings

from . import clock, demo, events, figure, parked, processes, replay, status, token


class Noun(Protocol):
    """A module of verbs: adds its parsers, each with `run(arguments, settings, services)`."""

    def configure(self, verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...


NOUNS = (processes, demo, status, token, events, figure, replay, parked, clock)


def main(services: Sequence[Service], arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings.read(os.environ)
    except SettingError as error:
        parser.error(str(error))
    code: int = chosen.run(chosen, settings, services)
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
