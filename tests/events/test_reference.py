"""Dated rows of reference data: which row decides, and how rows come and go."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import packs, reference
from libs.events.contracts.rules import (
    PackApplied,
    ReferenceEnded,
    ReferenceRow,
    ReferenceSet,
    ReferenceWithdrawn,
)
from libs.events.dated_rows import Reference, RowTyped, references
from libs.events.decider import Facts
from libs.events.errors import UnknownArea
from libs.events.packs import (
    Applied,
    Applying,
    ApplyPack,
    Pack,
    PackFacts,
    PackForked,
    PackOutOfOrder,
    PackRow,
)
from libs.events.reference import (
    EndBeforeStart,
    EndReference,
    NoSuchRow,
    RowDiffers,
    SetReference,
    WithdrawReference,
)
from libs.events.types import Event
from tests.spec import when

COUNTY, TOWN, VILLAGE = UUID(int=1), UUID(int=2), UUID(int=3)
PATH = (COUNTY, TOWN, VILLAGE)
HERE = Facts(path=PATH)
DAY = date(2026, 1, 1)


def year(number: int, month: int = 1, day: int = 1) -> date:
    return date(number, month, day)


def row(key: str, since: date, fen: int, until: date | None = None) -> ReferenceRow:
    return ReferenceRow(key=key, valid_from=since, valid_until=until, values={"fen": fen})


def rows(area: UUID | None, *them: ReferenceRow, origin: Any = "local") -> ReferenceSet:
    return ReferenceSet(set="standard", area=area, origin=origin, document=None, rows=them)


def after(*events: Event) -> Reference:
    return references.over(events)


def fen(state: Reference, on: date, path: tuple[UUID, ...] = PATH) -> int | None:
    found = state.at("grain", path, on)
    return None if found is None else found.values["fen"]


def test_a_row_holds_from_its_day_until_the_next_or_to_its_own_last_day() -> None:
    state = after(
        rows(COUNTY, row("grain", year(2021), 100), row("grain", year(2023), 120, year(2023, 6))),
        rows(COUNTY, row("grain", year(2025), 150)),
    )
    days = {
        year(2020, 12, 31): None,
        year(2021): 100,
        year(2022, 12, 31): 100,
        year(2023): 120,
        year(2023, 6): 120,
        year(2023, 6, 2): None,
        year(2025): 150,
        year(2099): 150,
    }
    assert {day: fen(state, day) for day in days} == days


def test_the_nearest_area_upwards_decides_and_local_stands_before_pack() -> None:
    state = after(
        rows(None, row("grain", year(2020), 1), origin="pack"),
        rows(COUNTY, row("grain", year(2021), 2), origin="pack"),
        rows(COUNTY, row("grain", year(2022), 3, year(2022, 12, 31))),
        rows(VILLAGE, row("grain", year(2024), 4)),
    )
    assert [fen(state, year(y)) for y in (2020, 2021, 2022, 2023, 2024)] == [1, 2, 3, 2, 4]
    assert fen(state, year(2024), (COUNTY, TOWN)) == 2
    assert fen(state, year(2024), ()) == 1
    assert state.at("grain", (), year(2019)) is None
    assert set(state.keys(PATH, year(2024))) == {"grain"}
    assert state.keys(PATH, year(2019)) == {}


@given(st.lists(st.tuples(st.integers(2013, 2030), st.integers(1, 9)), max_size=12), st.randoms())
def test_rows_decide_alike_in_whatever_order_they_came(
    came: list[tuple[int, int]], random: Any
) -> None:
    """From above, the later word for one day wins; so each day once here."""
    once = list(dict(came).items())
    shuffled = random.sample(once, len(once))
    one, other = (
        after(*(rows(COUNTY, row("grain", year(since), fen_)) for since, fen_ in order))
        for order in (once, shuffled)
    )
    for number in range(2012, 2032):
        begun = [since for since, _ in once if since <= number]
        expected = dict(once)[max(begun)] if begun else None
        assert fen(one, year(number)) == fen(other, year(number)) == expected


def set_(fen_: int, since: date = DAY, area: UUID | None = COUNTY) -> SetReference:
    typed = RowTyped(key="grain", valid_from=since, values={"fen": fen_})
    return SetReference(occurred_on=DAY, set="standard", area=area, row=typed)


def test_a_row_is_set_once_and_another_in_its_place_is_refused() -> None:
    told = when(reference.set_row, Reference(), set_(100), HERE).then(
        rows(COUNTY, row("grain", DAY, 100))
    )
    state = after(*[event for events in told.events.values() for event in events])
    again = when(reference.set_row, state, set_(100), HERE).then()
    assert again.status == 200
    when(reference.set_row, state, set_(101), HERE).refused(RowDiffers, key="grain")
    when(reference.set_row, state, set_(101, year(2027)), HERE).accepted()
    when(reference.set_row, state, set_(101), Facts(path=())).refused(UnknownArea)


def test_a_local_row_is_ended_or_withdrawn_and_one_from_above_is_not() -> None:
    state = after(
        rows(COUNTY, row("grain", DAY, 100)),
        rows(COUNTY, row("grain", year(2025), 90), origin="pack"),
    )
    named: dict[str, Any] = {"occurred_on": DAY, "set": "standard", "area": COUNTY, "key": "grain"}
    end = EndReference(**named, valid_from=DAY, valid_until=year(2026, 5))
    when(reference.end_row, state, end, HERE).then(
        ReferenceEnded(
            set="standard",
            area=COUNTY,
            key="grain",
            valid_from=DAY,
            valid_until=year(2026, 5),
            document=None,
        )
    )
    when(
        reference.end_row, state, end.model_copy(update={"valid_until": year(2025)}), HERE
    ).refused(EndBeforeStart)
    withdraw = WithdrawReference(**named, valid_from=DAY, reason="误登")
    told = when(reference.withdraw_row, state, withdraw, HERE).accepted()
    (event,) = next(iter(told.events.values()))
    assert isinstance(event, ReferenceWithdrawn)
    assert fen(state, year(2026, 6)) == 100
    assert fen(references.evolve(state, event), year(2026, 6)) == 90
    from_above = withdraw.model_copy(update={"valid_from": year(2025)})
    when(reference.withdraw_row, state, from_above, HERE).refused(NoSuchRow)


def pack(number: int, *fens: int, previous: str | None = None) -> Pack:
    named = [
        PackRow(
            set="standard", area=None, key=f"k{nth}", valid_from=year(2027), values={"fen": one}
        )
        for nth, one in enumerate(fens)
    ]
    strange = PackRow(set="elsewhere", area=None, key="x", valid_from=DAY, values={})
    return Pack(
        issuer="530000",
        number=number,
        previous=previous,
        issued_on=DAY,
        document="云财农〔2026〕1号",
        rows=(*named, strange),
    )


def applying(one: Pack) -> ApplyPack:
    return ApplyPack(occurred_on=DAY, pack=one, key="k1", signature="A" * 86)


OWN = PackFacts(path=(), own=("standard",))


def taken(state: Applying, one: Pack) -> tuple[Applying, list[Event]]:
    """The state behind a pack, and the events that it gave."""
    told = when(packs.apply, state, applying(one), OWN).accepted()
    events = [event for events in told.events.values() for event in events]
    last = packs.packs.over(events, state.last)
    sets = references.over(events, state.sets["standard"])
    return replace(state, last=last, sets={"standard": sets, "elsewhere": Reference()}), events


def test_a_pack_gives_what_is_new_or_different_and_twice_nothing() -> None:
    start = Applying(Applied(), {"standard": Reference(), "elsewhere": Reference()})
    first = pack(1, 10, 20)
    state, events = taken(start, first)
    applied, given_ = events
    assert isinstance(applied, PackApplied)
    assert (applied.number, applied.rows, applied.digest) == (1, 2, first.digest())
    assert isinstance(given_, ReferenceSet)
    assert (given_.origin, len(given_.rows)) == ("pack", 2)
    again = when(packs.apply, state, applying(first), OWN).then()
    assert again.status == 200
    state, events = taken(state, pack(2, 10, 21, 30, previous=first.digest()))
    assert isinstance(events[1], ReferenceSet)
    assert [one.key for one in events[1].rows] == ["k1", "k2"]
    changed = state.sets["standard"].at("k1", (), year(2027))
    assert changed is not None
    assert changed.values == {"fen": 21}


@pytest.mark.parametrize(
    ("number", "previous", "refusal"),
    [(3, None, PackOutOfOrder), (1, None, PackForked), (2, "0" * 64, PackForked)],
)
def test_a_pack_out_of_its_order_is_refused(
    number: int, previous: str | None, refusal: Any
) -> None:
    start = Applying(Applied(), {"standard": Reference(), "elsewhere": Reference()})
    state, _ = taken(start, pack(1, 10))
    other = pack(number, 11, previous=previous)
    when(packs.apply, state, applying(other), OWN).refused(refusal, issuer="530000")


def test_a_large_pack_stays_within_what_an_event_may_hold() -> None:
    many = pack(1, *range(1000))
    start = Applying(Applied(), {"standard": Reference(), "elsewhere": Reference()})
    state, events = taken(start, many)
    assert [len(one.rows) for one in events if isinstance(one, ReferenceSet)] == [200] * 5
    assert len(state.sets["standard"].rows) == 1000


def test_a_local_row_before_another_from_above_is_a_conflict() -> None:
    state = after(
        rows(None, row("grain", year(2026), 1), row("oil", year(2026), 1), origin="pack"),
        rows(TOWN, row("grain", year(2026), 2), row("oil", year(2026), 1)),
        rows(VILLAGE, row("grain", year(2024), 3, year(2025, 12, 31))),
    )
    paths = {TOWN: (COUNTY, TOWN), VILLAGE: PATH}
    (found,) = packs.conflicts(state, paths)
    assert (found.key, found.area, found.above) == ("grain", TOWN, None)
    assert (found.local.values, found.pack.values) == ({"fen": 2}, {"fen": 1})
