"""One line of a list of households 农户, and its members."""

from __future__ import annotations

import re
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from libs.events.amount import AmountTyped
from libs.events.contracts.households import Era
from libs.events.types import Day, stream_id

_IDENTITY_NUMBER = re.compile(r"\d{6}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _no_identity_number(key: str) -> str:
    """GB 11643: 17 digits with a birthday inside and a check digit."""
    if _IDENTITY_NUMBER.fullmatch(key):
        total = sum(int(d) * w for d, w in zip(key[:17], _IDENTITY_WEIGHTS, strict=True))
        if "10X98765432"[total % 11] == key[17].upper():
            raise ValueError("登记编号不得是公民身份号码")
    return key


Key = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Za-z._/-]{1,64}$",
        description="登记编号: 名册系统自己的不透明编号, 不得含姓名、证件号、电话、账号等个人信息",
        examples=["H-000001"],
    ),
    AfterValidator(_no_identity_number),
]


HEAD = "head"
"""The relation of the head of a household 户主 to the head."""


def household_id(registry: UUID, key: str) -> UUID:
    """`registry`: the area within which a register number is given once."""
    return stream_id("household", str(registry), str(registry), key)


Relation = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=[HEAD, "spouse"])]


class Member(BaseModel):
    """A person who is registered, and how related to the head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: UUID
    relation: Relation


class HouseholdRow(BaseModel):
    """One line of the list. Members listed are counted: 户 and 人 come from one source (H2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    area: UUID = Field(description="所在村")
    era: Era
    register_type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["registered_poor"])
    persons: int = Field(ge=0, le=100)
    members: tuple[Key, ...] = Field(default=(), max_length=100)
    listed: tuple[Member, ...] = Field(
        default=(), max_length=100, description="已登记的人员；与 members 只用其一，户主只有一人"
    )
    registered_on: Day
    income: AmountTyped | None = Field(default=None, description="人均纯收入，一年的")
    synthetic: bool = Field(default=False, description="演示数据, 不是真实农户")

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.members and self.listed:
            raise ValueError("members 与 listed 只用其一")
        named = self.members or tuple(str(one.person) for one in self.listed)
        if named and len(named) != self.persons:
            raise ValueError(f"列出成员 {len(named)} 人, 与人数 {self.persons} 不符")
        if len(set(named)) < len(named):
            raise ValueError("成员编号重复")
        if self.listed and [one.relation for one in self.listed].count(HEAD) != 1:
            raise ValueError("户主须有一人，且只有一人")
        return self

    def household(self, registry: UUID) -> UUID:
        return household_id(registry, self.key)

    def persons_listed(self, registry: UUID) -> tuple[UUID, ...]:
        if self.listed:
            return tuple(one.person for one in self.listed)
        household = str(self.household(registry))
        return tuple(stream_id("person", str(registry), household, key) for key in self.members)
