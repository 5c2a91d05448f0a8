"""That a list was taken out in a file 导出: which one, of which area, read at which cut, and the
digest of its bytes, so that a file found later is known for what it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from .contracts.exports import Format, ListExported
from .decider import Ask, Decider, Decision, Facts, Knowing, Streams, where
from .types import Command, stream_id


class ExportList(Command):
    """记下一次导出。只由系统发出。"""

    list: str
    area: UUID | None
    format: Format
    cut: dict[str, int]
    rows: int
    bytes: int
    sha256: str
    fields: tuple[str, ...] = ()
    profile: str | None = None
    purpose: str | None = None

    def stream(self) -> UUID:
        """The exports of an area and day."""
        area = str(self.area)
        return stream_id("exports", area, area, self.occurred_on.isoformat())


def export(_: None, command: ExportList, __: Facts) -> Decision:
    """Every download is one: a second look is a second event."""
    told = command.model_dump(exclude={"occurred_on", "effective_on", "external_ref"})
    return Decision({command.stream(): (ListExported(**told),)})


async def _nothing(_: Streams, __: Ask[Any]) -> None:
    return None


async def _where(known: Knowing, _: None, ask: Ask[ExportList]) -> Facts:
    return await where(known, ask.command.area)


EXPORT = Decider(
    ExportList, Facts, _nothing, _where, export, founds_areas=True, approvable=False
)  # fmt: skip
