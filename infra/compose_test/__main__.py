"""python -m infra.compose_test: 0 when the composed system does what the embedded one does, and
outlives the death of each of its parts; else 1 with what failed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence

import httpx

from libs.chassis import logs
from libs.chassis.auth import LocalIssuer
from libs.chassis.cases import Case, read_case
from libs.chassis.cli import main as services_verb
from libs.chassis.loader import Door, Load, UnexpectedAnswerError
from services.__main__ import SERVICES

from . import images
from .embedded import door, embedded_figures, free_port, loaded, ready
from .engine import engine
from .figures import Figures, figures_of
from .shell import ROOT, FailedError, say
from .system import OURS, System
from .trial import require_carried, require_closed, require_refused, wait_reading

CASES = ROOT / "tests" / "cases"
ISSUER = "https://issuer.example.test"


def main() -> int:
    if os.geteuid():
        say("an engine of our own needs root")
        return 2
    logs.configure("compose_test", "warning")
    try:
        cases = [read_case(CASES / name) for name in ("004", "900")]
        expected = embedded_figures(cases)
        with engine() as started:
            images.build_base(started)
            system = System(started, started.folder / "secrets", free_port(), ISSUER)
            _try(system, _prepared(system), list(zip(cases, expected, strict=True)))
    except (FailedError, UnexpectedAnswerError, httpx.HTTPError) as error:
        say(f"FAILED: {type(error).__name__} {error}")
        return 1
    say("passed; the engine and all that it held are gone")
    return 0


def _try(system: System, issuer: LocalIssuer, expected: Sequence[tuple[Case, Figures]]) -> None:
    try:
        system.compose("up", "--detach", "--no-build")
        say(f"up, and healthy after {system.wait():.1f} s more")
        require_closed(system)
        system.compose("run", "--rm", "migrate", "status")
        asyncio.run(_loaded_and_killed(system, issuer, expected))
    except Exception:  # whatever it was, the containers' last words are gone after `down`
        say(system.compose("logs", "--no-color", "--tail", "40"))
        raise
    finally:
        system.compose("down", "--volumes", "--timeout", "20")
        say("down")


def _prepared(system: System) -> LocalIssuer:
    """Images and secrets, each by the verb that an operator uses; the issuer is a stand-in too: a
    key of this run's own, whose public half is all that the services get."""
    require_refused(system)
    services_verb(SERVICES, ["secrets", str(system.secrets)])
    issuer = LocalIssuer(system.engine.folder / "issuer.pem", ISSUER)
    keys = system.secrets / "key_set.json"
    keys.write_text(json.dumps(issuer.key_set))
    keys.chmod(0o644)
    system.compose("build")
    say(f"image {OURS}")
    names = {name: one["image"] for name, one in system.definition()["services"].items()}
    images.build_stand_ins(system.engine, names, OURS)
    return issuer


async def _loaded_and_killed(
    system: System, issuer: LocalIssuer, expected: Sequence[tuple[Case, Figures]]
) -> None:
    """One case before the kills, another after them, then the first again."""
    (first, before), (second, after) = expected
    async with door(system.origin, issuer) as through:
        load = await _same(before, first, through)
        require_carried(system)
        for service in sorted(set(system.containers()) - {"migrate"}):
            began = time.monotonic()
            system.kill(service)
            await ready(through)
            if await figures_of(load) != before:
                raise FailedError(f"other figures after the death of {service}")
            say(f"{service} killed; the same figures after {time.monotonic() - began:.1f} s")
        say(f"every reader and relay at its head again after {wait_reading(system):.1f} s more")
        system.wait()
        await _same(after, second, through)
        require_carried(system)
        again = await loaded(first, through)
        if (again.events, again.replays) != (0, again.requests):
            raise FailedError(f"loaded again: {again.events} new events, {again.replays} replays")
        say(f"case {first.name} again: {again.replays} first answers, no new event")


async def _same(expected: Figures, case: Case, through: Door) -> Load:
    """A case loaded, its figures as expected."""
    load = await loaded(case, through)
    found = await figures_of(load)
    if found != expected:
        raise FailedError(f"embedded {expected}\ncomposed {found}")
    say(f"composed, case {case.name}: {load.requests} requests in {load.seconds:.1f} s")
    say(f"as embedded: heads {dict(found.heads)}, statement {found.statement[:16]}…, logs")
    return load


if __name__ == "__main__":
    sys.exit(main())
