"""From raw integers to what is printed: unit, decimals, rounding; one rounding and no float."""

from __future__ import annotations

from typing import cast

from libs.events.contracts.reporting import Figure
from libs.events.money import Unit, print_amount, ratio

from .language import is_entered, is_fen


def printed(definition: Figure, raw: int, places: int = 0) -> str:
    """The text of a figure that measures entries. `places`: decimals that the raw value holds."""
    if is_entered(definition):
        decimals = places if definition.decimals is None else definition.decimals
        return ratio(raw, 10**places, 1, decimals, definition.rounding)
    if is_fen(definition):
        unit = cast("Unit", definition.unit)  # the language lets nothing else be declared
        return print_amount(raw, unit, definition.decimals, definition.rounding)
    return str(raw)


def printed_ratio(definition: Figure, numerator: int, denominator: int) -> str | None:
    """The text of a ratio; None where the denominator is zero: there is no share of nothing."""
    assert definition.decimals is not None, "a ratio is declared with its decimals"
    if denominator == 0:
        return None
    return ratio(numerator, denominator, definition.scale, definition.decimals, definition.rounding)
