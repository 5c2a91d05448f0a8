"""A case with things registered wrongly: the effect is shown first, then figures follow, and what
was printed of a kept cut stays (two clocks)."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from libs.chassis.cases import read_case
from libs.chassis.loader import Door, Load
from tests.conftest import Installation
from tests.journeys.loaded import CASES, asked, broken, served

_keys = itertools.count(1)
WHY = {"occurred_on": "2023-12-20", "reason": "录入时看错一行", "document": "亡是财〔2023〕9号"}


async def correct(
    door: Door, role: str, path: str, *, dry: bool = False, **changes: Any
) -> httpx.Response:
    """A correction, or its rehearsal."""
    return await door.ask(
        "POST",
        f"/api/v1/{path}/corrections",
        role,
        json={**WHY, "changes": changes},
        params={"dry_run": "true"} if dry else {},
        headers={} if dry else {"idempotency-key": f"correct-{next(_keys)}"},
    )


async def caught_up(door: Door, position: str) -> None:
    """Wait until reporting has read up to there."""
    said = await door.ask(
        "GET",
        "/api/v1/reporting/figures",
        "auditor",
        headers={"min-position": position},
    )
    assert said.status_code == 200, said.text


async def test_a_lot_is_corrected_with_its_effect_shown_first_and_a_kept_cut_stays(
    installation: Installation,
) -> None:
    async with served(installation) as door:
        load = Load(read_case(CASES / "900"), door)
        await load.run()
        county, lot = load.answers.at("area.county.id"), load.answers.at("lot.N1.id")
        await caught_up(door, f"funds:{load.heads['funds']}")
        kept = {"occurred_on": "2024-01-31", "name": "printed", "area": county}
        taken = await door.ask(
            "POST",
            "/api/v1/reporting/cuts",
            "clerk",
            json=kept,
            headers={"idempotency-key": "cut"},
        )
        assert taken.status_code == 201, taken.text
        total = "reporting/figures/in.total/value"
        before = await asked(door, total, area=county)
        more = {"purpose": "water", "amount": {"text": "24.456788", "unit": "万元"}}

        shown = await correct(door, "finance", f"funds/lots/{lot}", dry=True, purposes=[more])
        assert shown.status_code == 200, shown.text
        effect = shown.json()
        assert effect["answer"]["derived"] == [
            {"field": "amount_fen", "was": 123_456_789, "now": 124_456_789},
            {"field": "unallocated.water", "was": 0, "now": 1_000_000},
        ]
        rests = {one["what"]: (one["count"], one["amount_fen"]) for one in effect["dependants"]}
        assert rests["projects"] == (2, 123_456_789)
        assert rests["payments"][0] + rests["batches"][0] > 0
        assert {one["service"] for one in effect["elsewhere"]} == {"assets", "reporting"}
        assert (await asked(door, total, area=county))["raw"] == before["raw"]

        done = await correct(door, "finance", f"funds/lots/{lot}", purposes=[more])
        assert (done.status_code, done.json()) == (201, effect["answer"]), done.text
        await caught_up(door, done.headers["position"])
        after = await asked(door, total, area=county)
        assert after["raw"] == before["raw"] + 1_000_000
        assert (await asked(door, total, cut="printed"))["raw"] == before["raw"]

        less = {"purpose": "water", "amount": {"text": "23", "unit": "万元"}}
        refused = await correct(door, "finance", f"funds/lots/{lot}", purposes=[less])
        assert refused.json()["type"] == "/problems/CorrectionBelowUsed", refused.text
        told = await asked(door, f"funds/lots/{lot}/corrections")
        (one,) = told["corrections"]
        assert (one["version"], one["document"], one["by"]["role"]) == (
            int(done.headers["etag"].strip('"')),
            WHY["document"],
            "finance",
        )
        assert one["changes"] == done.json()["changes"]
        assert one["reason"] == WHY["reason"]
    assert await broken(installation.stores) == []
