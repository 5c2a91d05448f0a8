"""Foreign facts as a rule may use them: fresh enough, or the command waits.

A copy staler than the command allows is 503 StaleReference; unknown on a fresh copy is a refusal of
the rule. Paths and freshness are remembered for a second, far below any limit.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

import asyncpg
import msgspec

from .contracts.households import (
    AreaAliasAdded,
    AreaCodeChanged,
    AreaFollowed,
    AreaMerged,
    AreaMoved,
    AreaRegistered,
    AreaSplit,
)
from .contracts.registers import AreaCorrected
from .decider import Facts
from .entries import Row, Table
from .errors import StaleReferenceError
from .types import Event, Metadata, Recorded, Reliance

K = TypeVar("K", UUID, str)
F = TypeVar("F", bound=Facts)

MONEY_MAY_BE = timedelta(minutes=5)
"""How old a copy may be for a command that moves money (design 4)."""
REMEMBERED_S = 1

AREAS = Table(
    "known.areas",
    (
        ("id", "uuid"),
        ("path", "uuid[]"),
        ("level", "text"),
        ("valid_from", "date"),
    ),
    key=("id",),
    mode="latest",
)


PATHS = Table(
    "known.area_paths",
    (("area", "uuid"), ("valid_from", "date"), ("path", "uuid[]")),
    key=("area", "valid_from"),
    mode="latest",
)
"""Only of areas that moved: the others have their path in known.areas for ever."""
ENDS = Table(
    "known.area_ends",
    (("area", "uuid"), ("ended_on", "date"), ("merged", "bool")),
    key=("area",),
    mode="latest",
)
CODES = Table(
    "known.area_codes",
    (("area", "uuid"), ("valid_from", "date"), ("code", "text"), ("name", "text")),
    key=("area", "valid_from"),
    mode="latest",
)
ALIASES = Table(
    "known.area_aliases",
    (("area", "uuid"), ("alias", "text")),
    key=("area", "alias"),
    mode="latest",
)
AREAS_OF = (
    *(AreaRegistered, AreaCodeChanged, AreaCorrected, AreaAliasAdded),
    *(AreaMoved, AreaFollowed, AreaMerged, AreaSplit),
)


def areas(_: Recorded, fact: Event, __: Metadata) -> Iterator[tuple[Table, Row]]:
    """Rows of known.areas as registered, of its codes, of the paths that it had later, and of its
    end."""
    match fact:
        case AreaRegistered():
            yield AREAS, (fact.area, fact.path, fact.level, fact.valid_from)
            yield CODES, (fact.area, fact.valid_from, fact.code, fact.name)
        case AreaCodeChanged() | AreaCorrected():
            yield CODES, (fact.area, fact.valid_from, fact.code, fact.name)
        case AreaAliasAdded():
            yield ALIASES, (fact.area, fact.alias)
        case AreaMoved() | AreaFollowed():
            yield PATHS, (fact.area, fact.valid_from, fact.path)
        case AreaMerged():
            yield PATHS, (fact.area, fact.valid_from, fact.path)
            yield ENDS, (fact.area, fact.valid_from, True)
        case AreaSplit(ends=True):
            yield ENDS, (fact.area, fact.valid_from, False)
        case _:
            return


TODAY = "(now() AT TIME ZONE 'Asia/Shanghai')::date"


def below(scope: str) -> str:
    """The query of the areas that lie within one today, itself included. `scope`: SQL of its id.

    Areas that never moved come first and alone: where nothing ever did, this is a scan as before.
    """
    return (
        f"SELECT id FROM known.areas k WHERE {scope} = ANY (k.path) AND NOT EXISTS"  # noqa: S608 - constants of the code
        f" (SELECT FROM known.area_paths m WHERE m.area = k.id AND m.valid_from <= {TODAY})"
        f" UNION ALL SELECT p.area FROM (SELECT DISTINCT ON (m.area) m.area, m.path"
        f" FROM known.area_paths m WHERE m.valid_from <= {TODAY}"
        f" ORDER BY m.area, m.valid_from DESC) p WHERE {scope} = ANY (p.path)"
    )


def path_of(area: str) -> str:
    """The expression of an area's path today, NULL when it is not known. `area`: SQL of its id."""
    return (
        "coalesce((SELECT m.path FROM known.area_paths m"  # noqa: S608 - constants of the code
        f" WHERE m.area = {area} AND m.valid_from <= {TODAY} ORDER BY m.valid_from DESC LIMIT 1),"
        f" (SELECT k.path FROM known.areas k WHERE k.id = {area}))"
    )


def within(scope: str) -> str:
    """The query of the areas whose things an older act of an area may go on with: those below it
    today, and of one that is no more all that ever stood there. `scope`: SQL of its id."""
    return (
        f"{below(scope)} UNION ALL SELECT k.id FROM known.areas k"  # noqa: S608 - constants of the code
        f" WHERE EXISTS (SELECT FROM known.area_ends e WHERE e.area = {scope})"
        f" AND ({scope} = ANY (k.path) OR EXISTS (SELECT FROM known.area_paths m"
        f" WHERE m.area = k.id AND {scope} = ANY (m.path)))"
    )


