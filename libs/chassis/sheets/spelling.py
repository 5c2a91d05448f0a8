"""How a value is spelled in a sheet's XML, so that no text is ever taken for a formula.

Text is an inline string, which no program computes; where it begins as a formula does, its format
has `quotePrefix` too, so that it stays text when a person edits the cell.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from .cells import letter


class ErrorValue(str):
    """#N/A and its like: no text, and never taken for one."""

    __slots__ = ()


Value = str | int | Decimal | date | None
"""A bool is an int and a datetime a date; both are told from them."""

HEADING = 10
GENERAL, TEXT, QUOTED, DAY, MOMENT = range(5)
UNLOCKED = 5
"""Added to one of the five above: a cell that may be written in a protected sheet."""
LONGEST = 32_767
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")
_FIRST_DAY = date(1899, 12, 30)


def xml_text(text: str) -> str:
    """Escaped for XML, with what XML cannot hold as _xHHHH_; cut at what a cell can hold."""
    text = _ESCAPED.sub("_x005F_", text[:LONGEST])
    return escape(_NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text))


def attribute(text: str) -> str:
    """Quoted for XML; what XML cannot hold is left out."""
    return quoteattr(_NO_XML.sub("", text))


def text_cell(reference: str, text: str, style: int = 0) -> str:
    said = f' s="{style}"' if style else ""
    return (
        f'<c r="{reference}"{said} t="inlineStr"><is><t xml:space="preserve">'
        f"{xml_text(text)}</t></is></c>"
    )


def cell(row: int, column: int, value: Value, as_text: bool = False, unlocked: bool = False) -> str:
    """One cell; an empty one only where a person may write into it."""
    reference, extra = f"{letter(column)}{row}", UNLOCKED if unlocked else 0
    match value:
        case None | "":
            said = (TEXT if as_text else GENERAL) + extra
            return f'<c r="{reference}" s="{said}"/>' if unlocked else ""
        case bool():
            return f'<c r="{reference}" s="{GENERAL + extra}" t="b"><v>{int(value)}</v></c>'
        case ErrorValue():
            return f'<c r="{reference}" s="{GENERAL + extra}" t="e"><v>{xml_text(value)}</v></c>'
        case str():
            style = QUOTED if value.startswith(FORMULA_SIGNS) else TEXT
            return text_cell(reference, value, style + extra)
        case date():
            style, number = _serial(value)
            return f'<c r="{reference}" s="{style + extra}"><v>{number}</v></c>'
        case _ if as_text:
            return text_cell(reference, digits(value), TEXT + extra)
        case _:
            return f'<c r="{reference}" s="{GENERAL + extra}"><v>{digits(value)}</v></c>'


def _serial(day: date) -> tuple[int, str]:
    if not isinstance(day, datetime):
        return DAY, str((day - _FIRST_DAY).days)
    seconds = day.hour * 3600 + day.minute * 60 + day.second
    whole = (day.date() - _FIRST_DAY).days
    return MOMENT, f"{whole + Decimal(seconds) / 86_400:.10f}"


def safe_text(text: str) -> str:
    """For csv, where only a sign in front keeps a program from computing."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def csv_field(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            return safe_text(value)
        case date():
            return value.isoformat()
        case _:
            return digits(value)


def digits(number: int | Decimal) -> str:
    """Without exponent."""
    return str(number) if isinstance(number, int) else f"{number:f}"


STYLES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="宋体"/></font>'
    '<font><b/><sz val="11"/><name val="宋体"/></font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid">'
    '<fgColor rgb="FFE7E6E6"/><bgColor indexed="64"/></patternFill></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="11">{formats}<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0"'
    ' applyNumberFormat="1" applyFont="1" applyFill="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="常规" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def styles() -> str:
    """The formats that the numbers above name."""
    kinds = ("0", "49", '49" quotePrefix="1', "164", "165")
    formats = [
        f'<xf numFmtId="{kind}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"'
        + (' applyProtection="1"><protection locked="0"/></xf>' if unlocked else "/>")
        for unlocked in (False, True)
        for kind in kinds
    ]
    return STYLES.format(formats="".join(formats))
