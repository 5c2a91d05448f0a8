"""The tasks 待办 of all services, as reporting copies them from every feed; and whose they are.

A row is written by events of one source. Who sees it is asked when the list is asked for, by what
the directory says then: a delegation and a handing over move nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from libs.events.canonical import canonical
from libs.events.contracts.log import TaskClosed, TaskOpened
from libs.events.entries import Row, Table
from libs.events.known import below, path_of
from libs.events.reader import Project
from libs.events.types import Event, Metadata, Recorded, stream_id

TASKS = Table(
    "view.tasks",
    (
        ("key", "uuid"),
        ("source", "text"),
        ("id", "uuid"),
        ("area", "uuid"),
        ("kind", "text"),
        ("title", "text"),
        ("waits_for", "text"),
        ("or_duties", "text[]"),
        ("unit", "uuid"),
        ("post", "text"),
        ("person", "text"),
        ("not_person", "text"),
        ("not_persons", "text[]"),
        ("due_on", "date"),
        ("target", "uuid"),
        ("about", "text"),
        ("reason", "text"),
        ("numbers", "text"),
        ("method", "text"),
        ("path", "text"),
        ("assumed", "bool"),
        ("opened_at", "timestamptz"),
    ),
    key=("key",),
    mode="latest",
)
ENDS = Table(
    "view.task_ends",
    (("key", "uuid"), ("note", "text"), ("closed_at", "timestamptz"), ("closed_by", "text")),
    key=("key",),
    mode="latest",
)
OF: tuple[type[Event], ...] = (TaskOpened, TaskClosed)


def beside(source: str, project: Project) -> Project:
    """The rows of a source with those of its tasks."""

    def both(recorded: Recorded, fact: Event, metadata: Metadata) -> Iterator[tuple[Table, Row]]:
        yield from project(recorded, fact, metadata)
        yield from _tasks(source, recorded, fact, metadata)

    return both


def _tasks(
    source: str, recorded: Recorded, fact: Event, metadata: Metadata
) -> Iterator[tuple[Table, Row]]:
    at = recorded.recorded_at
    match fact:
        case TaskOpened():
            yield TASKS, _opened(source, fact, at)
        case TaskClosed():
            yield ENDS, (_key(source, fact.task), fact.note, at, metadata.actor.id)
        case _:
            return


def _opened(source: str, fact: TaskOpened, at: Any) -> Row:
    what = (_key(source, fact.task), source, fact.task, fact.area, fact.kind, fact.title)
    whom = (fact.waits_for, list(fact.or_duties), fact.unit, fact.post)
    persons = (fact.person, fact.not_person, list(fact.not_persons))
    why = (fact.due_on, fact.target, fact.about, fact.reason, _numbers(fact))
    form = (None, None) if fact.form is None else (fact.form.method, fact.form.path)
    return (*what, *whom, *persons, *why, *form, fact.assumed, at)


def _numbers(fact: TaskOpened) -> str:
    return canonical(fact.numbers).decode()


def _key(source: str, task: UUID) -> UUID:
    """Two services may have a task of one id."""
    return stream_id("todo", source, source, str(task))


class Wanted(NamedTuple):
    """Which of them: open or closed; of a kind and within an area, where they are named."""

    closed: bool
    kind: str | None
    area: UUID | None


async def seen(
    pool: Pool, seats: Sequence[Any], wanted: Wanted, after: UUID | None, limit: int
) -> list[Record]:
    """Those that wait for one of the seats, by deadline; one more than `limit`. `seats`: plain
    data of duties, area, unit, post, persons, taken,
    own."""
    told = json.dumps(seats)
    return await pool.fetch(_SEEN, told, *wanted, after, limit)


async def counted(pool: Pool, seats: Sequence[Any], wanted: Wanted) -> dict[str, int]:
    """How many of each kind, whichever kind is wanted."""
    told = json.dumps(seats)
    rows = await pool.fetch(_COUNTED, told, wanted.closed, None, wanted.area)
    return {row["kind"]: row["count"] for row in rows}


_MINE = f"""
WITH seats AS (
    SELECT * FROM json_to_recordset($1::json)
        AS s(duties text[], area uuid, unit uuid, post text, persons text[], taken text[],
             own text[])),
mine AS (
    SELECT t.*, e.note, e.closed_at, e.closed_by, p.area_path, coalesce(t.due_on, 'infinity') AS due
      FROM view.tasks t
      LEFT JOIN view.task_ends e ON e.key = t.key
      CROSS JOIN LATERAL (SELECT {path_of("t.area")} AS area_path) p
     WHERE (e.key IS NOT NULL) = $2::bool
       AND ($3::text IS NULL OR t.kind = $3)
       AND ($4::uuid IS NULL OR t.area IN ({below("$4")}))
       AND EXISTS (
           SELECT FROM seats s
            WHERE ((t.waits_for = ANY (s.duties) OR t.or_duties && s.duties)
                   AND (s.area IS NULL OR s.area = ANY (p.area_path))
                   OR t.person = ANY (s.taken))
              AND (t.unit IS NULL OR t.unit = s.unit)
              AND (t.post IS NULL OR t.post = s.post)
              AND (t.person IS NULL OR t.person = ANY (s.persons))
              AND (t.not_person IS NULL OR t.not_person <> ALL (s.own))
              AND NOT t.not_persons && s.own))
"""  # noqa: S608 - constants only
_SEEN = f"""{_MINE}
SELECT key, source, id, area, kind, title, waits_for, or_duties, unit, post, person, due_on, target,
       about, reason, numbers, method, path, assumed, opened_at, note, closed_at, closed_by,
       area_path
  FROM mine
 WHERE $5::uuid IS NULL
    OR (due, key) > (SELECT coalesce(due_on, 'infinity'), key FROM view.tasks WHERE key = $5)
 ORDER BY due, key LIMIT $6 + 1
"""  # noqa: S608 - constants only
_COUNTED = f"{_MINE} SELECT kind, count(*) FROM mine GROUP BY kind ORDER BY kind"  # noqa: S608 - constants only
