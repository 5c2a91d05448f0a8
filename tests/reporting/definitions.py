"""Definitions of figures as a clerk would write them; data, nothing else."""

from __future__ import annotations

from typing import Any


def money(*accounts: str, sign: int = 1, **where: str) -> dict[str, Any]:
    """Fen of movements in accounts, printed in 万元; `where` with `__` for a dot."""
    filters = [{"field": "account", "values": list(accounts)}]
    filters += [{"field": f.replace("__", "."), "values": [v]} for f, v in where.items()]
    return {
        "measure": "sum",
        "over": "movements",
        "field": "amount_fen",
        "sign": sign,
        "where": filters,
        "unit": "万元",
    }


RECEIVED = money("received", sign=-1)
USED = money("paid")
UNSPENT = money("unallocated", "allocated", "reserved", "in_flight")
POOLED_HABITAT = money("received", "carried_in", "reallocated", sign=-1, purpose="habitat")
RATE = {
    "measure": "ratio",
    "numerator": "used.total",
    "denominator": "recv.total",
    "scale": 100,
    "decimals": 2,
    "unit": "%",
}
