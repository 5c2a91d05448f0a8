"""JSON Schema (2020-12) of what lies in the log and travels in Kafka, made from the contracts.

One schema for each version of each fact; its `$id` is the `dataschema` that events name. Schemas
are open: a reader must pass over members it does not know, since a field joins as optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .contracts import BY_SERVICE, log
from .headers import DESCRIBED, MAY_MISS, TICK
from .types import Event, Metadata, plain

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = frozenset(("title", "description", "examples"))

Schema = dict[str, Any]


def by_folder() -> dict[str, list[type[Event]]]:
    """Facts by the folder that publishes them: those of every log lie in `log`."""
    every = log.CONTRACTS.events
    own = {
        service: [kind for name, kind in of.events.items() if name not in every]
        for service, of in BY_SERVICE.items()
    }
    return {"log": list(every.values()), **own}


def event_schema(kind: type[Event]) -> Schema:
    """The payload of a fact in the version now written."""
    return _schema(kind, dataschema(kind.__name__, kind.version()))


def dataschema(name: str, version: int) -> str:
    """The address of a payload's schema, below the origin."""
    return f"/events/{name}/{version}"


def metadata_schema() -> Schema:
    """What stands beside every payload."""
    return _schema(Metadata, "/events/metadata.json")


def headers_schema() -> Schema:
    """The headers of an event in Kafka, every value a text."""
    return {
        "$schema": DIALECT,
        "$id": "/events/headers.json",
        "title": "Headers",
        "description": "CloudEvents 1.0 in binary mode, with the columns that the leaf covers.",
        "type": "object",
        "properties": {name: {"type": "string", **told} for name, told in DESCRIBED.items()},
        "required": [name for name in DESCRIBED if name not in MAY_MISS],
    }


def tick_schema() -> Schema:
    """The value of a tick."""
    whole = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
    leaf = {"anyOf": [{"type": "string", "pattern": "^[0-9a-f]{64}$"}, {"type": "null"}]}
    return {
        "$schema": DIALECT,
        "$id": "/events/tick.json",
        "title": TICK,
        "description": "Said each second by the relay: where the log ended when it looked.",
        "type": "object",
        "properties": {
            "store": {"type": "string", "format": "uuid"},
            "epoch": {**whole, "description": "the life of the store"},
            "position": {**whole, "description": "the head of the log"},
            "leaf": {**leaf, "description": "leaf of the event there; null for an empty log"},
            "token": {**whole, "description": "of the relay's lease: it never falls"},
            "at": {"type": "string", "format": "date-time", "description": "clock of the relay"},
            "sent": {**whole, "description": "events up to here were given to the topic before"},
        },
        "required": ["store", "epoch", "position", "leaf", "token", "at", "sent"],
    }


def _schema(kind: type[msgspec.Struct], id_: str) -> Schema:
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    whole = parts.pop(kind.__name__)
    schema = {"$schema": DIALECT, "$id": id_, **whole, **({"$defs": parts} if parts else {})}
    told: Schema = plain(schema)  # defaults are Python's own; the published file is JSON
    return told


def narrowed(published: Any, now: Any, place: str = "") -> list[str]:
    """Where a schema says something else than the published one of the same version did.

    Words for readers may change, and an object may get further members that nobody must send; all
    else needs a new version of the fact.
    """
    match published, now:
        case dict(), dict():
            return _narrowed_object(published, now, place)
        case _:
            return [] if published == now else [place]


def _narrowed_object(published: Mapping[str, Any], now: Mapping[str, Any], place: str) -> list[str]:
    found = []
    for key in sorted(published.keys() | now.keys()):
        here = f"{place}/{key}"
        if key in ANNOTATIONS and not isinstance(published.get(key), dict):
            continue
        if key in published and key in now:
            found += narrowed(published[key], now[key], here)
        elif key in published or (not place.endswith(("/properties", "/$defs")) and key != "$defs"):
            found.append(here)
    return found
