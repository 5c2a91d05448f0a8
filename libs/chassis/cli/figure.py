"""figure value, figure explain: a figure as the API gives it, from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta

import httpx

from libs.chassis.identity import local_issuer
from libs.chassis.service import Service
from libs.chassis.settings import Settings


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("figure", help="figure value | explain", description=__doc__)
    acts = noun.add_subparsers(required=True, metavar="act")
    for act, resource in (("value", "value"), ("explain", "explanation")):
        verb = acts.add_parser(act)
        verb.add_argument("figure", help="its code")
        verb.add_argument("--counted-until", help="business date")
        verb.add_argument("--known-at", help="instant with offset")
        verb.set_defaults(run=run, resource=resource)


def run(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    """0 shown, 1 refused, 3 when nothing answers."""
    token = local_issuer(settings).token(
        "operator", ("auditor",), "operator", None, timedelta(minutes=5)
    )
    asked = {"counted_until": arguments.counted_until, "known_at": arguments.known_at}
    url = f"{settings.origin}/api/v1/reporting/figures/{arguments.figure}/{arguments.resource}"
    try:
        answer = httpx.get(
            url,
            params={key: value for key, value in asked.items() if value is not None},
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        )
    except httpx.TransportError as error:
        print(f"no answer from {settings.origin}: {error}")
        return 3
    print(answer.text)
    return 0 if answer.is_success else 1
