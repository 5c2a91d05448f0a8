"""Stored forms byte by byte: leaf, header, canonical JSON, metadata, ids, against fixed vectors.

The vectors were made by `second.py`, which shares nothing with libs; they are bytes for ever.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from libs.events.canonical import NotCanonicalError, canonical
from libs.events.codec import decode_metadata, encode_metadata
from libs.events.leaf import commitments, header, leaf, microseconds
from libs.events.store import head
from libs.events.types import Metadata, Recorded, natural, request_id, stream_id
from tests.events import second
from tests.events.conftest import LogStore
from tests.events.planted import fill

VECTORS = Path(__file__).parents[1] / "cases/vectors"
PAPER = Path(__file__).parents[2] / "docs/leaf.md"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def told(vector: dict[str, Any]) -> Recorded:
    """A vector as the log would hand it out."""
    return Recorded(
        store=UUID(vector["store"]),
        epoch=vector["epoch"],
        position=vector["position"],
        stream=UUID(vector["stream"]),
        version=vector["version"],
        recorded_at=datetime.fromisoformat(vector["recorded_at"]),
        seen=vector["seen"].encode(),
        type=vector["type"],
        schema_version=vector["schema_version"],
        salt=bytes.fromhex(vector["salt"]),
        payload=vector["payload"].encode(),
        metadata=vector["metadata"].encode(),
    )


# --- leaf ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("leaf"), ids=lambda vector: vector["says"])
def test_header_and_leaf_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    event = told(vector)
    assert header(event).hex() == second.header(vector).hex() == vector["header_hex"]
    assert leaf(event).hex() == second.leaf(vector).hex() == vector["leaf_hex"]


def test_the_paper_prints_the_vectors() -> None:
    paper = PAPER.read_text("utf-8").replace("\n", "").replace(" ", "")
    assert len(vectors("leaf")) == 3
    for vector in vectors("leaf"):
        assert vector["header_hex"] in paper
        assert vector["leaf_hex"] in paper


@pytest.mark.parametrize("field", Recorded.__struct_fields__)
def test_every_field_is_in_the_leaf(field: str) -> None:
    event = told(vectors("leaf")[1])
    assert leaf(msgspec.structs.replace(event, **{field: changed(getattr(event, field))})) != leaf(
        event
    )


def changed(value: Any) -> Any:
    match value:
        case UUID():
            return UUID(int=value.int ^ 1)
        case int():
            return value + 1
        case datetime():
            return value + timedelta(microseconds=1)
        case str() | bytes():
            return value[:-1]
        case _:
            raise TypeError(type(value))


def test_a_byte_moved_between_two_fields_is_another_leaf() -> None:
    """Lengths are part of the header: type and seen cannot lend each other bytes."""
    event = told(vectors("leaf")[1])
    moved = msgspec.structs.replace(event, type=event.type + "{", seen=event.seen[1:])
    assert header(moved) != header(event)


def test_a_proof_opens_the_payload_and_hides_the_metadata() -> None:
    """Header, payload and its key, hash of the metadata: enough for the leaf, and not the salt."""
    vector = vectors("leaf")[1]
    event = told(vector)
    key = hmac.digest(event.salt, b"payload", "sha256")
    opened = hashlib.sha256(key + event.payload).digest()
    _, hidden = commitments(event)
    proved = hashlib.sha256(b"\x00" + header(event) + opened + hidden)
    assert proved.hexdigest() == vector["leaf_hex"]
    assert hidden != hashlib.sha256(key + event.metadata).digest()


def test_time_is_whole_microseconds_on_both_sides_of_1970() -> None:
    for text in ("1969-12-31T23:59:59.999999+00:00", "2026-07-01T08:00:00.1+08:00"):
        assert microseconds(datetime.fromisoformat(text)) == second.microseconds(text)
    assert microseconds(datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)) == -1


async def test_a_stored_event_has_the_leaf_of_its_columns(store: LogStore) -> None:
    """Read as text by SQL and hashed by the second program."""
    app = await store.connect()
    await fill(app, UUID(int=1), "斤 😀 \n")
    row = await app.fetchrow(
        "SELECT (SELECT store_id::text FROM es.store) AS store, epoch, position,"
        " stream_id::text AS stream, version, recorded_at, schema_version, type,"
        " seen::text AS seen, encode(salt, 'hex') AS salt, payload::text AS payload,"
        " metadata::text AS metadata FROM es.events WHERE position = 2"
    )
    assert row is not None
    event = {**row, "recorded_at": row["recorded_at"].isoformat()}
    at_head = (await head(app)).leaf
    assert at_head is not None
    assert at_head.hex() == second.leaf(event).hex()


# --- canonical JSON --------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("canonical")["accepted"], ids=lambda v: v["says"])
def test_canonical_bytes_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    value = vector["value"]
    assert canonical(value).hex() == second.canonical(value).hex() == vector["hex"]
    assert json.loads(bytes.fromhex(vector["hex"])) == value


@pytest.mark.parametrize("vector", vectors("canonical")["refused"], ids=lambda v: v["says"])
def test_what_would_not_survive_is_refused_with_its_place(vector: dict[str, Any]) -> None:
    with pytest.raises(NotCanonicalError) as refused:
        canonical(json.loads(vector["json"]))
    assert str(refused.value).startswith(f"{vector['place']}: ")


@pytest.mark.parametrize("value", [b"x", {1: 2}, {1, 2}, datetime(2020, 1, 1, tzinfo=UTC)])
def test_only_plain_data_has_a_canonical_form(value: object) -> None:
    with pytest.raises(NotCanonicalError):
        canonical(value)


# --- metadata and ids ------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("metadata"), ids=lambda vector: vector["says"])
def test_metadata_bytes_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    metadata = msgspec.convert(vector["value"], Metadata)
    stored = encode_metadata(metadata)
    assert stored.hex() == second.canonical(vector["value"]).hex() == vector["hex"]
    assert decode_metadata(stored) == metadata


def test_metadata_has_these_keys_exactly() -> None:
    assert sorted(Metadata.__struct_fields__) == sorted(vectors("metadata")[0]["value"])


@pytest.mark.parametrize("vector", vectors("stream_ids")["streams"], ids=lambda v: v["id"])
def test_a_stream_id_follows_from_its_natural_key(vector: dict[str, Any]) -> None:
    assert str(stream_id(*vector["of"])) == second.stream_id(*vector["of"]) == vector["id"]
    assert UUID(vector["id"]).version == 8


@pytest.mark.parametrize("vector", vectors("stream_ids")["requests"], ids=lambda v: v["id"])
def test_a_request_id_follows_from_client_and_key(vector: dict[str, Any]) -> None:
    assert str(request_id(*vector["of"])) == second.request_id(*vector["of"]) == vector["id"]


def test_ids_of_one_locality_lie_together_and_no_two_keys_join() -> None:
    near = [stream_id("lot", "county", name) for name in ("a", "b", "c")]
    assert len({id_.bytes[:4] for id_ in near}) == 1
    assert len({id_.bytes[4:] for id_ in near}) == 3
    listed = vectors("stream_ids")["streams"]
    named = {tuple(map(natural, vector["of"])) for vector in listed}
    assert len({vector["id"] for vector in listed}) == len(named) == len(listed) - 2


def test_two_spellings_of_one_name_are_one_stream() -> None:
    """Full-width digits and blanks are how a clerk types, and no second lot."""
    one = stream_id("lot", "f", "f", "第1批")
    assert stream_id("lot", "ｆ", "f ", " 第１批\u3000") == one
    assert stream_id("lot", "f", "f", "第1 批") != one
