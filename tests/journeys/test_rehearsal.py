"""Every command of every service, rehearsed before it is given: what it answers is what was said,
and the rehearsal leaves no event, no key, no refusal, and nothing in the vault."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from libs.chassis.cases import read_case
from libs.chassis.loader import Door, Load
from libs.chassis.openapi import rehearsable
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.loaded import CASES, served
from tests.journeys.test_declared_answers import faults
from tests.journeys.test_scope_walk import (
    COMMANDS,
    Sent,
    a_task,
    approving,
    of_every_service,
    of_users,
    said,
    seldom,
)

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
TOLD_ONCE = {"secret", "values"}
"""What is put into an answer when its events are stored."""
STANDING = "SELECT (SELECT count(*) FROM es.events), (SELECT count(*) FROM es.requests)"
HELD = """
SELECT (SELECT count(*) FROM vault.areas), (SELECT count(*) FROM vault.subjects),
       (SELECT count(*) FROM vault.ids), (SELECT count(*) FROM vault.holders),
       (SELECT count(*) FROM vault.names)
"""


@dataclass
class Rehearsing:
    """A client that rehearses each command first; one at a time, so that all that moves meanwhile
    is the rehearsal's."""

    inner: httpx.AsyncClient
    stores: list[asyncpg.Pool]
    keys: asyncpg.Pool
    wrong: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def standing(self) -> list[Any]:
        return [
            *[await pool.fetchrow(STANDING) for pool in self.stores],
            await self.keys.fetchrow(HELD),
        ]

    async def get(self, path: str) -> httpx.Response:
        return await self.inner.get(path)

    async def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        if method != "POST":
            return await self.inner.request(method, path, **how)
        async with self._one:
            before = await self.standing()
            dry = await self.inner.request(method, path, params={"dry_run": "true"}, **how)
            after = await self.standing()
            real = await self.inner.request(method, path, **how)
            again = await self.inner.request(method, path, params={"dry_run": "true"}, **how)
        self.wrong += [f"{path}: {before} became {after}"] if after != before else []
        self.wrong += [f"{path}: {fault}" for fault in differences(path, dry, real)]
        if dry.status_code == 200 and not repeated(path, again, real):
            self.wrong.append(f"{path}: again {again.text}")
        if real.status_code == 201:
            sent = how["json"] if "json" in how else json.loads(how["content"])
            self.sent.append(Sent(method, path, sent, real.json()))
        return real


def differences(path: str, dry: httpx.Response, real: httpx.Response) -> list[str]:
    """What the rehearsal said otherwise than it came."""
    door = next(door for door in COMMANDS if door.matches("POST", path))
    if not rehearsable(door.route.dependant):
        named = dry.json()["type"]
        return [] if (dry.status_code, named) == (400, "/problems/NotRehearsable") else [dry.text]
    if real.status_code >= 400:
        return (
            [] if (dry.status_code, dry.content) == (real.status_code, real.content) else [dry.text]
        )
    told = dry.json()
    found = [] if told.get("status") == real.status_code else [dry.text]
    if spelled(path, told.get("answer", {})) != spelled(path, real.json()):
        found.append(f"{told} and then {real.text}")
    return found + faults(door, dry.status_code, told)


def repeated(path: str, again: httpx.Response, real: httpx.Response) -> bool:
    """Whether the rehearsal of a repeat says that the first answer would be given again."""
    told = again.json()
    same = spelled(path, told.get("answer", {})) == spelled(path, real.json())
    return bool(same and told["replay"] and told["events"] == [])


def spelled(path: str, answer: Any) -> Any:
    """Without what is told once; the ids of persons and accounts are random each time."""
    kept = {name: value for name, value in answer.items() if name not in TOLD_ONCE}
    if path.endswith(("/persons", "/account-changes")):
        return _ID.sub("id", json.dumps(kept))
    return kept


async def test_every_command_does_what_its_rehearsal_said(installation: Installation) -> None:
    stores = [(await installation.log(service)).pool for service in SERVICES]
    async with served(installation) as door:
        client = Rehearsing(door.client, stores, (await installation.vault()).store.pool)
        rehearsing = replace(door, client=client)  # type: ignore[arg-type]  # a client as far as a load needs one
        await Load(read_case(CASES / "900"), rehearsing).run()
        await the_others(installation, rehearsing, client.sent)
        assert client.wrong == [], "\n".join(client.wrong)
        gone = [
            str(one)
            for one in COMMANDS
            if not any(one.matches("POST", s.path) for s in client.sent)
        ]
        # Of a second factor, of files, what is no command of a log, and what services ask alone.
        others = {"attachments", "withdrawals", "imports", "mapping", "commit", "identifications"}
        assert {one.rpartition("/")[2] for one in gone} == {"confirmations", *others}


async def the_others(installation: Installation, door: Door, sent: list[Sent]) -> None:
    """The commands that the case does not give."""
    for path, body in chain(seldom(sent), of_users(sent)):
        await said(door, path, body)
    for service in SERVICES:
        task = await a_task(installation, service, sent)
        for path, body in of_every_service(service, task, sent):
            await said(door, path, body)
        await approving(door, service, sent)


async def test_a_refusal_that_was_rehearsed_is_kept_nowhere(installation: Installation) -> None:
    """The role, the area, the rule; with a key and without."""
    clients = [await installation.client(service, "auditor", area=uuid4()) for service in SERVICES]
    for client, service in zip(clients, SERVICES, strict=True):
        pool = (await installation.log(service)).pool
        before = await pool.fetchrow(STANDING)
        for door in (one for one in COMMANDS if one.service is service):
            path = door.path.removeprefix(service.prefix)
            answer = await client.post(path, params={"dry_run": "true"}, json={})
            assert answer.status_code in (400, 403, 422), (door, answer.text)
        assert await pool.fetchrow(STANDING) == before


async def test_what_dry_run_may_say(installation: Installation) -> None:
    client = await installation.client(SERVICES[0], "clerk", "finance")
    path = next(one.route.path for one in COMMANDS if one.service is SERVICES[0])
    for said_ in ("dry_run=yes", "dry_run=true&dry_run=false", "dry_run="):
        answer = await client.post(f"{path}?{said_}", json={})
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/Unreadable")
