"""users: a sheet of users, saved as CSV, sent as a security administrator would by hand."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from libs.chassis.service import Service
from libs.chassis.settings import Settings
from libs.events.clock import today

COLUMNS = {
    "账号": "subject",
    "单位": "unit",
    "岗位": "post",
    "角色": "role",
    "区域代码": "area_code",
    "首日": "valid_from",
    "末日": "valid_until",
}
TIMEOUT_S = 60


def configure(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "import users from a sheet saved as CSV (UTF-8 or GBK): " + "、".join(COLUMNS)
    verb = verbs.add_parser("users", help=text, description=text)
    verb.add_argument("sheet", type=Path)
    verb.add_argument("--area", required=True, help="id of the area that all rows lie in")
    verb.add_argument("--token", type=Path, required=True, help="file with a bearer token")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings, _: Sequence[Service]) -> int:
    """0 when all rows are in, now or before; 1 with every fault by line and column."""
    try:
        rows = read(arguments.sheet.read_bytes())
    except ValueError as error:
        print(error)
        return 1
    body = {"occurred_on": str(today()), "area": arguments.area, "rows": rows}
    key = hashlib.sha256(repr(body).encode()).hexdigest()
    token = arguments.token.read_text().strip()
    headers = {"authorization": f"Bearer {token}", "idempotency-key": f"users-{key}"}
    address = f"{settings.origin}/api/v1/households/users/lists"
    answer = httpx.post(address, json=body, headers=headers, timeout=TIMEOUT_S)
    for line in told(answer.status_code, answer.json()):
        print(line)
    return 0 if answer.is_success else 1


def read(sheet: bytes) -> list[dict[str, str | None]]:
    """The rows of a sheet. Raises: ValueError naming the columns that it lacks."""
    try:
        text = sheet.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = sheet.decode("gb18030")
    lines = csv.DictReader(io.StringIO(text))
    if missing := [name for name in COLUMNS if name not in (lines.fieldnames or ())]:
        raise ValueError(f"缺少列：{'、'.join(missing)}")
    rows = [{field: (row[name] or "").strip() for name, field in COLUMNS.items()} for row in lines]
    return [{**row, "valid_until": row["valid_until"] or None} for row in rows]


def told(status: int, answer: dict[str, Any]) -> list[str]:
    """What came of it; faults by the line of the sheet, whose first row is its second line."""
    if status < 400:
        return [f"新登记 {answer.get('registered', 0)} 人，授权 {answer.get('granted', 0)} 项"]
    if "errors" not in answer:
        return [answer["detail"]]
    names = {field: name for name, field in COLUMNS.items()}
    return [_fault(one, names) for one in answer["errors"]]


def _fault(one: dict[str, str], names: dict[str, str]) -> str:
    match one["pointer"].split("/"):
        case ["", "rows", number, field]:
            return f"第 {int(number) + 2} 行 {names.get(field, field)}：{one['message']}"
        case _:
            return f"{one['pointer']}：{one['message']}"
