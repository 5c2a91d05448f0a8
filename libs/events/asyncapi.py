"""The AsyncAPI 3.0 document of the topics: one channel a service, one message a (type, version).

Payloads and headers are references to the published schemas, beside the document as below the
origin. Source: AsyncAPI 3.0.0; Kafka bindings 0.5.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .headers import DESCRIBED, OF_TICK, TICK, TYPE
from .schemas import by_folder

JSON_SCHEMA = "application/schema+json;version=2020-12"
RETENTION_MS = 14 * 24 * 60 * 60 * 1000
"""Newcomers and rebuilds read the owner's log, which is kept for ever (ADR 0004)."""
KEY = {"type": "string", "format": "uuid", "description": "the stream"}


def asyncapi() -> dict[str, Any]:
    """The whole document; every version of a fact ever written is a message of its own."""
    versions = [
        (folder, kind.__name__, version)
        for folder, kinds in by_folder().items()
        for kind in kinds
        for version in range(1, kind.version() + 1)
    ]
    services = [folder for folder in by_folder() if folder != "log"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "溯源 Suyuan",
            "version": "1",
            "description": (
                "What happened, as each service tells it. One topic and one partition a service: "
                "the partition is the order of its log. Delivery is at least once; apply position "
                "last + 1, drop lower, and read a hole from GET /api/v1/<service>/events."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {service: _channel(service, versions) for service in services},
        "operations": {
            f"{service}.told": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{service}"},
                "summary": f"The relay of {service} sends its log in order.",
            }
            for service in services
        },
        "components": {
            "messages": {
                **{
                    f"{name}.{version}": _message(f, name, version) for f, name, version in versions
                },
                TICK: _tick(),
            },
        },
    }


def _channel(service: str, versions: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    carried = [f"{name}.{version}" for f, name, version in versions if f in ("log", service)]
    return {
        "address": f"{service}.events",
        "description": f"The log of {service}, in the order of its positions. An installation may "
        "put a prefix before the address.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*carried, TICK)},
        "bindings": {
            "kafka": {
                "topic": f"{service}.events",
                "partitions": 1,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": RETENTION_MS},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _message(folder: str, name: str, version: int) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"{name}, version {version}",
        "contentType": "application/json",
        "headers": _reference("events/headers.json"),
        "payload": _reference(f"events/{folder}/{name}.{version}.json"),
        "bindings": {"kafka": {"key": KEY, "bindingVersion": "0.5.0"}},
    }


def _tick() -> dict[str, Any]:
    """Once a second; it is no event and has no position of its own."""
    described = {**DESCRIBED, TYPE: {"const": TICK}}
    headers = {
        "type": "object",
        "properties": {name: {"type": "string", **described[name]} for name in OF_TICK},
        "required": list(OF_TICK),
    }
    return {
        "name": TICK,
        "title": "Tick",
        "summary": "How far the log goes, each second: a quiet source is told from a lost one.",
        "contentType": "application/json",
        "headers": headers,
        "payload": _reference("events/tick.json"),
    }


def _reference(path: str) -> dict[str, Any]:
    return {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": path}}
