"""No command carries a person's number, wherever it stands and however it was typed.

All numbers here are made: area 000000 or 999999 and computed check digits.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, ValidationError

from libs.events.amount import AmountTyped
from libs.events.private import BANK_CARD, CITIZEN_ID, MOBILE, looks_personal
from libs.events.types import Command
from services.funds.domain.document import RegisterDocument

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def citizen(body: str) -> str:
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


def card(body: str) -> str:
    """With the one check digit of ten that fits (ISO/IEC 7812-1)."""
    weighed = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(body))]
    return body + str(-sum(n - 9 if n > 9 else n for n in weighed) % 10)


def wide(text: str) -> str:
    return "".join(chr(ord(mark) + 0xFEE0) if mark.isdigit() else mark for mark in text)


ID = citizen("99999919500228002")
ID_WITH_X = next(
    made for n in range(100) if (made := citizen(f"999999194901010{n:02}")).endswith("X")
)
MOBILES = ("13800000000", "19912345678")
CARDS = (card("622200000000000"), card("621700000000000000"))


@pytest.mark.parametrize("within", ["{}", "张三{}号", "tel:{}", "A{}", "x {},y"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ID, CITIZEN_ID),
        (ID_WITH_X, CITIZEN_ID),
        (ID_WITH_X.lower(), CITIZEN_ID),
        ("999999490101001", CITIZEN_ID),
        *((text, MOBILE) for text in (*MOBILES, "138 0000 0000", "138-0000-0000")),
        *(
            (text, BANK_CARD)
            for text in (
                *CARDS,
                " ".join((CARDS[0][:4], CARDS[0][4:8], CARDS[0][8:12], CARDS[0][12:])),
            )
        ),
    ],
)
def test_a_persons_number_is_found_anywhere(within: str, text: str, kind: str) -> None:
    assert looks_personal(within.format(text)) == kind
    assert looks_personal(within.format(wide(text))) == kind


@pytest.mark.parametrize(
    "text",
    [
        "测财农〔2020〕5号",
        "国发〔2020〕12345号",
        "2020-03-16 至 2020-12-31",
        "20200316",
        "1500000.00",
        "138,000,000.00 元",
        "370000",
        "370102001",
        "370102001001",
        "12800000000",
        "113800000000",
        "138000000001",
        ID[:-1] + str((int(ID[-1], 36) + 1) % 10),
        citizen("99999919501340001"),
        "999999491301001",
        CARDS[0][:-1] + str((int(CARDS[0][-1]) + 1) % 10),
        "2020-370102-48-01-000000",
        "13800000-0000-8000-8000-013800000000",
        "0f" * 30 + "13800000000"[:4] + "ab",
        "",
    ],
)
def test_papers_codes_dates_and_amounts_pass(text: str) -> None:
    assert looks_personal(text) is None


class Row(BaseModel):
    id: UUID
    note: str
    amount: AmountTyped


class Note(Command):
    rows: tuple[Row, ...]
    more: dict[str, str] = Field(default_factory=dict)


def note(text: str, **more: Any) -> Note:
    amount = AmountTyped(text="13800000000", unit="元")
    row = Row(id=UUID("13800000-0000-8000-8000-013800000000"), note=text, amount=amount)
    return Note(occurred_on=date(2020, 3, 16), rows=(row, row), **more)


def test_every_text_of_a_command_is_looked_at_and_numbers_are_not() -> None:
    assert note("free").rows[0].note == "free"
    for text, more in ((ID, {}), ("", {"a": ID}), ("", {ID: ""})):
        with pytest.raises(ValidationError, match=CITIZEN_ID):
            note(text, more=more)
    ref = {"system": "x", "id": MOBILES[0]}
    with pytest.raises(ValidationError, match=MOBILE):
        RegisterDocument.model_validate(
            {
                "occurred_on": "2020-03-16",
                "external_ref": ref,
                "number": "测财农〔2020〕5号",
                "kind": "funding",
                "title": "下达",
                "level": "county",
                "area": str(UUID(int=1)),
                "issued_on": "2020-03-16",
            }
        )