class Place(NamedTuple):
    """Where an area stands today, the day from which it is no more, whether it stands in a
    successor by now, and every path that it ever had, from a day on."""

    path: tuple[UUID, ...]
    ended_on: date | None
    merged: bool
    line: tuple[tuple[date, tuple[UUID, ...]], ...]

    def on(self, day: date) -> tuple[UUID, ...]:
        return next(path for since, path in reversed(self.line) if since <= day)


NOWHERE = Place((), None, False, ((date.min, ()),))


class Known:
    """The copies of foreign facts in one store, as read by deciders."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._kept: dict[UUID | str, tuple[int, Any]] = {}

    async def path(self, area: UUID) -> tuple[UUID, ...]:
        """The area's ancestors today from the top, itself last; empty when it is not known here."""
        return (await self.place(area)).path

    async def ended(self, area: UUID) -> date | None:
        """The day from which the area is no more, be it past or to come."""
        return (await self.place(area)).ended_on

    async def home(self, area: UUID) -> UUID:
        """The area that answers for it today: where it was merged, its successor."""
        place = await self.place(area)
        return place.path[-2] if place.merged else area

    async def dated(self, facts: F, day: date) -> F:
        """The facts with where their area stood on the day, if that is another place."""
        if not facts.path:
            return facts
        place = await self.place(facts.path[-1])
        then = place.on(day) if len(place.line) > 1 else facts.path
        return facts if then == facts.path else msgspec.structs.replace(facts, then=then)

    async def place(self, area: UUID) -> Place:
        found = await self._remembered(area, self._place)
        return cast("Place", found or NOWHERE)

    async def fresh(self, source: str, within: timedelta = MONEY_MAY_BE) -> Reliance:
        """Up to where the copy of a source is known, when it is young enough.

        Raises: StaleReferenceError with the position and the age.
        """
        epoch, position, age, stopped = await self._remembered(source, self._cursor)
        if age is None or age > within or stopped is not None:
            since = "尚未确认" if age is None else f"已 {age} 未确认"
            raise StaleReferenceError(
                f"{source} 的副本止于 {position}，{since}", source=source, position=position
            )
        return Reliance(source=source, epoch=epoch, position=position)

    async def user(self, subject: str) -> tuple[UUID | None, bool]:
        """The user whom the issuer of tokens calls so, if there is one, and whether disabled."""
        found = await self._remembered(f"subject {subject}", lambda _: self._user(subject))
        return cast("tuple[UUID | None, bool]", found)

    async def _user(self, subject: str) -> tuple[UUID | None, bool]:
        row = await self.pool.fetchrow(
            "SELECT u.id, d.id IS NOT NULL AS disabled FROM known.users u"
            " LEFT JOIN known.disabled d ON d.id = u.id WHERE u.subject = $1",
            subject,
        )
        return (None, False) if row is None else (row["id"], row["disabled"])

    async def _remembered(self, key: K, ask: Callable[[K], Awaitable[Any]]) -> Any:
        """What was found for the key; where nothing was, it is asked again each time."""
        now = time.monotonic_ns()
        asked_at, found = self._kept.get(key, (0, None))
        if found is not None and now - asked_at <= REMEMBERED_S * 10**9:
            return found
        if found is not None:
            self._kept[key] = (now, found)  # the others go on with it while this one asks
        try:
            found = await ask(key)
        except BaseException:
            self._kept.pop(key, None)
            raise
        if found is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = (now, found)
        return found

    async def _place(self, area: UUID) -> Place | None:
        row = await self.pool.fetchrow(_PLACE, area)
        if row is None:
            return None
        line = [(date.min, tuple(row["founded"]))]
        if row["moves"] is not None:
            line += msgspec.json.decode(row["moves"], type=list[tuple[date, tuple[UUID, ...]]])
        return Place(tuple(row["path"]), row["ended_on"], row["merged"], tuple(line))

    async def _cursor(self, source: str) -> tuple[int, int, timedelta | None, str | None]:
        row = await self.pool.fetchrow(
            "SELECT epoch, position,"
            " clock_timestamp() - nullif(confirmed_at, 'epoch') AS age, stopped"
            " FROM es.cursors WHERE reader IN ('known', 'view') AND source = $1",
            source,
        )
        return (0, 0, None, None) if row is None else tuple(row)


_PLACE = f"""
SELECT {path_of("a.id")} AS path, e.ended_on,
       coalesce(e.merged AND e.ended_on <= {TODAY}, false) AS merged, a.path AS founded,
       (SELECT json_agg(json_build_array(m.valid_from, m.path) ORDER BY m.valid_from)::text
          FROM known.area_paths m WHERE m.area = a.id) AS moves
  FROM known.areas a LEFT JOIN known.area_ends e ON e.area = a.id WHERE a.id = $1
"""  # noqa: S608 - constants of the code
