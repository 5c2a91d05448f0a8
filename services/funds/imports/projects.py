"""年度项目计划表: one row a project, proposed and entered into the library (product 6, i4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from libs.chassis.imports.columns import Letter, Listed, Place, Text
from libs.chassis.imports.importer import (
    Asked,
    Deed,
    Desk,
    Fault,
    Group,
    Importer,
    Plan,
    Taken,
    otherwise,
)
from libs.chassis.imports.quantities import Money, Whole
from libs.events.document import parse_document
from libs.events.money import print_amount
from services.funds.api import project
from services.funds.domain.document import document_stream, documents
from services.funds.domain.project import EnterLibrary, Project, ProposeProject, projects
from services.funds.domain.project_kind import PROJECT_KINDS
from services.funds.domain.purpose import PURPOSES

SOURCES = {
    "central": "中央资金",
    "province": "省级资金",
    "prefecture": "市级资金",
    "county": "县级资金",
    "other": "其他资金",
}
COLUMNS = (
    Text(field="name", title="项目名称", aliases=("名称",), longest=200),
    Listed(field="kind", title="项目类型", aliases=("类型", "项目类别"), set=PROJECT_KINDS.name),
    Listed(field="purpose", title="用途", aliases=("资金用途", "支出方向"), set=PURPOSES.name),
    Place(field="area", title="实施地点", aliases=("建设地点", "实施区域", "村编码")),
    Money(field="planned", title="计划投资", aliases=("总投资", "投资概算", "概算总投资")),
    *(Money(field=name, title=title, required=False) for name, title in SOURCES.items()),
    Whole(field="rank", title="排序", aliases=("优先序", "排名"), least=1, required=False),
    Letter(field="number", title="入库文号", aliases=("批复文号",), required=False),
)


async def plan(desk: Desk, groups: Sequence[Group]) -> Plan:
    rows = [row for (row,) in groups]
    wanted = [_proposal(desk, row) for row in rows]
    there = await desk.streams.load_many(projects, [one.project() for one in wanted])
    known = [_same(one, was) for one, was in zip(wanted, there, strict=True)]
    deeds: list[Deed] = []
    unchanged, faults = set(), {}
    for at, (row, one, was) in enumerate(zip(rows, wanted, known, strict=True)):
        if found := [fault async for fault in _wrong(desk, row)]:
            faults[at] = found
        elif was.in_library and (differing := _differing(one, was)):
            faults[at] = [otherwise(differing)]
        elif was.in_library:
            unchanged.add(at)
        else:
            deeds += _deeds(row, one, was)
    return Plan(deeds, frozenset(unchanged), faults)


def _same(wanted: ProposeProject, there: Project) -> Project:
    """What was registered under the key and says it still; else the rule tells whose it is."""
    return there if (there.year, there.name) == (wanted.year, wanted.name) else Project()


async def _wrong(desk: Desk, row: Taken) -> AsyncIterator[Fault]:
    parts = [row[name].read().amount_fen for name in SOURCES if row.get(name) is not None]
    planned = row["planned"].read().amount_fen
    if parts and sum(parts) != planned:
        told = f"计划投资 {print_amount(planned, '元', 2)} 元，各来源之和"
        message = f"{told} {print_amount(sum(parts), '元', 2)} 元"
        yield Fault("sources_differ", message, "核对各来源与总投资", "planned")
    if (number := row.get("number")) is not None:
        found = await desk.streams.load(documents, document_stream(parse_document(number)))
        if found.id is None:
            yield Fault("unknown_document", f"文件 {number} 未登记", "先登记文件", "number")


def _proposal(desk: Desk, row: Taken) -> ProposeProject:
    return ProposeProject(
        occurred_on=desk.day,
        area=row["area"],
        year=int(desk.settings["year"]),
        name=row["name"],
        kind=row["kind"],
        purpose=row["purpose"],
        planned=row["planned"],
        rank=row.get("rank"),
    )


def _differing(wanted: ProposeProject, known: Project) -> list[str]:
    """Titles of what the plan says otherwise; not every project in the register has a sum."""
    planned = None if wanted.planned is None else wanted.planned.read().amount_fen
    pairs = (
        ("项目类型", wanted.kind, known.kind),
        ("用途", wanted.purpose, known.purpose),
        ("计划投资", planned, planned if known.planned_fen is None else known.planned_fen),
    )
    return [title for title, says, is_ in pairs if says != is_]


def _deeds(row: Taken, wanted: ProposeProject, known: Project) -> Iterator[Deed]:
    if known.id is None:
        yield Deed(project.PROPOSE, wanted)
    number = row.get("number")
    document = None if number is None else document_stream(parse_document(number))
    enter = EnterLibrary(occurred_on=wanted.occurred_on, document=document)
    yield Deed(project.ENTER, enter, wanted.project())


PROJECTS = Importer(
    name="projects",
    title="年度项目计划表",
    roles=("clerk", "finance"),
    columns=COLUMNS,
    plan=plan,
    asks=(Asked(name="year", title="年度", pattern=r"20[1-9]\d"),),
    unique=("rank",),
    amount="planned",
)
