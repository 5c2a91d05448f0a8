"""demo: from nothing to a running system with a published case, and the statement it reproduces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from libs.chassis.service import Service
from libs.chassis.settings import Settings


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "load a published case over HTTP and print the statement that it reproduces"
    verb = verbs.add_parser("demo", help=text, description=text)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, services: Sequence[Service]) -> int:
    raise NotImplementedError
