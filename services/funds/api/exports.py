"""Lists of funds that can be taken out in a file 导出."""

from __future__ import annotations

from libs.chassis.exports.export import AREA_COLUMNS, AREA_FIELDS, AREA_JOIN, Export, Field
from libs.events.known import below

ROLES = ("clerk", "finance", "auditor")
ID = Field("id", "编号", "code")
PROJECT = Field("project", "项目编号", "code")
AMOUNT = Field("amount_fen", "金额", "fen")


def _list(name: str, title: str, *fields: Field) -> Export:
    """A list that one table of the read model holds, named as the table is."""
    columns = ", ".join(f"t.{field.name}" for field in fields)
    sql = f"""
SELECT t.id, {AREA_COLUMNS}, {columns} FROM view.{name} t {AREA_JOIN}
 WHERE $1::uuid IS NULL OR t.area IN ({below("$1")})
 ORDER BY t.id
"""  # noqa: S608 - constants of the code
    return Export(name, title, ROLES, (ID, *AREA_FIELDS, *fields), sql)


EXPORTS = (
    _list(
        "documents",
        "文件",
        Field("number", "文号"),
        Field("kind", "种类"),
        Field("title", "标题"),
        Field("issued_on", "印发日期", "day"),
    ),
    _list(
        "lots",
        "资金",
        Field("level", "级次"),
        Field("year", "年度", "count"),
        Field("fund_name", "资金名称"),
        Field("batch", "批次"),
        Field("document", "文件编号", "code"),
        AMOUNT,
    ),
    _list(
        "projects",
        "项目",
        Field("year", "年度", "count"),
        Field("name", "项目名称"),
        Field("kind", "项目类型"),
        Field("purpose", "用途"),
    ),
    _list(
        "payments",
        "付款",
        PROJECT,
        Field("payee", "收款单位编号", "code"),
        Field("use", "款项用途"),
        AMOUNT,
    ),
    _list(
        "batches",
        "发放批次",
        PROJECT,
        Field("scheme", "补贴项目"),
        Field("period", "期间"),
        Field("tranche", "期次", "count"),
        Field("grade", "数据级别"),
        Field("count", "笔数", "count"),
        AMOUNT,
    ),
)
