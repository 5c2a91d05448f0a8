"""Rules of reporting: figures that divide, statements that print, cuts that stay."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from libs.events.contracts.reporting import (
    CutNameTaken,
    CutTaken,
    FigureDeclared,
    LogPosition,
    StatementDeclared,
    StatementLine,
)
from services.reporting.domain import cut, figure, statement
from services.reporting.domain.cut import CutAlreadyTaken, CutFacts, CutNameOfKin, TakeCut, Taking
from services.reporting.domain.figure import (
    Declared,
    DeclareFigure,
    Declaring,
    FigureNotDeclared,
    FigureUnchanged,
    OperandIsRatio,
    figures,
)
from services.reporting.domain.statement import (
    DeclareStatement,
    Printing,
    StatementUnchanged,
    statements,
)
from tests.reporting.definitions import RATE, RECEIVED, USED
from tests.spec import when

AREA, DAY = UUID(int=1), date(2021, 8, 12)
NONE = Declaring(Declared(), ())


def declaring(code: str, definition: dict[str, Any], title: str = "指标") -> DeclareFigure:
    return DeclareFigure.model_validate(
        {
            "occurred_on": DAY,
            "figure": code,
            "title": title,
            "area": AREA,
            "definition": definition,
        }
    )


def declared(code: str, definition: dict[str, Any]) -> FigureDeclared:
    command = declaring(code, definition)
    return FigureDeclared(
        figure=code, title="指标", area=AREA, definition=command.definition.read()
    )


RECEIVED_FIGURE = figures.over([declared("recv.total", RECEIVED)])
USED_FIGURE = figures.over([declared("used.total", USED)])


def test_a_figure_is_declared_as_data() -> None:
    command = declaring("recv.total", RECEIVED)
    decision = when(figure.declare, NONE, command).then(declared("recv.total", RECEIVED))
    assert decision.body["version"] == 1


def test_the_same_definition_is_no_new_version() -> None:
    twice = figures.over([declared("recv.total", USED), declared("recv.total", RECEIVED)])
    outcome = when(figure.declare, Declaring(twice, ()), declaring("recv.total", RECEIVED))
    outcome.refused(FigureUnchanged, figure="recv.total", version=2)


def test_another_title_is_a_new_version() -> None:
    state = Declaring(RECEIVED_FIGURE, ())
    decision = when(figure.declare, state, declaring("recv.total", RECEIVED, "到账")).accepted()
    assert decision.body["version"] == 2


def test_a_ratio_divides_figures_that_exist() -> None:
    state = Declaring(Declared(), (USED_FIGURE, RECEIVED_FIGURE))
    when(figure.declare, state, declaring("rate", RATE)).then(declared("rate", RATE))


def test_a_ratio_of_an_undeclared_figure_is_refused() -> None:
    state = Declaring(Declared(), (USED_FIGURE, Declared()))
    outcome = when(figure.declare, state, declaring("rate", RATE))
    outcome.refused(FigureNotDeclared, figure="recv.total")


def test_a_ratio_of_a_ratio_is_refused() -> None:
    state = Declaring(Declared(), (figures.over([declared("used.total", RATE)]), RECEIVED_FIGURE))
    when(figure.declare, state, declaring("rate", RATE)).refused(
        OperandIsRatio, figure="used.total"
    )


def printing(*codes: str) -> DeclareStatement:
    return DeclareStatement.model_validate(
        {
            "occurred_on": DAY,
            "statement": "D6",
            "title": "资金使用情况",
            "area": AREA,
            "year": 2020,
            "lines": [{"label": f"行 {code}", "figure": code} for code in codes],
        }
    )


PRINTED = StatementDeclared(
    statement="D6",
    title="资金使用情况",
    area=AREA,
    year=2020,
    lines=(StatementLine(label="行 recv.total", figure="recv.total"),),
)


def test_a_statement_prints_figures_in_order() -> None:
    when(statement.declare, Printing(None, (RECEIVED_FIGURE,)), printing("recv.total")).then(
        PRINTED
    )


def test_a_statement_of_an_undeclared_figure_is_refused() -> None:
    outcome = when(
        statement.declare,
        Printing(None, (RECEIVED_FIGURE, Declared())),
        printing("recv.total", "recv.totl"),
    )
    outcome.refused(FigureNotDeclared, figure="recv.totl")


def test_the_same_statement_is_no_new_version() -> None:
    state = Printing(statements.over([PRINTED]), (RECEIVED_FIGURE,))
    when(statement.declare, state, printing("recv.total")).refused(StatementUnchanged)


def taking(**times: str) -> TakeCut:
    return TakeCut.model_validate({"occurred_on": DAY, "name": "2020", "area": AREA, **times})


POSITIONS = (
    LogPosition(source="assets", epoch=1, position=7),
    LogPosition(source="funds", epoch=2, position=12),
)
ABOVE, BELOW, BESIDE = UUID(int=2), UUID(int=3), UUID(int=4)
FACTS = CutFacts(path=(ABOVE, AREA), positions=POSITIONS)
NOT_TAKEN = Taking(None, ())


def test_a_cut_keeps_its_positions_and_its_instant_in_utc() -> None:
    command = taking(counted_until="2020-12-31", known_at="2021-08-12T08:00:00+08:00")
    decision = when(cut.take, NOT_TAKEN, command, FACTS).accepted()
    (taken,) = decision.events[command.stream()]
    assert isinstance(taken, CutTaken)
    assert taken.known_at is not None
    assert taken.known_at.tzinfo is UTC
    assert (taken.known_at.hour, taken.counted_until) == (0, date(2020, 12, 31))
    assert taken.positions == POSITIONS
    assert decision.body["cut"] == {"assets": 7, "funds": 12}


def test_a_name_means_one_cut_for_ever() -> None:
    events = when(cut.take, NOT_TAKEN, taking(), FACTS).accepted().events
    known = cut.cuts.over(events[taking().stream()])
    named = cut.names.over(events[taking().name_stream()])
    assert named == (CutNameTaken(area=AREA, name="2020", path=(ABOVE, AREA)),)
    when(cut.take, Taking(known, named), taking(), FACTS).refused(CutAlreadyTaken, name="2020")


@pytest.mark.parametrize(("area", "path"), [(ABOVE, (ABOVE,)), (BELOW, (ABOVE, AREA, BELOW))])
def test_a_name_is_not_given_again_above_or_below(area: UUID, path: tuple[UUID, ...]) -> None:
    mark = CutNameTaken(area=area, name="2020", path=path)
    when(cut.take, Taking(None, (mark,)), taking(), FACTS).refused(CutNameOfKin, area=str(area))


def test_a_neighbour_may_have_a_cut_of_the_same_name() -> None:
    mark = CutNameTaken(area=BESIDE, name="2020", path=(ABOVE, BESIDE))
    when(cut.take, Taking(None, (mark,)), taking(), FACTS).accepted()


def test_a_title_of_blanks_is_malformed_and_others_are_trimmed() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        declaring("used.total", USED, title=" ")
    assert declaring("used.total", USED, title=" 支出 ").title == "支出"
