"""The systems of others as every service knows them: who may call, and by which public keys."""

from __future__ import annotations

from collections.abc import Iterator

from .canonical import canonical
from .contracts.directory import SystemKeyAdded, SystemKeyRetired, SystemRegistered
from .entries import Row, Table
from .types import Event

SYSTEMS = Table(
    "known.systems",
    (
        ("id", "uuid"),
        ("code", "text"),
        ("organisation", "text"),
        ("unit", "text"),
        ("area", "uuid"),
    ),
    key=("id",),
    mode="latest",
)
KEYS = Table(
    "known.system_keys",
    (
        ("system", "uuid"),
        ("kid", "text"),
        ("key", "text"),
        ("valid_from", "timestamptz"),
        ("valid_until", "timestamptz"),
    ),
    key=("system", "kid"),
    mode="latest",
)
RETIRED = Table(
    "known.retired_system_keys",
    (("system", "uuid"), ("kid", "text")),
    key=("system", "kid"),
    mode="latest",
)
OF = (SystemRegistered, SystemKeyAdded, SystemKeyRetired)


def project(fact: Event) -> Iterator[tuple[Table, Row]]:
    """Whether a key was retired is asked when it is used: each table has events of its own."""
    match fact:
        case SystemRegistered():
            yield SYSTEMS, (fact.system, fact.code, fact.organisation, fact.unit, fact.area)
        case SystemKeyAdded():
            key = canonical(fact.key).decode()
            yield KEYS, (fact.system, fact.kid, key, fact.valid_from, fact.valid_until)
        case SystemKeyRetired():
            yield RETIRED, (fact.system, fact.kid)
        case _:
            return
