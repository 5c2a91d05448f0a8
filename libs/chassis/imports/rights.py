"""Who may see an import, and act on it: its importer's roles, in its area.

The commands that its rows become are those of who prepared it: nobody else maps or commits it. A
sheet that tells of persons is seen by that one alone.
"""

from __future__ import annotations

from uuid import UUID

from libs.events.errors import NotFoundError, Refused, RoleNotHeld

from ..call import Call, RefusedCall
from ..common_routes import admit, require_in_scope
from . import store
from .importer import Importer
from .store import Prepared


class UnknownImporter(Refused):
    """没有这种导入：本服务没有“{importer}”。"""


class ImportOfAnother(Refused):
    """这次导入是别人准备的：由准备的人提交，或用自己的上传另行准备。"""

    status = 403


async def path_admitted(call: Call, area: UUID) -> tuple[UUID, ...]:
    """The path of the area from the top. Raises: RefusedCall."""
    path = await call.log.known.path(area)
    admit(call, path)
    return path


async def admitted(call: Call, id_: UUID) -> tuple[Prepared, Importer]:
    """Of a command on an import: its commands are those of who prepared it. Raises: NotFoundError,
    RefusedCall."""
    prepared = await store.get_import(call.log.pool, id_)
    if prepared is None:
        raise NotFoundError()
    await path_admitted(call, prepared.area)
    importer = named(call, prepared.importer)
    require_role(call, importer)
    if prepared.actor.id != call.actor.id:
        raise RefusedCall(call, ImportOfAnother())
    return prepared, importer


async def prepared_of(call: Call, id_: UUID) -> Prepared:
    """Raises: NotFoundError, also out of the caller's area and hands."""
    prepared = await store.get_import(call.log.pool, id_)
    if prepared is None or not may_see(call, prepared.importer, prepared.actor.id):
        raise NotFoundError()
    await require_in_scope(call, prepared.area)
    return prepared


def may_see(call: Call, importer: str, preparer: str) -> bool:
    """What stands in a sheet, or came of its rows: whoever may import such, and of a sheet that
    tells of persons who prepared it."""
    found = named(call, importer)
    return call.role in found.roles and (not found.of_people or preparer == call.actor.id)


def require_role(call: Call, importer: Importer) -> None:
    """Raises: RefusedCall."""
    if call.role not in importer.roles:
        needed = "、".join(importer.roles)
        raise RefusedCall(call, RoleNotHeld(needed=needed, held=call.role))


def named(call: Call, name: str) -> Importer:
    for one in call.request.app.state.service.importers:
        if one.name == name:
            found: Importer = one
            return found
    raise UnknownImporter(importer=name)
