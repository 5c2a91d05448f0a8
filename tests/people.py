"""Invented people: numbers that pass their checks and are given to nobody, made when needed, so
that none stands in the source."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stdnum import luhn
from stdnum.cn import ric

NOWHERE = "990000"
"""An area code that is given to no place."""


def id_number(serial: int = 1) -> str:
    """Valid by GB 11643; up to 9,999,999 of them."""
    year, rest = divmod(serial, 1_000)
    digits = f"{NOWHERE}{1900 + year % 100}0101{rest:03}"
    return digits + ric.calc_check_digit(digits + "0")


def phone(serial: int = 1) -> str:
    """As a mobile number looks."""
    return f"139{serial:08}"


def card(serial: int = 1) -> str:
    """As a bank card looks, of a bank that there is not; valid by Luhn."""
    digits = f"629999{serial:012}"
    return digits + luhn.calc_check_digit(digits)


def wrong(number: str) -> str:
    """The same with another last digit."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def entered(village: UUID | str, serial: int = 1, **more: Any) -> dict[str, Any]:
    """A line of a list of persons."""
    person = {"name": f"测试{serial}", "id_number": id_number(serial), "area": str(village)}
    return {**person, "synthetic": True, **more}


def listed(area: UUID | str, *persons: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body that registers them."""
    return {"area": str(area), "persons": list(persons), **more}


def _told(title: str, **fields: tuple[str, int] | str) -> dict[str, Any]:
    pairs = {name: (how, 0) if isinstance(how, str) else how for name, how in fields.items()}
    masks = [{"field": f, "how": how, "count": count} for f, (how, count) in pairs.items()]
    return {"title": title, "fields": masks}


MASKING = {
    "full": _told("全部", name="full", id_number="full", phone="full", account="full"),
    "middle_hidden": _told(
        "隐去中间", name="full", id_number=("hide_middle", 6), account=("show_last", 4)
    ),
    "last_hidden": _told("隐去后八位", name="full", id_number=("hide_last", 8)),
    "public_notice": _told("公示", name="hide_one"),
}
"""Profiles of recipients, by key."""


def reference_rows() -> list[dict[str, Any]]:
    """Bodies of the rows that reveals and erasures rest on."""
    since = {"valid_from": "2013-01-01"}
    kept = {"key": "person", **since, "values": {"years": 30}}
    masks = [{"key": key, **since, "values": values} for key, values in MASKING.items()]
    return [
        {"set": "retention", "area": None, "row": kept},
        *({"set": "masking", "area": None, "row": row} for row in masks),
    ]
