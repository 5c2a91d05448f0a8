"""What a sheet filled in without a network changes, field by field."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from libs.events.field_changes import Change, Compared, Conflict, Now, Text, compare

AT = datetime(2024, 3, 5, 9, 30, tzinfo=UTC)
fields = st.sampled_from(["phone", "note", "relation"])
texts: st.SearchStrategy[Text] = st.none() | st.sampled_from(["a", "b", "c"])
rows = st.dictionaries(fields, texts)


def test_only_what_was_changed_goes_in() -> None:
    base = {"phone": "1", "note": None, "relation": "head"}
    mine = {"phone": "2", "note": None, "relation": "head"}
    theirs = {field: Now(value) for field, value in base.items()}
    assert compare(base, mine, theirs) == Compared((Change("phone", "1", "2"),))


def test_what_the_sheet_left_alone_stays_as_the_county_changed_it() -> None:
    theirs = {"phone": Now("3", "县级经办", AT)}
    assert compare({"phone": "1"}, {"phone": "1"}, theirs).unchanged


def test_a_field_that_both_changed_is_a_conflict_with_both_values_names_and_times() -> None:
    theirs = {"phone": Now("3", "县级经办", AT), "note": Now(None)}
    found = compare({"phone": "1"}, {"phone": "2", "note": "x"}, theirs)
    assert found.conflicts == (Conflict("phone", "1", "2", Now("3", "县级经办", AT)),)
    assert found.changes == (Change("note", None, "x"),)


def test_what_both_changed_alike_is_done_already() -> None:
    found = compare({"phone": "1"}, {"phone": "2"}, {"phone": Now("2", "县级经办", AT)})
    assert (found.already, found.unchanged) == (("phone",), True)


def test_what_was_emptied_is_a_change_and_what_is_not_named_is_let_be() -> None:
    theirs = {"phone": Now("1"), "note": Now("y")}
    found = compare({"phone": "1", "note": "y"}, {"phone": None}, theirs)
    assert found == Compared((Change("phone", "1", None),))


@given(rows, rows, rows)
def test_the_same_sheet_again_changes_nothing_and_loses_no_conflict(
    base: dict[str, Text], mine: dict[str, Text], now: dict[str, Text]
) -> None:
    first = compare(base, mine, {field: Now(value) for field, value in now.items()})
    after = now | {change.field: change.mine for change in first.changes}
    again = compare(base, mine, {field: Now(value) for field, value in after.items()})
    assert again.changes == ()
    assert again.conflicts == first.conflicts
    touched = [change.field for change in first.changes]
    touched += [conflict.field for conflict in first.conflicts]
    assert all(mine[field] != base.get(field) for field in (*touched, *first.already))
    assert len({*touched, *first.already}) == len(touched) + len(first.already)
