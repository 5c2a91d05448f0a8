"""Routes of documents 文件."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from libs.chassis.call import Call, Holds
from libs.chassis.reading import show
from libs.chassis.shapes import Made
from libs.events.contracts.money import Level
from libs.events.decider import Ask, Decider, Facts, Knowing, Streams
from libs.events.types import Day
from services.funds.domain import document
from services.funds.domain.document import Document, Kind, RegisterDocument

router = APIRouter(tags=["文件"])


class DocumentRead(Made):
    """The document as its number was read."""

    number: str
    has_year: bool


class DocumentShown(BaseModel):
    id: UUID
    area: UUID
    number: str
    kind: Kind
    title: str
    level: Level
    issued_on: Day
    note: str | None


async def _gather(streams: Streams, ask: Ask[RegisterDocument]) -> Document:
    return await streams.load(document.documents, ask.command.document())


async def _learn(known: Knowing, _: Document, ask: Ask[RegisterDocument]) -> Facts:
    area = ask.command.area
    return Facts(path=await known.path(area), ended=await known.ended(area))


REGISTER = Decider(RegisterDocument, Facts, _gather, _learn, document.register, noun="document")
DECIDERS = (REGISTER,)


@router.post("/documents", status_code=201, response_model=DocumentRead, summary="登记文件")
async def register(
    command: RegisterDocument, call: Annotated[Call, Depends(Holds("clerk", "finance"))]
) -> Response:
    """文号可用任何常见写法；同一文件再次登记返回 409。"""
    return await call.execute(REGISTER, command, location="/api/v1/funds/documents/{id}")


@router.get("/documents/{id}", response_model=DocumentShown, summary="文件")
async def get_document(
    id: UUID, call: Annotated[Call, Depends(Holds("clerk", "finance", "auditor"))]
) -> Response:
    """任何区域都可引用和查看文件。"""

    def within(state: Document) -> UUID | None:
        """Once it is registered, a document lies in every caller's area."""
        return None if state.id is None else call.caller.area or state.area

    return await show(call, document.documents, id, within)
