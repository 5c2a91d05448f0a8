"""Rules of systems: one code is one system, a key is public, added once, retired once."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from pydantic import ValidationError

from libs.events.contracts.directory import SystemKeyAdded, SystemKeyRetired, SystemRegistered
from services.households.domain import system
from services.households.domain.area import AreaNotRegistered
from services.households.domain.system import (
    AddSystemKey,
    PublicJwk,
    Registering,
    RegisterSystem,
    RetireSystemKey,
    System,
    SystemAlreadyRegistered,
    SystemKeyAlreadyAdded,
    SystemKeyAlreadyRetired,
    SystemKeyNotAdded,
    systems,
)
from services.households.domain.tree import Area
from tests.oidc_provider import made_key
from tests.spec import when

DAY, NOON = date(2024, 5, 6), datetime(2024, 5, 6, 4, tzinfo=UTC)
AREA = UUID(int=7)
REGISTER = RegisterSystem(
    occurred_on=DAY, code="dibao", organisation="民政局", unit="civil", area=AREA
)
ID = REGISTER.system()
REGISTERED = SystemRegistered(
    system=ID, code="dibao", organisation="民政局", unit="civil", area=AREA
)
known = systems.over([REGISTERED])
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
"""The example of RFC 8037, appendix A.3, with its thumbprint."""
ADD = AddSystemKey(
    occurred_on=DAY,
    key=PublicJwk.model_validate(JWK),
    valid_from=NOON,
    valid_until=NOON + timedelta(days=365),
)
ADDED = SystemKeyAdded(
    system=ID,
    area=AREA,
    kid=KID,
    key=JWK,
    valid_from=NOON,
    valid_until=NOON + timedelta(days=365),
)
with_key = systems.over([ADDED], known)
RETIRE = RetireSystemKey(occurred_on=DAY, kid=KID, reason="换钥")
RETIRED = SystemKeyRetired(system=ID, area=AREA, kid=KID, reason="换钥")


def test_a_system_is_registered_once_by_its_code() -> None:
    when(system.register, Registering(System(), Area(id=AREA)), REGISTER).then(REGISTERED)
    when(system.register, Registering(known, Area(id=AREA)), REGISTER).refused(
        SystemAlreadyRegistered, code="dibao", system=str(ID)
    )


def test_a_system_calls_within_a_registered_area_or_everywhere() -> None:
    when(system.register, Registering(System(), Area()), REGISTER).refused(AreaNotRegistered)
    everywhere = REGISTER.model_copy(update={"area": None})
    decided = when(system.register, Registering(System(), None), everywhere).accepted()
    assert decided.events == {ID: (replace_area(REGISTERED),)}


def replace_area(event: SystemRegistered) -> SystemRegistered:
    return SystemRegistered(
        system=event.system,
        code=event.code,
        organisation=event.organisation,
        unit=event.unit,
        area=None,
    )


def test_a_key_is_known_by_its_thumbprint_and_two_overlap() -> None:
    decision = when(system.add_key, known, ADD).then(ADDED)
    assert decision.body == {"id": str(ID), "kid": KID}
    second = systems.over([replaced_kid("other")], with_key)
    assert [key.kid for key in second.keys] == [KID, "other"]
    assert not any(key.retired for key in second.keys)


def replaced_kid(kid: str) -> SystemKeyAdded:
    return SystemKeyAdded(
        system=ID, area=AREA, kid=kid, key=JWK, valid_from=NOON, valid_until=ADDED.valid_until
    )


def test_a_key_is_added_once_even_after_it_was_retired() -> None:
    when(system.add_key, with_key, ADD).refused(SystemKeyAlreadyAdded, kid=KID)
    retired = systems.over([RETIRED], with_key)
    assert retired.keys == (replace(with_key.keys[0], retired=True),)
    when(system.add_key, retired, ADD).refused(SystemKeyAlreadyAdded, kid=KID)


def test_a_key_is_retired_once() -> None:
    when(system.retire_key, with_key, RETIRE).then(RETIRED)
    when(system.retire_key, known, RETIRE).refused(SystemKeyNotAdded, kid=KID)
    retired = systems.over([RETIRED], with_key)
    when(system.retire_key, retired, RETIRE).refused(SystemKeyAlreadyRetired, kid=KID)


def public(kind: str) -> dict[str, Any]:
    made = made_key(kind, "own")
    return {name: value for name, value in made.items() if name not in system.PRIVATE}


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "RSA"])
def test_a_public_key_of_every_kind_is_read_under_its_own_id(kind: str) -> None:
    """Whatever its maker called it."""
    key = PublicJwk.model_validate({**public(kind), "alg": "any"})
    members = key.members()
    assert members.keys().isdisjoint({"kid", "use", "alg"})
    assert len(key.kid_of_it()) == 43
    assert jwt.PyJWK(members, algorithm="RS256" if kind == "RSA" else kind).key is not None


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "RSA"])
def test_a_private_key_is_refused_by_name_and_not_repeated(kind: str) -> None:
    private = made_key(kind, "own")
    with pytest.raises(ValidationError, match="私钥") as error:
        PublicJwk.model_validate(private)
    told = error.value.errors(include_input=False)
    assert private["d"] not in str(told)


def _twisted(part: str) -> str:
    raw = bytearray(base64.urlsafe_b64decode(part + "=="))
    raw[-1] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


P256 = public("ES256")
RSA = public("RSA")
WRONG: dict[str, dict[str, Any]] = {
    "a shared key": {"kty": "oct", "k": "AAAA"},
    "no member": {"kty": "OKP", "crv": "Ed25519"},
    "too short": {**JWK, "x": "AAAA"},
    "another curve": {**JWK, "crv": "X25519"},
    "two kinds": {"kty": "EC", "crv": "Ed25519", "x": JWK["x"]},
    "not on the curve": {**P256, "y": _twisted(P256["y"])},
    "not one spelling": {**JWK, "x": JWK["x"][:-1] + "p"},
    "a length that no bytes have": {**JWK, "x": "AAAAA"},
    "a short modulus": {**RSA, "n": base64.urlsafe_b64encode(b"\xff" * 129).decode()},
    "an odd exponent": {**RSA, "e": "Aw"},
    "for encryption": {**JWK, "use": "enc"},
    "something else": {**JWK, "x5u": "https://x.example"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_public_key_is_malformed(wrong: str) -> None:
    with pytest.raises(ValidationError):
        PublicJwk.model_validate(WRONG[wrong])


def test_a_key_ends_after_it_begins() -> None:
    with pytest.raises(ValidationError, match="有效期"):
        AddSystemKey(occurred_on=DAY, key=ADD.key, valid_from=NOON, valid_until=NOON)


@pytest.mark.parametrize(
    ("begins", "ends"), [("0001-01-01T00:00:00+14:00", None), (None, "9999-12-31T23:59:59-12:00")]
)
def test_days_that_no_table_could_hold_are_malformed(begins: str | None, ends: str | None) -> None:
    """In UTC they lie outside what a calendar has: every reader would stop at them."""
    days = {"valid_from": begins or NOON.isoformat(), "valid_until": ends or "2030-01-01T00:00:00Z"}
    with pytest.raises(ValidationError, match="2100"):
        AddSystemKey.model_validate({"occurred_on": DAY, "key": JWK, **days})
