"""The headers of an event in Kafka: CloudEvents 1.0, binary mode, with what our proofs need beside.

Every value is UTF-8 text. With the value (the stored payload) they are the whole event: a reader
computes its leaf from them (docs/leaf.md) and compares `ce_previous` of the next with it.
Source: CloudEvents 1.0.2; Kafka Protocol Binding for CloudEvents 1.0.2, section 3.2.
"""

from __future__ import annotations

from typing import Any, Final

SPECVERSION: Final = "ce_specversion"
ID: Final = "ce_id"
SOURCE: Final = "ce_source"
TYPE: Final = "ce_type"
SUBJECT: Final = "ce_subject"
TIME: Final = "ce_time"
DATASCHEMA: Final = "ce_dataschema"
CONTENT_TYPE: Final = "content-type"
TRACEPARENT: Final = "traceparent"
STORE: Final = "ce_store"
EPOCH: Final = "ce_epoch"
POSITION: Final = "ce_position"
VERSION: Final = "ce_version"
SEEN: Final = "ce_seen"
SALT: Final = "ce_salt"
PREVIOUS: Final = "ce_previous"
METADATA: Final = "ce_metadata"

TICK: Final = "suyuan.tick"
"""The type of what the relay says each second: how far the log goes, though nothing happened."""

_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_COUNT = "^(0|[1-9][0-9]{0,15})$"
_LEAF = "^([0-9a-f]{64})?$"

DESCRIBED: Final[dict[str, dict[str, Any]]] = {
    SPECVERSION: {"const": "1.0", "description": "version of CloudEvents"},
    ID: {"pattern": "^[0-9]+-[0-9]+$", "description": "<epoch>-<position>"},
    SOURCE: {"pattern": "^/[a-z]+/[0-9a-f-]{36}$", "description": "/<service>/<store>"},
    TYPE: {"pattern": "^[A-Z][A-Za-z]+$", "description": "the type of the event"},
    SUBJECT: {"pattern": _UUID, "description": "the stream; also the key of the record"},
    TIME: {"format": "date-time", "description": "recorded_at, to the microsecond"},
    DATASCHEMA: {"format": "uri-reference", "description": "/events/<type>/<schema version>"},
    CONTENT_TYPE: {"const": "application/json", "description": "of the value"},
    TRACEPARENT: {"description": "W3C Trace Context, where the command had one"},
    STORE: {"pattern": _UUID, "description": "the store"},
    EPOCH: {"pattern": _COUNT, "description": "the life of the store"},
    POSITION: {"pattern": _COUNT, "description": "place in the log: dense, from 1"},
    VERSION: {"pattern": _COUNT, "description": "place in the stream"},
    SEEN: {
        "contentMediaType": "application/json",
        "description": "positions of other logs that the service had applied, as stored: "
        '{"<service>":[<epoch>,<position>]}',
    },
    SALT: {"pattern": "^[0-9a-f]{32}$", "description": "16 bytes in hex, for the leaf"},
    PREVIOUS: {"pattern": _LEAF, "description": "leaf of the event before; empty at position 1"},
    METADATA: {
        "contentMediaType": "application/json",
        "description": "canonical JSON as stored; its schema is /events/metadata.json",
    },
}
"""Each header as a JSON Schema of its text."""

MAY_MISS: Final = frozenset((TRACEPARENT,))
"""Headers that an event may come without."""

OF_TICK: Final = (SPECVERSION, CONTENT_TYPE, TYPE)
"""The headers of a tick; it has no key."""
