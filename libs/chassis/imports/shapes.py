"""What the routes of imports and jobs answer, in shape."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from ..shapes import Made


class ImportColumn(BaseModel):
    field: str
    title: str
    required: bool


class ImportSetting(BaseModel):
    name: str
    title: str
    required: bool


class ImporterShown(BaseModel):
    """A kind of sheet that can be taken."""

    name: str
    title: str
    roles: list[str]
    columns: list[ImportColumn]
    settings: list[ImportSetting]


class ImportersShown(BaseModel):
    items: list[ImporterShown]


class HeadShown(BaseModel):
    """A column of the sheet, and which field it is taken for."""

    letter: str
    head: str
    field: str | None
    unit: str | None
    hidden: bool


class RowFault(BaseModel):
    """`warn` stops nothing."""

    rule: str
    message: str
    hint: str
    severity: Literal["block", "warn"]


class RowPreview(BaseModel):
    """A row as it would be read; people masked."""

    row: int
    ignored: str | None = Field(description="不作为数据的原因")
    values: dict[str, str]
    faults: list[RowFault]


class ImportShown(Made):
    """A sheet before it is taken."""

    importer: str
    area: UUID
    sheet: str
    units: dict[str, str]
    same_as: int | None = Field(description="同样内容先前由此任务导入")
    header_row: int
    columns: list[HeadShown]
    missing: list[str] = Field(description="还没有对应的必填列")
    rows: list[RowPreview]


class JobAsked(Made):
    """`same_as`: this content was taken by that job; nothing will be taken again."""

    number: int
    same_as: int | None


class RuleCounted(BaseModel):
    rule: str
    severity: str
    rows: int
    amount_fen: int


class Counted(BaseModel):
    """read = accepted + acceptable + rejected + ignored, in rows and in fen."""

    read: int
    accepted: int
    acceptable: int = Field(default=0, description="检查通过，没有收下")
    rejected: int
    ignored: int
    unchanged: int
    read_fen: int
    accepted_fen: int
    acceptable_fen: int = 0
    rejected_fen: int
    ignored_fen: int
    rules: list[RuleCounted]


class JobShown(Made):
    """A job, how far it is and how it ended."""

    number: int
    kind: Literal["import"]
    importer: str
    area: UUID
    mode: Literal["all", "valid_rows"]
    dry_run: bool
    state: Literal["queued", "running", "done", "refused", "cancelled", "failed"]
    phase: Literal["checking", "taking"]
    reached: int = Field(description="已办到第几行")
    same_as: int | None
    error: str | None = Field(description="为何没有办成；在办的，为何暂停")
    counts: Counted | None
    asked_at: AwareDatetime
    ended_at: AwareDatetime | None
