"""The second factor: codes as RFC 6238 says, each used once, guessing stopped, secrets wrapped."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import Request

from libs.chassis.auth import Caller
from libs.chassis.call import Call
from libs.chassis.second_factor import (
    STEP_S,
    TRIES,
    SecondFactorEnrolledError,
    SecondFactorError,
    SecondFactors,
    SecondFactorShutError,
    SecondFactorUsedError,
    codes,
    require_second_factor,
)
from libs.chassis.vault.keys import kept_keys
from libs.chassis.vault.sealing import UnopenableError
from libs.events.log import Log
from services.funds.service import service as funds
from tests.conftest import Installation

NOON = datetime(2024, 5, 6, 4, 0, 10, tzinfo=UTC)
PERSON = "user:0f0f"
RFC_SECRET = b"12345678901234567890"


def later(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1; of its eight digits the last six."""
    at = datetime.fromtimestamp(seconds, UTC)
    good = codes(RFC_SECRET, at)
    assert good[seconds // STEP_S] == code[2:]
    assert sorted(good) == [seconds // STEP_S + aside for aside in (-1, 0, 1)]


@pytest.fixture
async def pool(installation: Installation) -> asyncpg.Pool:
    return (await installation.log(funds)).pool


@pytest.fixture
async def factors(pool: asyncpg.Pool, tmp_path: Path) -> SecondFactors:
    return SecondFactors(pool, kept_keys(tmp_path / "factors.key", may_make=True))


def told(uri: str) -> bytes:
    """The secret that an app reads from the URI."""
    return base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0])


