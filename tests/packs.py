"""Reference packs of a province of the tests: what it signs, and who believes it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from libs.chassis.pack_keys import PackKeys
from libs.events.packs import Pack

ISSUER, KEY_ID = "530000", "k1"
KEY = Ed25519PrivateKey.generate()
BELIEVED: PackKeys = {(ISSUER, KEY_ID): KEY.public_key()}


def key_file(key: Any = None) -> str:
    """What the operator's file holds."""
    jwk = json.loads(OKPAlgorithm.to_jwk(KEY.public_key() if key is None else key))
    return json.dumps({ISSUER: {"keys": [{**jwk, "kid": KEY_ID}]}})


def signed(pack: Pack, key: Ed25519PrivateKey = KEY, kid: str = KEY_ID) -> dict[str, Any]:
    """The body that applies it."""
    signature = urlsafe_b64encode(key.sign(pack.signed())).decode().rstrip("=")
    return {"pack": pack.model_dump(mode="json"), "key": kid, "signature": signature}


def pack(*rows: dict[str, Any], number: int = 1, previous: str | None = None) -> Pack:
    return Pack.model_validate(
        {
            "issuer": ISSUER,
            "number": number,
            "previous": previous,
            "issued_on": "2026-11-01",
            "document": "云财农〔2026〕1号",
            "rows": rows,
        }
    )
