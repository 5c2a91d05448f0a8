"""Rules of projects, documents and draw policies (003:L117, dossier 9.2, capability 2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from pydantic import ValidationError

from libs.events.contracts.funds import ProjectEnteredLibrary
from services.funds.domain import document, policy, project
from services.funds.domain.document import (
    Document,
    DocumentAlreadyRegistered,
    DocumentNotRegistered,
    RegisterDocument,
    documents,
)
from services.funds.domain.policy import AdoptDrawPolicy, DrawPolicy, policies
from services.funds.domain.project import (
    AlreadyInLibrary,
    EnterLibrary,
    Project,
    ProjectAlreadyProposed,
    ProjectNotProposed,
    ProposeProject,
    projects,
)
from tests.funds.given import APPROVAL, AREA, DAY, LETTER, LEVELS, after, in_library, on
from tests.spec import when


def letter(number: str) -> RegisterDocument:
    command: RegisterDocument = on(
        RegisterDocument,
        number=number,
        kind="funding",
        title="下达资金",
        level="county",
        area=AREA,
        issued_on=DAY,
    )
    return command


def test_every_spelling_of_a_number_is_the_same_document() -> None:
    first = when(document.register, Document(), letter("测财农〔2020〕1号")).accepted()
    known: Document = after(Document(), documents, first)
    assert letter("测财农[2020] 第1 号").document() == known.id
    when(document.register, known, letter("测财农[2020] 第1 号")).refused(
        DocumentAlreadyRegistered, number="测财农〔2020〕1号"
    )


def test_a_number_without_year_is_accepted_with_a_mark() -> None:
    assert (
        when(document.register, Document(), letter("测财农1号")).accepted().body["has_year"]
        is False
    )


def test_no_number_is_malformed() -> None:
    with pytest.raises(ValidationError):
        letter("没有文号")


def test_a_project_is_proposed_once() -> None:
    known = in_library()
    command = on(ProposeProject, area=AREA, year=2020, name="测试项目", kind="x", purpose="relief")
    assert command.project() == known.id
    when(project.propose, known, command).refused(ProjectAlreadyProposed, name="测试项目")


def test_a_project_enters_the_library_once_and_by_a_registered_document() -> None:
    waiting = replace(in_library(), in_library=False)
    enter = on(EnterLibrary, document=APPROVAL.id)
    decision = when(project.enter_library, (waiting, APPROVAL), enter).accepted()
    assert decision.document == APPROVAL.number
    entered = after(waiting, projects, decision)
    when(project.enter_library, (entered, None), on(EnterLibrary)).refused(AlreadyInLibrary)
    when(project.enter_library, (waiting, Document()), enter).refused(DocumentNotRegistered)


def test_a_document_is_not_needed_to_enter_the_library() -> None:
    waiting = replace(in_library(), in_library=False)
    decision = when(project.enter_library, (waiting, None), on(EnterLibrary)).accepted()
    assert decision.document is None
    assert [type(e) for facts in decision.events.values() for e in facts] == [ProjectEnteredLibrary]


def test_nothing_enters_the_library_unproposed() -> None:
    when(project.enter_library, (Project(), None), on(EnterLibrary)).refused(ProjectNotProposed)


def adopted(known: DrawPolicy, *levels: str) -> DrawPolicy:
    command = on(AdoptDrawPolicy, area=AREA, in_force_from=DAY, levels=levels, document=LETTER.id)
    decision = when(policy.adopt, (known, LETTER), command).accepted()
    assert decision.document == LETTER.number
    state: DrawPolicy = after(known, policies, decision)
    return state


def test_each_adoption_is_the_next_version_and_draws_cite_it() -> None:
    known = adopted(adopted(DrawPolicy(), *LEVELS), *reversed(LEVELS))
    used = known.used(DAY)
    assert (used.version, used.policy) == (2, policy.policy_stream(AREA))
    assert known.on(DAY).levels == tuple(reversed(LEVELS))


def test_a_policy_needs_its_document_registered() -> None:
    command = on(
        AdoptDrawPolicy,
        area=AREA,
        in_force_from=date(2020, 1, 1),
        levels=LEVELS,
        document=LETTER.id,
    )
    when(policy.adopt, (DrawPolicy(), Document()), command).refused(DocumentNotRegistered)
