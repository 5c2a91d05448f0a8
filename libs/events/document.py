"""Document numbers 文号: one document is recognised however its number was typed.

Only the number is read here; title, dates and what the document decides live with the facts that
cite it. Source: dossier §4.1 and §9.2 (shapes seen in published documents).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

FIRST_YEAR: Final = 1949
LAST_YEAR: Final = 2099

_OPEN, _CLOSE = r"[〔\[(【]", r"[〕\])】]"
_NUMBER = re.compile(
    r"(?P<issuer>[\u3007\u3400-\u4dbf\u4e00-\u9fff]{2,20}?)"
    rf"(?:{_OPEN}(?P<year>[0-9]{{4}})年?{_CLOSE})?"
    r"第?(?P<serial>[0-9]{1,6})号?",
)
_SEVERAL = re.compile(r"[0-9]号?[、,/和及-]")
_EXAMPLE = "应写作“发文机关代字〔年份〕序号”，例如 国开办司发〔2017〕36号"


class DocumentNumberError(ValueError):
    """A text is not one document number; the message quotes it and says why."""


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """The number of one document. Spellings of one number are equal; `raw` does not count.

    Units: `year` is the bracketed year, None when the text has none; `serial` >= 1.
    """

    issuer: str
    year: int | None
    serial: int
    raw: str = field(compare=False)

    @property
    def has_year(self) -> bool:
        """False marks a number that names its document only loosely: 安政发14号."""
        return self.year is not None

    @property
    def normal(self) -> str:
        """The normal form: 国开办司发〔2017〕36号, or 安政发14号 without a year."""
        year = "" if self.year is None else f"〔{self.year}〕"
        return f"{self.issuer}{year}{self.serial}号"

    @property
    def key(self) -> str:
        """Equal for all spellings of one number; with and without a year are two keys."""
        return self.normal


def parse_document(text: str) -> DocumentNumber:
    """Read one 文号.

    Shapes: issuer of 2 to 20 Han characters; year in 〔〕﹝﹞［］[]（）()【】 or absent; with or
        without 第 and 号; digits of either width; blanks anywhere; serial of 1 to 6 digits,
        zeros before it dropped. `raw` is the text untouched.
    Units: years 1949 to 2099.
    Raises: DocumentNumberError in Chinese: empty, several numbers, year or serial out of range.
    Source: dossier §9.2.
    """
    plain = "".join(_plain(character) for character in text)
    found = _NUMBER.fullmatch(plain)
    if found is None:
        raise _refused(text, _why_not_number(plain))
    year = int(found["year"]) if found["year"] else None
    serial = int(found["serial"])
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        raise _refused(text, f"年份 {year} 不在 {FIRST_YEAR} 至 {LAST_YEAR} 之间")
    if serial == 0:
        raise _refused(text, "序号不能为 0")
    return DocumentNumber(found["issuer"], year, serial, raw=text)


def _plain(character: str) -> str:
    """Drop blanks and invisible marks; narrow full-width forms, small brackets and PDF radicals.

    Not NFKC on everything: that reads a footnote mark as a digit, 3² as 32.
    """
    if character.isspace() or unicodedata.category(character) == "Cf":
        return ""
    wide = "\uff01" <= character <= "\uff5e" or character in "﹝﹞"
    radical = "\u2f00" <= character <= "\u2fdf" or "\uf900" <= character <= "\ufaff"
    return unicodedata.normalize("NFKC", character) if wide or radical else character


def _why_not_number(plain: str) -> str:
    if not plain:
        return "文号为空"
    if _SEVERAL.search(plain):
        return "一栏只能写一个文号，多个文号请分开填写"
    if not re.search(r"[0-9]", plain):
        return "没有序号"
    if re.match(rf"{_OPEN}|第?[0-9]", plain):
        return "缺少发文机关代字"
    return "格式不对"


def _refused(text: str, reason: str) -> DocumentNumberError:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    return DocumentNumberError(f"文号“{shown}”不能用：{reason}；{_EXAMPLE}")
