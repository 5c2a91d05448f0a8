"""A system 对接系统 of another organisation, and the public keys by which it is known.

It signs what it says with a key of its own (RFC 7523); two keys overlap while one follows the
other. No private key ever enters here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.events.canonical import canonical, sha256
from libs.events.contracts.directory import SystemKeyAdded, SystemKeyRetired, SystemRegistered
from libs.events.decider import Decision, Facts, Fold
from libs.events.errors import Refused
from libs.events.types import Command, Event, stream_id

from .area import AreaNotRegistered
from .organisation import OrganisationName
from .tree import Area

PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a private or shared key (RFC 7518 section 6)."""
NEEDED: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("OKP", "Ed25519"): ("crv", "kty", "x"),
    ("EC", "P-256"): ("crv", "kty", "x", "y"),
    ("RSA", None): ("e", "kty", "n"),
}
"""Kinds of keys, and the members that make one (RFC 7638 section 3.2)."""
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""y² = x³ − 3x + b (FIPS 186-5, SP 800-186 section 3.2.1.3)."""
RSA_BYTES = (256, 512)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Of a key's days: what the tables of every service can hold in any time zone."""

Part = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,700}$")]
SystemCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,39}$", examples=["dibao"])]
KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class PublicJwk(BaseModel):
    """公钥（JWK）：Ed25519、P-256，或 2048 至 4096 位的 RSA。不得含私钥。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kty: Literal["OKP", "EC", "RSA"]
    crv: Literal["Ed25519", "P-256"] | None = None
    x: Part | None = None
    y: Part | None = None
    n: Part | None = None
    e: Part | None = None
    kid: str | None = Field(default=None, max_length=200, description="不采用：编号由公钥算出")
    alg: str | None = Field(default=None, max_length=20, description="不采用")
    use: Literal["sig"] | None = None
    key_ops: tuple[Literal["verify"], ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _holds_nothing_private(cls, told: Any) -> Any:
        if isinstance(told, dict) and PRIVATE & told.keys():
            raise ValueError("这是私钥：只登记公钥；这把私钥已经外传，请另换一把")
        return told

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        members = self.members()
        if any(_bytes(members[name]) is None for name in members if name not in ("kty", "crv")):
            raise ValueError("不是规范的 base64url")
        if not _usable(members):
            raise ValueError("不是可用的公钥：须为 Ed25519、P-256，或 2048 至 4096 位的 RSA")
        return self

    def members(self) -> dict[str, str]:
        """Those that make the key, and no others."""
        needed = NEEDED.get((self.kty, self.crv), ())
        told = {name: getattr(self, name) for name in needed}
        return {name: value for name, value in told.items() if value is not None}

    def kid_of_it(self) -> str:
        """RFC 7638: one key has one id, whoever names it."""
        return _spelled(sha256(canonical(self.members())))


def _bytes(text: str) -> bytes | None:
    """None where it is not the one spelling of some bytes."""
    if len(text) % 4 == 1:
        return None
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if _spelled(raw) == text else None


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _usable(members: dict[str, str]) -> bool:
    raw = {name: _bytes(value) or b"" for name, value in members.items()}
    match members:
        case {"kty": "OKP", "x": _}:
            return len(raw["x"]) == 32
        case {"kty": "EC", "x": _, "y": _}:
            return len(raw["x"]) == len(raw["y"]) == 32 and _on_p256(raw["x"], raw["y"])
        case {"kty": "RSA", "n": modulus, "e": "AQAB"}:
            size = len(raw["n"])
            return RSA_BYTES[0] <= size <= RSA_BYTES[1] and raw["n"][0] >= 0x80 and modulus != ""
        case _:
            return False


def _on_p256(x: bytes, y: bytes) -> bool:
    across, up = int.from_bytes(x), int.from_bytes(y)
    below = across < P256 and up < P256
    return below and (up * up - (across**3 - 3 * across + P256_B)) % P256 == 0


class RegisterSystem(Command):
    """登记对接系统：为哪个单位、在哪个区域内调用。编号由代码决定。"""

    code: SystemCode
    organisation: OrganisationName
    unit: str = Field(pattern=r"^[\x21-\x7e]{1,80}$", description="单位的不透明编号")
    area: UUID | None = Field(description="null: 全库")

    def system(self) -> UUID:
        return stream_id("system", self.code, self.code)


class AddSystemKey(Command):
    """登记对接系统的公钥。新旧两把可以同时有效。"""

    key: PublicJwk
    valid_from: AwareDatetime
    valid_until: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until <= self.valid_from:
            raise ValueError("有效期须在生效之后结束")
        if self.valid_from < EARLIEST or self.valid_until > LATEST:
            raise ValueError("有效期须在 2000 年至 2100 年之间")
        return self


class RetireSystemKey(Command):
    """停用对接系统的公钥，即刻生效；用它签的一概不再承认。"""

    kid: KeyId
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class SystemAlreadyRegistered(Refused):
    """该系统已经登记：{code}，编号 {system}。"""


class SystemKeyAlreadyAdded(Refused):
    """该公钥已经登记：{kid}，停用的也不能再登记。"""


class SystemKeyNotAdded(Refused):
    """该系统没有此公钥：{kid}。"""


class SystemKeyAlreadyRetired(Refused):
    """该公钥已经停用：{kid}。"""


@dataclass(frozen=True, slots=True)
class SystemKey:
    """A key and when it is believed; `retired`: it is not, whatever its days say."""

    kid: str
    valid_from: datetime
    valid_until: datetime
    retired: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """`keys` in the order in which they were added."""

    id: UUID | None = None
    code: str = ""
    organisation: str = ""
    unit: str = ""
    area: UUID | None = None
    keys: tuple[SystemKey, ...] = ()

    def key(self, kid: str) -> SystemKey | None:
        return next((key for key in self.keys if key.kid == kid), None)


class Registering(NamedTuple):
    """The system, and the area that it is to call within, if it is one."""

    known: System
    area: Area | None


def register(state: Registering, command: RegisterSystem, _: Facts) -> Decision:
    if state.known.id is not None:
        raise SystemAlreadyRegistered(code=command.code, system=str(state.known.id))
    if state.area is not None and state.area.id is None:
        raise AreaNotRegistered()
    system = command.system()
    event = SystemRegistered(
        system=system,
        code=command.code,
        organisation=command.organisation,
        unit=command.unit,
        area=command.area,
    )
    return Decision({system: (event,)}, {"id": str(system)})


def add_key(state: System, command: AddSystemKey, _: Facts) -> Decision:
    """A key is added once: one that was retired may be in others' hands."""
    assert state.id is not None, "a system in the path is there, or 404"
    kid = command.key.kid_of_it()
    if state.key(kid) is not None:
        raise SystemKeyAlreadyAdded(kid=kid)
    event = SystemKeyAdded(
        system=state.id,
        area=state.area,
        kid=kid,
        key=command.key.members(),
        valid_from=command.valid_from,
        valid_until=command.valid_until,
    )
    return Decision({state.id: (event,)}, {"id": str(state.id), "kid": kid})


def retire_key(state: System, command: RetireSystemKey, _: Facts) -> Decision:
    assert state.id is not None, "a system in the path is there, or 404"
    key = state.key(command.kid)
    if key is None:
        raise SystemKeyNotAdded(kid=command.kid)
    if key.retired:
        raise SystemKeyAlreadyRetired(kid=command.kid)
    event = SystemKeyRetired(
        system=state.id, area=state.area, kid=command.kid, reason=command.reason
    )
    return Decision({state.id: (event,)}, {"id": str(state.id)})


def evolve(state: System, event: Event) -> System:
    match event:
        case SystemRegistered():
            return System(event.system, event.code, event.organisation, event.unit, event.area)
        case SystemKeyAdded():
            key = SystemKey(event.kid, event.valid_from, event.valid_until)
            return replace(state, keys=(*state.keys, key))
        case SystemKeyRetired():
            return replace(state, keys=tuple(_retired(key, event.kid) for key in state.keys))
        case _:
            return state


def _retired(key: SystemKey, kid: str) -> SystemKey:
    return replace(key, retired=True) if key.kid == kid else key


systems: Fold[System] = Fold("system", System(), evolve)
