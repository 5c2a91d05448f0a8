"""What the steps of a case were answered, and what later steps take from it.

A reference is the name of a step and a path into its answer; it may stand in a body, in a list's
row, in what is expected, and in the path of the URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .cases import CHUNK, CaseError, Step

_IN_PATH = re.compile(r"\{([^{}]+)\}")


@dataclass
class Answers:
    """What the steps were answered, by name; a reference is a name and a path into the answer."""

    bodies: dict[str, Any] = field(default_factory=dict)

    def at(self, reference: str) -> Any:
        """Raises: CaseError for a step not done yet or a member that its answer has not."""
        parts = reference.split(".")
        for length in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:length])
            if name in self.bodies:
                return self._inside(self.bodies[name], parts[length:], reference)
        raise CaseError(f"{reference}: no answer of that name yet")

    def _inside(self, found: Any, path: list[str], reference: str) -> Any:
        for key in path:
            if not isinstance(found, dict) or key not in found:
                raise CaseError(f"{reference}: the answer has no {key}")
            found = found[key]
        return found

    def path(self, text: str) -> str:
        """A URL path with its {references} filled in."""
        return _IN_PATH.sub(lambda match: str(self.at(match[1])), text)

    def resolve(self, value: Any, row: Mapping[str, Any] | None = None) -> Any:
        """Plain data with its references, and within a row its columns, filled in."""
        match value:
            case {"$": str(reference)} if len(value) == 1:
                return self.at(_numbered(reference, row))
            case {"#": str(column)} if len(value) == 1 and row is not None:
                return row[column]
            case dict():
                return {key: self.resolve(inner, row) for key, inner in value.items()}
            case list():
                return [self.resolve(inner, row) for inner in value]
            case str():
                return _numbered(value, row)
            case _:
                return value

    def bodies_of(self, step: Step) -> Iterator[dict[str, Any]]:
        """The body of each request of a step."""
        body = self.resolve(step.body)
        if step.rows is None:
            yield body
            return
        rows = step.rows.all()
        for begin in range(0, len(rows), CHUNK):
            chunk = rows[begin : begin + CHUNK]
            listed = {step.rows.field: [self.resolve(step.rows.row, row) for row in chunk]}
            numbered = {} if step.rows.first is None else {step.rows.first: chunk[0]["n"]}
            yield {**body, **numbered, **listed}


def _numbered(text: str, row: Mapping[str, Any] | None) -> str:
    return text if row is None else text.replace("{n}", f"{row['n']:04}")


def joined(bodies: list[Any]) -> Any:
    """The answers of a list's chunks as one: members side by side, the last where they differ."""
    whole: Any = bodies[0]
    for body in bodies[1:]:
        whole = _joined(whole, body)
    return whole


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        both = first.keys() & second.keys()
        return {**first, **second, **{key: _joined(first[key], second[key]) for key in both}}
    return second


def holds(expected: Any, answered: Any) -> bool:
    """Whether an answer has all that was expected of it: members at least, lists exactly."""
    match expected:
        case dict():
            return isinstance(answered, dict) and all(
                key in answered and holds(value, answered[key]) for key, value in expected.items()
            )
        case list():
            return (
                isinstance(answered, list)
                and len(expected) == len(answered)
                and all(map(holds, expected, answered))
            )
        case _:
            return bool(expected == answered)
