"""A clerk at work with sheets: upload, prepare, commit, and a worker that takes what waits."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import openpyxl
from httpx import AsyncClient, Response

from libs.chassis.errands import Errands
from libs.chassis.imports.jobs import Jobs
from libs.chassis.service import Service
from tests.conftest import Installation

TUS = {"tus-resumable": "1.0.0"}
STREAM = "application/offset+octet-stream"
_keys = itertools.count(1)


def sheet(*rows: Sequence[Any], title: str = "表一") -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = title
    for row in rows:
        page.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def opened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


@dataclass
class Desk:
    """A service's client with its worker beside it."""

    installation: Installation
    service: Service
    client: AsyncClient
    errands: Errands | None = None

    async def upload(self, content: bytes) -> str:
        begun = await self.client.post(
            "/files", headers={**TUS, "upload-length": str(len(content)), **_key()}
        )
        assert begun.status_code == 201, begun.text
        id_: str = begun.json()["id"]
        headers = {**TUS, "upload-offset": "0", "content-type": STREAM}
        sent = await self.client.patch(f"/files/{id_}", content=content, headers=headers)
        assert sent.status_code == 204, sent.text
        digest = hashlib.sha256(content).hexdigest()
        kept = await self.client.post(
            f"/files/{id_}/completions", params={"sha256": digest}, headers=_key()
        )
        assert kept.status_code == 201, kept.text
        return id_

    async def prepare(
        self, importer: str, area: UUID, content: bytes, key: str | None = None, **more: Any
    ) -> Response:
        body = {
            "importer": importer,
            "area": str(area),
            "file": await self.upload(content),
            "name": "表.xlsx",
            **more,
        }
        return await self.client.post("/imports", json=body, headers=_key(key))

    async def commit(
        self, id_: str, mode: str = "all", *, dry_run: bool = False, key: str | None = None
    ) -> Response:
        return await self.client.post(
            f"/imports/{id_}/commit",
            params={"dry_run": str(dry_run).lower()},
            json={"mode": mode},
            headers=_key(key),
        )

    async def work(self) -> None:
        """All jobs that wait, by a worker of this process."""
        log = await self.installation.log(self.service)
        vault = await self.installation.vault_of(self.service)
        files = self.installation.files(self.service)
        await Jobs(self.service.importers, log, files, vault, self.errands).once()

    async def taken(
        self, importer: str, area: UUID, content: bytes, mode: str = "all", **more: Any
    ) -> dict[str, Any]:
        """The whole way; the job as it ended."""
        prepared = await self.prepare(importer, area, content, **more)
        assert prepared.status_code == 201, prepared.text
        job = await self.commit(prepared.json()["id"], mode)
        assert job.status_code == 202, job.text
        await self.work()
        return await self.job(job.json()["id"])

    async def job(self, id_: str) -> dict[str, Any]:
        shown = await self.client.get(f"/jobs/{id_}")
        assert shown.status_code == 200, shown.text
        told: dict[str, Any] = shown.json()
        return told

    async def outcome(self, id_: str) -> list[dict[str, Any]]:
        shown = await self.client.get(f"/jobs/{id_}/outcome", params={"format": "json"})
        items: list[dict[str, Any]] = shown.json()["items"]
        return items


def _key(key: str | None = None) -> Mapping[str, str]:
    return {"idempotency-key": key or f"desk{next(_keys)}"}


async def desk(
    installation: Installation,
    service: Service,
    *held: str,
    area: UUID | None = None,
    subject: str = "u1",
) -> Desk:
    roles = held or ("clerk",)
    client = await installation.client(service, *roles, area=area, subject=subject)
    return Desk(installation, service, client)
