"""Whose account a line is paid into 收款账户: what households said of it, and what that objects to.

The account itself is not here: funds never holds one (design 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.events.errors import Refused

AccountOf = Literal["person", "former", "household", "other", "unknown"]
NOT_OWN = ("former", "other")


class AccountSeen(BaseModel):
    """`public` 公共账户 is an allowed kind: it is several names' by its nature (product 7.8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: AccountOf = Field(description="本人、本人原先的、同户的、他人的、区域内无人持有的")
    shared: bool = Field(default=False, description="名单中另有姓名用同一账号")
    public: bool = Field(default=False, description="公共账户")

    @property
    def not_own(self) -> bool:
        return self.of in NOT_OWN and not self.public

    @property
    def of_many(self) -> bool:
        return self.shared and not self.public


class AccountNotOwn(Refused):
    """账号不是本人现用的：第 {line} 行（共 {count} 行）。"""


class SharedAccount(Refused):
    """一个账号对应多个姓名：第 {line} 行（共 {count} 行）。"""


Seen = Sequence[tuple[int, AccountSeen | None]]
"""Numbers of lines, and what was seen of each account."""


def account_not_own(seen: Seen) -> AccountNotOwn | None:
    """The first and how many."""
    lines = [line for line, account in seen if account is not None and account.not_own]
    return AccountNotOwn(line=lines[0], count=len(lines)) if lines else None


def shared_account(seen: Seen) -> SharedAccount | None:
    """The first and how many."""
    lines = [line for line, account in seen if account is not None and account.of_many]
    return SharedAccount(line=lines[0], count=len(lines)) if lines else None
