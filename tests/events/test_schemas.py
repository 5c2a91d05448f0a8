"""The published schemas: true of every sample ever shipped, and never narrowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from libs.chassis.common_routes import cloud_event
from libs.chassis.published import DOCS
from libs.events.codec import encode_metadata
from libs.events.headers import DESCRIBED, MAY_MISS, PREVIOUS, SALT, TRACEPARENT
from libs.events.schemas import Schema, headers_schema, metadata_schema, narrowed, tick_schema
from libs.events.topic import Tick, event_record, tick_record
from libs.events.types import Recorded
from tests.events.make_samples import SAMPLES
from tests.events.planted import metadata

FILES = sorted(SAMPLES.glob("*/*.json"))
ID = UUID(int=7)


def faults(schema: Schema, plain: Any) -> list[str]:
    """Where a value is not as the schema says."""
    Draft202012Validator.check_schema(schema)
    checked = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.json_path for error in checked.iter_errors(plain)]


def published(name: str) -> Schema:
    schema: Schema = json.loads((DOCS / "events" / name).read_text())
    return schema


def test_every_version_that_has_a_sample_is_published_and_nothing_else() -> None:
    schemas = {str(file.relative_to(DOCS / "events")) for file in DOCS.glob("events/*/*.json")}
    assert schemas == {str(file.relative_to(SAMPLES)) for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_sample_is_as_its_published_schema_says_and_a_part_of_it_is_not(file: Path) -> None:
    schema, sample = published(str(file.relative_to(SAMPLES))), json.loads(file.read_bytes())
    assert schema["$id"] == f"/events/{file.stem.replace('.', '/')}"
    assert faults(schema, sample) == []
    for name in schema["required"]:
        without = {key: value for key, value in sample.items() if key != name}
        assert faults(schema, without) == ["$"], name


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("amount_fen", "196500"),
        ("amount_fen", 19.65),
        ("amount_fen", 0),
        ("amount_fen", 2**53),
        ("lot", "the first one"),
        ("from_account", "pocket"),
    ],
)
def test_a_planted_wrong_movement_is_found_by_its_place(place: str, wrong: Any) -> None:
    sample = json.loads((SAMPLES / "funds/FundAllocated.1.json").read_bytes())
    sample["movements"][0][place] = wrong
    assert faults(published("funds/FundAllocated.1.json"), sample) == [f"$.movements[0].{place}"]


def test_stored_metadata_is_as_its_schema_says() -> None:
    stored = json.loads(encode_metadata(metadata(ID)))
    assert faults(metadata_schema(), stored) == []
    assert faults(metadata_schema(), {**stored, "actor": {}}) != []
    assert faults(metadata_schema(), {**stored, "occurred_on": "yesterday"}) == ["$.occurred_on"]


def headers() -> dict[str, str]:
    """An event's headers, as text."""
    event = Recorded(
        store=ID,
        epoch=1,
        position=2,
        stream=ID,
        version=1,
        recorded_at=datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        seen=b'{"households":[1,9]}',
        type="FundAllocated",
        schema_version=1,
        salt=bytes(16),
        payload=b"{}",
        metadata=b"{}",
    )
    told = cloud_event("funds", event)
    named = {f"ce_{name}": str(told[name]) for name in told if f"ce_{name}" in DESCRIBED}
    mine = {"content-type": "application/json", "ce_store": str(ID), "ce_metadata": "{}"}
    leaf = {SALT: event.salt.hex(), PREVIOUS: "0f" * 32, "ce_seen": event.seen.decode()}
    return {**named, **mine, **leaf}


def test_what_the_events_page_tells_fits_the_headers_of_kafka() -> None:
    """Both forms of CloudEvents name an event alike."""
    assert headers().keys() == DESCRIBED.keys() - {TRACEPARENT}
    assert faults(headers_schema(), headers()) == []
    for name in headers().keys() - MAY_MISS:
        without = {key: text for key, text in headers().items() if key != name}
        assert faults(headers_schema(), without) == ["$"], name
    assert faults(headers_schema(), {**headers(), PREVIOUS: ""}) == []
    assert faults(headers_schema(), {**headers(), PREVIOUS: "0f"}) == [f"$.{PREVIOUS}"]
    assert faults(headers_schema(), {**headers(), "ce_position": "-1"}) == ["$.ce_position"]


def test_a_tick_of_an_empty_log_is_as_its_schema_says() -> None:
    ends = {"epoch": 1, "position": 0, "leaf": None, "token": 3, "sent": 0}
    tick = {"store": str(ID), **ends, "at": "2026-01-02T03:04:05Z"}
    assert faults(tick_schema(), tick) == []
    assert faults(tick_schema(), {**tick, "leaf": "short"}) == ["$.leaf"]


# --- a published schema never changes its meaning ----------------------------------------------

Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> list[str]:
    before = published("funds/FundAllocated.1.json")
    after = deepcopy(before)
    change(after)
    return narrowed(before, after)


def test_words_may_change_and_an_optional_member_may_join() -> None:
    assert changed(lambda schema: schema.update(description="other words")) == []
    assert changed(lambda schema: schema["properties"].update(note={"type": "string"})) == []
    assert changed(lambda schema: schema["$defs"].update(Note={"type": "object"})) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda s: s["properties"].pop("lot"), "/properties/lot"),
        (lambda s: s["properties"]["lot"].update(type="integer"), "/properties/lot/type"),
        (lambda s: s["required"].append("note"), "/required"),
        (lambda s: s["required"].pop(), "/required"),
        (lambda s: s["properties"]["lot"].update(maxLength=5), "/properties/lot/maxLength"),
        (lambda s: s.update(additionalProperties=False), "/additionalProperties"),
        (
            lambda s: s["$defs"]["Movement"]["properties"]["from_account"]["enum"].pop(),
            "/$defs/Movement/properties/from_account/enum",
        ),
        (
            lambda s: s["$defs"]["Movement"]["properties"]["amount_fen"].pop("maximum"),
            "/$defs/Movement/properties/amount_fen/maximum",
        ),
    ],
)
def test_anything_else_is_told_by_its_place(change: Change, place: str) -> None:
    assert changed(change) == [place]


def test_a_member_whose_name_is_a_word_for_readers_is_held_too() -> None:
    before = {"properties": {"title": {"type": "string"}}}
    assert narrowed(before, {"properties": {}}) == ["/properties/title"]
    assert narrowed(before, {"properties": {"title": {"type": "null"}}}) == [
        "/properties/title/type"
    ]


def test_a_record_of_the_relay_is_as_published() -> None:
    """What goes to Kafka, against the documents that a consumer outside reads."""
    event = Recorded(
        store=UUID(int=1),
        epoch=1,
        position=1,
        stream=UUID(int=2),
        version=1,
        recorded_at=datetime(2026, 11, 22, tzinfo=UTC),
        seen=b"{}",
        type="FundAllocated",
        schema_version=1,
        salt=bytes(16),
        payload=b"{}",
        metadata=b'{"traceparent":null}',
    )
    for previous in (None, bytes(32)):
        _, _, told = event_record("funds", event, previous)
        assert faults(headers_schema(), {name: value.decode() for name, value in told}) == []
    _, _, told = event_record("funds", event, None)
    assert faults(headers_schema(), {name: value.decode() for name, value in told[1:]}) != []
    tick = Tick(store=ID, epoch=1, position=1, leaf="0" * 64, token=1, sent=1, at=datetime.now(UTC))
    told_of_it = json.loads(tick_record(tick)[0])
    assert faults(tick_schema(), told_of_it) == []
    assert told_of_it.keys() == set(tick_schema()["required"])
