"""What callers type about persons: bodies that are no commands, since a command is stored.

They are sealed before anything is made of them, and live no longer than their request.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from libs.chassis.vault.spelling import Kind, number
from libs.events.canonical import canonical
from libs.events.correction import Changes, Letter, Reason
from libs.events.types import Day
from services.households.domain.disclosure import MOST_ASKED, Purpose
from services.households.domain.person import LARGEST_LIST, Bank, Closed

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
    Field(examples=["测试甲"]),
]
Number = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    Field(pattern=r"^[0-9A-Za-z() （）/-]*[0-9A-Za-z][0-9A-Za-z() （）/-]*$"),
]
Account = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=4, max_length=40),
    Field(pattern=r"^[0-9A-Za-z -]*[0-9A-Za-z][0-9A-Za-z -]*$"),
]
Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=30),
    Field(pattern=r"^[+0-9][0-9 -]*[0-9]$"),
]


class Typed(Closed):
    """The body of a route that takes personal data."""

    occurred_on: Day = Field(description="业务发生日", examples=["2020-03-16"])

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        """A text that canonical JSON cannot carry is malformed (422), as in every command."""
        canonical(self.model_dump(mode="json"))
        return self


class EnteredAccount(Closed):
    number: Account = Field(description="账号或卡号")
    bank: Bank


class EnteredPerson(Closed):
    """One line of the list."""

    name: Name
    id_number: Number | None = Field(default=None, description="证件号码；没有的为 null")
    phone: Phone | None = None
    area: UUID = Field(description="所在村")
    account: EnteredAccount | None = Field(default=None, description="收款账户")
    synthetic: bool = Field(default=False, description="演示数据, 不是真实人员")


class EnterPersons(Typed):
    """登记人员, 1 至 1,000 人；姓名、证件号码、电话、账号密封保存, 回答不透明的编号。"""

    area: UUID = Field(description="这批人员共同所在的县、乡镇或村")
    persons: tuple[EnteredPerson, ...] = Field(min_length=1, max_length=LARGEST_LIST)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """Says which rows, never which number."""
        numbers = [row.id_number and number(Kind.IDENTITY, row.id_number) for row in self.persons]
        times = Counter(one for one in numbers if one)
        twice = [str(row) for row, one in enumerate(numbers, 1) if one and times[one] > 1]
        if twice:
            raise ValueError(f"证件号码在本批中重复：第 {'、'.join(twice[:10])} 行")
        return self


class EnterAccount(EnteredAccount, Typed):
    """变更收款账户。"""


class EnteredChanges(Changes):
    """更正人员的哪几项。"""

    may_be_null: ClassVar[frozenset[str]] = frozenset({"phone"})

    name: Name | SkipJsonSchema[None] = None
    phone: Phone | None = None
    id_number: Number | SkipJsonSchema[None] = Field(
        default=None, description="证件号码；人员编号不变，错的号码不再指向此人；须有文号或证据"
    )


class EnterCorrection(Typed):
    """更正人员的个人信息；更正前后的内容都密封保存, 理由中不得含个人信息。"""

    reason: Reason
    document: Letter | None = Field(default=None, description="凭据文号")
    evidence: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="证据文件的 SHA-256"
    )
    changes: EnteredChanges


class MatchPersons(Typed):
    """按证件号码、电话、账号查找本区域的人员；号码只在请求体中, 不保存。"""

    area: UUID
    purpose: Purpose
    id_numbers: tuple[Number, ...] = Field(default=(), max_length=MOST_ASKED)
    phones: tuple[Phone, ...] = Field(default=(), max_length=MOST_ASKED)
    accounts: tuple[Account, ...] = Field(default=(), max_length=MOST_ASKED)


class RosterRow(Closed):
    """花名册的一行：谁领、领到哪个账户。"""

    id_number: Number
    name: Name
    account: Account | None = None


class IdentifyPersons(Typed):
    """按花名册的证件号码、姓名、账号核对人员；内容只在请求体中, 不保存。"""

    area: UUID = Field(description="只在该区域及其下级之内核对")
    on: Day = Field(description="核对哪一天的在册情况", examples=["2020-12-31"])
    purpose: Purpose
    rows: tuple[RosterRow, ...] = Field(min_length=1, max_length=MOST_ASKED)


class NamePersons(Typed):
    """按完整姓名查找本区域的人员；姓名不保存。"""

    area: UUID
    purpose: Purpose
    name: Name


class OpenVillage(Typed):
    """在内存中打开一个村的姓名, 按姓名的一部分查找；打开一次记录一次。"""

    area: UUID = Field(description="村")
    purpose: Purpose
    contains: Name
