"""Routes of imports 导入, the same in every service: prepare, map, look at, commit.

Nothing is stored of a sheet before it is committed but which file it is and what was said of its
heads. What follows from the key alone is the id, so that a repeat is the same import, the same job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.events.errors import KeyReusedError, Refused
from libs.events.illness import ILLNESS, names_illness
from libs.events.private import looks_personal

from ..answering import request_hash
from ..call import Call, Holds, RefusedCall
from ..common_routes import answer
from ..files.routes import kept_upload
from ..files.store import FileStore
from ..sheets.book import Book, opened
from . import store
from .header import Header, heads_units, proposed
from .importer import Importer
from .mapping import MapImport, UnknownField, mapping_of
from .prepared import (
    best_sheet,
    described,
    header_of,
    heads_of,
    missing,
    preview,
    require_unit,
    sheet_of,
)
from .rights import admitted, named, path_admitted, prepared_of, require_role
from .settings import fits, setting_of
from .shapes import ImportersShown, ImportShown, JobAsked
from .store import Prepared

T = TypeVar("T")
router = APIRouter(tags=["导入"])
IMPORT_ROLES = ("clerk", "finance", "steward")
Worker = Annotated[Call, Depends(Holds(*IMPORT_ROLES))]
Preparer = Annotated[Call, Depends(Holds(*IMPORT_ROLES, rehearsed=False))]  # keeps rows, no event


class PrepareImport(BaseModel):
    """准备导入：哪个文件、哪张工作表、哪个区域。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    importer: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["lots"])
    area: UUID = Field(description="各行都在其内的区域")
    file: UUID = Field(description="本人的上传编号")
    name: str = Field(min_length=1, max_length=200, description="文件名")
    sheet: str | None = Field(
        default=None, max_length=100, description="工作表；缺省取表头最相符的一张"
    )
    settings: dict[str, str] = Field(default_factory=dict, max_length=20)


