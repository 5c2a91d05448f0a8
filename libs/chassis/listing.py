"""A list as a page: within the caller's scope, in order of id, with the cursor of the next page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from fastapi import Response
from pydantic import BaseModel, Field

from libs.events.types import plain

from .call import Call
from .common_routes import answer, require_in_scope

LARGEST_PAGE = 500
NAME = r"^[A-Z][A-Za-z0-9]{0,79}$"
"""Of a command, a rule or a fact."""
OPAQUE = r"^[\x21-\x7e]{1,120}$"
"""Of somebody who acts."""


class Wanted(BaseModel):
    """Which page of a list: what every list takes (product 3)."""

    cursor: UUID | None = Field(default=None, description="上一页的 next")
    limit: int = Field(default=100, ge=1, le=LARGEST_PAGE)
    area: UUID | None = Field(default=None, description="只列该区域及其下级")


async def scope_of(call: Call, wanted: Wanted) -> UUID | None:
    """The area that the list is cut to; None for the whole installation.

    Raises: NotFoundError for an area outside the caller's.
    """
    scope = wanted.area or call.caller.area
    if scope is not None:
        await require_in_scope(call, scope)
    return scope


def page(rows: Sequence[Record | Mapping[str, Any]], wanted: Wanted) -> Response:
    """Rows with an `id`, one more than asked when there are more; `next` is null on the last."""
    shown: list[dict[str, Any]] = plain([dict(row) for row in rows[: wanted.limit]])
    more = len(rows) > wanted.limit
    return answer({"items": shown, "next": shown[-1]["id"] if more else None})
