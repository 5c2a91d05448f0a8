"""Which steps of an approval came from one device, and which of them are flagged."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from libs.events.same_device import Found, Step, compared, mark_of

MINE, OTHER, THIRD = "a" * 32, "b" * 32, "c" * 32


@pytest.mark.parametrize(
    ("mark", "steps", "found"),
    [
        (MINE, [Step(MINE, 600)], Found("same", 600, flagged=True)),
        (MINE, [Step(MINE, 601)], Found("same", 601, flagged=False)),
        (MINE, [Step(MINE, 3_000), Step(MINE, 9)], Found("same", 9, flagged=True)),
        (MINE, [Step(OTHER, 3), Step(MINE, 9)], Found("same", 9, flagged=True)),
        (MINE, [Step(OTHER, 3), Step(THIRD, 1)], Found("other")),
        (MINE, [Step(OTHER, 3), Step(None, 1)], Found("unknown")),
        (MINE, [Step(None, 3)], Found("unknown")),
        (None, [Step(MINE, 3)], Found("unknown")),
        (None, [Step(None, 3)], Found("unknown")),
    ],
)
def test_two_steps_are_flagged_within_the_minutes_and_unknown_is_not_different(
    mark: str | None, steps: list[Step], found: Found
) -> None:
    assert compared(mark, steps, 600) == found


def test_without_a_row_the_same_device_is_flagged_whenever() -> None:
    assert compared(MINE, [Step(MINE, 86_400)], None).flagged


def test_a_mark_links_the_steps_of_one_approval_and_of_no_other() -> None:
    device, approval = uuid4(), uuid4()
    mark = mark_of(device, approval)
    assert mark == mark_of(UUID(str(device)), approval)
    assert len({mark, mark_of(device, uuid4()), mark_of(uuid4(), approval)}) == 3
    assert str(mark) not in (device.hex, approval.hex)
    assert mark_of(None, approval) is None
