"""Evidence as rules: what stands, and what a command demands of it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from libs.events import evidence
from libs.events.contracts.evidence import AttachmentAdded, AttachmentWithdrawn
from libs.events.contracts.log import TaskClosed
from libs.events.contracts.rules import ReferenceRow, ReferenceSet, RuleOverridden, RuleWarned
from libs.events.dated_rows import Reference, references
from libs.events.decider import Ask, Decider, Decision, Facts
from libs.events.errors import Refused
from libs.events.evidence import (
    AddAttachment,
    AttachmentAlreadyWithdrawn,
    AttachmentFacts,
    Evidence,
    WithdrawAttachment,
)
from libs.events.evidence_needed import EvidenceMissing, Showing
from libs.events.ruling import Ruled, ruling
from libs.events.severity import Overridable, OverrideNeeded
from libs.events.types import Actor
from tests.spec import when

COUNTY, TOWN, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
THING, PROJECT = UUID(int=10), UUID(int=11)
DAY = date(2024, 3, 16)
HERE = AttachmentFacts(path=(COUNTY, TOWN), area=TOWN)
SHEET = "ab" * 32


def adding(**told: Any) -> AddAttachment:
    plain: dict[str, Any] = {
        "occurred_on": DAY,
        "target": THING,
        "area": None,
        "kind": "sheet",
        "digest": SHEET,
        "size": 7,
        "media_type": "application/pdf",
        "caption": None,
        "taken_at": None,
        "latitude": None,
        "longitude": None,
        "small": None,
    }
    return AddAttachment(**{**plain, **told})


def added(state: Evidence = Evidence(), **told: Any) -> AttachmentAdded:  # noqa: B008 - frozen
    decision = when(evidence.add, state, adding(**told), HERE).accepted()
    ((event,),) = decision.events.values()
    assert isinstance(event, AttachmentAdded)
    return event


def held(*events: Any) -> Evidence:
    return evidence.evidence.over(events)


def withdrawn(one: AttachmentAdded) -> AttachmentWithdrawn:
    return AttachmentWithdrawn(
        attachment=one.attachment, area=one.area, target=one.target, reason="拍错了"
    )


def test_a_file_of_a_kind_stands_once_and_lies_where_its_thing_does() -> None:
    one = added()
    assert (one.area, one.target, one.digest) == (TOWN, THING, SHEET)
    again = when(evidence.add, held(one), adding(), HERE).then()
    assert (again.status, again.body) == (200, {"id": str(one.attachment)})
    assert added(held(one), kind="photo").attachment != one.attachment


def test_what_was_withdrawn_may_be_attached_anew_and_is_withdrawn_once() -> None:
    one = added()
    after = held(one, withdrawn(one))
    asked = WithdrawAttachment(
        occurred_on=DAY, target=THING, attachment=one.attachment, reason="拍错了"
    )
    when(evidence.withdraw, held(one), asked, HERE).then(withdrawn(one))
    when(evidence.withdraw, after, asked, HERE).refused(AttachmentAlreadyWithdrawn)
    assert added(after).attachment != one.attachment


def test_what_counts_is_of_the_kind_stands_and_is_said_from_the_area_or_above() -> None:
    one, two = added(), added(digest="cd" * 32)
    photo = added(kind="photo")
    state = held(one, two, photo)
    assert state.count("sheet", (COUNTY, TOWN)) == 2
    assert state.count("sheet", (COUNTY, TOWN, OTHER)) == 2
    assert state.count("sheet", (COUNTY, OTHER)) == 0
    assert held(one, two, withdrawn(one)).count("sheet", (COUNTY, TOWN)) == 1


class Accept(Overridable):
    """A command of a test: the thing in the path is accepted."""

    project: UUID | None = None


def accept(_: None, command: Accept, facts: Facts) -> Decision:
    if command.occurred_on.year < 2000:
        return Decision({}, {}, status=200)
    return Decision({THING: (TaskClosed(task=THING, area=None, note="x"),)}, {"id": str(THING)})


async def _nothing(*_: Any) -> Any:
    return None


ACCEPT: Decider[None, Accept, Facts] = Decider(Accept, Facts, _nothing, _nothing, accept)


def rows(name: str, key: str, *values: tuple[date, dict[str, Any]]) -> Reference:
    said = [
        ReferenceRow(key=key, valid_from=since, valid_until=None, values=told)
        for since, told in values
    ]
    event = ReferenceSet(set=name, area=None, origin="local", document=None, rows=tuple(said))
    return references.over([event])


def need(count: int = 1, of: str = "") -> dict[str, Any]:
    return {"of": of, "needs": ({"kind": "sheet", "title": "验收单", "count": count},)}


def asked(
    needed: Reference,
    of: dict[UUID, Evidence],
    severities: Reference = Reference(),  # noqa: B008 - frozen
    **told: Any,
) -> Decision | Refused:
    command = Accept(**{"occurred_on": DAY, **told})
    actor = Actor(id="u", role="clerk", unit="x", area=None)
    ask: Ask[Accept] = Ask(UUID(int=9), THING, command, actor, today=date(2024, 4, 1))
    ruled = Ruled(None, severities, Reference(), Showing(needed, of))
    try:
        return ruling(ACCEPT, None, ask, Facts(path=(COUNTY, TOWN)), ruled)
    except Refused as refusal:
        return refusal


NEEDED = rows("evidence", "Accept", (date(2024, 1, 1), need()))


def test_without_a_row_nothing_is_demanded() -> None:
    assert isinstance(asked(Reference(), {}), Decision)
    assert isinstance(asked(rows("evidence", "Other", (DAY, need())), {}), Decision)


def test_what_is_missing_is_named_and_with_it_the_command_passes() -> None:
    told = asked(NEEDED, {THING: Evidence()})
    assert isinstance(told, EvidenceMissing)
    assert told.numbers == {"missing": "验收单 1 份", "target": str(THING)}
    assert told.detail.startswith("缺少必备证据：验收单 1 份")
    assert isinstance(asked(NEEDED, {THING: held(added())}), Decision)
    one = added()
    assert isinstance(asked(NEEDED, {THING: held(one, withdrawn(one))}), EvidenceMissing)


def test_evidence_of_a_thing_that_the_command_names() -> None:
    named = rows("evidence", "Accept", (DAY, need(2, "project")))
    both = {PROJECT: held(added(), added(digest="cd" * 32))}
    assert isinstance(asked(named, both, project=PROJECT), Decision)
    short = asked(named, {PROJECT: held(added())}, project=PROJECT)
    assert isinstance(short, EvidenceMissing)
    assert short.numbers["missing"] == "验收单 1 份"
    assert isinstance(asked(named, {}), EvidenceMissing), "named nothing"


def test_naming_another_day_spares_nothing() -> None:
    later = rows("evidence", "Accept", (date(2024, 3, 20), need()))
    assert isinstance(asked(later, {THING: Evidence()}), EvidenceMissing)
    ended = rows(
        "evidence", "Accept", (date(2024, 1, 1), need()), (date(2024, 3, 20), {"needs": ()})
    )
    assert isinstance(asked(ended, {THING: Evidence()}), EvidenceMissing)


def test_what_changes_nothing_needs_no_evidence() -> None:
    told = asked(NEEDED, {THING: Evidence()}, occurred_on=date(1999, 1, 1))
    assert isinstance(told, Decision)


@pytest.mark.parametrize("severity", ["warn", "override"])
def test_how_strict_it_is_is_data(severity: str) -> None:
    row = {"severity": severity, "roles": (), "evidence": False}
    strict = rows("severity", "EvidenceMissing", (date(2024, 1, 1), row))
    told = asked(NEEDED, {THING: Evidence()}, strict)
    if severity == "override":
        assert isinstance(told, OverrideNeeded)
        why = {"rule": "EvidenceMissing", "reason": "原件在途"}
        told = asked(NEEDED, {THING: Evidence()}, strict, overrides=[why])
    assert isinstance(told, Decision)
    kept = {"warn": RuleWarned, "override": RuleOverridden}[severity]
    assert kept in [type(event) for events in told.events.values() for event in events]
    assert told.body["warnings"][0]["rule"] == "EvidenceMissing"
