"""What assets are made of in tests: a county with a funded project, made over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from tests.conftest import Installation
from tests.registry import County, made, register_county


@dataclass(frozen=True)
class Funded:
    """A project of the county with 350 万元 of one lot, and two organisations."""

    county: County
    project: UUID
    lot: UUID
    bureau: UUID
    village: UUID

    def road(self, **changed: Any) -> dict[str, Any]:
        return {
            "area": str(self.county.east_village),
            "project": str(self.project),
            "name": "村组道路",
            "kind": "road",
            "value": {"text": "200"},
            "sources": [{"lot": str(self.lot), "amount": {"text": "200"}}],
            "formed_on": "2020-11-30",
            **changed,
        }

    def entry(self, ledger: str, **changed: Any) -> dict[str, Any]:
        return {
            "ledger": ledger,
            "keeper": str(self.bureau),
            "code": "ZC-1",
            "value": {"text": "200"},
            **changed,
        }


@pytest.fixture
async def funded(installation: Installation) -> Funded:
    county = await register_county(installation)
    steward = await installation.client(households, "steward")
    at = {"kind": "village", "area": str(county.id)}
    bureau = await made(steward, "/organisations", {**at, "name": "区交通局"})
    village = await made(steward, "/organisations", {**at, "name": "东村村委会"})
    await installation.catch_up(funds)
    project, lot = await _fund(await installation.client(funds, "finance"), county.id)
    await installation.catch_up(assets)
    return Funded(county, project, lot, bureau, village)


async def _fund(clerk: AsyncClient, area: UUID) -> tuple[UUID, UUID]:
    letter = {
        "number": "济财农〔2020〕5号",
        "kind": "funding",
        "title": "下达资金",
        "level": "province",
        "area": str(area),
        "issued_on": "2020-01-05",
    }
    amount = {"text": "350"}
    receipt = {
        "area": str(area),
        "level": "province",
        "year": 2020,
        "fund_name": "省级专项扶贫资金",
        "batch": "D6",
        "document": str(await made(clerk, "/documents", letter)),
        "amount": amount,
        "purposes": [{"purpose": "infrastructure", "amount": amount}],
    }
    lot = await made(clerk, "/lots", receipt)
    proposal = {
        "area": str(area),
        "year": 2020,
        "name": "道路",
        "kind": "infrastructure",
        "purpose": "infrastructure",
    }
    project = await made(clerk, "/projects", proposal)
    await made(clerk, f"/projects/{project}/library-entries", {})
    for text in ("300", "50"):
        given = {"project": str(project), "purpose": "infrastructure", "amount": {"text": text}}
        await made(clerk, f"/lots/{lot}/allocations", given)
    return project, lot
