"""A neighbour with every role in its own county, who names the case's things in its own commands.

The whole case is said again for the neighbour's county, each command once more for every id in it
with that one id left as the case's: the money, projects and papers of one county never enter
another's commands, and nothing of the case's county is ever written by the neighbour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from libs.chassis.auth import ROLES
from services.__main__ import SERVICES
from tests.journeys.test_scope_walk import COMMANDS, DOORS, Door, Sent, Walk, walk

__all__ = ["walk"]

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WRITTEN = """
SELECT type FROM es.events
 WHERE metadata->'actor'->>'area' = $1 AND type <> 'CommandRefused'
   AND (payload->>'area')::uuid IN (SELECT id FROM known.areas WHERE NOT $2 = ANY (path))
"""


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Where ids stand in a body."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from places(inner, (*place, key))
        case list():
            for number, inner in enumerate(value[:2]):
                yield from places(inner, (*place, number))
        case str() if ID.fullmatch(value):
            yield place, value


class Neighbour:
    """The case said again, id by id, for another county."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.token = walk.token(*ROLES, area=walk.neighbour)
        areas = (one.answer["id"] for one in walk.sent if one.path.endswith("/households/areas"))
        self.own = dict.fromkeys(areas, str(walk.neighbour))
        self.accepted: set[str] = set()
        self.passed: set[tuple[str, str]] = set()

    def mine(self, text: str, but: str = "") -> str:
        """The same with ids of the neighbour's own things and papers, `but` for one."""
        said = ID.sub(lambda found: found[0] if found[0] == but else self.own_of(found[0]), text)
        return said.replace("〔", "邻〔")

    def own_of(self, id_: str) -> str:
        return self.own.get(id_, id_)

    async def say(self, one: Sent) -> None:
        door = next(door for door in DOORS if door.matches(one.method, one.path))
        text = json.dumps(one.body, ensure_ascii=False)
        fields = {id_: str(place[-1]) for place, id_ in places(one.body) if self.own_of(id_) != id_}
        for theirs, field in (*fields.items(), ("", "")):
            body, path = json.loads(self.mine(text, theirs)), self.mine(one.path)
            answer = await self.walk.ask(door, self.token, path=path, json=body)
            assert answer.status_code in (201, 403, 404, 409), answer.text
            if answer.status_code == 201:
                self.keep(one, answer.json())
                self.accepted.add(door.template)
                if theirs:
                    self.passed.add((door.template.split("/")[-1], field))

    def keep(self, one: Sent, answer: Any) -> None:
        made = dict(places(answer))
        self.own |= {was: made[place] for place, was in places(one.answer) if place in made}


LAWFUL = {
    ("lots", "document"),  # a paper from above stands where it was first registered
    ("reallocations", "document"),
    ("allocation-corrections", "document"),
    ("dispatches", "bank"),  # a bank serves more than its own county
    ("populations", "project"),  # households reads nothing of funds; no money follows from it
}


async def test_a_neighbours_own_commands_take_nothing_of_the_case(walk: Walk) -> None:
    neighbour = Neighbour(walk)
    for one in list(walk.sent):
        await neighbour.say(one)
    assert neighbour.passed <= LAWFUL
    assert {"documents", "lots", "allocations", "batches", "lines", "seals"} <= {
        template.split("/")[-1] for template in neighbour.accepted
    }
    for service in SERVICES:
        pool = (await walk.installation.log(service)).pool
        written = await pool.fetch(WRITTEN, str(walk.neighbour), walk.neighbour)
        assert [row["type"] for row in written] == [], service.name


async def test_a_target_of_another_noun_is_not_found(walk: Walk) -> None:
    """Every command with every id of its service that is not of its kind: 404, nothing stored."""
    before = await walk.stored()
    asked = 0
    for door in COMMANDS:
        example = walk.example(door)
        if example is None or "{id}" not in door.template:
            continue
        for noun, id_ in strangers(walk, door):
            path = door.template.replace("{id}", id_)
            token = walk.token(*door.roles)
            answer = await walk.ask(door, token, path=path, json=example.body)
            assert answer.status_code == 404, (str(door), noun, answer.text)
            asked += 1
    assert asked > 20
    assert await walk.stored() == before


def strangers(walk: Walk, door: Door) -> set[tuple[str, str]]:
    """The first thing of each other noun of the service that the case made."""
    found: dict[str, str] = {}
    for one in walk.sent:
        _, _, _, service, noun, *below = one.path.split("/")
        made = next((id_ for place, id_ in places(one.answer) if place[0] in ("id", "ids")), None)
        if service == door.service.name and made is not None and not below:
            found.setdefault(noun, made)
    own = door.template.split("/")[4]
    return {(noun, id_) for noun, id_ in found.items() if noun != own}
