"""Tokens of a real issuer: which are believed, how its keys are kept while they rotate and while it
is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from httpx import ASGITransport, AsyncClient
from structlog.testing import capture_logs

from libs.chassis.auth import Verifier
from libs.chassis.http import application
from libs.chassis.issuer import IssuerError, IssuerTokens, discovered, kept_in
from libs.chassis.observe import beside
from libs.chassis.tokens import Signed, user_id
from services.households.service import service as households
from tests.conftest import Installation
from tests.oidc_provider import CLAIMS, Provider, made_key, provider
from tests.registry import area, made, post

OLD, NEW = made_key("EdDSA", "old"), made_key("EdDSA", "new")
EC, RSA = made_key("ES256", "ec"), made_key("RSA", "rsa")
KEYS = (OLD, EC, RSA)


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Provider]:
    """Running, with a key of each kind."""
    async with provider(tmp_path) as one:
        await one.start(KEYS)
        yield one


@asynccontextmanager
async def door(installation: Installation, tokens: IssuerTokens) -> AsyncIterator[AsyncClient]:
    """Households behind tokens of an issuer, whose keys are being kept."""
    app = application(households, await installation.log(households), Verifier(tokens))
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with beside(tokens.keep()), AsyncClient(transport=transport, base_url="http://t") as one:
        yield one


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def signed(key: Mapping[str, Any], alg: str, claims: Mapping[str, Any], **head: Any) -> str:
    """By the issuer's own key, whatever the claims say."""
    private = jwt.PyJWK(dict(key), algorithm=alg).key
    headers = {"kid": key["kid"], "typ": "at+jwt", **head}
    return jwt.encode(dict(claims), private, algorithm=alg, headers=headers)


def by_hand(head: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes | None) -> str:
    """As a forger would, who asks no library whether it is wise."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (head, claims)]
    said = b".".join(part.rstrip(b"=") for part in parts)
    mark = b"" if secret is None else hmac.digest(secret, said, hashlib.sha256)
    return (said + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "PS256"])
async def test_a_token_of_every_algorithm_of_ours_is_believed(
    installation: Installation, issuer: Provider, algorithm: str
) -> None:
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
    async with door(installation, tokens) as client:
        token = await issuer.token(f"urn:suyuan:{algorithm}", "bureau")
        answer = await client.get("/areas", headers=bearer(token))
        assert answer.status_code == 200, answer.text


async def test_who_brings_no_roles_holds_none(installation: Installation, issuer: Provider) -> None:
    """And is known by an id that no other issuer gives and that does not tell the issuer's own."""
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
    async with door(installation, tokens) as client:
        token = (await issuer.logged_in("someone"))["access_token"]
        caller = await Verifier(tokens).caller(token)
        assert (caller.roles, caller.unit, caller.area, caller.kind) == ((), "", None, "issuer")
        assert caller.id == user_id(issuer.issuer, "someone") != user_id("https://x", "someone")
        assert "someone" not in caller.id
        assert caller.subject == "someone"
        await installation.catch_up(households)
        answer = await client.get("/areas", headers=bearer(token))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/RoleNotHeld")


async def test_the_directory_says_what_a_person_of_the_issuer_may_do(
    installation: Installation, issuer: Provider
) -> None:
    """Found by what the issuer calls the person, who then acts under the user's own id."""
    security = await installation.client(households, "security")
    user = await made(security, "/users", {"subject": "someone", "unit": None, "post": "x"})
    granted = {"role": "steward", "area": None, "valid_from": "2020-01-01"}
    await made(security, f"/users/{user}/grants", granted)
    await installation.catch_up(households)
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
    async with door(installation, tokens) as client:
        for name, status in (("someone", 201), ("somebody else", 403)):
            client.headers.update(bearer((await issuer.logged_in(name))["access_token"]))
            answer = await post(client, "/areas", area("370112", "历城区", "county", None))
            assert answer.status_code == status, answer.text
    pool = (await installation.log(households)).pool
    last = "SELECT metadata->'actor'->>'id' FROM es.events WHERE type = 'AreaRegistered'"
    assert await pool.fetchval(last) == str(user)


