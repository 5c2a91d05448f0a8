"""A batch folded into one row a key: the same rows as adding them one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.events.entries import Row, Table

COLUMNS = (("area", "text"), ("fen", "bigint"), ("year", "int"), ("lines", "int"))
KEYS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(-9, 9)
ROWS = st.lists(st.tuples(KEYS, NUMBERS, st.sampled_from([2020, 2021]), NUMBERS), max_size=12)
SUMMED = Table("t", COLUMNS, key=("year", "area"), mode="sum", sums=("fen", "lines"))
BY_AREA = Table("t", COLUMNS, key=("area",), mode="latest")


def one_after_the_other(rows: Sequence[Row]) -> dict[tuple[Any, Any], Row]:
    held: dict[tuple[Any, Any], Row] = {}
    for area, fen, year, lines in rows:
        _, before, _, lines_before = held.get((year, area), (area, 0, year, 0))
        held[year, area] = (area, before + fen, year, lines_before + lines)
    return held


@given(ROWS)
def test_sums_are_those_of_the_rows_in_the_order_of_their_first(rows: list[Row]) -> None:
    assert list(SUMMED.fold(rows)) == list(one_after_the_other(rows).values())


@given(ROWS)
def test_of_rows_with_one_key_the_latest_is_kept(rows: list[Row]) -> None:
    assert list(BY_AREA.fold(rows)) == list({row[0]: row for row in rows}.values())


def test_the_same_row_given_three_times_counts_three_times() -> None:
    row = ("a", 5, 2020, 1)
    assert list(SUMMED.fold([row, row, row])) == [("a", 15, 2020, 3)]


@given(ROWS)
def test_entries_are_never_folded(rows: list[Row]) -> None:
    assert list(Table("t", COLUMNS, key=("area",), mode="append").fold(rows)) == rows
