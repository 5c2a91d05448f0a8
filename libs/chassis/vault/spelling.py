"""One spelling for what a reader takes for the same number or name; what was typed is sealed as it
was typed, only the maps are made of this."""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum

_BLANK = re.compile(r"[\s\u200b-\u200f\ufeff-]+")
_DOTS = re.compile("[\u00b7\u2022\u2027\u30fb\u0387.]+")


class Kind(IntEnum):
    """What has a random id in the vault; the numbers are stored."""

    IDENTITY = 1
    PHONE = 2
    ACCOUNT = 3


def number(kind: Kind, text: str) -> str:
    """Narrow digits, no blanks or hyphens, X large; a phone without +86."""
    plain = _BLANK.sub("", unicodedata.normalize("NFKC", text)).upper()
    return re.sub(r"^(\+86|0086)", "", plain) if kind is Kind.PHONE else plain


def name(text: str) -> str:
    """Without blanks, every middle dot of a long name alike, letters in one case."""
    plain = _BLANK.sub("", unicodedata.normalize("NFKC", text))
    return _DOTS.sub("·", plain).casefold()
