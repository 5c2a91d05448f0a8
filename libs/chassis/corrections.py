"""Routes of corrections 更正: the same for every noun; rehearsed, they tell what rests on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.events.codec import decode_metadata
from libs.events.correction import Correct
from libs.events.decider import Ask, Decider, Fold, Knowing
from libs.events.execute import rehearsed
from libs.events.types import Day, plain, withheld

from .call import Call, Holds
from .common_routes import answer
from .reading import state_of
from .shapes import Dependant, Elsewhere, Made

S = TypeVar("S")
FIRST = 5
"""Ids told of each kind of thing that rests on what is corrected."""


class ChangeShown(BaseModel):
    """A field: what it said, what it says."""

    field: str
    was: str | int | bool | None
    now: str | int | bool | None


class CorrectionMade(Made):
    """What changed, and what changed because of it."""

    changes: list[ChangeShown]
    derived: list[ChangeShown] = Field(description="随之改变的数")


class ActorShown(BaseModel):
    """Who did it, in the role and unit of that day."""

    id: str
    role: str
    unit: str


class CorrectionShown(BaseModel):
    """One correction, as it stands in the log. Sealed texts are null."""

    event: str = Field(examples=["1-1234"], description="<epoch>-<position>")
    version: int
    at: AwareDatetime
    by: ActorShown
    occurred_on: Day
    effective_on: Day
    reason: str
    document: str | None
    evidence: str | None
    changes: list[ChangeShown]


class Corrections(BaseModel):
    """All corrections of a thing, in order; none: it stands as it was registered."""

    corrections: list[CorrectionShown]


class Subject(NamedTuple, Generic[S]):
    """What is corrected: where it stands in addresses, its stream, where it lies, and what rests
    on it here and elsewhere."""

    path: str
    name: str
    tag: str
    fold: Fold[S]
    area: Callable[[S], UUID | None]
    dependants: Callable[[Call, UUID, S], Awaitable[Sequence[dict[str, Any]]]]
    elsewhere: tuple[tuple[str, str, str], ...] = ()


async def correct(
    call: Call, subject: Subject[Any], decider: Decider[Any, Any, Any], command: Correct, id_: UUID
) -> Response:
    """Execute a correction; its rehearsal tells, beside what would change, what rests on the thing:
    shown before anyone confirms."""
    said = await call.execute(decider, command, id_)
    if not call.dry_run or said.status_code != 200:
        return said
    body = msgspec.json.decode(bytes(said.body))
    _, state = await state_of(call, subject.fold, id_, subject.area)
    body["dependants"] = plain(await subject.dependants(call, id_, state))
    body["elsewhere"] = [
        Elsewhere(service=service, what=what, see=see.format(id=id_)).model_dump()
        for service, what, see in subject.elsewhere
    ]
    told = answer(body)
    told.headers.update({k: v for k, v in said.headers.items() if k != "content-length"})
    return told


async def passes(call: Call, decider: Decider[Any, Any, Any], command: Correct, id_: UUID) -> bool:
    """Whether a correction would be accepted as things are, or wait for others to say yes; nothing
    is kept of it. For what is written beside the log and must not be of a refused one. Raises: as
    `execute`."""
    around = await call.surroundings()
    ask = Ask(around.correlation, id_, command, call.actor, call.caller.behalf)
    return (await rehearsed(call.log, ask, around, decider)).status < 400


async def counted_since(
    known: Knowing, thing: UUID, *said: str, ledger: str | None = None
) -> date | None:
    """The day from which a thing counts as it stands: by the last of these facts of it, or by its
    first one of any kind."""
    found: date | None = await known.pool.fetchval(_SINCE, thing, list(said), ledger)
    return found


def history(router: APIRouter, subject: Subject[Any], *roles: str) -> None:
    """The route by which the corrections of a thing are read."""

    async def told(id: UUID, call: Call) -> Response:
        """按先后顺序，各带理由、凭据、更正人与更正前后的内容；原登记不变。"""
        await state_of(call, subject.fold, id, subject.area)
        rows = await call.log.pool.fetch(_CORRECTIONS, id)
        return answer({"corrections": [_shown(row) for row in rows]})

    # The annotation as text could not be resolved: the roles are this function's own.
    told.__annotations__["call"] = Annotated[Call, Depends(Holds(*roles))]
    router.add_api_route(
        f"/{subject.path}/{{id}}/corrections",
        told,
        name=f"list_{subject.name}_corrections",
        response_model=Corrections,
        tags=[subject.tag],
        summary="更正记录",
    )


def _shown(row: Any) -> dict[str, Any]:
    metadata = decode_metadata(row["metadata"].encode())
    payload = msgspec.json.decode(withheld(row["payload"].encode()))
    actor = metadata.actor
    return {
        "event": f"{row['epoch']}-{row['position']}",
        "version": row["version"],
        "at": row["recorded_at"].isoformat(),
        "by": {"id": actor.id, "role": actor.role, "unit": actor.unit},
        "occurred_on": metadata.occurred_on.isoformat(),
        "effective_on": metadata.effective_on.isoformat(),
        "reason": payload["reason"],
        "document": metadata.document,
        "evidence": payload["evidence"],
        "changes": payload["changes"],
    }


async def citing(
    call: Call, what: str, wanted: Sequence[UUID], *, table: str, column: str, fen: str = "NULL"
) -> dict[str, Any]:
    """Rows of an own list that name one of these: how many, their sum, the first few ids."""
    row = await call.log.pool.fetchrow(
        f"SELECT count(*) AS count, sum({fen}::bigint)::bigint AS amount_fen,"  # noqa: S608 - constants
        f" coalesce((array_agg(id ORDER BY id))[1:{FIRST}], '{{}}') AS first"
        f" FROM {table} WHERE {column} = ANY ($1::uuid[])",
        list(wanted),
    )
    assert row is not None, "an aggregate has one row"
    return Dependant.model_validate({"what": what, **dict(row)}).model_dump(mode="json")


def counted(what: str, ids: Sequence[UUID], amount_fen: int | None = None) -> dict[str, Any]:
    """The same of ids that the thing itself names."""
    first = sorted(ids)[:FIRST]
    told = Dependant(what=what, count=len(ids), amount_fen=amount_fen, first=first)
    return told.model_dump(mode="json")


_SINCE = """
SELECT max((metadata->>'effective_on')::date) FROM es.events
 WHERE stream_id = $1 AND CASE WHEN cardinality($2::text[]) = 0 THEN version = 1
                               ELSE type = ANY ($2) END
   AND ($3::text IS NULL OR payload->>'ledger' = $3)
"""
_CORRECTIONS = """
SELECT epoch, position, version, recorded_at, payload::text AS payload, metadata::text AS metadata
  FROM es.events WHERE stream_id = $1 AND type LIKE '%Corrected' ORDER BY version
"""
