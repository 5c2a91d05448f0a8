"""The words that a figure may use: sources, what can be summed, told apart and filtered. Data only.

A word stands for a constant piece of SQL over the entries `e` or over what an entry names (lot,
project, payment, the asset's category); values that a person writes never become SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from libs.events.contracts import assets, households, money
from libs.events.contracts.reporting import Over
from services.reporting.views.cursors import latest, within_cut
from services.reporting.views.tables import WEIGHT

Kind = Literal["text", "uuid", "int", "bool", "area"]
Needs = Literal["lot", "project", "payment", "category", "indicator"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its SQL, its Chinese, what its values are. `area` means the area or any below."""

    sql: str
    label: str
    kind: Kind = "text"
    needs: Needs | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """A column that adds up: fen, whole things, or what was entered in its indicator's unit."""

    sql: str
    label: str
    counts: Literal["fen", "things", "entered"]


@dataclass(frozen=True, slots=True)
class Source:
    """Entries that a figure may measure. `scope`: the area that an entry belongs to; `unless`: the
    filter that holds when a definition does not name that word; `shows`: an entry as explained;
    `weight`: how much an entry counts, where corrections take entries back."""

    table: str
    label: str
    scope: Word
    sums: Mapping[str, Sum]
    words: Mapping[str, Word]
    distinct: frozenset[str]
    shows: tuple[str, ...]
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weight: str = "1"


def _values(literal: Any) -> tuple[str, ...]:
    return tuple(value for part in get_args(literal) for value in get_args(part) or (part,))


_LOT = {
    "lot": Word("e.lot", "资金", "uuid"),
    "lot.level": Word("lot.level", "资金级次", needs="lot", values=_values(money.Level)),
    "lot.year": Word("lot.year", "资金年度", "int", needs="lot"),
    "lot.fund_name": Word("lot.fund_name", "资金名称", needs="lot"),
    "lot.batch": Word("lot.batch", "资金批次", needs="lot"),
    "lot.area": Word("lot.area", "资金所属区域", "area", needs="lot"),
}
_PROJECT = {
    "project": Word("e.project", "项目", "uuid"),
    "project.name": Word("project.name", "项目名称", needs="project"),
    "project.kind": Word("project.kind", "项目类型", needs="project"),
    "project.purpose": Word("project.purpose", "项目用途", needs="project"),
    "project.year": Word("project.year", "项目年度", "int", needs="project"),
    "project.area": Word("project.area", "项目所在区域", "area", needs="project"),
}
_AREA = {"area": Word("e.area", "区域", "area")}
_FEN = Sum("e.amount_fen", "金额（分）", "fen")
_GRADES = _values(money.Grade)

