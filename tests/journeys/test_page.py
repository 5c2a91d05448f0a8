"""The page `/` in a real browser: the statement, and each figure's way to its explanation."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.chassis.cases import Case, read_case
from libs.chassis.device import COOKIE
from libs.chassis.loader import Door, Load
from services.__main__ import SERVICES
from tests.journeys.loaded import CASES
from tests.journeys.tree import Tree, running

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LARGEST_PAGE = 200 * 1024


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="suyuan-page-") as name:
        async with running(Path(name)) as started:
            yield started


async def loaded(tree: Tree, case: Case) -> None:
    sources = {service.name: service.sources for service in SERVICES}
    async with tree.client() as client:
        client.headers.pop("authorization")
        done = Load(case, Door(client, tree.token, sources))
        await done.run()
        await done.statement()


async def seen(url: str) -> str:
    """The document as a reader sees it, once its scripts have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    assert browser is not None, "the test needs Debian's chromium: infra/debian-packages.sh test"
    with tempfile.TemporaryDirectory(prefix="suyuan-browser-") as profile:
        process = await asyncio.create_subprocess_exec(
            browser,
            *FLAGS,
            f"--user-data-dir={profile}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode()


async def test_a_reader_sees_the_statement_and_why_a_figure_says_so(tree: Tree) -> None:
    case = read_case(CASES / "900")
    await loaded(tree, case)
    page = await seen(f"{tree.settings.origin}/#token={tree.token('auditor')}")
    shown = re.sub(r"<[^>]+>", " ", page)
    printed = [one.text for one in case.published if one.figure is not None]
    assert printed
    assert [text for text in printed if text not in shown] == []

    way = re.search(r'href="(#[^"]*explain=[^"]*)"', page)
    assert way is not None
    explanation = way[1].replace("&amp;", "&")
    why = await seen(f"{tree.settings.origin}/{explanation}&token={tree.token('auditor')}")
    assert "公式" in why
    assert re.search(r"funds 1-\d+", why)


async def test_the_page_without_a_token_says_so_and_asks_nobody_else(tree: Tree) -> None:
    page = await seen(f"{tree.settings.origin}/")
    assert "未登录或令牌无效" in page
    async with tree.client("auditor") as client:
        parts = [await client.get(path) for path in ("/", "/page.js", "/page.css")]
        cookies = [part.headers.get("set-cookie", "") for part in parts]
        docs = [await client.get(path) for path in ("/docs", "/docs/funds")]
    assert [cookie.partition("=")[0] for cookie in cookies] == [COOKIE, "", ""]
    assert sum(len(part.content) for part in parts) < LARGEST_PAGE
    for answer in (*parts, *docs):
        assert answer.status_code == 200
        assert re.findall(r"https?://(?!127\.0\.0\.1)[\w.]+", answer.text) == []
