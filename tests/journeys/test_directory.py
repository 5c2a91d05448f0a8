"""From an empty installation to people at work: the operator, the administrator, the others."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.chassis.identity import local_issuer
from tests.journeys.tree import Tree, running
from tests.registry import area, made, post

ALWAYS = {"valid_from": "2020-01-01"}


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-directory-") as name:
        async with running(Path(name)) as tree:
            yield tree


def person(tree: Tree, subject: str, service: str = "households") -> httpx.AsyncClient:
    """Somebody whose token says who and nothing else."""
    token = local_issuer(tree.settings).token(subject, (), "", None, timedelta(hours=1))
    return httpx.AsyncClient(
        base_url=f"{tree.settings.origin}/api/v1/{service}",
        headers={"authorization": f"Bearer {token}"},
        timeout=20,
    )


async def visible(client: httpx.AsyncClient, by: httpx.Response) -> dict[str, str]:
    return {"min-position": by.headers["position"]}


async def test_the_first_user_gives_all_others_their_roles(tree: Tree) -> None:
    code, user = await tree.said("init", "--subject", "first")
    assert code == 0
    assert await tree.said("init", "--subject", "first") == (0, user)
    code, told = await tree.said("init", "--subject", "second")
    assert (code, "不能再初始化" in told) == (1, True)
    async with person(tree, "first") as security, person(tree, "keeper") as keeper:
        keeper_id = await made(security, "/users", {"subject": "keeper", "unit": None, "post": "x"})
        steward: dict[str, Any] = {"role": "steward", "area": None, **ALWAYS}
        granted = await post(security, f"/users/{keeper_id}/grants", steward)
        assert granted.status_code == 201
        keeper.headers.update(await visible(keeper, granted))
        county = await made(keeper, "/areas", area("370112", "历城区", "county", None))
        unit = {"name": "财政局", "kind": "bureau", "area": str(county)}
        bureau = await made(keeper, "/organisations", unit)
        officer = {"subject": "officer", "unit": str(bureau), "post": "股长"}
        officer_id = await made(security, "/users", officer)
        finance = {"role": "finance", "area": str(county), **ALWAYS}
        last = await post(security, f"/users/{officer_id}/grants", finance)
        own = await post(security, "/areas", area("370113", "长清区", "county", None))
        assert own.json()["type"] == "/problems/RoleNotHeld"
    async with person(tree, "officer", "funds") as clerk:
        clerk.headers.update(await visible(clerk, last))
        policy = {"area": str(county), "in_force_from": "2020-01-01"}
        levels = ["central", "province", "prefecture", "county", "township"]
        adopted = await post(clerk, "/draw-policies", {**policy, "levels": levels})
        assert adopted.status_code == 201, adopted.text
