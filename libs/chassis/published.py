"""What is published of the contracts: docs/events, docs/asyncapi.json, docs/openapi.

All of it is made from the code and lies in the repository, so that a change of a contract is seen
in review. A published schema may gain words and optional members, never lose or change anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from libs.events.asyncapi import asyncapi
from libs.events.schemas import (
    by_folder,
    event_schema,
    headers_schema,
    metadata_schema,
    narrowed,
    tick_schema,
)

from .openapi import openapi
from .service import Service

DOCS = Path(__file__).resolve().parents[2] / "docs"

Documents = dict[str, dict[str, Any]]
"""Documents by their path below docs."""


class NarrowedError(ValueError):
    """A published schema would say something else; the message names places, a line each."""


def schemas() -> Documents:
    """The schemas of events as now written, and of what goes with them."""
    facts = {
        f"events/{folder}/{kind.__name__}.{kind.version()}.json": event_schema(kind)
        for folder, kinds in by_folder().items()
        for kind in kinds
    }
    beside = {
        "events/metadata.json": metadata_schema(),
        "events/headers.json": headers_schema(),
        "events/tick.json": tick_schema(),
    }
    return facts | beside


def documents(services: Sequence[Service]) -> Documents:
    """All that is published."""
    interfaces = {f"openapi/{service.name}.json": openapi(service) for service in services}
    return schemas() | {"asyncapi.json": asyncapi()} | interfaces


def drifted(services: Sequence[Service], docs: Path = DOCS) -> list[str]:
    """Paths whose file is missing or says something else than the code, and earlier versions of
    facts that are no longer there."""
    wrong = [
        path
        for path, document in documents(services).items()
        if not (docs / path).exists() or (docs / path).read_text() != written(document)
    ]
    return wrong + [path for path in _earlier() if not (docs / path).exists()]


def publish(services: Sequence[Service], docs: Path = DOCS) -> list[str]:
    """Write what has drifted; the paths written. Raises: NarrowedError, with nothing written."""
    if breaches := list(_narrowings(docs)):
        raise NarrowedError("\n".join(breaches))
    made = documents(services)
    paths = [path for path in drifted(services, docs) if path in made]
    for path in paths:
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        (docs / path).write_text(written(made[path]))
    return paths


def written(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _narrowings(docs: Path) -> Iterator[str]:
    for path, schema in schemas().items():
        if (docs / path).exists():
            for place in narrowed(json.loads((docs / path).read_text()), schema):
                yield f"{path}{place}: published otherwise; give the fact a new version"


def _earlier() -> Iterator[str]:
    for folder, kinds in by_folder().items():
        for kind in kinds:
            for version in range(1, kind.version()):
                yield f"events/{folder}/{kind.__name__}.{version}.json"
