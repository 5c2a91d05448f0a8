"""What a lot is known by: area, year, level, name and batch. One key is used once, for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libs.events.contracts.money import Level
from libs.events.errors import Refused

if TYPE_CHECKING:
    from .lot import Lot


class LotAlreadyRegistered(Refused):
    """该笔资金已经登记：{fund_name} {year} 年批次 {batch}，金额 {amount_fen}，编号 {lot}。"""


class LotKeyUsed(Refused):
    """{fund_name} {year} 年批次 {batch} 已由资金 {lot} 用过：{why}。另一笔请在批次中写明。"""


def require_free(there: Lot, key: tuple[int, Level, str, str]) -> None:
    """`there`: what stands under the key. Who reads the refusal must know whose it is: a lot that
    was corrected says another key by now. Raises: LotAlreadyRegistered, LotKeyUsed."""
    if there.id is None:
        return
    year, _, fund_name, batch = key
    if (there.year, there.level, there.fund_name, there.batch) == key:
        raise LotAlreadyRegistered(
            fund_name=fund_name,
            year=year,
            batch=batch,
            amount_fen=there.amount_fen,
            lot=str(there.id),
        )
    says = f"该笔资金曾如此登记，已更正为 {there.fund_name} {there.year} 年批次 {there.batch}"
    why = "该笔资金更正为此号" if there.area is None else says
    raise LotKeyUsed(fund_name=fund_name, year=year, batch=batch, lot=str(there.id), why=why)
