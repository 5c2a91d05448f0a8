"""Money as a caller types it: the text of the paper and its unit, exact to the fen."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .contracts.money import Amount
from .money import Unit, parse_amount


class AmountTyped(BaseModel):
    """An amount as printed, e.g. 12.5 万元. Raises on reading: AmountError with the limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    only_numbers: ClassVar[bool] = True
    """Eleven digits here are an amount and no telephone (`private`)."""

    text: str = Field(min_length=1, max_length=40, examples=["12.5"])
    unit: Unit = "万元"

    @model_validator(mode="after")
    def _exact(self) -> Self:
        if parse_amount(self.text, self.unit) == 0:
            raise ValueError("金额须大于 0")
        return self

    def read(self) -> Amount:
        fen = parse_amount(self.text, self.unit)
        return Amount(amount_fen=fen, amount_text=self.text, unit=self.unit)
