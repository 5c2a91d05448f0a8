"""Lists of assets that can be taken out in a file 导出."""

from __future__ import annotations

from libs.chassis.exports.export import AREA_COLUMNS, AREA_FIELDS, AREA_JOIN, Export, Field
from libs.events.known import below

ASSETS = Export(
    "assets",
    "资产",
    ("clerk", "finance", "auditor"),
    (
        Field("id", "编号", "code"),
        *AREA_FIELDS,
        Field("name", "资产名称"),
        Field("kind", "种类"),
        Field("category", "类别"),
        Field("quantity", "数量"),
        Field("value_fen", "原值", "fen"),
        Field("formed_on", "形成日期", "day"),
        Field("project", "项目编号", "code"),
        Field("total_code", "总台账编码"),
        Field("part_code", "分台账编码"),
    ),
    f"""
SELECT t.id, {AREA_COLUMNS}, t.name, t.kind, c.category, t.quantity, t.value_fen, t.formed_on,
       t.project, total.code AS total_code, part.code AS part_code
  FROM view.assets t
  LEFT JOIN view.categories c ON c.asset = t.id
  LEFT JOIN view.ledgers total ON total.asset = t.id AND total.ledger = 'total'
  LEFT JOIN view.ledgers part ON part.asset = t.id AND part.ledger = 'part'
{AREA_JOIN}
 WHERE $1::uuid IS NULL OR t.area IN ({below("$1")})
 ORDER BY t.id
""",  # noqa: S608 - constants of the code
)
EXPORTS = (ASSETS,)