class CommitImport(BaseModel):
    """提交导入。all：有一行不对就一行也不收；valid_rows：收下没有错的行。"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["all", "valid_rows"] = "all"


class SettingMissing(Refused):
    """缺少导入参数：{title}（{name}）未填，或写法不对。"""


class PersonalName(Refused):
    """文件名、工作表名或参数中疑似有{kind}：请改名后再导入。"""


class NotMapped(Refused):
    """还有必填的列没有对应：{missing}。"""


@router.get("/importers", response_model=ImportersShown, summary="可导入的表")
async def importers(call: Worker) -> Response:
    """每种表的列、必填与参数。"""
    return answer({"items": [described(one) for one in call.request.app.state.service.importers]})


@router.post("/imports", status_code=201, response_model=ImportShown, summary="准备导入")
async def prepare(command: PrepareImport, call: Preparer) -> Response:
    """识别表头，给出对应与预览；此时什么也不存入账册。"""
    id_ = call.key()
    path = await path_admitted(call, command.area)
    importer = _importer(call, command)
    hashed = await request_hash(call.request)
    if (known := await store.body_hash_of(call.log.pool, id_)) is not None:
        if known != hashed:
            raise KeyReusedError()
        # Its upload may be swept by now.
        return await _shown(call, await prepared_of(call, id_), importer, 201)
    new = Prepared(
        id=id_,
        importer=importer.name,
        area=command.area,
        digest=(await kept_upload(call, command.file)).digest,
        name=command.name,
        sheet=command.sheet or "",
        settings=command.settings,
        mapping=None,
        units={},
        actor=call.actor,
        behalf=call.caller.behalf,
    )
    found = await _looked_at(call, new, lambda book: _first_look(book, new, importer))
    pool, header = call.log.pool, found.header
    said = await store.remembered(pool, importer.name, header.shape, path)
    mapping, units = said or (proposed(header, importer.columns), {})
    units = heads_units(header, mapping, importer.columns) | units
    settings = {**command.settings, **found.says}
    new = msgspec.structs.replace(
        new, sheet=found.sheet, settings=settings, mapping=mapping, units=units
    )
    if not await store.keep_import(pool, new, hashed):
        raise KeyReusedError()
    return await _shown(call, await prepared_of(call, new.id), importer, 201)


@router.get("/imports/{id}", response_model=ImportShown, summary="导入")
async def get_import(id: UUID, call: Worker) -> Response:
    prepared = await prepared_of(call, id)
    return await _shown(call, prepared, named(call, prepared.importer))


@router.post(
    "/imports/{id}/mapping", status_code=201, response_model=ImportShown, summary="说明列的对应"
)
async def map_columns(id: UUID, command: MapImport, call: Preparer) -> Response:
    """改列的对应或金额的单位，再看预览。"""
    call.key()
    prepared, importer = await admitted(call, id)
    try:
        mapping = mapping_of(command, importer)
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None
    header = await _looked_at(call, prepared, lambda book: header_of(book, prepared, importer))
    units = heads_units(header, mapping, importer.columns) | command.units
    said = store.Said(mapping=mapping, units=units, of_shape=dict(command.units))
    mapped = msgspec.structs.replace(prepared, mapping=mapping, units=units)
    shown = await _shown(call, mapped, importer, 201)  # what cannot be shown holds for nobody
    await store.map_import(call.log.pool, prepared, header.shape, said)
    return shown


@router.post("/imports/{id}/commit", status_code=202, response_model=JobAsked, summary="提交导入")
async def commit(
    id: UUID, command: CommitImport, call: Worker, dry_run: Annotated[bool, Query()] = False
) -> Response:
    """交给后台办理；`dry_run`：照样检查，什么也不存入。"""
    job, hashed = call.key(), await request_hash(call.request)
    prepared, importer = await admitted(call, id)
    if absent := missing(importer, prepared.mapping or {}):
        raise RefusedCall(call, NotMapped(missing="、".join(absent)))
    pool = call.log.pool
    checked = dry_run or command.mode == "all" or importer.totals_block
    if not await store.keep_job(
        pool, job, prepared, command.mode, dry_run=dry_run, checked=checked, body_hash=hashed
    ):
        raise KeyReusedError()
    row = await store.get_job(pool, job)
    assert row is not None, "kept a moment ago"
    told = {"id": str(job), "number": row["number"], "same_as": row["same_as"]}
    response = answer(told, 202)
    response.headers["location"] = f"{call.request.app.state.service.prefix}/jobs/{job}"
    return response


def _refuse_personal(command: PrepareImport, importer: Importer) -> None:
    """Raises: PersonalName."""
    for text in (command.name, command.sheet or "", *command.settings.values()):
        _refuse_name(text, importer)


def _refuse_name(text: str, importer: Importer) -> None:
    """Raises: PersonalName."""
    if (kind := looks_personal(text)) is not None:
        raise PersonalName(kind=kind)
    if importer.of_people and names_illness(text):
        raise PersonalName(kind=ILLNESS)


def _importer(call: Call, command: PrepareImport) -> Importer:
    """The one named, with its settings, if the caller may use it. Raises: RefusedCall."""
    try:
        importer = named(call, command.importer)
        _refuse_personal(command, importer)
        for asked in importer.every_ask:
            given = command.settings.get(asked.name)
            if (given is None and asked.required) or (given is not None and not fits(asked, given)):
                raise SettingMissing(title=asked.title, name=asked.name)
        for strange in command.settings.keys() - {asked.name for asked in importer.every_ask}:
            raise UnknownField(importer=importer.title, field=strange)
    except Refused as refusal:
        raise RefusedCall(call, refusal) from None
    require_role(call, importer)
    return importer


async def _looked_at(call: Call, prepared: Prepared, look: Callable[[Book], T]) -> T:
    """Raises: RefusedCall for a file that is no workbook or has no such heads; what the store of
    files raises."""
    files: FileStore = call.request.app.state.files

    def opened_and_looked(path: Any) -> T:
        with opened(path, prepared.name) as book:
            return look(book)

    async with files.plain(prepared.digest) as path:
        try:
            return await asyncio.to_thread(opened_and_looked, path)
        except Refused as refusal:
            raise RefusedCall(call, refusal) from None


class _Looked(NamedTuple):
    """The sheet, what stands in its heads, and what the workbook says of itself."""

    sheet: str
    header: Header
    says: Mapping[str, str]


def _first_look(book: Book, new: Prepared, importer: Importer) -> _Looked:
    says = {} if importer.says is None else importer.says(book, new.area)
    sheet = sheet_of(book, new.sheet) if new.sheet else best_sheet(book, importer)
    _refuse_name(sheet.name, importer)
    header = heads_of(book, sheet, importer)
    require_unit(book, sheet, header, importer)
    return _Looked(sheet.name, header, says)


async def _shown(call: Call, prepared: Prepared, importer: Importer, status: int = 200) -> Response:
    setting = await setting_of(call.log, prepared, importer)

    def look(book: Book) -> dict[str, Any]:
        return preview(book, prepared, importer, header_of(book, prepared, importer), setting)

    seen = await _looked_at(call, prepared, look)
    same = await store.same_content(call.log.pool, prepared)
    about = {"id": str(prepared.id), "importer": importer.name, "area": str(prepared.area)}
    more = {"sheet": prepared.sheet, "units": prepared.units, "same_as": same}
    return answer(about | more | seen, status)
