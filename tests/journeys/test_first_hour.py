"""A clerk's first hour: case 900 entered by workbooks, twelve townships' sheets no two alike.

Letters and lots, projects, households with their members and the payment roster come as files;
what is decided about them (areas, allocations, the bank's answers) comes as in the case. The
statement is the one that the case gives by commands alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import openpyxl
from httpx import AsyncClient

from libs.chassis.cases import Step, read_case
from libs.chassis.loader import Door, Load
from libs.chassis.service import Service
from libs.events.money import parse_amount, print_amount
from libs.events.types import stream_id
from services.funds.domain.document import RegisterDocument
from services.funds.domain.lot import RegisterLot
from services.funds.domain.project import ProposeProject
from services.funds.imports.lots import LEVELS
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.imports.desk import Desk
from tests.journeys.loaded import CASES, different, served
from tests.sheets.torture import id_number

FILES = {
    "/api/v1/funds/documents": "lots",
    "/api/v1/funds/lots": "lots",
    "/api/v1/funds/projects": "projects",
    "/api/v1/households/households": "roster",
    "/api/v1/funds/batches/{batch.industry.id}/lines": "payments",
}
Sheet = Sequence[Sequence[Any]]


@dataclass
class ByFiles(Load):
    """A load of the case in which some steps come as files."""

    desks: dict[str, Desk] = field(default_factory=dict)
    read: int = 0

    async def _post(self, step: Step) -> Any:
        if step.name.startswith("library."):
            return {}  # the plan of the year entered them
        importer = FILES.get(step.post)
        if importer is None or step.body.get("kind") == "approval":
            return await super()._post(step)
        bodies = list(self.answers.bodies_of(step))
        match importer:
            case "lots" if "number" in bodies[0]:
                document = RegisterDocument.model_validate(bodies[0])
                return {**bodies[0], "id": str(document.document())}
            case "lots":
                return await self._lot(
                    bodies[0], self.answers.bodies[step.body["document"]["$"][:-3]]
                )
            case "projects":
                return await self._project(bodies[0])
            case "roster":
                return await self._households(step, bodies[0])
            case _:
                return await self._lines(step, bodies[0])

    async def _taken(self, importer: str, area: str, content: bytes, **settings: str) -> None:
        service = "households" if importer == "roster" else "funds"
        desk = self.desks[f"{service}:{'clerk' if importer == 'roster' else 'finance'}"]
        heads = await self.door.heads()
        cut = ",".join(f"{one}:{heads[one]}" for one in sorted(self.door.sources[service]))
        assert (await desk.client.get("/importers", params={"min_position": cut})).is_success
        job = await desk.taken(importer, UUID(area), content, settings=settings)
        assert (job["state"], job["counts"]["rejected"]) == ("done", 0), (
            job,
            await desk.outcome(job["id"]),
        )
        self.read += job["counts"]["read"]

    async def _lot(self, body: dict[str, Any], letter: dict[str, Any]) -> dict[str, Any]:
        heads = [
            "文号",
            "标题",
            "级次",
            "年度",
            "资金名称",
            "批次",
            "用途",
            "金额（万元）",
            "下达日期",
        ]
        level = next(word for word, one in LEVELS.items() if one == body["level"])
        about = [letter["number"], letter["title"], level, body["year"]]
        about += [body["fund_name"], body["batch"]]
        rows: list[list[Any]] = [heads]
        for part in body["purposes"]:
            rows.append([*about, part["purpose"], part["amount"]["text"], letter["issued_on"]])
        rows.append(["合计", *[None] * 6, body["amount"]["text"], None])
        await self._taken("lots", body["area"], xlsx(rows))
        return {**body, "id": str(RegisterLot.model_validate(body).lot())}

    async def _project(self, body: dict[str, Any]) -> dict[str, Any]:
        place = next(a for a in self.answers.bodies.values() if a.get("id") == body["area"])
        rows = [
            ["项目名称", "项目类型", "用途", "实施地点", "计划投资(万元)"],
            [body["name"], body["kind"], body["purpose"], self._code(place), "100"],
        ]
        county = self.answers.at("area.county.id")
        day = body["occurred_on"]
        await self._taken("projects", county, xlsx(rows), year=str(body["year"]), occurred_on=day)
        return {"id": str(ProposeProject.model_validate(body).project())}

    def _code(self, place: dict[str, Any]) -> str:
        name = next(n for n, a in self.answers.bodies.items() if a is place)
        step = next(s for s in self.case.steps if s.name == name)
        code: str = step.body["code"]
        return code

    async def _households(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        """Six sheets a township, of two households each, by twelve hands."""
        rows = body["households"]
        first = len([n for n in self.answers.bodies if n.startswith("households.")]) * 6
        place = next(a for a in self.answers.bodies.values() if a.get("id") == rows[0]["area"])
        for nth in range(6):
            two = [
                (row, members(row, first * 2 + nth * 2 + at))
                for at, row in enumerate(rows[nth * 2 : nth * 2 + 2])
            ]
            content = HANDS[first + nth](two, self._code(place))
            await self._taken(
                "roster",
                body["area"],
                content,
                era=rows[0]["era"],
                register_type=rows[0]["register_type"],
                occurred_on=body["occurred_on"],
            )
        registry = self.answers.at("area.county.id")
        ids = {row["key"]: str(household_id(registry, row["key"])) for row in rows}
        return {"count": len(ids), "ids": ids}

    async def _lines(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        by_id = {
            id_: key
            for name, answer in self.answers.bodies.items()
            if name.startswith("households.")
            for key, id_ in answer["ids"].items()
        }
        rows: list[list[Any]] = [["序号", "户编号", "户主", "金额(元)", "备注"]]
        fen = 0
        for nth, line in enumerate(body["lines"], 1):
            amount = parse_amount(line["amount"]["text"], line["amount"]["unit"])
            fen += amount
            key = by_id[line["beneficiary"]["id"]]
            rows.append([nth, key, f"演示户主{nth}", print_amount(amount, "元"), None])
        rows.append(["合计", None, None, print_amount(fen, "元"), None])
        batch, day = self.answers.at("batch.industry.id"), body["occurred_on"]
        county = self.answers.at("area.county.id")
        await self._taken("payments", county, xlsx(rows), batch=batch, occurred_on=day)
        return {"id": batch}


def household_id(registry: str, key: str) -> UUID:
    return stream_id("household", registry, registry, key)


Household = tuple[dict[str, Any], list[list[Any]]]
"""The row of the case, and its members: name, number, relation."""


def members(row: dict[str, Any], number: int) -> list[list[Any]]:
    """As many as the case counts, of nobody."""
    return [
        [
            f"演示{number}之{nth}",
            id_number(f"19{50 + nth:02}{number % 12 + 1:02}11", number),
            "户主" if nth == 0 else "之子",
        ]
        for nth in range(row["persons"])
    ]


def xlsx(rows: Sheet, merged: Sequence[str] = (), before: bool = False) -> bytes:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    if before:
        page.append(["填表说明"])
        page = book.create_sheet("花名册")
    for row in rows:
        page.append(list(row))
    for cells in merged:
        page.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(rows: Sheet, encoding: str, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def flat(two: Sequence[Household], village: Any, day: Any) -> list[list[Any]]:
    """户编号 姓名 证件号码 与户主关系 村 登记日期 备注, a row a person."""
    return [[row["key"], *one, village, day, "演示"] for row, listed in two for one in listed]


HEADS = ["户编号", "姓名", "证件号码", "与户主关系", "村编码", "登记日期", "备注"]
OTHER = ["户号", "成员姓名", "身份证号", "户主关系", "所在村", "识别日期", "备注"]


def _plain(two: Sequence[Household], code: str) -> bytes:
    return xlsx([HEADS, *flat(two, code, date(2023, 2, 1))])


def _titled(two: Sequence[Household], code: str) -> bytes:
    title = ["安处镇农户花名册", *[None] * 6]
    return xlsx([title, HEADS, *flat(two, code, "2023.2.1")], merged=["A1:G1"])


def _gbk(two: Sequence[Household], code: str) -> bytes:
    return text([OTHER, *flat(two, code, "2023/2/1")], "gb18030")


def _bom(two: Sequence[Household], code: str) -> bytes:
    return text([HEADS, *flat(two, code, "2023-02-01")], "utf-8-sig")


def _tabs(two: Sequence[Household], code: str) -> bytes:
    return text([OTHER, *flat(two, code, "2023年2月1日")], "utf-8", "\t")


def _village_as_number(two: Sequence[Household], code: str) -> bytes:
    return xlsx([OTHER, *flat(two, int(code), 44958)])


def _second_sheet(two: Sequence[Household], code: str) -> bytes:
    return xlsx([HEADS, *flat(two, code, "20230201")], before=True)


def _reversed(two: Sequence[Household], code: str) -> bytes:
    return xlsx([row[::-1] for row in [HEADS, *flat(two, code, "2023-2-1")]])


def _two_lines(two: Sequence[Household], code: str) -> bytes:
    top = ["户编号", "成员", None, None, "村编码", "登记日期", "备注"]
    low = [None, "姓名", "证件号码", "与户主关系", None, None, None]
    merged = ["B1:D1", "E1:E2"]  # the others stand above empty cells
    return xlsx([top, low, *flat(two, code, date(2023, 2, 1))], merged=merged)


def _signed(two: Sequence[Household], code: str) -> bytes:
    count = sum(len(listed) for _, listed in two)
    end = [["合计", f"{count}人", None, None, None, None], ["制表人：演示", *[None] * 5]]
    return xlsx([HEADS, *flat(two, code, date(2023, 2, 1)), *end])


def _heads_again(two: Sequence[Household], code: str) -> bytes:
    rows = [flat([one], code, "23/2/1") for one in two]
    return xlsx([OTHER, *rows[0], OTHER, *rows[1]])


def _wide(two: Sequence[Household], code: str) -> bytes:
    """Full-width digits, blanks at the end, columns that nobody asked for."""
    digits = str.maketrans("0123456789", "０１２３４５６７８９")
    rows = flat(two, code, "2023-02-01")
    told = [
        [
            nth,
            *[f"{cell} ".translate(digits) if at == 2 else cell for at, cell in enumerate(row)],
            "无",
        ]
        for nth, row in enumerate(rows, 1)
    ]
    return xlsx([["序号", *OTHER, "健康状况"], *told])


HANDS: Sequence[Callable[[Sequence[Household], str], bytes]] = (
    *(_plain, _titled, _gbk, _bom, _tabs, _village_as_number),
    *(_second_sheet, _reversed, _two_lines, _signed, _heads_again, _wide),
)


async def test_the_case_by_workbooks_gives_the_statement_of_the_case(
    installation: Installation,
) -> None:
    case = read_case(CASES / "900")
    async with served(installation) as door:
        desks = {
            f"{service.name}:{role}": Desk(installation, service, client(door, service, role))
            for service, role in ((funds, "finance"), (households, "clerk"))
        }
        done = ByFiles(case, door, desks=desks)
        await done.run()
        statement = await done.statement()
    assert different(case, statement) == []
    assert done.read > 61 + 24


def client(door: Door, service: Service, role: str) -> AsyncClient:
    """The door as a client of one service in one role."""
    return AsyncClient(
        transport=door.client._transport,
        base_url=f"http://case{service.prefix}",
        headers={"authorization": f"Bearer {door.token(role)}"},
    )
