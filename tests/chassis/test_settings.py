"""Settings from the environment, the issuer that goes with them, and when a tree gives up."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from libs.chassis.auth import LocalIssuer, OwnTokens, Verifier
from libs.chassis.identity import identity, local_issuer
from libs.chassis.issuer import IssuerTokens
from libs.chassis.settings import SettingError, Settings
from libs.chassis.supervise import LAST_PAUSE_S, PATIENCE, SHORT_LIFE_S, Child, GaveUpError
from libs.chassis.tokens import UnauthenticatedError


def test_everything_has_a_default_and_survives_the_way_to_a_child(tmp_path: Path) -> None:
    chosen = Settings.read({"SUYUAN_HOME": str(tmp_path), "SUYUAN_PORT": "8123", "PATH": "/bin"})
    assert (chosen.home, chosen.port, chosen.host) == (tmp_path, 8123, "127.0.0.1")
    assert chosen.origin == "http://127.0.0.1:8123"
    assert Settings.read(chosen.environment()) == chosen
    assert Settings.read({}).port == 8800
    given = {"SUYUAN_DATABASE": "db:5432", "SUYUAN_PASSWORDS": str(tmp_path / "passwords")}
    elsewhere = Settings.read(given)
    assert Settings.read(elsewhere.environment()) == elsewhere
    assert (chosen.logs, elsewhere.logs) == (tmp_path / "logs", None)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SUYUAN_HOEM": "x"}, "SUYUAN_HOEM"),
        ({"SUYUAN_PORT": "http"}, "SUYUAN_PORT"),
        ({"SUYUAN_PORT": "70000"}, "SUYUAN_PORT"),
        ({"SUYUAN_OTLP": "collector:4318"}, "SUYUAN_OTLP"),
        ({"SUYUAN_KEY_SET": "keys.json"}, "SUYUAN_KEY_SET"),
        ({"SUYUAN_AUTHORITIES": "ca.pem"}, "SUYUAN_AUTHORITIES"),
        ({"SUYUAN_ISSUER": "http://id.example"}, "https"),
        ({"SUYUAN_ISSUER": "ftp://127.0.0.1"}, "https"),
        ({"SUYUAN_DATABASE": "db:5432"}, "SUYUAN_PASSWORDS"),
        ({"SUYUAN_DATABASE": "5432", "SUYUAN_PASSWORDS": "x"}, "host:port"),
        ({"SUYUAN_DATABASE": "db:x", "SUYUAN_PASSWORDS": "x"}, "SUYUAN_DATABASE: 'x'"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        Settings.read(environ)


def test_the_built_in_issuer_refuses_to_stand_beside_a_configured_one(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    own = LocalIssuer(tmp_path / "other.pem", "https://id.example")
    keys.write_text(json.dumps(own.key_set))
    configured = Settings(home=tmp_path, issuer="https://id.example", key_set=keys)
    assert identity(configured).issuer == "https://id.example"
    with pytest.raises(SettingError, match="SUYUAN_ISSUER"):
        local_issuer(configured)
    asked = Settings.read({"SUYUAN_HOME": str(tmp_path), "SUYUAN_ISSUER": "https://id.example"})
    assert isinstance(identity(asked), IssuerTokens)
    with pytest.raises(SettingError, match="SUYUAN_ISSUER"):
        local_issuer(asked)


@pytest.mark.parametrize("text", [None, "no JSON", '{"keys": 1}', '{"keys": []}'])
def test_a_key_set_that_cannot_be_read_is_named_at_the_start(
    tmp_path: Path, text: str | None
) -> None:
    keys = tmp_path / "keys.json"
    if text is not None:
        keys.write_text(text)
    with pytest.raises(SettingError, match="SUYUAN_KEY_SET"):
        identity(Settings(home=tmp_path, issuer="https://id.example", key_set=keys))


def test_the_built_in_issuer_serves_this_machine_only(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"0\.0\.0\.0"):
        local_issuer(Settings(home=tmp_path, host="0.0.0.0"))  # noqa: S104 - it must be refused


def test_the_key_of_the_built_in_issuer_is_kept_and_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first, second = local_issuer(settings), local_issuer(settings)
    assert first.key_set == second.key_set == identity(settings).key_set
    assert (tmp_path / "issuer.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="king"):
        first.token("x", ("king",), "unit", None, timedelta(hours=1))


@pytest.mark.parametrize(
    "subject", ["system:x", "user:x", "reactor:x", "delivery:x", "13800138000"]
)
async def test_the_built_in_issuer_speaks_for_nobody_elses_people(
    tmp_path: Path, subject: str
) -> None:
    """Nor is it believed if somebody makes it."""
    issuer = local_issuer(Settings(home=tmp_path))
    verifier = Verifier(OwnTokens(issuer.key_set, issuer.url))
    hour = timedelta(hours=1)
    await verifier.caller(issuer.token("x", ("clerk",), "unit", None, hour))
    own = issuer.token("x", ("clerk",), "unit", None, hour)
    claims = jwt.decode(own, options={"verify_signature": False}) | {"sub": subject}
    key = load_pem_private_key((tmp_path / "issuer.pem").read_bytes(), None)
    head = jwt.get_unverified_header(own)
    forged = jwt.encode(claims, key, algorithm="EdDSA", headers=head)  # type: ignore[arg-type]  # an Ed25519 key
    with pytest.raises(UnauthenticatedError):
        await verifier.caller(forged)
    if ":" in subject:
        with pytest.raises(ValueError, match=subject):
            issuer.token(subject, ("clerk",), "unit", None, hour)


def test_a_child_that_keeps_dying_ends_the_tree() -> None:
    child = Child("serve")
    pauses = [child.died(SHORT_LIFE_S / 2) for _ in range(PATIENCE)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_PAUSE_S
    with pytest.raises(GaveUpError, match="serve"):
        child.died(0)


def test_a_long_life_is_a_new_beginning() -> None:
    child = Child("work")
    for _ in range(PATIENCE):
        child.died(0)
    assert child.died(SHORT_LIFE_S) < child.died(0)
    assert child.short_lives == 1
