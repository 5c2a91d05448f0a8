"""How a text is told to a recipient, by a table; which profile holds, and which cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.households.domain import checksum
from services.households.domain.masking import COUNTED, FieldMask, Profile, masked
from tests.people import MASKING, card, id_number, wrong

ID = id_number(7)


def mask(how: Any, count: int = 0) -> FieldMask:
    return FieldMask(field="name", how=how, count=count)


@pytest.mark.parametrize(
    ("text", "how", "count", "told"),
    [
        (ID, "full", 0, ID),
        (ID, "hide_middle", 6, f"{ID[:6]}******{ID[12:]}"),
        (ID, "hide_last", 8, f"{ID[:10]}********"),
        (ID, "show_last", 4, f"{'*' * 14}{ID[14:]}"),
        (ID, "hidden", 0, None),
        ("13800", "hide_middle", 4, "1****"),
        ("138", "hide_middle", 6, "***"),
        ("138", "hide_last", 8, "***"),
        ("138", "show_last", 4, "***"),
        ("1380", "show_last", 4, "****"),
        ("甲", "hide_one", 0, "*"),
        ("甲乙", "hide_one", 0, "甲*"),
        ("甲乙丙", "hide_one", 0, "甲*丙"),
        ("阿卜杜·某", "hide_one", 0, "阿*杜·某"),
    ],
)
def test_a_text_is_told_as_the_recipient_may_see_it(
    text: str, how: str, count: int, told: str | None
) -> None:
    assert masked(text, mask(how, count)) == told


@given(
    st.text("甲乙丙丁0123456789", min_size=1, max_size=40),
    st.sampled_from(COUNTED),
    st.integers(1, 40),
)
def test_as_long_as_it_was_and_as_much_hidden_as_asked(text: str, how: str, count: int) -> None:
    told = masked(text, mask(how, count))
    assert told is not None
    assert len(told) == len(text)
    hidden = told.count("*")
    wanted = len(text) - count if how == "show_last" else count
    assert hidden == (min(count, len(text)) if how != "show_last" else max(wanted, 0) or len(text))
    assert all(a in (b, "*") for a, b in zip(told, text, strict=True))


def test_a_field_that_a_profile_does_not_name_is_not_told() -> None:
    notice = Profile.model_validate(MASKING["public_notice"])
    assert notice.of("name").how == "hide_one"
    assert notice.of("id_number").how == "hidden"


@pytest.mark.parametrize(
    "fields",
    [
        [{"field": "name", "how": "hide_last"}],
        [{"field": "name", "how": "full", "count": 2}],
        [{"field": "name", "how": "full"}, {"field": "name", "how": "hidden"}],
        [{"field": "illness", "how": "full"}],
    ],
)
def test_a_profile_that_cannot_be_is_malformed(fields: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate({"title": "x", "fields": fields})


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (ID, None),
        (wrong(ID), "校验位"),
        (ID[:6] + "19901332" + ID[14:], "出生日期"),
        (ID[:6] + ID[8:17], "15 位"),
        (ID[:17], "不是 18 位"),
        ("E12345678", None),
    ],
)
def test_what_is_wrong_with_an_id_number_is_told_without_it(number: str, says: str | None) -> None:
    told = checksum.of_id_number(number)
    assert (told is None) if says is None else (told is not None and says in told)
    assert number not in (told or "")


@pytest.mark.parametrize(
    ("account", "fits"),
    [(card(), True), (wrong(card()), False), (card()[:15], True), ("0" + card()[1:], True)],
)
def test_only_a_card_has_a_check_digit(account: str, *, fits: bool) -> None:
    assert (checksum.of_account(account) is None) == fits
