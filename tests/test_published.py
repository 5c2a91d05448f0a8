"""docs/events, docs/asyncapi.json and docs/openapi are what the code says; a change is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from jsonschema import Draft7Validator

from libs.chassis.cli import main
from libs.chassis.openapi import openapi
from libs.chassis.published import DOCS, NarrowedError, drifted, publish
from libs.events.asyncapi import asyncapi
from libs.events.headers import DESCRIBED
from services.__main__ import SERVICES

ASYNCAPI = Path(__file__).parent / "vendor" / "asyncapi-3.0.0.json"
SCHEMA = "events/funds/FundAllocated.1.json"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """What is published, to be changed."""
    for folder in ("events", "openapi"):
        copytree(DOCS / folder, tmp_path / folder)
    (tmp_path / "asyncapi.json").write_text((DOCS / "asyncapi.json").read_text())
    return tmp_path


def test_what_is_published_is_what_the_code_says() -> None:
    assert drifted(SERVICES) == [], "run: python -m services contracts"


@pytest.mark.parametrize("path", ["asyncapi.json", "openapi/funds.json", SCHEMA])
def test_a_changed_and_a_missing_file_are_drift_and_are_written_again(
    docs: Path, path: str
) -> None:
    file = docs / path
    file.write_text(file.read_text().replace('"description": "', '"description": "not ', 1))
    assert drifted(SERVICES, docs) == [path]
    assert publish(SERVICES, docs) == [path]
    file.unlink()
    assert drifted(SERVICES, docs) == [path]
    assert publish(SERVICES, docs) == [path]
    assert publish(SERVICES, docs) == []


def test_a_published_schema_that_would_say_less_is_refused_and_nothing_is_written(
    docs: Path,
) -> None:
    """As if the code had dropped a field since."""
    schema = json.loads((docs / SCHEMA).read_text())
    schema["properties"]["reason"] = {"type": "string"}
    (docs / SCHEMA).write_text(json.dumps(schema))
    (docs / "asyncapi.json").unlink()
    with pytest.raises(NarrowedError, match=r"FundAllocated\.1\.json/properties/reason"):
        publish(SERVICES, docs)
    assert not (docs / "asyncapi.json").exists()


def test_the_verb_says_by_its_code_whether_anything_drifted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(SERVICES, ["contracts", "--check"]) == 0
    assert main((SERVICES[0],), ["contracts", "--check"]) == 0
    assert capsys.readouterr().out == ""


# --- AsyncAPI --------------------------------------------------------------------------------


def faults(document: dict[str, Any]) -> list[str]:
    official = Draft7Validator(json.loads(ASYNCAPI.read_text()))
    return sorted({error.json_path for error in official.iter_errors(document)})


def test_the_asyncapi_document_is_one_by_the_official_schema() -> None:
    assert faults(asyncapi()) == []


@pytest.mark.parametrize("member", ["asyncapi", "info"])
def test_a_planted_fault_in_it_is_found(member: str) -> None:
    document = asyncapi()
    document[member] = "3"
    assert faults(document) == [f"$.{member}"]
    broken = asyncapi()
    broken["channels"]["funds"]["bindings"]["kafka"]["partitions"] = 0
    assert faults(broken) != []


def references(value: Any) -> Iterator[str]:
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def resolved(document: dict[str, Any], reference: str) -> Any:
    path, _, inside = reference.partition("#")
    found = json.loads((DOCS / path).read_text()) if path else document
    for part in inside.strip("/").split("/") if inside else ():
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


@pytest.mark.parametrize(
    "document", [asyncapi(), *map(openapi, SERVICES)], ids=lambda d: d["info"]["title"][:30]
)
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert len(found) > 10
    for reference in found:
        assert isinstance(resolved(document, reference), dict), reference


def test_every_channel_is_one_partition_and_carries_the_facts_of_every_log_and_the_tick() -> None:
    document = asyncapi()
    assert set(document["channels"]) == {service.name for service in SERVICES}
    for name, channel in document["channels"].items():
        assert channel["address"] == f"{name}.events"
        assert channel["bindings"]["kafka"]["partitions"] == 1
        assert {"CommandRefused.1", "suyuan.tick"} <= channel["messages"].keys()
    assert "FundAllocated.1" in document["channels"]["funds"]["messages"]
    assert "FundAllocated.1" not in document["channels"]["assets"]["messages"]


def test_headers_are_lower_case_names_as_the_binding_writes_them() -> None:
    plain = {"content-type", "traceparent"}
    assert {name for name in DESCRIBED if not name.startswith("ce_")} == plain
    assert all(name == name.lower() for name in DESCRIBED)


# --- OpenAPI ---------------------------------------------------------------------------------


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for service in SERVICES:
        for path, methods in openapi(service)["paths"].items():
            for method, operation in methods.items():
                yield f"{service.name} {method} {path}", method, operation


def test_operations_have_names_of_their_own() -> None:
    for service in SERVICES:
        methods = openapi(service)["paths"].values()
        names = [operation["operationId"] for one in methods for operation in one.values()]
        assert len(names) == len(set(names))
        assert all(name.isidentifier() and name.islower() for name in names)


BYTES = ("/content", "/outcome", "/rejected", "/workbook")
"""Answers that are a file's bytes."""


def test_every_answer_has_a_shape_and_every_command_its_key() -> None:
    for name, method, operation in operations():
        if operation["tags"] == ["文件"] and method not in ("get", "post"):
            continue  # tus says by headers what it answers
        good = {status: told for status, told in operation["responses"].items() if status < "3"}
        rehearsed = any(one["name"] == "dry_run" for one in operation.get("parameters", []))
        done = good.keys() - {"202", "200"} if rehearsed else good.keys() - {"202"}
        assert len(done) <= 1, f"{name}: done in one way, or it waits for others"
        assert good, name
        for answer in good.values():
            if name.endswith(BYTES) or "/exports/" in name:
                continue
            assert answer["content"]["application/json"]["schema"] not in ({}, None), name
        required = (
            {p["name"] for p in operation["parameters"] if p["required"]}
            if method == "post" and "requestBody" in operation
            else {"Idempotency-Key"}
        )
        assert "Idempotency-Key" in required, name
        for status, answer in operation["responses"].items():
            if status >= "4":
                assert list(answer["content"]) == ["application/problem+json"], name


def test_only_what_is_open_to_anyone_needs_no_token() -> None:
    opened = {name.split()[-1] for name, _, told in operations() if "security" not in told}
    assert opened == {"/health", "/version"}
