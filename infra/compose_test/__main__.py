"""python -m infra.compose_test: 0 when the composed system does what the embedded one does, and
outlives the death of each of its parts; else 1 with what failed."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from libs.chassis import telemetry
from libs.chassis.auth import LocalIssuer
from libs.chassis.cases import Case, read_case
from libs.chassis.cli import main as services_verb
from services.__main__ import SERVICES

from . import images
from .embedded import door, embedded_figures, free_port, loaded
from .engine import engine, install
from .figures import Figures, figures_of
from .shell import ROOT, FailedError, say
from .system import OURS, System
from .trial import require_closed, require_refused

CASE = ROOT / "tests" / "cases" / "004"
ISSUER = "https://issuer.example.test"


def main() -> int:
    if os.geteuid():
        say("an engine of our own needs root")
        return 2
    telemetry.configure("compose_test", "warning")
    try:
        install()
        with engine() as started:
            images.build_base(started)
            system = System(started, started.folder / "secrets", free_port(), ISSUER)
            asyncio.run(_tried(system))
    except FailedError as error:
        say(f"FAILED: {error}")
        return 1
    say("passed; the engine and all that it held are gone")
    return 0


async def _tried(system: System) -> None:
    case = read_case(CASE)
    issuer = _prepared(system)
    expected = await embedded_figures(case)
    try:
        system.compose("up", "--detach", "--no-build")
        say(f"up and healthy, {system.wait():.1f} s after the start")
        require_closed(system)
        await _loaded_and_killed(system, case, issuer, expected)
    except FailedError:
        say(system.compose("logs", "--tail", "15"))
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
    system: System, case: Case, issuer: LocalIssuer, expected: Figures
) -> None:
    async with door(system.origin, issuer) as through:
        load = await loaded(case, through)
        say(f"composed: {load.requests} requests in {load.seconds:.1f} s")
        _same(expected, await figures_of(load))
        for service in sorted(set(system.containers()) - {"migrate"}):
            say(f"{service} killed, healthy again after {system.kill(service):.1f} s")
            _same(expected, await figures_of(load))
        again = await loaded(case, through)
        if (again.events, again.replays) != (0, again.requests):
            raise FailedError(f"loaded again: {again.events} new events, {again.replays} replays")
        _same(expected, await figures_of(again))
        say(f"loaded again: {again.replays} first answers, no new event")


def _same(expected: Figures, found: Figures) -> None:
    if found != expected:
        raise FailedError(f"embedded {expected}\ncomposed {found}")


if __name__ == "__main__":
    sys.exit(main())
