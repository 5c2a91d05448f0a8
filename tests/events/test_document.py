"""文号: every spelling of one number is one document, and what is no number says why."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.document import DocumentNumber, DocumentNumberError, parse_document

# The same cases every time: no database, no clock, no seed of the day.
fixed = settings(derandomize=True, database=None, deadline=None, max_examples=300)

PUBLISHED = [  # dossier 9.2, by document
    ("安贫领〔2021〕1号", "安贫领", 2021, 1),  # 000
    ("安乡振〔2021〕1号", "安乡振", 2021, 1),
    ("安贫领办〔2021〕7号", "安贫领办", 2021, 7),
    ("昆贫领办便笺〔2020〕118号", "昆贫领办便笺", 2020, 118),
    ("昆贫领办〔2020〕17号", "昆贫领办", 2020, 17),
    ("昆财农〔2021〕29号", "昆财农", 2021, 29),
    ("安发〔2021〕2号", "安发", 2021, 2),
    ("安农通〔2021〕39号", "安农通", 2021, 39),
    ("市委办〔2021〕73号", "市委办", 2021, 73),
    ("安政办〔2020〕74号", "安政办", 2020, 74),
    ("安办通〔2019〕103号", "安办通", 2019, 103),
    ("安民联发〔2020〕5号", "安民联发", 2020, 5),
    ("安政发14号", "安政发", None, 14),
    ("弥贫开发〔2017〕28号", "弥贫开发", 2017, 28),  # 001
    ("国开办司发〔2017〕36号", "国开办司发", 2017, 36),
    ("弥政办发〔2016〕277号", "弥政办发", 2016, 277),
    ("云巩固振兴组〔2022〕6号", "云巩固振兴组", 2022, 6),  # 003
    ("昆巩固振兴组〔2022〕7号", "昆巩固振兴组", 2022, 7),
    ("济历城扶贫组字〔2019〕5号", "济历城扶贫组字", 2019, 5),  # 004
    ("济历城政办字〔2019〕10号", "济历城政办字", 2019, 10),
]


@pytest.mark.parametrize(("text", "issuer", "year", "serial"), PUBLISHED)
def test_a_published_number_is_read(text: str, issuer: str, year: int | None, serial: int) -> None:
    number = parse_document(text)
    assert number == DocumentNumber(issuer, year, serial, raw=text)
    assert number.normal == text
    assert number.has_year is (year is not None)


@pytest.mark.parametrize(
    "text",
    [
        "国开办司发﹝2017﹞36号",  # 001 prints these
        "国开办司发[2017]36号",
        "国开办司发［2017］36号",
        "国开办司发（2017）36号",
        "国开办司发(2017)36号",
        "国开办司发【2017】36号",
        "国开办司发〔2017）36号",
        "国开办司发〔2017〕36 号",  # 001 and 004 print the blank
        " 国开办司发 〔 2017 〕\u300036号\n",
        "国开办司发〔２０１７〕３６号",
        "国开办司发〔2017〕第36号",
        "国开办司发〔2017〕第36",
        "国开办司发〔2017〕36",
        "国开办司发〔2017〕036号",
        "国开办司发〔2017年〕36号",
        "国开办司发\u200b〔2017〕36号\ufeff",
    ],
)
def test_every_spelling_is_the_same_document(text: str) -> None:
    number = parse_document(text)
    assert number.normal == "国开办司发〔2017〕36号"
    assert number.key == parse_document("国开办司发〔2017〕36号").key
    assert number == parse_document("国开办司发〔2017〕36号")


@pytest.mark.parametrize("text", ["安政发14号", "安政发第14号", "安政发 14", "安政发１４号"])
def test_a_number_without_year_is_accepted_with_its_mark(text: str) -> None:
    number = parse_document(text)
    assert (number.has_year, number.year, number.key) == (False, None, "安政发14号")
    assert number.key != parse_document("安政发〔2020〕14号").key


def test_radicals_copied_from_a_pdf_are_the_same_letters() -> None:
    assert parse_document("⽅政发〔2020〕1号").key == "方政发〔2020〕1号"


def test_the_text_is_kept_as_typed() -> None:
    assert parse_document(" 安政发 14号").raw == " 安政发 14号"


issuers = st.text(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF, exclude_characters="第号年"),
    min_size=2,
    max_size=8,
)
years = st.none() | st.integers(1949, 2099)
styles = st.tuples(
    st.sampled_from(["〔〕", "﹝﹞", "[]", "［］", "（）", "()", "【】"]),
    st.sampled_from(["", " ", "\u3000", "\u00a0"]),
    st.sampled_from(["", "第"]),
    st.sampled_from(["", "号"]),
    st.sampled_from([{}, str.maketrans("0123456789", "０１２３４５６７８９")]),
)
Style = tuple[str, str, str, str, dict[int, int]]


@fixed
@given(issuers, years, st.integers(1, 999_999), styles)
def test_no_spelling_loses_the_document(
    issuer: str, year: int | None, serial: int, style: Style
) -> None:
    pair, blank, before, after, wide = style
    bracketed = "" if year is None else f"{pair[0]}{blank}{year}{pair[1]}"
    typed = f"{issuer}{blank}{bracketed}{blank}{before}{serial}{blank}{after}"
    number = parse_document(typed.translate(wide))
    assert (number.issuer, number.year, number.serial) == (issuer, year, serial)
    assert parse_document(number.normal) == number


@fixed
@given(
    st.lists(st.tuples(issuers, years, st.integers(1, 9_999)), min_size=2, max_size=5, unique=True)
)
def test_two_documents_never_share_a_key(parts: list[tuple[str, int | None, int]]) -> None:
    numbers = [DocumentNumber(issuer, year, serial, raw="") for issuer, year, serial in parts]
    assert len({number.key for number in numbers}) == len(parts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "文号为空"),
        (" \u3000\n", "文号为空"),
        ("安贫领办〔2021〕1/6/7号", "多个文号请分开填写"),  # 000 prints three at once
        ("安贫领办〔2021〕1、6号", "多个文号请分开填写"),
        ("安发〔2021〕2号、安发〔2021〕3号", "多个文号请分开填写"),
        ("〔2017〕36号", "缺少发文机关代字"),
        ("36号", "缺少发文机关代字"),
        ("第36号", "缺少发文机关代字"),
        ("国开办司发〔2017〕号", "格式不对"),
        ("国开办司发", "没有序号"),
        ("关于拨付资金的通知", "没有序号"),
        ("国开办司发〔17〕36号", "格式不对"),
        ("国开办司发〔2017 36号", "格式不对"),
        ("国开办司发2017〕36号", "格式不对"),
        ("国开办司发〔2017〕〔2018〕36号", "格式不对"),
        ("国开办司发〔2017〕36号文件", "格式不对"),
        ("国开办司发〔2017〕36²号", "格式不对"),  # a footnote mark, not document 362
        ("国开办司发〔2017〕٣号", "格式不对"),
        ("国开办司发〔٢٠١٧〕36号", "格式不对"),
        ("国开办司发〔2017〕1234567号", "格式不对"),
        ("abc〔2017〕36号", "格式不对"),
        ("发〔2017〕36号", "格式不对"),
        ("国开办司发〔1848〕36号", "年份 1848 不在"),
        ("国开办司发〔2100〕36号", "年份 2100 不在"),
        ("国开办司发〔2017〕0号", "序号不能为 0"),
        ("国" * 5000, "没有序号"),
    ],
)
def test_nonsense_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(DocumentNumberError, match=re.escape(reason)) as refused:
        parse_document(text)
    assert text[:60] in str(refused.value)
    assert "国开办司发〔2017〕36号" in str(refused.value)
    assert len(str(refused.value)) < 160


def test_a_refusal_is_a_value_error() -> None:
    assert issubclass(DocumentNumberError, ValueError)
