"""Evidence over HTTP: attached, demanded, looked at, withdrawn; what a changed byte does to it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient

from libs.chassis.service import Service
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from tests.chassis.files.made import digest
from tests.chassis.files.test_photos import PLACE, noted
from tests.conftest import Installation
from tests.funds.district import District, open_district, yuan
from tests.registry import decided_again, made, post

SHEET = b"%PDF-1.7\n the sheet, signed by three people\n"
TUS = {"tus-resumable": "1.0.0"}


async def uploaded(client: AsyncClient, data: bytes) -> str:
    """A kept upload of the client's own."""
    told = base64.b64encode(hashlib.sha256(data).hexdigest().encode()).decode()
    headers = {**TUS, "upload-length": str(len(data)), "upload-metadata": f"sha256 {told}"}
    id_: str = (await client.post("/files", headers=headers)).json()["id"]
    more = {"upload-offset": "0", "content-type": "application/offset+octet-stream"}
    sent = await client.patch(f"/files/{id_}", content=data, headers={**TUS, **more})
    assert sent.status_code == 204, sent.text
    return id_


async def attached(
    client: AsyncClient, target: UUID, data: bytes = SHEET, kind: str = "sheet", **more: Any
) -> UUID:
    upload = await uploaded(client, data)
    body = {"target": str(target), "kind": kind, "upload": upload, **more}
    return await made(client, "/attachments", body)


async def demand(
    installation: Installation, service: Service, command: str, of: str, title: str
) -> None:
    steward = await installation.client(service, "steward", subject="steward")
    values = {"of": of, "needs": [{"kind": "sheet", "title": title}]}
    row = {"key": command, "valid_from": "2013-01-01", "values": values}
    body = {"set": "evidence", "area": None, "row": row}
    answer = await post(steward, "/reference/rows", body)
    assert answer.status_code == 201, answer.text


async def row_of(installation: Installation, service: Service, id_: UUID) -> dict[str, Any]:
    await installation.catch_up(service)
    reader = await installation.client(service, "auditor", subject="auditor")
    told: dict[str, Any] = (await reader.get(f"/attachments/{id_}")).json()
    return told


async def a_payment(installation: Installation, district: District) -> dict[str, Any]:
    """To a contractor."""
    steward = await installation.client(households, "steward")
    unit = {"name": "施工队", "kind": "contractor", "area": str(district.county.id)}
    payee = {"kind": "contractor", "organisation": str(await made(steward, "/organisations", unit))}
    await installation.catch_up(funds)
    return {"project": str(district.project), "payee": payee, "use": "x", "amount": yuan("1")}


@pytest.fixture
async def district(installation: Installation) -> District:
    return await open_district(installation)


async def refused_then_passes(
    client: AsyncClient, path: str, body: dict[str, Any], target: UUID, area: UUID
) -> UUID:
    """Without its sheet the command is refused and the sheet named; with it, it passes."""
    before = await post(client, path, body)
    assert (before.status_code, before.json()["type"]) == (409, "/problems/EvidenceMissing")
    assert "验收单 1 份" in before.json()["detail"]
    assert before.json()["numbers"]["target"] == str(target)
    id_ = await attached(client, target, area=str(area))
    after = await post(client, path, body)
    assert after.status_code == 201, after.text
    return id_


async def test_a_project_a_payment_and_an_asset_wait_for_their_sheets_and_a_changed_byte_is_seen(
    installation: Installation, district: District
) -> None:
    """Capability 52."""
    county, finance = district.county, district.finance
    for command, of in (("EnterLibrary", ""), ("OrderPayment", "project")):
        await demand(installation, funds, command, of, "验收单")
    await demand(installation, assets, "FormAsset", "project", "验收单")
    proposal = {
        "area": str(county.id),
        "year": 2021,
        "name": "新",
        "kind": "x",
        "purpose": "relief",
    }
    project = await made(finance, "/projects", proposal)
    where = f"/projects/{project}/library-entries"
    await refused_then_passes(finance, where, {}, project, county.id)
    payment = await a_payment(installation, district)
    id_ = await refused_then_passes(finance, "/payments", payment, district.project, county.id)
    await installation.catch_up(assets)
    clerk = await installation.client(assets, "clerk", area=county.east)
    asset = {
        "area": str(county.east_village),
        "project": str(district.project),
        "name": "村组道路",
        "kind": "road",
        "value": {"text": "0.01"},
        "sources": [{"lot": str(district.lot), "amount": {"text": "0.01"}}],
        "formed_on": "2020-11-30",
    }
    await refused_then_passes(clerk, "/assets", asset, district.project, county.east)
    assert (await row_of(installation, funds, id_))["integrity"] == "intact"
    await changed_byte(installation, id_)
    for service in (funds, assets):
        assert await decided_again(installation, service) > 3


