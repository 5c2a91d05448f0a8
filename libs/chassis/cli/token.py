"""token: a bearer token of the built-in issuer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from libs.chassis.auth import ROLES
from libs.chassis.identity import local_issuer
from libs.chassis.service import Service
from libs.chassis.settings import SettingError, Settings


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "print a token of the built-in issuer (this machine only)"
    verb = verbs.add_parser("token", help=text, description=text)
    verb.add_argument(
        "--role",
        action="append",
        default=[],
        choices=ROLES,
        help="without one the directory says what the subject may do",
    )
    verb.add_argument("--subject", default="operator", help="opaque id of whom it speaks for")
    verb.add_argument("--unit", default="operator", help="opaque id of the unit")
    verb.add_argument("--area", type=UUID, help="area id; without it the whole installation")
    verb.add_argument("--hours", type=int, default=8)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    try:
        token = local_issuer(settings).token(
            arguments.subject,
            tuple(arguments.role),
            arguments.unit,
            arguments.area,
            timedelta(hours=arguments.hours),
        )
    except SettingError as error:
        print(error)
        return 1
    print(token)
    return 0