MOVEMENTS = Source(
    "view.movements",
    "资金流水",
    Word("lot.area", "资金所属区域", "area", needs="lot"),
    {"amount_fen": _FEN, "lines": Sum("e.lines", "发放行数", "things")},
    {
        **_AREA,
        **_LOT,
        **_PROJECT,
        "account": Word("e.account", "账户", values=_values(money.Account)),
        "purpose": Word("e.purpose", "用途"),
        "place": Word("e.place", "资金所在"),
        "place.kind": Word(
            "split_part(e.place, ':', 1)",
            "资金所在类别",
            values=("treasury", "township", "bank", "payee"),
        ),
        "event": Word("e.event", "事件"),
        "document": Word("e.document", "文号"),
        "payment": Word("e.payment", "付款或批次", "uuid"),
        "payment.scheme": Word("payment.scheme", "补贴", needs="payment"),
        "payment.period": Word("payment.period", "补贴期间", needs="payment"),
        "grade": Word("payment.grade", "数据级别", needs="payment", values=_GRADES),
    },
    frozenset(("lot", "project", "payment", "purpose", "document")),
    (
        *("lot", "lot.fund_name", "lot.level", "purpose", "project", "project.name", "account"),
        *("place", "payment", "area"),
    ),
)
LINES = Source(
    "view.lines",
    "发放明细",
    Word("lot.area", "资金所属区域", "area", needs="lot"),
    {"amount_fen": _FEN, "lines": Sum("e.lines", "发放行数", "things")},
    {
        **_AREA,
        **_LOT,
        **_PROJECT,
        "state": Word("e.state", "行状态", values=("ordered", "paid", "returned")),
        "purpose": Word("e.purpose", "用途"),
        "scheme": Word("e.scheme", "补贴"),
        "period": Word("e.period", "补贴期间"),
        "batch": Word("e.batch", "批次", "uuid"),
        "household": Word("e.household", "户", "uuid"),
        "beneficiary": Word("e.beneficiary", "享受对象", "uuid"),
        "beneficiary.kind": Word(
            "e.beneficiary_kind", "享受对象类别", values=("household", "person")
        ),
        "line": Word("(e.batch::text || ':' || e.line)", "行"),
    },
    frozenset(("household", "beneficiary", "line", "lot", "batch", "project")),
    ("batch", "line", "household", "lot", "lot.fund_name", "purpose", "project", "state", "area"),
    {"state": ("paid",)},
)
POPULATIONS = Source(
    "view.populations",
    "人数统计",
    Word("e.area", "区域", "area"),
    {
        "persons": Sum("e.persons", "人数", "things"),
        "households": Sum("e.households", "户数", "things"),
    },
    {
        **_AREA,
        **_PROJECT,
        "population": Word("e.population", "人群"),
        "grade": Word("e.grade", "数据级别", values=_GRADES),
    },
    frozenset(("population", "project")),
    ("population", "grade", "area", "project", "project.name"),
    weight=WEIGHT,
)
HOUSEHOLDS = Source(
    "view.households",
    "户",
    Word("e.area", "区域", "area"),
    {
        "households": Sum("e.households", "户数", "things"),
        "persons": Sum("e.persons", "人数", "things"),
    },
    {
        **_AREA,
        "fact": Word("e.fact", "事实", values=("registered", "flagged")),
        "household": Word("e.household", "户", "uuid"),
        "era": Word("e.era", "时期", values=_values(households.Era)),
        "register_type": Word("e.register_type", "登记类别"),
        "risk": Word("e.risk", "风险", values=_values(households.RiskType)),
        "synthetic": Word("e.synthetic", "演示", "bool"),
    },
    frozenset(("household", "register_type")),
    ("fact", "household", "register_type", "era", "risk", "area"),
    {"fact": ("registered",)},
    weight=WEIGHT,
)
ASSETS = Source(
    "view.assets",
    "资产",
    Word("e.area", "区域", "area"),
    {
        "value_fen": Sum("e.value_fen", "价值（分）", "fen"),
        "assets": Sum("e.assets", "资产数", "things"),
    },
    {
        **_AREA,
        **_LOT,
        **_PROJECT,
        "fact": Word(
            "e.fact",
            "事实",
            values=("formed", "source", "classified", "recorded", "confirmed", "transferred"),
        ),
        "asset": Word("e.asset", "资产", "uuid"),
        "kind": Word("e.kind", "资产类型"),
        "ledger": Word("e.ledger", "台账", values=_values(assets.Ledger)),
        "category": Word(
            "category.category", "资产类别", needs="category", values=_values(assets.Category)
        ),
    },
    frozenset(("asset", "project", "lot", "kind")),
    ("fact", "asset", "kind", "category", "ledger", "project", "project.name", "lot", "area"),
    {"fact": ("formed",)},
    weight=WEIGHT,
)
_STANDING = f"""
(SELECT v.* FROM (SELECT DISTINCT ON (d.indicator, d.area, d.period) d.*
   FROM view.indicator_values d {within_cut("d")}
  ORDER BY d.indicator, d.area, d.period, d.position DESC) v
  JOIN {latest("view.indicators", "indicator")} asked ON asked.indicator = v.indicator
 WHERE v.scaled IS NOT NULL
   AND CASE WHEN asked.level IS NULL THEN v.area = asked.area
            ELSE EXISTS (SELECT FROM view.areas r WHERE (r.area, r.level) = (v.area, asked.level))
       END)
"""  # noqa: S608 - constants
INDICATORS = Source(
    " ".join(_STANDING.split()),
    "填报",
    Word("e.area", "区域", "area"),
    {"value": Sum("e.scaled", "填报值", "entered")},
    {
        **_AREA,
        "at": Word("e.area", "填报区域", "uuid"),
        "indicator": Word("e.indicator", "填报指标", "uuid"),
        "indicator.code": Word("indicator.code", "填报指标编码", needs="indicator"),
        "period": Word("e.period", "期间"),
        "value": Word("e.value", "填报值"),
        "note": Word("e.note", "说明"),
        "reason": Word("e.reason", "更正理由"),
    },
    frozenset(("at", "period")),
    ("indicator", "indicator.code", "at", "period", "value", "note", "reason"),
)
"""Of each area and period what stood at the cut; `at` is the reporting area alone, `area` it and
all below."""
SOURCES: Mapping[Over, Source] = {
    "movements": MOVEMENTS,
    "lines": LINES,
    "populations": POPULATIONS,
    "households": HOUSEHOLDS,
    "assets": ASSETS,
    "indicators": INDICATORS,
}
