"""Cases as data: lists spread to the fen, references, and a load that stops where it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from libs.chassis.answers import Answers, holds, joined
from libs.chassis.cases import Case, CaseError, Published, Spread, Title, compare, read_case
from libs.chassis.loader import Door, Load, UnexpectedAnswerError

TITLE = {
    "title": "t",
    "document": "d",
    "area": "area",
    "area_code": "9",
    "year": 2023,
    "statement": "s",
    "banner": "演示",
}


def folder(
    tmp_path: Path, *steps: dict[str, Any], refused: tuple[dict[str, Any], ...] = ()
) -> Path:
    """A case of these steps."""
    for name, content in (
        ("01_steps.json", list(steps)),
        ("case.json", TITLE),
        ("published.json", []),
        ("refused.json", list(refused)),
    ):
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "as": "clerk", "post": "/api/v1/funds/things", "body": {}, **more}


def listed(count: int, **more: Any) -> dict[str, Any]:
    row = {"key": "demo-{n}", "number": {"#": "n"}}
    return step("list", rows={"field": "things", "count": count, "row": row, **more})


def test_a_spread_sums_to_the_fen_in_whole_parts() -> None:
    texts = [one["text"] for one in Spread(total_fen=60_000_000, step_fen=100).over(814)]
    assert (texts.count("738"), texts.count("737"), len(texts)) == (82, 732, 814)
    assert Spread(total=2381).over(1066).count(3) == 249
    assert Spread(runs=[(2, "a"), (1, None)]).over(3) == ["a", "a", None]


@pytest.mark.parametrize(
    "spread",
    [
        Spread(total_fen=60_000_001, step_fen=100),
        Spread(),
        Spread(runs=[(2, "a")]),
    ],
)
def test_a_spread_that_does_not_make_up_the_whole_is_no_case(spread: Spread) -> None:
    with pytest.raises(CaseError):
        spread.over(3)


def test_a_long_list_travels_in_chunks_that_number_their_rows(tmp_path: Path) -> None:
    case = read_case(folder(tmp_path, listed(1066, first="first", start=5)))
    bodies = list(Answers().bodies_of(case.steps[0]))
    assert [(body["first"], len(body["things"])) for body in bodies] == [(5, 1000), (1005, 66)]
    assert bodies[1]["things"][-1] == {"key": "demo-1070", "number": 1070}
    assert case.requests == 2


def test_references_reach_into_answers_of_names_with_points() -> None:
    answers = Answers({"lot.P1": {"id": "x", "ids": {"demo-0001": "y"}}})
    assert answers.path("/lots/{lot.P1.id}/allocations") == "/lots/x/allocations"
    assert answers.resolve({"a": [{"$": "lot.P1.ids.demo-{n}"}]}, {"n": 1}) == {"a": ["y"]}
    for unknown in ("lot.P2.id", "lot.P1.name", "lot.P1.id.deeper"):
        with pytest.raises(CaseError, match=unknown):
            answers.at(unknown)


def test_answers_of_chunks_are_joined_and_expectations_are_parts() -> None:
    whole = joined([{"count": 1, "ids": {"a": "1"}}, {"count": 2, "ids": {"b": "2"}}])
    assert whole == {"count": 2, "ids": {"a": "1", "b": "2"}}
    assert holds({"ids": {"b": "2"}}, whole)
    assert not holds({"ids": {"b": "3"}}, whole)
    assert not holds({"missing": None}, whole)
    assert not holds([1], [1, 2])


def test_refusals_are_woven_in_behind_the_steps_they_name(tmp_path: Path) -> None:
    place = folder(tmp_path, step("a"), step("b"), refused=(step("no", after="a"),))
    assert [one.name for one in read_case(place).steps] == ["a", "b"]
    assert [one.name for one in read_case(place, refused=True).steps] == ["a", "no", "b"]


@pytest.mark.parametrize(
    "wrong",
    [
        (step("a"), step("a")),
        (step("a b"),),
        (step("a", then="b"),),
        (step("a", expect={"status": "409"}),),
    ],
)
def test_a_step_that_cannot_be_read_is_no_case(
    tmp_path: Path, wrong: tuple[dict[str, Any], ...]
) -> None:
    with pytest.raises(CaseError):
        read_case(folder(tmp_path, *wrong))
    with pytest.raises(CaseError, match="no steps"):
        read_case(tmp_path / "nothing")


def test_a_figure_that_is_printed_otherwise_or_not_at_all_is_not_equal() -> None:
    def said(figure: str | None, text: str) -> Published:
        return Published("f", text, "万元", 1, "q", figure)

    published = (said("a", "1.5"), said("b", "2"), said("c", "3"), said(None, "9"))
    lines = [
        {"label": figure, "figure": figure, "printed": text, "unit": "万元", "events": 1}
        for figure, text in (("a", "1.5"), ("b", "2.0"), ("d", "4"))
    ]
    case = Case("x", msgspec.convert(TITLE, Title), (), published)
    equal = [(line.label, line.equal) for line in compare(case, {"lines": lines})]
    assert equal == [("a", True), ("b", False), ("d", True), ("f", False)]


Reply = Callable[[httpx.Request], httpx.Response]


def door(reply: Reply) -> Door:
    def answered(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json={"head": 1})
        return reply(request)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answered), base_url="http://case")
    sources = {"funds": ["households"], "households": ["households"]}
    return Door(client, lambda role: role, sources, pause_s=0)


async def test_an_unexpected_answer_ends_the_load_and_names_the_step(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["idempotency-key"])
        return httpx.Response(409, json={"type": "/problems/InsufficientLot", "detail": "还差"})

    refused = step("a", expect={"status": 409, "body": {"type": "/problems/InsufficientLot"}})
    case = read_case(folder(tmp_path, refused, step("b"), step("c")))
    with pytest.raises(UnexpectedAnswerError, match=r"^b: POST .* 409 .*还差"):
        await Load(case, door(reply)).run()
    name = tmp_path.name
    assert asked == [f"{name}:a:1", f"{name}:b:1"]


async def test_a_busy_service_is_asked_again_under_the_same_key(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["idempotency-key"])
        if len(asked) == 1:
            return httpx.Response(503, headers={"retry-after": "0"})
        if len(asked) == 2:
            raise httpx.ReadError("gone")
        return httpx.Response(201, json={}, headers={"idempotent-replay": "true"})

    load = Load(read_case(folder(tmp_path, step("a"))), door(reply))
    await load.run()
    assert asked == [f"{tmp_path.name}:a:1"] * 3
    assert (load.requests, load.replays, load.events) == (1, 1, 0)


async def test_a_service_waits_for_what_it_reads_of_others_and_for_nothing_else(
    tmp_path: Path,
) -> None:
    waited: list[str | None] = []
    positions = iter(("households:7", "funds:9", "households:5", "funds:10"))

    def reply(request: httpx.Request) -> httpx.Response:
        waited.append(request.headers.get("min-position"))
        return httpx.Response(201, json={}, headers={"position": next(positions)})

    other = {"post": "/api/v1/households/things"}
    steps = (step("a", **other), step("b"), step("c", **other), step("d"))
    await Load(read_case(folder(tmp_path, *steps)), door(reply)).run()
    assert waited == [None, "households:7", None, "households:7"]
