"""What every service answers, in shape: for the OpenAPI document and the clients made from it.

Answers are canonical bytes and never pass through these models. The bytes are held to them, member
by member, in `tests/journeys/test_declared_answers.py`. Objects are open: `/v1` only adds.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

Row = TypeVar("Row")


class Made(BaseModel):
    """The thing that the command made or changed."""

    id: UUID


class NeedsShown(BaseModel):
    """So many people, each of one of these duties."""

    count: int
    duties: list[str]


class ApprovalAsked(BaseModel):
    """To what, and by whom."""

    digest: str = Field(description="报审内容的摘要")
    needs: NeedsShown


class Submitted(BaseModel):
    """The command waits for others; `id` is that of the approval."""

    id: UUID
    approval: ApprovalAsked


class EventsCounted(BaseModel):
    """So many events of a type."""

    type: str
    count: int


class Dependant(BaseModel):
    """Things of one kind that rest on what would be corrected."""

    what: str = Field(examples=["lots"])
    count: int
    amount_fen: int | None = Field(description="合计；没有金额的为 null")
    first: list[UUID] = Field(description="前几项的编号")


class Elsewhere(BaseModel):
    """What may rest on it in another service, which this one does not know: where to look."""

    service: str
    what: str
    see: str


class Rehearsed(BaseModel):
    """What a command would do, if it were given now; nothing of it has happened."""

    status: int = Field(description="将得到的状态码", examples=[201, 202])
    answer: dict[str, Any] = Field(description="将得到的回答")
    events: list[EventsCounted] = Field(description="将追加的事件")
    streams: list[UUID] = Field(description="将追加到的流")
    waits_for: NeedsShown | None = Field(description="须由谁审批；不需审批的为 null")
    replay: bool = Field(description="该幂等键已用过：将得到当初的回答，不再追加")
    dependants: list[Dependant] | SkipJsonSchema[None] = Field(
        default=None, description="更正：本服务中以其为据的事项"
    )
    elsewhere: list[Elsewhere] | SkipJsonSchema[None] = Field(
        default=None, description="更正：其他服务中可能以其为据而本服务不知的事项，及何处可查"
    )


class Page(BaseModel, Generic[Row]):
    """One page of a list; `next` is the cursor of the page behind it, null on the last."""

    items: list[Row]
    next: UUID | None


class FromLot(BaseModel):
    """How many fen one lot gives."""

    lot: UUID
    amount_fen: int


class Problem(BaseModel):
    """RFC 9457 problem details. `type` is what a program matches on; further members are the
    numbers of the case."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/InsufficientLot"])
    title: str = Field(description="规则，不含数字")
    status: int
    detail: str = Field(description="整句，含数字")
    numbers: dict[str, int | str | None] | None = Field(default=None, description="句中的数字")


class Fault(BaseModel):
    """One value that is not as it must be."""

    pointer: str = Field(description="JSON 指针（RFC 6901）；不在正文中的，前有 query: 等")
    rule: str
    message: str


class Malformed(BaseModel):
    """What could not be read as the command or question, place by place."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: Literal[422]
    detail: str
    errors: list[Fault]


class Health(BaseModel):
    service: str
    status: Literal["ok"]
    head: int = Field(description="日志末尾的位置")


class Version(BaseModel):
    version: str
    store: UUID
    epoch: int


class Counterexample(BaseModel):
    """What breaks an invariant: an event, where one shows it, and numbers; never a person."""

    event: str | None = Field(examples=["1-1234"], description="<epoch>-<position>")
    numbers: dict[str, int | str | None]


class Invariant(BaseModel):
    """What the running checker found; it holds while there is no counterexample."""

    invariant: str
    title: str
    position: int = Field(description="查到的位置")
    head: int = Field(description="应查到的位置")
    checked: int = Field(description="查过多少")
    age_s: int | None = Field(description="秒前查的；null: 还没有查过")
    counterexample: Counterexample | None


class Invariants(BaseModel):
    service: str
    invariants: list[Invariant]


class Named(BaseModel):
    """What another system's own id names here."""

    system: str
    id: str
    noun: str
    target: UUID


class CloudEvent(BaseModel):
    """CloudEvents 1.0 in structured form; `data` are the stored payload, whose schema lies at
    `dataschema`. One of `previous` and `none_since` says what stood before it within the filter."""

    specversion: Literal["1.0"]
    id: str = Field(examples=["1-1234"], description="<epoch>-<position>")
    source: str
    type: str
    subject: UUID
    time: AwareDatetime
    datacontenttype: Literal["application/json"]
    dataschema: str
    position: int
    epoch: int
    version: int
    seen: dict[str, tuple[int, int]]
    data: dict[str, Any]
    metadata: dict[str, Any]
    previous: int | None = Field(
        default=None, description="同一筛选中上一事件的位置；null: 之前没有"
    )
    none_since: int | SkipJsonSchema[None] = Field(
        default=None, description="从此位置到本事件之间，筛选中没有事件"
    )


class Events(BaseModel):
    """Events by position; up to `covered_to` the filter was applied to every one."""

    covered_to: int
    events: list[CloudEvent]
    head: int