@pytest.mark.parametrize("missing", ["unit", "area"])
async def test_roles_without_unit_or_area_do_not_count(issuer: Provider, missing: str) -> None:
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
    claims = {**_good(issuer), **CLAIMS["bureau"]}
    assert (await Verifier(tokens).caller(signed(OLD, "EdDSA", claims))).roles == (
        "auditor",
        "steward",
    )
    claims.pop(missing)
    assert (await Verifier(tokens).caller(signed(OLD, "EdDSA", claims))).roles == ()


def _good(issuer: Provider) -> dict[str, Any]:
    now = int(time.time())
    of_it = {"iss": issuer.issuer, "aud": "suyuan", "sub": "someone", "client_id": "portal"}
    return {**of_it, "iat": now, "exp": now + 300}


def forged(issuer: Provider, good: str) -> dict[str, str]:
    """Tokens that must not be believed, by what is wrong with each."""
    claims, now = _good(issuer), int(time.time())
    other = made_key("EdDSA", "old")
    public = {name: value for name, value in RSA.items() if name in ("kty", "n", "e")}
    spelled = jwt.PyJWK(public, algorithm="RS256").key.public_bytes
    secret = spelled(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "ended": signed(OLD, "EdDSA", claims | {"exp": now - 1}),
        "for another": signed(OLD, "EdDSA", claims | {"aud": "other"}),
        "of another issuer": signed(OLD, "EdDSA", claims | {"iss": "https://other.example"}),
        "not yet": signed(OLD, "EdDSA", claims | {"nbf": now + 90}),
        "signed in the future": signed(OLD, "EdDSA", claims | {"iat": now + 90}),
        "for ever": signed(OLD, "EdDSA", {k: v for k, v in claims.items() if k != "exp"}),
        "of nobody": signed(OLD, "EdDSA", {k: v for k, v in claims.items() if k != "sub"}),
        "of a number": signed(OLD, "EdDSA", claims | {"sub": "13800138000"}),
        "key of another issuer under the same id": signed(other, "EdDSA", claims),
        "key that nobody has": signed(NEW, "EdDSA", claims),
        "no key id": by_hand({"alg": "EdDSA", "typ": "at+jwt"}, claims, None),
        "no signature": by_hand({"alg": "none", "typ": "at+jwt", "kid": "old"}, claims, None),
        "no algorithm": by_hand({"typ": "at+jwt", "kid": "old"}, claims, None),
        "the public key as a secret": by_hand(
            {"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}, claims, secret
        ),
        "an algorithm of ours that is not its key's": by_hand(
            {"alg": "RS256", "typ": "at+jwt", "kid": "old"}, claims, secret
        ),
        "an unknown extension": signed(OLD, "EdDSA", claims, crit=["x"], x=1),
        "another kind of token": signed(OLD, "EdDSA", claims, typ="logout+jwt"),
        "an ID token without a hash": signed(
            OLD, "EdDSA", {k: v for k, v in claims.items() if k != "client_id"}, typ="JWT"
        ),
        "an ID token that says so": signed(OLD, "EdDSA", claims | {"typ": "ID"}, typ="JWT"),
        "an ID token with a nonce": signed(OLD, "EdDSA", claims | {"nonce": "n"}, typ="JWT"),
        "cut short": good[:-4],
        "no token": "abc.def",
        "too long": signed(OLD, "EdDSA", claims | {"more": "A" * 8192}),
    }


async def test_a_token_that_must_not_be_believed_is_refused_and_told_to_nobody(
    installation: Installation, issuer: Provider
) -> None:
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
    async with door(installation, tokens) as client:
        good = await issuer.token(client="bureau")
        cases = forged(issuer, good)
        person = await issuer.logged_in("someone", "suyuan")
        cases["the ID token of a client that bears our name"] = person["id_token"]
        cases["an access token for another"] = await issuer.token("urn:other")
        with capture_logs() as said:
            for wrong, token in cases.items():
                answer = await client.get("/areas", headers=bearer(token))
                assert (answer.status_code, answer.json()["type"]) == (
                    401,
                    "/problems/Unauthenticated",
                ), (wrong, answer.text)
                assert answer.json()["detail"].startswith("令牌"), wrong
                assert answer.headers["www-authenticate"] == "Bearer"
                for part in [part for part in token.split(".") if len(part) > 8]:
                    assert part not in answer.text + str(answer.headers) + str(said), wrong
        assert (await client.get("/areas", headers=bearer(good))).status_code == 200


async def test_an_access_token_without_a_type_is_believed_by_what_it_has(issuer: Provider) -> None:
    """As issuers older than RFC 9068 send them."""
    verifier = Verifier(IssuerTokens(issuer.issuer, discovered(issuer.issuer)))
    await verifier.caller(signed(OLD, "EdDSA", _good(issuer), typ="JWT"))


async def test_a_clock_a_little_ahead_of_ours_is_borne(issuer: Provider) -> None:
    verifier = Verifier(IssuerTokens(issuer.issuer, discovered(issuer.issuer)))
    now = int(time.time())
    ahead = _good(issuer) | {"iat": now + 40, "nbf": now + 40}
    await verifier.caller(signed(OLD, "EdDSA", ahead))


class Load:
    """Callers who never stop asking, each with the newest token."""

    def __init__(self, client: AsyncClient, token: str) -> None:
        self.client, self.token = client, token
        self.answers: dict[int, int] = {}

    async def ask(self) -> None:
        while True:
            answer = await self.client.get("/areas?limit=1", headers=bearer(self.token))
            self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
            await asyncio.sleep(0.005)


async def test_no_request_fails_while_keys_rotate(
    installation: Installation, issuer: Provider
) -> None:
    """Published, used, withdrawn: each step with the issuer gone for a moment, under load. Tokens
    of both keys are good in between; those of the old one are refused once it is withdrawn."""
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer), period_s=0.1)
    async with door(installation, tokens) as client, AsyncExitStack() as stack:
        load = Load(client, await issuer.token(client="bureau"))
        await _known(tokens, "old", "ec", "rsa")
        for _ in range(4):
            await stack.enter_async_context(beside(load.ask()))
        old = load.token
        for keys in ((OLD, NEW), (NEW, OLD)):
            await issuer.stop()
            await asyncio.sleep(0.2)
            await issuer.start(keys)
            await _known(tokens, "old", "new")
            load.token = await issuer.token(client="bureau")
            await asyncio.sleep(0.3)
        assert jwt.get_unverified_header(load.token)["kid"] == "new"
        for token in (old, load.token):
            assert (await client.get("/areas", headers=bearer(token))).status_code == 200
        await issuer.stop()
        await issuer.start((NEW,))
        await _known(tokens, "new")
        assert (await client.get("/areas", headers=bearer(old))).status_code == 401
        await asyncio.sleep(0.3)
    assert load.answers.keys() == {200}, load.answers
    assert load.answers[200] > 100


