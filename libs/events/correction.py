"""Corrections 更正 of what was registered wrongly: one shape for every noun.

A noun says which of its fields may change and what stands in the way; this module compares what is
asked with what the thing says, and refuses what must be done otherwise. What rests on a thing (its
id, its place, money that has moved) is never corrected: the refusal names the way that is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from .contracts.changes import Change
from .decider import Decision, Facts
from .document import parse_document
from .errors import Refused
from .types import Command, plain

S = TypeVar("S")
Says = Mapping[str, Any]
"""What a thing says, by field, as plain data."""
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(description="更正的理由", examples=["录入时看错一行"]),
]


def _a_number(text: str) -> str:
    """As typed. Raises: DocumentNumberError."""
    parse_document(text)
    return text


Letter = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(_a_number),
]


def barred(way: str) -> Any:
    """A field that callers look for and that is never corrected; `way`: what is right instead."""
    return Field(default=None, description=f"不能更正：{way}", json_schema_extra={"x-way": way})


class Changes(BaseModel):
    """What the fields should have said; those that are not named stay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    may_be_null: ClassVar[frozenset[str]] = frozenset()
    """The fields of which null says that nothing is told."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("至少写一项要更正的内容")
        for name in sorted(self.model_fields_set - self.may_be_null):
            if getattr(self, name) is None:
                raise ValueError(f"{name} 不能为 null")
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_said(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """null is a value here, so a stored command keeps apart what was named and what was not."""
        return {k: v for k, v in told(self).items() if k in self.model_fields_set}

    def says(self) -> dict[str, Any]:
        """By field, as the thing would say it."""
        told: dict[str, Any] = plain(self)
        return told

    def refuse_barred(self) -> None:
        """Raises: NotCorrectable for the first field that has another way."""
        for name in sorted(self.model_fields_set):
            extra = type(self).model_fields[name].json_schema_extra
            if isinstance(extra, dict) and "x-way" in extra:
                raise NotCorrectable(field=name, way=str(extra["x-way"]))


class Correct(Command):
    """What every correction says beside what changes."""

    reason: Reason
    document: Letter | None = Field(default=None, description="凭据文号；涉及金额的须有文号或证据")
    evidence: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="证据的 SHA-256；须已附在其上",
    )


class NothingToCorrect(Refused):
    """没有需要更正的内容：所列各项与现在登记的相同。"""


class NotCorrectable(Refused):
    """该项不能更正：{field}，{way}。"""


class EvidenceNeeded(Refused):
    """更正金额须有凭据：{field} 涉及金额，请写明文号或附证据。"""


class CorrectedTooEarly(Refused):
    """更正不能早于所更正之事：{since} 起入账，来的是 {counted_on}。"""


class CountsWithItsThing(Refused):
    """更正随所更正之事自 {since} 起入账，不能另定为 {effective_on}；请不写 effective_on。"""


@dataclass(frozen=True)
class Correctable(Generic[S]):
    """How a noun is corrected. `says`: what may change, as it stands; `money`: the fields that need
    a document or evidence, also those that begin so with a dot behind."""

    says: Callable[[S], Says]
    money: frozenset[str] = field(default_factory=frozenset)

    def changes(self, state: S, command: Correct, asked: Changes) -> tuple[Change, ...]:
        """What differs, in order of field. Raises: NotCorrectable, NothingToCorrect,
        EvidenceNeeded."""
        asked.refuse_barred()
        says, wanted = self.says(state), asked.says()
        changes = tuple(
            Change(field=name, was=says.get(name), now=wanted[name])
            for name in sorted(wanted)
            if wanted[name] != says.get(name)
        )
        if not changes:
            raise NothingToCorrect()
        for change in changes:
            if change.field.split(".")[0] in self.money and not (
                command.document or command.evidence
            ):
                raise EvidenceNeeded(field=change.field)
        return changes


def corrected(says: Says, changes: tuple[Change, ...]) -> dict[str, Any]:
    """What the thing says once it is corrected."""
    return {**says, **{change.field: change.now for change in changes}}


def why(area: Any, command: Correct, changes: tuple[Change, ...]) -> dict[str, Any]:
    """The members that every event of a correction has."""
    return {
        "area": area,
        "changes": changes,
        "reason": command.reason,
        "evidence": command.evidence,
    }


def days_of(command: Correct, facts: Facts) -> tuple[date, date] | None:
    """A fact was wrong from the day on from which it counts, and so its correction counts from that
    day. Raises: CountsWithItsThing."""
    if facts.since is None:
        return None
    if command.effective_on not in (None, facts.since):
        raise CountsWithItsThing(
            since=facts.since.isoformat(), effective_on=command.effective_on.isoformat()
        )
    return command.occurred_on, facts.since


def require_later(command: Command, facts: Facts, decision: Decision) -> None:
    """What else is corrected counts from the day that is said, never before the thing itself: no
    account was ever below zero. Raises: CorrectedTooEarly."""
    if not isinstance(command, Correct) or facts.since is None or decision.days is not None:
        return
    if command.counted_on < facts.since:
        raise CorrectedTooEarly(
            since=facts.since.isoformat(), counted_on=command.counted_on.isoformat()
        )


def derived(before: Says, after: Says) -> tuple[Change, ...]:
    """What else changes because of it: values that were computed from what was corrected."""
    return tuple(
        Change(field=name, was=before.get(name), now=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def body_of(id_: Any, changes: tuple[Change, ...], more: tuple[Change, ...] = ()) -> dict[str, Any]:
    """What a correction answers."""
    return {"id": str(id_), "changes": plain(changes), "derived": plain(more)}
