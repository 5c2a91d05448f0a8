"""How a person is corrected 更正: both texts sealed, an ID number by the random id that it has.

The id of a person stays, whatever the number was. The right number leads to that person from now
on, the wrong one to nobody, so that whose it really is can be registered. The maps follow the event
(`libs/chassis/erasing.py`); until then the mark on the number's own stream keeps others off it.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple
from uuid import UUID

from pydantic.json_schema import SkipJsonSchema

from libs.events.contracts.changes import SealedChange
from libs.events.contracts.registers import NumberTaken, PersonCorrected
from libs.events.correction import Changes, Correct, NothingToCorrect
from libs.events.decider import Decision, Facts
from libs.events.errors import Refused
from libs.events.types import Event

from .person import Held, Person, SealedText, Warned, present
from .tree import Area


class PersonChanges(Changes):
    """更正人员的哪几项：内容已密封。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"phone"})

    name: SealedText | SkipJsonSchema[None] = None
    phone: SealedText | None = None
    id_number: SealedText | SkipJsonSchema[None] = None


class CorrectPerson(Correct):
    """更正人员的个人信息：内容已密封。`number` 是正确证件号码的不透明编号。"""

    changes: PersonChanges
    number: UUID | None = None
    warnings: tuple[Warned, ...] = ()


class NumberIsAnothers(Refused):
    """该证件号码属于另一已登记人员，不能更正为此号码；如属同一人重复登记，请按重复处理。"""


class NumberNeedsDocument(Refused):
    """更正证件号码须有凭据：请写明文号或附证件的证据。"""


class Renumbering(NamedTuple):
    """A person and the village, and whatever stands under the id of the number."""

    held: Held
    other: Person

    @property
    def area(self) -> Area:
        return self.held.area


def correct_person(state: Renumbering, command: CorrectPerson, _: Facts) -> Decision:
    """P4: one number is one person, also when it is corrected. What was told and what is told now,
    both sealed; the answer says which fields, no text."""
    person, id_ = state.held.person, state.held.id
    area = present(person)
    wanted = command.changes.says()
    changes = tuple(
        SealedChange(field=name, was=getattr(person, name), now=wanted[name])
        for name in sorted(wanted)
        if wanted[name] != getattr(person, name)
    )
    if not changes:
        raise NothingToCorrect()
    event = PersonCorrected(
        person=id_,
        area=area,
        changes=changes,
        reason=command.reason,
        evidence=command.evidence,
        number=command.number,
    )
    told = [{"field": change.field, "was": None, "now": None} for change in changes]
    warnings = [warned.model_dump() for warned in command.warnings]
    body = {"id": str(id_), "changes": told, "derived": [], "warnings": warnings}
    events: dict[UUID, tuple[Event, ...]] = {id_: (event,), **_taken(state, command, area)}
    return Decision(events, body, command.document)


def _taken(state: Renumbering, command: CorrectPerson, area: UUID) -> dict[UUID, tuple[Event, ...]]:
    """The mark on the number's stream; none where only its spelling was another. Raises:
    NumberNeedsDocument, NumberIsAnothers."""
    if command.changes.id_number is None:
        return {}
    if command.document is None and command.evidence is None:
        raise NumberNeedsDocument()
    if command.number is None or command.number == state.held.id:
        return {}
    if state.other.area is not None or state.other.became is not None:
        raise NumberIsAnothers()
    return {command.number: (NumberTaken(area=area, by=state.held.id),)}
