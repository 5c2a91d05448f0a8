"""Lists of households that can be taken out in a file 导出: households, and their members with what
the masking profile lets the recipient see.

One record stands for all whom a file tells of: the list, the area and the cut say who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

from libs.chassis.call import Call, RefusedCall
from libs.chassis.exports.export import (
    AREA_COLUMNS,
    AREA_FIELDS,
    AREA_JOIN,
    Export,
    Field,
    Found,
    Tell,
)
from libs.chassis.vault.vault import Line, Vault
from libs.events.clock import today
from libs.events.contracts.persons import PersonField
from libs.events.known import below
from libs.events.loads import LiveStreams
from libs.events.reference import reference
from services.households.domain.disclosure import UnknownProfile
from services.households.domain.masking import PROFILES, Profile, masked
from services.households.domain.person import Person, persons

ROLES = ("clerk", "finance", "auditor")
PERSONAL: tuple[PersonField, ...] = get_args(PersonField)
HEADS = {"name": "姓名", "id_number": "证件号码", "phone": "电话", "account": "银行账号"}


async def opening(call: Call, profile: str, area: UUID | None) -> Tell:
    """By the profile as it stands in the area today. Raises: RefusedCall."""
    chosen = await profile_of(call, profile, area)

    async def tell(rows: Sequence[Found]) -> list[Sequence[str | None]]:
        ids = [row["person"] for row in rows]
        found = await LiveStreams(call.log.loads).load_many(persons, ids)
        told = await shown(call.vault, list(zip(ids, found, strict=True)), chosen, PERSONAL)
        return [[told.get((id_, field)) for field in PERSONAL] for id_ in ids]

    return tell


async def profile_of(call: Call, profile: str, area: UUID | None) -> Profile:
    """Raises: RefusedCall."""
    streams = LiveStreams(call.log.loads)
    path = () if area is None else await call.log.known.path(area)
    row = (await reference(streams, PROFILES.name)).at(profile, path, today())
    if row is None:
        refusal = UnknownProfile(profile=profile, on=today().isoformat())
        raise RefusedCall(call, refusal)
    return Profile.model_validate(row.values)


async def shown(
    vault: Vault,
    people: Sequence[tuple[UUID, Person]],
    profile: Profile,
    fields: Sequence[PersonField],
) -> dict[tuple[UUID, PersonField], str | None]:
    """What the profile lets be seen, by person and field; nothing of who was erased. What it hides
    is not opened at all."""
    lines = [
        (field, Line(id_, field, text))
        for id_, person in people
        if not person.erased
        for field in fields
        if profile.of(field).how != "hidden" and (text := person.sealed(field)) is not None
    ]
    texts = await vault.open([line for _, line in lines])
    return {
        (line.subject, field): masked(text, profile.of(field))
        for (field, line), text in zip(lines, texts, strict=True)
    }


HOUSEHOLDS = Export(
    "households",
    "农户",
    ROLES,
    (
        Field("id", "户编号", "code"),
        *AREA_FIELDS,
        Field("era", "时期"),
        Field("register_type", "监测类别"),
        Field("persons", "人数", "count"),
        Field("registered_on", "登记日期", "day"),
        Field("synthetic", "演示", "yes"),
    ),
    f"""
SELECT t.id, {AREA_COLUMNS}, t.era, t.register_type, t.persons, t.registered_on, t.synthetic
  FROM view.households t {AREA_JOIN}
 WHERE $1::uuid IS NULL OR t.area IN ({below("$1")})
 ORDER BY t.id
""",  # noqa: S608 - constants of the code
)
MEMBERS = Export(
    "members",
    "家庭成员",
    ROLES,
    (
        Field("household", "户编号", "code"),
        Field("person", "人员编号", "code"),
        *AREA_FIELDS,
    ),
    f"""
SELECT t.household, t.person, {AREA_COLUMNS}
  FROM view.members t {AREA_JOIN}
 WHERE t.left_on IS NULL AND ($1::uuid IS NULL OR t.area IN ({below("$1")}))
 ORDER BY t.household, t.person
""",  # noqa: S608 - constants of the code
    personal=tuple(Field(field, HEADS[field], "code") for field in PERSONAL),
    opening=opening,
)
EXPORTS = (HOUSEHOLDS, MEMBERS)
