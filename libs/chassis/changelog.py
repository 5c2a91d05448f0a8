"""CHANGELOG.md as data: what changed for those who call, newest first (GET /changelog).

The file is in the form of Keep a Changelog 1.1; whatever else stands in it is refused, so that
nothing that was announced is lost on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Known limits")

_RELEASE = re.compile(r"## \[(?P<version>[^\]]+)\](?: - (?P<on>\d{4}-\d{2}-\d{2}))?")
_SECTION = re.compile(r"### (?P<kind>.+)")


class ChangelogError(ValueError):
    """A line that is none of the form; the message says which."""


@dataclass
class Release:
    """One release; `on` is its day, None while it is not released."""

    version: str
    on: str | None
    summary: str = ""
    changes: dict[str, list[str]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As data: changes by kind, in the order of KINDS."""
        return {
            "version": self.version,
            "released_on": self.on,
            "summary": self.summary,
            "changes": [
                {"kind": kind.lower().replace(" ", "_"), "text": text}
                for kind in KINDS
                for text in self.changes.get(kind, ())
            ],
        }


def releases(text: str) -> list[Release]:
    """The releases in the order of the file. Raises: ChangelogError."""
    found: list[Release] = []
    kind = ""
    for number, paragraph in _paragraphs(text):
        if release := _RELEASE.fullmatch(paragraph):
            found.append(Release(release["version"], release["on"]))
            kind = ""
        elif paragraph.startswith("## "):
            raise ChangelogError(f"line {number}: no heading of a release: {paragraph}")
        elif not found:
            continue  # the file's own heading and what it says of itself
        elif section := _SECTION.fullmatch(paragraph):
            kind = section["kind"]
            _open(found[-1], kind, number)
        elif kind:
            _add(found[-1].changes[kind], paragraph, number)
        else:
            found[-1].summary = f"{found[-1].summary} {paragraph}".strip()
    return found


def _open(release: Release, kind: str, number: int) -> None:
    if kind not in KINDS:
        raise ChangelogError(f"line {number}: {kind} is none of {', '.join(KINDS)}")
    if kind in release.changes:
        raise ChangelogError(f"line {number}: {kind} stands twice in {release.version}")
    release.changes[kind] = []


def _add(changes: list[str], paragraph: str, number: int) -> None:
    if not paragraph.startswith("- "):
        raise ChangelogError(f"line {number}: a change is an item of a list")
    changes.append(paragraph.removeprefix("- "))


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Headings, items and paragraphs, each on one line, with the number of its first line."""
    begun, words = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if words and (not line.strip() or line.startswith(("#", "- ")) or words[0][0] == "#"):
            yield begun, " ".join(words)
            words = []
        if line.strip():
            begun = begun if words else number
            words.append(line.strip())
    if words:
        yield begun, " ".join(words)
