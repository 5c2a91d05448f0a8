"""What does sealing cost: 100,000 lines of as many people, by software keys and by a cipher machine
that takes 2 ms an answer; and how soon is a person found by name among 200,000?

Sealing makes and stores a key for each person first; opening reads and unwraps it. Beside them the
same texts through the cipher alone, one key for all and no database: the limit of the same run. The
name is asked over HTTP, as a clerk asks: HMAC and index, the persons' streams, the recorded event,
the answer.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.vault.keys import Keys
from libs.chassis.vault.sealing import fresh_key, seal, unseal
from libs.chassis.vault.stand_in import StubCipherMachine
from libs.chassis.vault.store import Home
from libs.chassis.vault.vault import Line, Vault, open_vault

from .installation import Installation, answering, installed, process, register_area, until
from .rounds import Figure, Goal, Round, interleaved, percentile, show

LINES, ROUNDS = 100_000, 5
PERSONS, AT_ONCE, VILLAGES = 200_000, 1_000, 200
ASKED = 1_000
SEALING, OPENING = "seal {}", "open {}"
NAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
DAY = {"occurred_on": "2020-03-16"}
PERSONS_AT = "/api/v1/households/persons"


def lines_of(count: int) -> list[Line]:
    """A name and number of each."""
    return [Line(uuid4(), "id_number", f"9900001990{n:08}") for n in range(count)]


class Lines:
    """Texts sealed and opened by one vault; each round of new people in ten new counties, so that
    the master is asked too."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._closed: list[Line] = []

    async def seal(self) -> float:
        lines, counties = lines_of(LINES), [Home(uuid4(), 2026) for _ in range(10)]
        homes = {line.subject: counties[n % 10] for n, line in enumerate(lines)}
        began = time.perf_counter()
        texts = await self.vault.seal(lines, homes)
        took = time.perf_counter() - began
        self._closed = [line._replace(text=text) for line, text in zip(lines, texts, strict=True)]
        return took

    async def open(self) -> float:
        began = time.perf_counter()
        texts = await self.vault.open(self._closed)
        took = time.perf_counter() - began
        if len(texts) != LINES or not texts[-1].startswith("99"):
            raise ValueError("what was opened is not what was sealed")
        return took


async def cipher_alone() -> float:
    """Sealed and opened under one key, nothing stored."""
    lines, key = lines_of(LINES), AESGCM(fresh_key())
    began = time.perf_counter()
    for subject, field, text in lines:
        unseal(key, subject, field, seal(key, subject, field, text))
    return time.perf_counter() - began


async def sealing(stack: AsyncExitStack, home: Path) -> list[Goal]:
    rounds: dict[str, Round] = {}
    machines: tuple[tuple[str, Keys | None], ...] = (
        ("software", None),
        ("machine", StubCipherMachine()),
    )
    for name, keys in machines:
        # A key database for each: what one master wrapped, another cannot unwrap.
        installation = await stack.enter_async_context(installed())
        address = installation.stores.keys()
        vault = await stack.enter_async_context(open_vault(address, home / name, keys))
        lines = Lines(vault)
        rounds |= {SEALING.format(name): lines.seal, OPENING.format(name): lines.open}
    found = await interleaved({**rounds, "cipher alone, both": cipher_alone}, ROUNDS)
    show(f"{LINES:,} lines of as many people", found, "s")
    return [
        Goal(
            f"s to {what.format(name)}, {LINES:,} lines",
            found[what.format(name)],
            bound,
            at_most=True,
        )
        for name, bound in (("software", 3), ("machine", 20))
        for what in (SEALING, OPENING)
    ]


class Register:
    """A clerk who enters 200,000 people in 200 villages, and then looks for some by name."""

    def __init__(self, client: httpx.AsyncClient, county: UUID) -> None:
        self.client, self.county, self.keys = client, county, 0
        self.villages: list[str] = []

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        self.keys += 1
        key = {"idempotency-key": f"bench-{self.keys}"}
        done = await self.client.post(path, json={**DAY, **body}, headers=key)
        done.raise_for_status()
        return done.json()

    async def fill(self) -> float:
        """Persons entered a second, 1,000 a request, two requests at once."""
        for number in range(VILLAGES):
            named = {"code": f"5300001{number:05}", "name": f"村{number}", "level": "village"}
            body = {**named, "parent": str(self.county), "valid_from": "2013-01-01"}
            self.villages.append((await self.post("/api/v1/households/areas", body))["id"])
        turns, began = asyncio.Semaphore(2), time.perf_counter()

        async def enter(first: int) -> None:
            async with turns:
                rows = [self._row(n) for n in range(first, first + AT_ONCE)]
                await self.post(PERSONS_AT, {"area": str(self.county), "persons": rows})

        await asyncio.gather(*(enter(first) for first in range(0, PERSONS, AT_ONCE)))
        return PERSONS / (time.perf_counter() - began)

    def _row(self, n: int) -> dict[str, Any]:
        village = self.villages[n % VILLAGES]
        number = f"990000{1900 + n // 10_000}{n % 10_000:04}0000"
        return {"name": name_of(n), "id_number": number, "area": village, "synthetic": True}

    async def found_ms(self, n: int, area: str) -> float:
        """Raises: ValueError when the person is not found."""
        began = time.perf_counter()
        told = await self.post(
            f"{PERSONS_AT}/names", {"area": area, "purpose": "bench", "name": name_of(n)}
        )
        if not told["found"][0]:
            raise ValueError(f"{n} is not found")
        return (time.perf_counter() - began) * 1000


def name_of(n: int) -> str:
    """8,000 names: each is borne by 25 in the county."""
    first, rest = n // VILLAGES % 20, n // VILLAGES // 20 + n % 8 * 50
    return NAMES[first] + NAMES[rest % 20] + NAMES[rest // 20 % 20]


async def prepared(installation: Installation, client: httpx.AsyncClient) -> Register:
    await answering(f"{installation.settings.origin}/api/v1/households/health")
    county = await register_area(installation, client)
    register = Register(client, county)
    rate = await register.fill()
    print(f"\n{PERSONS:,} persons entered, {rate:,.0f}/s")
    connection = await asyncpg.connect(**installation.stores.app("households"))

    async def copied() -> bool:
        known = "SELECT count(*) FROM known.areas"
        return bool(await connection.fetchval(known) == VILLAGES + 1)

    await until(copied)
    await connection.close()
    return register


async def finding() -> list[Goal]:
    async with installed() as installation, AsyncExitStack() as stack:
        stack.enter_context(process(installation.settings, "services", "serve", "households"))
        stack.enter_context(process(installation.settings, "services", "work", "households"))
        bearer = {"authorization": f"Bearer {installation.token('clerk', 'steward')}"}
        client = httpx.AsyncClient(
            base_url=installation.settings.origin, headers=bearer, timeout=60
        )
        await stack.enter_async_context(client)
        register = await prepared(installation, client)
        found: dict[str, Figure] = {}
        step = PERSONS // ASKED
        for where, area in (("a village", None), ("the county", str(register.county))):
            took = [
                await register.found_ms(n, area or register.villages[n % VILLAGES])
                for n in range(7, PERSONS, step + 1)
            ]
            found |= {f"p{p}, {where}": Figure((percentile(took, p),)) for p in (50, 99)}
    show(f"a name among {PERSONS:,} persons", found, "ms")
    return [
        Goal(f"ms p99 to find a name in {where}", found[f"p99, {where}"], 100, at_most=True)
        for where in ("a village", "the county")
    ]


async def measure() -> list[Goal]:
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(installed())
        goals = await sealing(stack, home.settings.home)
    return goals + await finding()
