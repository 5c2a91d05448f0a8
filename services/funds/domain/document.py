"""A letter 文件: any observed shape of its number is recognised (dossier 9.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field, field_validator

from libs.events.contracts.funds import DocumentCorrected, DocumentRegistered
from libs.events.contracts.money import Level
from libs.events.decider import Decision, Facts, Fold
from libs.events.document import DocumentNumber, parse_document
from libs.events.errors import Refused
from libs.events.types import Command, Day, Event, stream_id

Kind = Literal["funding", "approval", "policy"]


class RegisterDocument(Command):
    """登记文件。文号可用任何常见写法；同一文件只登记一次。"""

    number: str = Field(min_length=2, max_length=120, examples=["国开办司发〔2017〕36号"])
    kind: Kind
    title: str = Field(min_length=1, max_length=300)
    level: Level
    area: UUID
    issued_on: Day
    note: str | None = Field(default=None, max_length=300)

    @field_validator("number")
    @classmethod
    def _a_number(cls, text: str) -> str:
        parse_document(text)
        return text

    def document(self) -> UUID:
        return document_stream(parse_document(self.number))


def document_stream(number: DocumentNumber) -> UUID:
    """The stream of a document: every spelling of its number names the same one."""
    return stream_id("document", number.key, number.key)


class DocumentAlreadyRegistered(Refused):
    """该文件已经登记：{number} 《{title}》，编号 {document}。"""


class DocumentNotRegistered(Refused):
    """文件未登记：{document}。"""


@dataclass(frozen=True, slots=True)
class Document:
    id: UUID | None = None
    area: UUID | None = None
    number: str = ""
    kind: Kind = "funding"
    title: str = ""
    level: Level = "county"
    issued_on: date | None = None
    note: str | None = None


def register(state: Document, command: RegisterDocument, _: Facts) -> Decision:
    if state.id is not None:
        raise DocumentAlreadyRegistered(
            number=state.number, title=state.title, document=str(state.id)
        )
    parsed = parse_document(command.number)
    event = DocumentRegistered(
        document=command.document(),
        number=parsed.normal,
        number_text=command.number,
        issuer=parsed.issuer,
        year=parsed.year,
        serial=parsed.serial,
        kind=command.kind,
        title=command.title,
        level=command.level,
        area=command.area,
        issued_on=command.issued_on,
        note=command.note,
    )
    body = {"id": str(command.document()), "number": parsed.normal, "has_year": parsed.has_year}
    return Decision({command.document(): (event,)}, body, parsed.normal)


def require_registered(document: Document, asked: UUID) -> Document:
    """Raises: DocumentNotRegistered."""
    if document.id is None:
        raise DocumentNotRegistered(document=str(asked))
    return document


def evolve(state: Document, event: Event) -> Document:
    match event:
        case DocumentRegistered():
            named = (event.document, event.area, event.number, event.kind, event.title)
            return Document(*named, event.level, event.issued_on, event.note)
        case DocumentCorrected():
            named = (event.document, event.area, event.number, event.kind, event.title)
            return Document(*named, event.level, event.issued_on, event.note)
        case _:
            return state


documents: Fold[Document] = Fold("document", Document(), evolve)
