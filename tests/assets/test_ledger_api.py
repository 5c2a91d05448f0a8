"""The two ledgers: entry by entry, not only in total (A3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from httpx import AsyncClient

from services.assets.service import service as assets
from tests.assets.conftest import Funded
from tests.conftest import Installation
from tests.registry import made

Values = dict[str, str | None]
"""万元 by ledger, as typed."""


async def _recorded(
    clerk: AsyncClient, funded: Funded, name: str, values: Values, **at: Any
) -> UUID:
    """An asset without a stated value, entered in ledgers at the values given."""
    body = funded.road(name=name, value=None, sources=[], **at)
    id_ = await made(clerk, "/assets", body)
    await made(clerk, f"/assets/{id_}/classifications", {"category": "public_welfare"})
    for ledger, text in values.items():
        value = None if text is None else {"text": text}
        entry = funded.entry(ledger, code=name, value=value)
        await made(clerk, f"/assets/{id_}/ledger-entries", entry)
    return id_


async def test_every_entry_in_which_the_ledgers_differ_is_listed(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    alike: dict[str, Values] = {
        "unrecorded": {},
        "equal": {"total": "1", "part": "1.000000"},
        "unstated": {"total": None, "part": None},
    }
    for name, values in alike.items():
        await _recorded(clerk, funded, name, values)
    differing: dict[str, Values] = {
        "total only": {"total": "1"},
        "part only": {"part": None},
        "values": {"total": "1", "part": "2"},
        "one unstated": {"total": None, "part": "2"},
    }
    ids = {
        str(await _recorded(clerk, funded, name, values)): name
        for name, values in differing.items()
    }
    await installation.catch_up(assets)
    found = (await clerk.get("/ledgers/differences")).json()["items"]
    assert [item["id"] for item in found] == sorted(ids)
    shown = {item["name"]: (item["code"], item["total"], item["part"]) for item in found}
    bureau = str(funded.bureau)
    one, two = ({"keeper": bureau, "value_fen": fen} for fen in (1_0000_00, 2_0000_00))
    unstated = {"keeper": bureau, "value_fen": None}
    assert shown == {
        "total only": ("total only", one, None),
        "part only": ("part only", None, unstated),
        "values": ("values", one, two),
        "one unstated": ("one unstated", unstated, two),
    }


async def test_differences_are_cut_to_an_area_and_paged(
    installation: Installation, funded: Funded
) -> None:
    clerk = await installation.client(assets, "clerk")
    west = {"area": str(funded.county.west_village)}
    await _recorded(clerk, funded, "a", {"total": "1"}, **west)
    eastern = {
        str(await _recorded(clerk, funded, name, {"total": "1"})) for name in ("b", "c", "d")
    }
    await installation.catch_up(assets)
    wanted: dict[str, Any] = {"area": str(funded.county.east), "limit": 2}
    first = (await clerk.get("/ledgers/differences", params=wanted)).json()
    wanted["cursor"] = first["next"]
    rest = (await clerk.get("/ledgers/differences", params=wanted)).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == sorted(eastern)
    assert rest["next"] is None
    scoped = await installation.client(assets, "auditor", area=funded.county.east)
    assert len((await scoped.get("/ledgers/differences")).json()["items"]) == 3
    outside = {"area": str(funded.county.west)}
    assert (await scoped.get("/ledgers/differences", params=outside)).status_code == 404
    steward = await installation.client(assets, "steward")
    assert (await steward.get("/ledgers/differences")).status_code == 403