def code_at(secret: bytes, at: datetime) -> str:
    return codes(secret, at)[int(at.timestamp()) // STEP_S]


async def enrolled(factors: SecondFactors, person: str = PERSON) -> bytes:
    """In force since a minute ago."""
    secret = told(await factors.enrol(person, later(-60)))
    await factors.confirm(person, code_at(secret, later(-60)), uuid4(), later(-60))
    return secret


async def test_an_app_reads_the_secret_from_the_uri_which_names_nobody(
    factors: SecondFactors,
) -> None:
    uri = await factors.enrol(PERSON, NOON)
    split = urlsplit(uri)
    assert (split.scheme, split.netloc) == ("otpauth", "totp")
    assert unquote(split.path) == f"/溯源:{PERSON}"
    assert len(told(uri)) == len(RFC_SECRET)


async def test_what_was_not_confirmed_is_not_in_force_and_what_is_cannot_be_replaced(
    factors: SecondFactors,
) -> None:
    first = told(await factors.enrol(PERSON, NOON))
    with pytest.raises(SecondFactorError, match="尚未启用"):
        await factors.require(PERSON, code_at(first, NOON), uuid4(), NOON)
    second = told(await factors.enrol(PERSON, NOON))
    with pytest.raises(SecondFactorError, match="不正确"):
        await factors.confirm(PERSON, code_at(first, NOON), uuid4(), NOON)
    await factors.confirm(PERSON, code_at(second, NOON), uuid4(), NOON)
    with pytest.raises(SecondFactorEnrolledError):
        await factors.enrol(PERSON, NOON)
    await factors.drop(PERSON)
    with pytest.raises(SecondFactorError, match="尚未启用"):
        await factors.require(PERSON, code_at(second, later(60)), uuid4(), later(60))


@pytest.mark.parametrize("aside_s", [-30, 0, 30])
async def test_a_clock_one_step_away_is_borne(factors: SecondFactors, aside_s: int) -> None:
    secret = await enrolled(factors)
    await factors.require(PERSON, code_at(secret, later(aside_s)), uuid4(), NOON)


@pytest.mark.parametrize("aside_s", [-60, 60])
async def test_a_clock_two_steps_away_is_not(factors: SecondFactors, aside_s: int) -> None:
    secret = await enrolled(factors)
    with pytest.raises(SecondFactorError, match="不正确"):
        await factors.require(PERSON, code_at(secret, later(aside_s + 90)), uuid4(), later(90))


async def test_a_code_is_used_once_and_none_before_it_afterwards(factors: SecondFactors) -> None:
    """For one request, whose repeats are that one use; the first code of all is no exception."""
    secret, request = await enrolled(factors), uuid4()
    for _ in range(2):
        await factors.require(PERSON, code_at(secret, NOON), request, NOON)
    with pytest.raises(SecondFactorUsedError):
        await factors.require(PERSON, code_at(secret, NOON), uuid4(), NOON)
    with pytest.raises(SecondFactorUsedError):
        await factors.require(PERSON, code_at(secret, later(-30)), uuid4(), NOON)
    await factors.require(PERSON, code_at(secret, later(30)), uuid4(), later(30))
    with pytest.raises(SecondFactorUsedError):
        await factors.require(PERSON, code_at(secret, NOON), request, later(30))


async def test_of_many_at_once_one_uses_the_code(factors: SecondFactors) -> None:
    secret = await enrolled(factors)

    async def used() -> bool:
        try:
            await factors.require(PERSON, code_at(secret, NOON), uuid4(), NOON)
        except SecondFactorError:
            return False
        return True

    assert sum(await asyncio.gather(*(used() for _ in range(TRIES)))) == 1


async def test_guessing_is_stopped_whoever_guesses_at_once(factors: SecondFactors) -> None:
    secret = await enrolled(factors)
    good = code_at(secret, NOON)
    wrong = [f"{number:06}" for number in range(20)]
    wrong = [code for code in wrong if code not in codes(secret, NOON).values()]

    async def guess(code: str) -> type[Exception]:
        with pytest.raises(SecondFactorError) as error:
            await factors.require(PERSON, code, uuid4(), NOON)
        return error.type

    met = await asyncio.gather(*map(guess, wrong))
    assert (met.count(SecondFactorError), met.count(SecondFactorShutError)) == (
        TRIES,
        len(wrong) - TRIES,
    )
    with pytest.raises(SecondFactorShutError):
        await factors.require(PERSON, good, uuid4(), NOON)
    again = later(16 * 60)
    await factors.require(PERSON, code_at(secret, again), uuid4(), again)


async def test_a_right_code_forgives_the_wrong_ones_before_it(factors: SecondFactors) -> None:
    secret = await enrolled(factors)
    for minute in range(4):
        at = later(60 * minute)
        for _ in range(TRIES - 1):
            with pytest.raises(SecondFactorError, match="不正确"):
                await factors.require(PERSON, code_at(secret, at + timedelta(1)), uuid4(), at)
        await factors.require(PERSON, code_at(secret, at), uuid4(), at)


@pytest.mark.parametrize("code", [None, "", "12345", "1234567", "12 456", "１２３４５６", "abcdef"])
async def test_what_is_no_code_is_not_tried(
    factors: SecondFactors, pool: asyncpg.Pool, code: str | None
) -> None:
    await enrolled(factors)
    with pytest.raises(SecondFactorError, match="六位"):
        await factors.require(PERSON, code, uuid4(), NOON)
    assert await pool.fetchval("SELECT tries FROM es.second_factors") == 0


async def test_a_secret_lies_wrapped_and_for_its_person_alone(
    factors: SecondFactors, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    secret = await enrolled(factors)
    other = await enrolled(factors, "user:other")
    kept = await pool.fetch("SELECT secret FROM es.second_factors")
    assert not [row for row in kept if secret in row["secret"] or other in row["secret"]]
    await pool.execute(
        "UPDATE es.second_factors SET secret ="
        " (SELECT secret FROM es.second_factors WHERE person = 'user:other') WHERE person = $1",
        PERSON,
    )
    with pytest.raises(UnopenableError):
        await factors.require(PERSON, code_at(other, NOON), uuid4(), NOON)
    assert (tmp_path / "factors.key").stat().st_mode & 0o777 == 0o600


async def test_another_process_has_the_same_key_and_knows_what_was_used(
    factors: SecondFactors, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    secret = await enrolled(factors)
    beside = SecondFactors(pool, kept_keys(tmp_path / "factors.key", may_make=True))
    await beside.require(PERSON, code_at(secret, NOON), uuid4(), NOON)
    with pytest.raises(SecondFactorUsedError):
        await factors.require(PERSON, code_at(secret, NOON), uuid4(), NOON)


def _call(log: Log, key: str, code: str | None) -> Call:
    headers = [(b"idempotency-key", key.encode())]
    headers += [] if code is None else [(b"second-factor", code.encode())]
    request = Request({"type": "http", "headers": headers})
    caller = Caller(PERSON, ("finance",), "bureau", UUID(int=1), datetime.now(UTC))
    return Call(request, caller, "finance", log)


async def test_a_command_brings_its_code_in_a_header_bound_to_its_key(
    installation: Installation, factors: SecondFactors
) -> None:
    log, now = await installation.log(funds), datetime.now(UTC)
    secret = told(await factors.enrol(PERSON, now))
    before = now - timedelta(seconds=STEP_S)
    await factors.confirm(PERSON, code_at(secret, before), uuid4(), now)
    with pytest.raises(SecondFactorError, match="Second-Factor"):
        await require_second_factor(_call(log, "a", None), factors)
    code = code_at(secret, now)
    for _ in range(2):
        await require_second_factor(_call(log, "a", code), factors)
    with pytest.raises(SecondFactorUsedError):
        await require_second_factor(_call(log, "b", code), factors)
