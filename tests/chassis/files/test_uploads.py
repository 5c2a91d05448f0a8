"""Uploading as tus 1.0 says it, to the routes that every service has."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from httpx import AsyncClient, Response

from libs.chassis.files import routes
from libs.chassis.files.kinds import CSV, LARGEST
from libs.chassis.files.uploads import FORGOTTEN_AFTER_S, Uploads
from services.funds.service import service as funds
from services.households.service import service as households
from tests.chassis.files.made import digest
from tests.conftest import Installation
from tests.people import card, id_number, phone

DATA = b"\xe6\x96\x87\xe5\x8f\xb7,fen\n" + b"planted,1\n" * 4000
TUS = {"tus-resumable": "1.0.0"}


def metadata(**told: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in told.items())


async def begin(client: AsyncClient, size: int = len(DATA), **told: str) -> Response:
    headers = {**TUS, "upload-length": str(size), "upload-metadata": metadata(**told)}
    return await client.post("/files", headers=headers)


async def begun(client: AsyncClient, size: int = len(DATA), **told: str) -> str:
    answer = await begin(client, size, **told)
    assert answer.status_code == 201, answer.text
    place: str = answer.headers["location"]
    assert place == f"/api/v1/{client.headers['x-of']}/files/{answer.json()['id']}"
    return place.removeprefix(f"/api/v1/{client.headers['x-of']}")


async def send(client: AsyncClient, place: str, at: int, data: Any, **more: str) -> Response:
    headers = {**TUS, "upload-offset": str(at), "content-type": routes.OFFSET_STREAM, **more}
    return await client.patch(place, content=data, headers=headers)


async def offset(client: AsyncClient, place: str) -> int:
    answer = await client.head(place, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


@pytest.fixture
async def clerk(installation: Installation) -> AsyncClient:
    return await of(installation, "clerk")


async def of(installation: Installation, *held: str, subject: str = "u1") -> AsyncClient:
    client = await installation.client(funds, *held, subject=subject)
    client.headers["x-of"] = "funds"
    return client


def sealed(installation: Installation) -> list[Path]:
    return sorted(installation.files(funds).folder.glob("kept/*/*"))


async def test_a_file_in_two_pieces_is_kept_and_the_same_again_is_one_file(
    clerk: AsyncClient, installation: Installation
) -> None:
    for _ in range(2):
        place = await begun(clerk, sha256=digest(DATA), filename="花名册.csv")
        assert (await send(clerk, place, 0, DATA[:9000])).headers["upload-offset"] == "9000"
        assert (await clerk.get(place)).json()["state"] == "open"
        assert await offset(clerk, place) == 9000
        last = await send(clerk, place, 9000, DATA[9000:])
        assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(DATA)))
        told = (await clerk.get(place)).json()
        assert (told["state"], told["digest"], told["media_type"]) == ("kept", digest(DATA), CSV)
        assert await offset(clerk, place) == len(DATA)
    assert len(sealed(installation)) == 1
    folder = installation.files(funds).folder
    lying = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"planted" not in lying
    assert "花名册".encode() not in lying


async def test_the_digest_may_be_said_at_the_end_and_said_again(clerk: AsyncClient) -> None:
    place = await begun(clerk)
    early = await clerk.post(f"{place}/completions", params={"sha256": digest(DATA)})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/NotYetWhole")
    await send(clerk, place, 0, DATA)
    for _ in range(2):
        told = await clerk.post(f"{place}/completions", params={"sha256": digest(DATA)})
        assert told.status_code == 201
        assert (told.json()["digest"], told.json()["size"]) == (digest(DATA), len(DATA))


async def test_bytes_that_are_not_those_stated_are_not_kept(
    clerk: AsyncClient, installation: Installation
) -> None:
    place = await begun(clerk, sha256=digest(DATA[::-1]))
    told = await send(clerk, place, 0, DATA)
    assert (told.status_code, told.json()["type"]) == (409, "/problems/DigestDiffers")
    assert (await clerk.head(place, headers=TUS)).status_code == 404
    assert sealed(installation) == []


async def test_a_program_is_refused_whatever_it_is_called(clerk: AsyncClient) -> None:
    data = b"MZ\x90\0" * 50
    place = await begun(clerk, len(data), sha256=digest(data), filename="表.xlsx")
    told = await send(clerk, place, 0, data)
    assert (told.status_code, told.json()["type"]) == (415, "/problems/KindNotAllowed")


async def test_an_upload_belongs_to_who_began_it(
    clerk: AsyncClient, installation: Installation
) -> None:
    place = await begun(clerk)
    other = await of(installation, "clerk", "finance", subject="u2")
    assert (await send(other, place, 0, DATA)).status_code == 404
    assert (await other.head(place, headers=TUS)).status_code == 404
    assert (await other.delete(place, headers=TUS)).status_code == 404
    assert (await other.get(place)).status_code == 404
    said = await other.post(f"{place}/completions", params={"sha256": digest(DATA)})
    assert said.status_code == 404
    assert await offset(clerk, place) == 0


async def test_without_a_role_no_byte_is_written(
    clerk: AsyncClient, installation: Installation
) -> None:
    place = await begun(clerk)
    stranger, auditor = await of(installation), await of(installation, "auditor")
    assert (await send(stranger, place, 0, DATA)).status_code == 401
    assert (await send(auditor, place, 0, DATA)).status_code == 403
    assert await offset(clerk, place) == 0


async def test_where_there_is_a_vault_a_refused_body_is_not_read(
    installation: Installation,
) -> None:
    client = await installation.client(households, "auditor")
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 65_536

    place = "/files/00000000-0000-4000-8000-000000000000"
    told = await send(client, place, 0, body(), **{"content-length": "6553600"})
    assert told.status_code == 403
    assert read < 3


async def test_a_name_with_somebodys_number_is_refused_and_not_told(clerk: AsyncClient) -> None:
    for key in ("filename", "name", "relativePath"):
        for name in (id_number(7), f"{phone(7)}.xlsx", f"{card(7)}.csv"):
            told = await begin(clerk, len(DATA), **{key: name})
            assert (told.status_code, told.json()["type"]) == (422, "/problems/FileNamePersonal")
            assert told.json()["errors"][0]["pointer"] == "header:/upload-metadata"
            assert name not in told.text


async def test_what_is_too_large_is_refused_before_and_while_it_comes(clerk: AsyncClient) -> None:
    assert (await begin(clerk, LARGEST + 1)).status_code == 413
    place = await begun(clerk, 100)

    async def too_much() -> AsyncIterator[bytes]:
        yield DATA[:60]
        yield DATA[60:]

    much = {"content-length": str(len(DATA))}
    assert (await send(clerk, place, 0, too_much(), **much)).status_code == 400
    at = await offset(clerk, place)
    assert at <= 60
    assert (await send(clerk, place, at, DATA[at:100])).status_code == 204
    said = await clerk.post(f"{place}/completions", params={"sha256": digest(DATA[:100])})
    assert said.status_code == 201


async def test_a_full_disk_takes_nothing_new_and_lets_what_runs_end(
    clerk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await begun(clerk, sha256=digest(DATA))
    full = SimpleNamespace(total=1000, used=900, free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    told = await begin(clerk)
    assert (told.status_code, told.json()["type"]) == (503, "/problems/DiskNearlyFull")
    assert "90%" in told.json()["detail"]
    assert (await send(clerk, place, 0, DATA)).status_code == 204
    assert (await clerk.get(place)).json()["state"] == "kept"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"tus-resumable": "0.2.2"}, 412),
        ({"content-type": "application/json"}, 415),
        ({"upload-offset": "7"}, 409),
        ({"upload-offset": "-1"}, 422),
    ],
)
async def test_what_is_not_as_the_protocol_says_writes_nothing(
    clerk: AsyncClient, headers: dict[str, str], status: int
) -> None:
    place = await begun(clerk)
    assert (await send(clerk, place, 0, DATA, **headers)).status_code == status
    assert await offset(clerk, place) == 0


async def test_other_uploads_cannot_be_named_nor_methods_told_by_a_header(
    clerk: AsyncClient, installation: Installation
) -> None:
    place = await begun(clerk)
    headers = {**TUS, "upload-length": "9", "upload-concat": f"final;{place}"}
    assert (await clerk.post("/files", headers=headers)).status_code == 201  # one of its own
    hidden = {"x-http-method-override": "DELETE"}
    await send(clerk, place, 0, DATA[:5], **hidden)
    assert await offset(clerk, place) == 5
    for strange in ("..%2f..%2fkey", "%2e%2e", "passwords.json", "0" * 31):
        assert (await clerk.get(f"/files/{strange}")).status_code in (404, 422)


async def test_one_who_sends_again_takes_the_place_of_a_line_that_fell_silent(
    clerk: AsyncClient,
) -> None:
    place, silent = await begun(clerk, sha256=digest(DATA)), asyncio.Event()
    came = asyncio.Event()

    async def cut() -> AsyncIterator[bytes]:
        yield DATA[:5000]
        came.set()
        await silent.wait()

    before = asyncio.create_task(send(clerk, place, 0, cut(), **{"content-length": str(len(DATA))}))
    await came.wait()
    at = await offset(clerk, place)
    assert at == 5000
    assert (await before).headers["upload-offset"] == "5000"
    assert (await send(clerk, place, at, DATA[at:])).status_code == 204
    assert (await clerk.get(place)).json()["digest"] == digest(DATA)


async def test_what_a_killed_process_left_half_written_is_cut_off(
    clerk: AsyncClient, installation: Installation
) -> None:
    place = await begun(clerk, sha256=digest(DATA))
    await send(clerk, place, 0, DATA[:9000])
    (part,) = installation.files(funds).folder.glob("uploads/*.part")
    with part.open("ab") as torn:
        torn.write((700).to_bytes(4, "big") + b"torn")
    told = json.loads((sidecar := part.with_suffix(".json")).read_text())
    sidecar.write_text(json.dumps({**told, "offset": 5}))  # it died before it wrote that down
    again = await of(installation, "clerk")  # an app that remembers nothing
    at = await offset(again, place)
    assert at == 9000
    await send(again, place, at, DATA[at:])
    assert (await again.get(place)).json()["digest"] == digest(DATA)


async def test_two_at_once_at_the_same_place_write_once(clerk: AsyncClient) -> None:
    place = await begun(clerk, sha256=digest(DATA))
    told = await asyncio.gather(*(send(clerk, place, 0, DATA) for _ in range(4)))
    assert {one.status_code for one in told} <= {204, 409}
    assert (await clerk.get(place)).json()["digest"] == digest(DATA)


async def test_what_nobody_touched_for_seven_days_is_forgotten(
    clerk: AsyncClient, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await begun(clerk, sha256=digest(DATA))
    other = await begun(clerk)
    await send(clerk, place, 0, DATA)
    uploads = Uploads(installation.files(funds))
    assert await uploads.sweep() == 0
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + FORGOTTEN_AFTER_S + 60)
    assert await uploads.sweep() == 2
    monkeypatch.undo()
    assert (await clerk.get(place)).status_code == 404
    assert (await clerk.head(other, headers=TUS)).status_code == 404
    assert len(sealed(installation)) == 1
    assert [path.name for path in uploads.folder.iterdir()] == []
