"""What is doubtful of a person in a sheet, and stops nothing: a check digit, another household."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from libs.chassis.imports.columns import Severity
from libs.chassis.imports.importer import Desk, Fault, Taken
from libs.chassis.vault.spelling import Kind, number
from libs.events.tasks import OpenTask
from services.households.domain import checksum

WARN: Severity = "warn"
ELSEWHERE = Fault(
    "in_other_household",
    "有成员已列在另一户，已生成两地的核对任务",
    "两地核对后确定归属",
    "id_number",
    WARN,
)


def doubted(row: Taken) -> Iterator[Fault]:
    """Of the ID number typed in a row, if any."""
    typed = row.get("id_number")
    if typed is not None and (said := checksum.of_id_number(number(Kind.IDENTITY, typed))):
        message = f"第 {row.number} 行：{said}"
        yield Fault("check_digit", message, "核对证件", "id_number", WARN)


def tasks_of(
    desk: Desk, who: UUID, new: tuple[UUID, UUID], old: tuple[UUID, UUID]
) -> list[OpenTask]:
    """One for each village: the same person stands in two households (product 7.14). Of both the
    household and its village."""
    return [
        OpenTask(
            occurred_on=desk.day,
            area=area,
            kind="duplicate_person",
            waits_for="clerk",
            target=who,
            about=f"{new[0]} {old[0]}",
            reason="同一人列在两户之中，请两地核对后确定归属",
        )
        for area in dict.fromkeys((new[1], old[1]))
    ]