async def _known(tokens: IssuerTokens, *kids: str) -> None:
    """Once exactly these keys are known."""
    give_up = time.monotonic() + 30
    while (known := {key["kid"] for key in tokens.key_set["keys"]}) != set(kids):
        assert time.monotonic() < give_up, known
        await asyncio.sleep(0.02)


async def test_an_unknown_key_asks_the_issuer_once_for_all_and_not_again_for_a_while(
    issuer: Provider,
) -> None:
    asked, fetch = [], discovered(issuer.issuer)

    async def counted() -> Any:
        asked.append(1)
        return await fetch()

    tokens = IssuerTokens(issuer.issuer, counted)
    first = [Signed(issuer.issuer, f"unknown-{n}", "EdDSA", "at+jwt") for n in range(50)]
    assert await asyncio.gather(*map(tokens.key, first)) == [None] * 50
    assert asked == [1]
    assert await tokens.key(Signed(issuer.issuer, "again", "EdDSA", "at+jwt")) is None
    assert asked == [1]


async def test_a_key_first_seen_in_a_token_is_fetched_at_once(issuer: Provider) -> None:
    verifier = Verifier(IssuerTokens(issuer.issuer, discovered(issuer.issuer)))
    assert (await verifier.caller(await issuer.token())).kind == "issuer"


