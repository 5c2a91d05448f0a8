"""CHANGELOG.md is read whole or not at all."""

from __future__ import annotations

import pytest

from libs.chassis.changelog import FILE, ChangelogError, releases

TEXT = """# Changelog

What changes, newest first.

## [Unreleased]

Nothing else
of note.

### Added

- **Feeds**: a second
  line of it.
- Another.

### Known limits

- None.

## [0.1.0] - 2026-11-30

### Fixed

- A fault.
"""


def test_releases_are_told_in_their_order_with_changes_by_kind() -> None:
    assert [release.told() for release in releases(TEXT)] == [
        {
            "version": "Unreleased",
            "released_on": None,
            "summary": "Nothing else of note.",
            "changes": [
                {"kind": "added", "text": "**Feeds**: a second line of it."},
                {"kind": "added", "text": "Another."},
                {"kind": "known_limits", "text": "None."},
            ],
        },
        {
            "version": "0.1.0",
            "released_on": "2026-11-30",
            "summary": "",
            "changes": [{"kind": "fixed", "text": "A fault."}],
        },
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("### Fixed", "### Mended", "line 22: Mended is none of"),
        ("### Known limits", "### Added", "line 16: Added stands twice"),
        ("- A fault.", "A fault.", "line 24: a change is an item"),
        ("- None.", "- None.\n\nAnd a word.", "line 20: a change is an item"),
        ("## [0.1.0] - 2026-11-30", "## 0.1.0, in November", "line 20: no heading"),
        ("## [0.1.0] - 2026-11-30", "## [0.1.0] - soon", "line 20: no heading"),
    ],
)
def test_what_is_not_of_the_form_is_refused_by_its_line(was: str, becomes: str, says: str) -> None:
    with pytest.raises(ChangelogError, match=says):
        releases(TEXT.replace(was, becomes, 1))


def test_the_file_of_the_project_is_of_the_form_and_nothing_of_it_is_lost() -> None:
    text = FILE.read_text()
    told = releases(text)
    assert told[0].version == "Unreleased"
    items = [item for release in told for changes in release.changes.values() for item in changes]
    assert len(items) == sum(line.startswith("- ") for line in text.splitlines())
