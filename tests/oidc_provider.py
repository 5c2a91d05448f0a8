"""A real OpenID provider for all tests that need one: npm's certified `oidc-provider`, as locked in
tests/oidc, on 127.0.0.1.

Without Node or its packages these tests fail: an issuer that is not there proves nothing.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

FOLDER = Path(__file__).with_name("oidc")
START_WITHIN_S = 30
BACK = "http://127.0.0.1/back"
PORTAL = {
    "client_id": "portal",
    "client_secret": "a secret of the tests",
    "grant_types": ["authorization_code", "client_credentials"],
    "redirect_uris": [BACK],
    "response_types": ["code"],
    "id_token_signed_response_alg": "EdDSA",
}
CLIENTS = [PORTAL | {"client_id": name} for name in ("portal", "suyuan", "bureau")]
"""The ID tokens of the second are for `suyuan` too, as it bears the name of our audience."""
CLAIMS = {"bureau": {"roles": ["auditor", "steward"], "unit": "bureau", "area": None}}
"""What the issuer adds to the tokens of a client: to the third, roles as our own issuer does."""


def made_key(kind: str, kid: str) -> dict[str, Any]:
    """A private JWK: EdDSA, ES256, or RSA for both of its algorithms."""
    match kind:
        case "EdDSA":
            members = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True)
        case "ES256":
            members = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
        case _:
            key = rsa.generate_private_key(65537, 2048)
            members = RSAAlgorithm.to_jwk(key, as_dict=True)
    kept = {name: value for name, value in members.items() if name != "key_ops"}
    return {**kept, "kid": kid, "use": "sig"}


@dataclass
class Provider:
    """One issuer at one address; it may be stopped, and started again with other keys."""

    home: Path
    port: int
    _process: asyncio.subprocess.Process | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, keys: Sequence[dict[str, Any]]) -> None:
        """Returns once it answers. The first key of an algorithm signs; all are published."""
        node = shutil.which("node")
        assert node is not None, "these tests need Node: `make test` installs it"
        assert (FOLDER / "node_modules").is_dir(), "no packages in tests/oidc: see `make test`"
        told = {
            "port": self.port,
            "clients": CLIENTS,
            "claims": CLAIMS,
            "jwks": {"keys": list(keys)},
        }
        file = self.home / "issuer.json"
        file.write_text(json.dumps(told))
        with (self.home / "issuer.log").open("ab") as said:
            self._process = await asyncio.create_subprocess_exec(
                *(node, FOLDER / "issuer.js", file), cwd=FOLDER, stdout=said, stderr=said
            )
        await self._answering()

    async def _answering(self) -> None:
        give_up = time.monotonic() + START_WITHIN_S
        while time.monotonic() < give_up:
            try:
                async with httpx.AsyncClient() as client:
                    if (await client.get(f"{self.issuer}/jwks")).status_code == 200:
                        return
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
        raise AssertionError((self.home / "issuer.log").read_text())

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def token(self, resource: str = "urn:suyuan:EdDSA", client: str = "portal") -> str:
        """An access token of a client for itself."""
        asked = {"grant_type": "client_credentials", "resource": resource, "scope": "api"}
        told = await self._asked_for_token(asked, client)
        return str(told["access_token"])

    async def logged_in(self, name: str, client: str = "portal") -> dict[str, Any]:
        """Access and ID token of a person, by the authorization code flow."""
        resource = "urn:suyuan:EdDSA"
        wanted = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": "openid api",
            "resource": resource,
            "login_hint": name,
        }
        async with httpx.AsyncClient(base_url=self.issuer) as browser:
            answer = await browser.get("/auth", params=wanted)
            while not (at := answer.headers["location"]).startswith(BACK):
                answer = await browser.get(at)
        code = parse_qs(urlsplit(at).query)["code"][0]
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        return await self._asked_for_token({**asked, "resource": resource}, client)

    async def _asked_for_token(self, asked: dict[str, str], client: str) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.issuer) as by:
            answer = await by.post("/token", data=asked, auth=(client, PORTAL["client_secret"]))  # type: ignore[arg-type]  # a text
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@asynccontextmanager
async def provider(home: Path) -> AsyncIterator[Provider]:
    """One that is not started yet; ended at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    one = Provider(home, port)
    try:
        yield one
    finally:
        await one.stop()
