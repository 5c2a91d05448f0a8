"""Requests drawn from the OpenAPI documents (schemathesis), about things that are there.

A document alone draws ids that name nothing; so most are exchanged for ids of a loaded case, by the
name of the field. Everything follows from the seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from libs.chassis.openapi import openapi
from libs.chassis.service import Service

BYTES = "application/offset+octet-stream"
"""What tus calls the bytes of a file."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNITS = ("keeper", "owner", "bank", "organisation", "from_organisation", "to_organisation")
FIELDS = {
    **dict.fromkeys(UNITS, "organisations"),
    "area": "areas",
    "parent": "areas",
    "document": "documents",
    "project": "projects",
    "lot": "lots",
    "household": "households",
    "url": "addresses",
}
"""Which collection the id in a field is of."""
FORMS = {"code": re.compile(r"[A-Za-z][\w.-]{0,79}", re.ASCII), "url": re.compile("https?://.+")}
"""What stands in a field that holds no id."""

Operation = APIOperation[Any, Any, Any, Any]
Asking = Case[Operation]
World = Mapping[str, Sequence[str]]
"""Ids that are there, by collection."""


def operations(service: Service) -> Iterator[Operation]:
    """The operations of a service; who may call is tested elsewhere, so none asks for a token."""
    document = {**openapi(service), "security": []}
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
            if BYTES in operation.get("requestBody", {}).get("content", {}):
                del operation["requestBody"]  # nothing here writes them; sent without any
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def drawn(operation: Operation, mode: GenerationMode, count: int, told: int) -> list[Asking]:
    """At most `count` requests of an operation, as its schema says or in some place not."""
    found: list[Asking] = []

    @seed(told)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def keep(case: Asking) -> None:
        found.append(case)

    try:
        keep()
    except Unsatisfiable:  # nothing can be wrong with a question that takes nothing
        return []
    return found


class About:
    """Makes requests be about things that are there, under keys of their own."""

    def __init__(self, world: World, told: int) -> None:
        self._world = world
        self._random = Random(told)
        self._keys = 0

    def turn(self, case: Asking) -> None:
        """In place: ids, key, and no waiting."""
        collection = case.path.split("/")[1 + case.path.startswith("/trace/")]
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = self._named(name, value, collection)
        case.query = {
            name: self._named(name, value, "")
            for name, value in (case.query or {}).items()
            if name != "wait"
        }
        if not case.headers.get("Idempotency-Key"):  # it needs none, which no document can say
            case.query.pop("dry_run", None)
        if isinstance(case.body, dict | list):
            case.body = self._inside(case.body, "")
        headers = case.headers
        if self._random.random() < 0.95 and headers.get("Idempotency-Key"):
            self._keys += 1
            headers["Idempotency-Key"] = f"random-{self._keys}"
        for name in ("If-Match", "Min-Position"):
            if self._random.random() < 0.8:
                headers.pop(name, None)

    def _inside(self, value: Any, name: str) -> Any:
        match value:
            case dict():
                return {key: self._inside(inner, key) for key, inner in value.items()}
            case list():
                return [self._inside(inner, name) for inner in value]
            case _:
                return self._named(name, value, "")

    def _named(self, name: str, value: Any, collection: str) -> Any:
        """An id that is there for one that is not, most of the time."""
        ids = self._world.get(FIELDS.get(name, collection), ())
        # Only what has the form: else a request drawn to be wrong would be made right.
        fits = isinstance(value, str) and FORMS.get(name, ID).fullmatch(value) is not None
        if not ids or not fits or self._random.random() < 0.2:
            return value
        return self._random.choice(ids)
