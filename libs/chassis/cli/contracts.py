"""contracts: write what is published of the contracts into docs, or check that it is there."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from libs.chassis.published import NarrowedError, drifted, publish
from libs.chassis.service import Service
from libs.chassis.settings import Settings


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "write docs/events, docs/asyncapi.json and docs/openapi from the code"
    verb = verbs.add_parser("contracts", help=text, description=text)
    verb.add_argument("--check", action="store_true", help="write nothing; 1 where they differ")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: Settings, services: Sequence[Service]) -> int:
    """0 written, or nothing to write; 1 drifted, or a published schema would be changed."""
    if arguments.check:
        paths = drifted(services)
        for path in paths:
            print(f"docs/{path} is not what the code says: python -m services contracts")
        return 1 if paths else 0
    try:
        for path in publish(services):
            print(f"docs/{path}")
    except NarrowedError as error:
        print(error)
        return 1
    return 0
