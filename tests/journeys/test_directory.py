"""From an empty installation to people at work: the operator, the administrator, the others."""

from __future__ import annotations

import asyncio
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


async def test_a_sheet_of_users_comes_in_whole_or_tells_every_fault(tree: Tree) -> None:
    async with tree.client("steward") as steward:
        steward.base_url = httpx.URL(f"{tree.settings.origin}/api/v1/households")
        county = await with_towns(steward)
    folder = tree.settings.home / "sheets"
    folder.mkdir()
    token, sheet = folder / "token", folder / "用户.csv"
    token.write_text(tree.token("security"))
    arguments = ("users", str(sheet), "--area", county, "--token", str(token))
    good = [
        "s1,财政局,股长,finance,370112,2020-01-01,",
        "s1,区财政局,股长,clerk,370112100,2020-01-01,",
    ]
    good.append("s2,财政局,会计,auditor,370112,2020-01-01,2030-12-31")
    bad = ["s3,农业局,x,clerk,370112,2020-01-01,", "s4,财政局,x,clerk,999,2020-01-01,"]
    head = "账号,单位,岗位,角色,区域代码,首日,末日"
    sheet.write_text("\n".join([head, *good, *bad]), encoding="gb18030")
    code, said = await tree.said(*arguments)
    assert (code, said.splitlines()) == (
        1,
        ["第 5 行 单位：该区域及其上级没有这个单位", "第 6 行 区域代码：没有这个区域代码"],
    )
    backwards = "s5,财政局,x,clerk,370112,2030-01-01,2020-01-01"
    sheet.write_text("\n".join([head, backwards]), encoding="utf-8-sig")
    code, said = await tree.said(*arguments)
    assert (code, said.splitlines()[0]) == (1, "第 2 行 末日：末日不能早于首日")
    clash = "s2,财政局,会计,operator,370112,2020-01-01,"
    sheet.write_text("\n".join([head, *good, clash]), encoding="utf-8-sig")
    code, said = await tree.said(*arguments)
    assert (code, "第 4 行：职责不相容" in said) == (1, True)
    sheet.write_text("\n".join([head, *good]), encoding="utf-8-sig")
    assert await tree.said(*arguments) == (0, "新登记 2 人，授权 3 项\n")
    assert (await tree.said(*arguments))[0] == 0
    sheet.write_text("\n".join([head, *good, ""]) + "s2,财政局,会计,auditor,370112100,2020-01-01,")
    assert await tree.said(*arguments) == (0, "新登记 0 人，授权 1 项\n")
    sheet.write_text("账号,单位\ns1,财政局")
    assert (await tree.said(*arguments))[1].startswith("缺少列：岗位、角色")


async def with_towns(steward: httpx.AsyncClient) -> str:
    """A county with a township and a bureau, seen by whoever looks for their names."""
    county = await made(steward, "/areas", area("370112", "历城区", "county", None))
    await made(steward, "/areas", area("370112100", "东镇", "township", county))
    bureau = {"name": "财政局", "kind": "bureau", "area": str(county), "aliases": ["区财政局"]}
    last = await post(steward, "/organisations", bureau)
    await steward.get("/organisations", headers=await visible(steward, last))
    return str(county)


async def visible(client: httpx.AsyncClient, by: httpx.Response) -> dict[str, str]:
    return {"min-position": by.headers["position"]}


async def test_the_first_user_gives_all_others_their_roles(tree: Tree) -> None:
    async with person(tree, "curious") as nobody:  # a refusal is in the log before anybody is
        async with asyncio.timeout(30):  # a directory that nothing has confirmed yet seats nobody
            while (answer := await nobody.get("/users")).status_code == 503:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert answer.status_code == 403
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
