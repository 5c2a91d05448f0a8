"""Check digits: what is typed wrongly is told at once and stops nobody.

Old numbers, passports and passbooks have none. The sentence never repeats what was typed.
"""

from __future__ import annotations

import re

from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

_CARD = re.compile(r"62[0-9]{14,17}")


def of_id_number(plain: str) -> str | None:
    """What is wrong with a citizen's number (GB 11643: 17 digits with a birthday, check digit), or
    nothing; another paper's number has letters in front."""
    if re.match(r"[A-Z]", plain):
        return None
    if re.fullmatch(r"[0-9]{15}", plain):
        return "15 位旧证件号码，无校验位"
    if not re.fullmatch(r"[0-9]{17}[0-9X]", plain):
        return "证件号码不是 18 位"
    try:
        ric.get_birth_date(plain)
    except ValidationError:
        return "证件号码中的出生日期不存在"
    return None if ric.calc_check_digit(plain) == plain[17] else "证件号码校验位不符"


def of_account(plain: str) -> str | None:
    """What is wrong with a bank card (62…, Luhn); a passbook has no check digit."""
    return "银行卡号校验位不符" if _CARD.fullmatch(plain) and not luhn.is_valid(plain) else None
