"""docs/invariants.md says of every rule of the field how it is held, and names what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "docs" / "invariants.md"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

RULES = tuple(
    f"{letter}{number}"
    for letter, count in (("F", 16), ("H", 15), ("A", 8), ("R", 10))
    for number in range(1, count + 1)
)
"""The rules of money, households, assets and reporting, by the ids that the field gave them."""
KINDS = ("stream", "total", "checked warning", "not yet")
COLUMNS = 6

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_MODULE = re.compile(r"`((?:libs|services)/[\w/.]+)`")
_PATH = re.compile(r"`((?:libs|services|tests|bench|infra|docs)/[\w./]+)(?:::\w+)?`")


class Row(NamedTuple):
    """One rule: its id, the sentence, how it is held, where, by which tests, what else is said."""

    id: str
    rule: str
    kind: str
    module: str
    test: str
    note: str


def rows(text: str) -> Iterator[Row]:
    """The rows of all tables; a row of another width is no row and so a missing rule."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if re.fullmatch(r"[A-Z]\d+", cells[0]) and len(cells) == COLUMNS:
            yield Row(*cells)


def faults(text: str) -> list[str]:
    """Every way in which the paper says too little or names what is not there."""
    found = list(rows(text))
    ids = [row.id for row in found]
    missing = [f"{rule} is missing" for rule in RULES if rule not in ids]
    twice = [f"{id_} stands twice" for id_ in sorted(set(ids)) if ids.count(id_) > 1]
    return [*missing, *twice, *(fault for row in found for fault in _of(row))]


def _of(row: Row) -> Iterator[str]:
    if row.kind not in KINDS:
        yield f"{row.id}: no such kind: {row.kind}"
    if not row.rule:
        yield f"{row.id}: no sentence"
    modules, tests = _MODULE.findall(row.module), _TEST.findall(row.test)
    if row.kind == "not yet" and not row.note:
        yield f"{row.id}: what is missing is not said"
    if row.kind != "not yet" and not (modules and tests):
        yield f"{row.id}: held by no module or shown by no test"
    yield from (f"{row.id}: no module {path}" for path in modules if not (ROOT / path).is_file())
    yield from (
        f"{row.id}: no test {path}::{name}" for path, name in tests if not is_test(path, name)
    )


@cache
def is_test(path: str, name: str) -> bool:
    """Whether the file has a test function of this name, at its top level."""
    file = ROOT / path
    found = re.compile(rf"^(async )?def {name}\(", re.MULTILINE)
    return name.startswith("test_") and file.is_file() and bool(found.search(file.read_text()))


def test_every_rule_says_how_it_is_held() -> None:
    assert faults(PAPER.read_text()) == []


F5_TEST = "test_a_second_lot_of_the_same_name_and_batch_is_refused"
PLANTED = [
    ("| F5 |", "| F5a |", "F5 is missing"),
    ("| R10 |", "| R9 |", "R9 stands twice"),
    (
        F5_TEST,
        "test_that_was_renamed",
        "F5: no test tests/funds/test_lot.py::test_that_was_renamed",
    ),
    ("`libs/events/redecide.py`", "`libs/events/gone.py`", "L11: no module libs/events/gone.py"),
    (
        "checked warning | `libs/events/re",
        "hoped for | `libs/events/re",
        "L11: no such kind: hoped for",
    ),
    ("| loans |", "| |", "F15: what is missing is not said"),
    ("| not yet | | | loans", "| total | | | loans", "F15: held by no module or shown by no test"),
]


@pytest.mark.parametrize(("written", "planted", "fault"), PLANTED)
def test_a_planted_fault_is_found(written: str, planted: str, fault: str) -> None:
    text = PAPER.read_text()
    assert text.count(written) == 1
    assert fault in faults(text.replace(written, planted))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    """Folders may be named too; a path with <…> or {…} is a pattern and no path."""
    text = document.read_text()
    gone = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    unknown = [f"{path}::{name}" for path, name in _TEST.findall(text) if not is_test(path, name)]
    assert (gone, unknown) == ([], [])