async def test_while_the_issuer_is_away_known_keys_go_on(
    installation: Installation, issuer: Provider
) -> None:
    tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer), period_s=0.05)
    async with door(installation, tokens) as client:
        token = await issuer.token(client="bureau")
        assert (await client.get("/areas", headers=bearer(token))).status_code == 200
        await issuer.stop()
        await asyncio.sleep(0.3)
        assert (await client.get("/areas", headers=bearer(token))).status_code == 200
        fresh = signed(OLD, "EdDSA", _good(issuer) | CLAIMS["bureau"])
        assert (await client.get("/areas", headers=bearer(fresh))).status_code == 200


async def test_a_start_without_the_issuer_says_so_and_heals(
    installation: Installation, tmp_path: Path
) -> None:
    async with provider(tmp_path) as issuer:
        tokens = IssuerTokens(issuer.issuer, discovered(issuer.issuer))
        async with door(installation, tokens) as client:
            token = signed(OLD, "EdDSA", _good(issuer) | CLAIMS["bureau"])
            away = await client.get("/areas", headers=bearer(token))
            assert (away.status_code, away.json()["type"]) == (503, "/problems/KeysAway")
            assert "retry-after" in away.headers
            await issuer.start(KEYS)
            give_up = time.monotonic() + 15
            while (await client.get("/areas", headers=bearer(token))).status_code != 200:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)


async def test_a_key_set_in_a_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    public = [{k: v for k, v in key.items() if k != "d"} for key in (OLD, NEW)]
    file.write_text(json.dumps({"keys": public[:1]}))
    tokens = IssuerTokens("https://id.example", kept_in(file), period_s=0.02)
    async with beside(tokens.keep()):
        await _known(tokens, "old")
        file.write_text(json.dumps({"keys": public}))
        await _known(tokens, "old", "new")
        file.write_text('{"keys": ')  # half written: what was known goes on
        await asyncio.sleep(0.1)
        assert len(tokens.key_set["keys"]) == 2


@asynccontextmanager
async def telling(answer: bytes, secured: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server that says always the same; HERE in it is that address."""
    scheme = "http" if secured is None else "https"

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.replace(b"HERE", address.encode()))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=secured)
    address = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address


def _answer(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *more, "connection: close"))
    return head.encode() + b"\r\n" + body


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (_answer(b'{"issuer": "https://other.example", "jwks_uri": "x"}'), "another issuer"),
        (_answer(b"[]"), "another issuer"),
        (_answer(b"", "302 Found", "location: https://other.example"), "302"),
        (_answer(b"[" + b" " * 300_000), "more than"),
    ],
)
async def test_an_issuer_that_tells_what_it_must_not_is_not_believed(
    answer: bytes, wrong: str
) -> None:
    async with telling(answer) as address:
        with pytest.raises(IssuerError, match=wrong):
            await discovered(address)()


def _certified(folder: Path) -> ssl.SSLContext:
    """As a server of an authority of its own, whose certificate lies in the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer of the tests")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    kept = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(kept)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return secured


async def test_an_authority_of_ones_own_is_believed_where_it_is_named(tmp_path: Path) -> None:
    document = b'{"issuer": "HERE", "jwks_uri": "HERE/jwks", "keys": []}'
    async with telling(_answer(document), _certified(tmp_path)) as address:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await discovered(address)()
        told = await discovered(address, tmp_path / "ca.pem")()
        assert told["keys"] == []


async def test_keys_are_fetched_by_https_or_from_this_machine() -> None:
    with pytest.raises(IssuerError, match="https"):
        await discovered("http://id.example")()