async def changed_byte(installation: Installation, id_: UUID) -> None:
    place = kept(installation, funds, digest(SHEET))
    data = bytearray(place.read_bytes())
    data[100] ^= 1
    place.write_bytes(data)
    told = await row_of(installation, funds, id_)
    assert (told["id"], told["integrity"]) == (str(id_), "damaged")
    reader = await installation.client(funds, "auditor", subject="auditor")
    content = await reader.get(f"/attachments/{id_}/content")
    assert (content.status_code, content.json()["type"]) == (409, "/problems/FileNotIntact")
    place.unlink()
    assert (await row_of(installation, funds, id_))["integrity"] == "missing"


def kept(installation: Installation, service: Service, name: str) -> Path:
    return installation.files(service).folder / "kept" / name[:2] / name


async def test_a_photograph_is_made_small_its_place_read_and_both_come_back(
    installation: Installation, district: District
) -> None:
    photo = noted(PLACE, {0x9003: "2024:03:16 08:30:05"})
    id_ = await attached(district.finance, district.project, photo, "photo", caption="现场")
    told = await row_of(installation, funds, id_)
    assert (told["digest"], told["media_type"]) == (digest(photo), "image/jpeg")
    assert (told["taken_at"], told["latitude"]) == ("2024-03-16T08:30:05", "25.123456")
    whole = await district.finance.get(f"/attachments/{id_}/content")
    assert (whole.content, whole.headers["content-type"]) == (photo, "image/jpeg")
    assert whole.headers["x-content-type-options"] == "nosniff"
    copy = await district.finance.get(f"/attachments/{id_}/content", params={"copy": "small"})
    assert digest(copy.content) == told["small_digest"]
    assert b"Exif" not in copy.content


async def test_evidence_is_read_within_the_area_and_attached_from_within_it(
    installation: Installation, district: District
) -> None:
    id_ = await attached(district.finance, district.project)
    await installation.catch_up(funds)
    west = await installation.client(funds, "finance", area=district.county.west, subject="w")
    assert (await west.get(f"/attachments/{id_}")).status_code == 404
    assert (await west.get(f"/attachments/{id_}/content")).status_code == 404
    assert (await west.get("/attachments")).json()["items"] == []
    body = {"target": str(district.project), "kind": "sheet", "upload": str(uuid4())}
    told = await post(west, "/attachments", body)
    assert (told.status_code, told.json()["type"]) == (403, "/problems/NotYourArea")
    gone = {"target": str(district.project), "attachment": str(id_), "reason": "x"}
    assert (await post(west, "/attachments/withdrawals", gone)).status_code == 403


async def test_an_upload_of_another_is_not_there_to_be_attached(
    installation: Installation, district: District
) -> None:
    other = await installation.client(funds, "clerk", subject="u2")
    body = {"target": str(district.project), "kind": "sheet"}
    body["upload"] = await uploaded(other, SHEET)
    assert (await post(district.finance, "/attachments", body)).status_code == 404
    body |= {"upload": await uploaded(district.finance, SHEET), "target": str(uuid4())}
    assert (await post(district.finance, "/attachments", body)).status_code == 404


async def test_a_repeat_is_the_first_answer_also_when_the_upload_is_forgotten(
    installation: Installation, district: District
) -> None:
    upload = await uploaded(district.finance, SHEET)
    body = {"target": str(district.project), "kind": "sheet", "upload": upload}
    first = await post(district.finance, "/attachments", body, key="once")
    deleted = await district.finance.delete(f"/files/{upload}", headers=TUS)
    assert (first.status_code, deleted.status_code) == (201, 204)
    again = await post(district.finance, "/attachments", body, key="once")
    assert (again.json(), again.headers["idempotent-replay"]) == (first.json(), "true")
    assert kept(installation, funds, digest(SHEET)).exists()


async def test_what_is_withdrawn_is_shown_as_such_and_demanded_anew(
    installation: Installation, district: District
) -> None:
    await demand(installation, funds, "OrderPayment", "project", "验收单")
    id_ = await attached(district.finance, district.project)
    gone = {"target": str(district.project), "attachment": str(id_), "reason": "拍错了"}
    assert (await post(district.finance, "/attachments/withdrawals", gone)).status_code == 201
    told = await row_of(installation, funds, id_)
    assert (told["reason"], told["integrity"]) == ("拍错了", "intact")
    payment = await a_payment(installation, district)
    told = (await post(district.finance, "/payments", payment)).json()
    assert told["type"] == "/problems/EvidenceMissing"


async def test_rows_that_could_hold_nothing_and_captions_that_name_a_person_are_refused(
    installation: Installation,
) -> None:
    steward = await installation.client(funds, "steward")
    for key, of in (("OrderPayment", "use"), ("OrderPayment", "nothing"), ("SetReference", "")):
        row = {"key": key, "valid_from": "2013-01-01", "values": {"of": of, "needs": []}}
        body = {"set": "evidence", "area": None, "row": row}
        assert (await post(steward, "/reference/rows", body)).status_code == 422, (key, of)
    clerk = await installation.client(households, "clerk")
    body = {"target": str(uuid4()), "kind": "sheet", "upload": str(uuid4())}
    told = await post(clerk, "/attachments", {**body, "caption": "电话 13900000007"})
    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, "/caption")
