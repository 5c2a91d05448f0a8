"""The route by which a village is taken along 离线工作簿: one row a member, at one position of the
log.

As every download it is made first, recorded, and then sent; it lies in a sealed spool meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.call import Call, Holds, RefusedCall, UnreadableError
from libs.chassis.common_routes import require_in_scope
from libs.chassis.exports.routes import PROFILE, cut_of, recorded
from libs.chassis.files.kinds import XLSX
from libs.chassis.sheets.offline import Stamp, write_offline
from libs.chassis.sheets.spelling import Value
from libs.chassis.sheets.spool import Spool
from libs.events.clock import today
from libs.events.contracts.persons import PersonField
from libs.events.errors import Refused
from libs.events.exports import ExportList
from libs.events.known import below
from libs.events.loads import LiveStreams
from libs.events.past import states_at
from libs.events.private import looks_personal
from services.households.domain.household import Household, households
from services.households.domain.household_row import HEAD
from services.households.domain.person import Person, persons
from services.households.imports.offline_columns import (
    SHEET,
    TEMPLATE,
    TITLE,
    VERSION,
    WORDS,
    key_of,
    short,
)

from .exports import profile_of, shown

router = APIRouter(tags=["导出"])
Clerk = Annotated[Call, Depends(Holds("clerk"))]
MOST_MEMBERS = 20_000
"""A township; a workbook of more is no work for one pair of hands."""
TELLS: tuple[PersonField, ...] = ("name", "id_number", "phone")
LIST = "offline"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}


Filled = tuple[str, Sequence[Value]]
"""A row with its key."""


class AskedOffline(BaseModel):
    """Which village, how its people are masked, and what for."""

    area: UUID = Field(description="村，或不大的乡镇")
    profile: str = Field(pattern=PROFILE, description="脱敏方式")
    purpose: str = Field(
        min_length=2, max_length=200, pattern=r"^\S(.*\S)?$", description="用途，不得含个人信息"
    )


class TooManyMembers(Refused):
    """离线工作簿装不下：该区域有成员 {members} 人，至多 {most} 人，请按村下载。"""


class Taken(NamedTuple):
    """What goes along: households by village and id, people, and the codes of the villages, all at
    one position."""

    base: int
    households: Mapping[UUID, Household]
    people: Mapping[UUID, Person]
    codes: Mapping[UUID, str]


@router.get("/exports/offline", response_class=Response, responses=_FILE, summary="下载离线工作簿")
async def download(call: Clerk, asked: Annotated[AskedOffline, Query()]) -> Response:
    """每名成员一行，已预填；锁定的列只供阅读。下载先记录，再发出；填好后照常导入（offline）。"""
    if looks_personal(asked.purpose):
        raise UnreadableError("用途中不得含个人信息")
    await require_in_scope(call, asked.area)
    profile = await profile_of(call, asked.profile, asked.area)
    taken = await _taken(call, asked.area)
    rows = list(_rows(taken, await shown(call.vault, list(taken.people.items()), profile, TELLS)))
    spool = Spool()
    try:
        sha256 = await asyncio.to_thread(_written, spool, _stamp(asked, taken.base), rows)
    except BaseException:
        spool.close()
        raise
    return await recorded(
        call, spool, "离线工作簿", _said(asked, taken.base, len(rows), spool.size, sha256)
    )


def _written(spool: Spool, stamp: Stamp, rows: Sequence[Filled]) -> bytes:
    """SHA-256 of the file."""
    digest = hashlib.sha256()

    def put(more: bytes) -> None:
        digest.update(more)
        spool.write(more)

    write_offline(put, TITLE, stamp, SHEET, rows)
    return digest.digest()


async def _taken(call: Call, area: UUID) -> Taken:
    """Which households there are, by the list as far as it is applied; what they say, by the log at
    that position. Who was erased since says nothing. Raises: RefusedCall."""
    async with (
        call.log.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        base = (await cut_of(call, connection))[call.log.service]
        listed = await connection.fetch(_LISTED, area)
    ids = [row["id"] for row in listed]
    known = await states_at(call.log, households, ids, base)
    members = [who for one in known.values() for who in one.members]
    if len(members) > MOST_MEMBERS:
        raise RefusedCall(call, TooManyMembers(members=len(members), most=MOST_MEMBERS))
    now_ = await LiveStreams(call.log.loads).load_many(persons, members)
    gone = {who for who, person in zip(members, now_, strict=True) if person.erased}
    people = await states_at(call.log, persons, [who for who in members if who not in gone], base)
    return Taken(base, known, people, {row["area"]: row["code"] for row in listed})


def _rows(taken: Taken, told: Mapping[tuple[UUID, PersonField], str | None]) -> Iterator[Filled]:
    """Household by household, its head first."""
    for id_, household in taken.households.items():
        related = dict(household.related)
        assert household.area is not None, "what is listed lies somewhere"
        for who in sorted(household.members, key=lambda one: related.get(one) != HEAD):
            name, number, phone = (told.get((who, field)) for field in TELLS)
            relation = WORDS.get(related.get(who, ""), related.get(who))
            where = (short(id_), taken.codes[household.area])
            blank = [None] * (len(SHEET) - 6)
            yield key_of(id_, who), [*where, name, number, relation, phone, *blank]


def _stamp(asked: AskedOffline, base: int) -> Stamp:
    return Stamp(
        TEMPLATE,
        VERSION,
        str(asked.area),
        f"households:{base}",
        asked.profile,
        today().isoformat(),
    )


def _said(asked: AskedOffline, base: int, rows: int, size: int, sha256: bytes) -> ExportList:
    return ExportList(
        occurred_on=today(),
        list=LIST,
        area=asked.area,
        format="xlsx",
        cut={"households": base},
        rows=rows,
        bytes=size,
        sha256=sha256.hex(),
        fields=TELLS,
        profile=asked.profile,
        purpose=asked.purpose,
    )


_LISTED = f"""
SELECT h.id, h.area, newest.code FROM view.households h
 CROSS JOIN LATERAL (SELECT code FROM known.area_codes c WHERE c.area = h.area
                      ORDER BY valid_from DESC LIMIT 1) newest
 WHERE h.area IN ({below("$1")}) ORDER BY newest.code, h.id
"""  # noqa: S608 - constants of the code
