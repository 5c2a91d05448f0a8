"""A project that was paid for and has no asset: told on its day, gone with the asset."""

from __future__ import annotations

from datetime import timedelta

from libs.events.clock import today
from services.assets.service import service as assets
from services.funds.service import service as funds
from tests.assets.conftest import Funded
from tests.assets.test_expectation import pay
from tests.clock import kinds, ruled, ticked
from tests.conftest import Installation
from tests.registry import made

TODAY = today()
DAY = timedelta(days=1)


async def test_an_asset_that_was_paid_for_is_due_until_it_is_formed(
    installation: Installation, funded: Funded
) -> None:
    await ruled(installation, assets, "asset_unformed", days=20)
    await pay(await installation.log(funds), funded.project, TODAY)
    await installation.catch_up(assets)
    await installation.react(assets)
    await ticked(installation, assets, TODAY + 19 * DAY)
    assert await kinds(installation, "clerk") == []
    await ticked(installation, assets, TODAY + 20 * DAY)
    due = str(TODAY + 20 * DAY)
    assert await kinds(installation, "clerk") == [("asset_unformed", "expected", due)]
    await made(await installation.client(assets, "clerk"), "/assets", funded.road())
    await ticked(installation, assets, TODAY + 21 * DAY)
    assert await kinds(installation, "clerk") == []
