"""A client made from the published OpenAPI documents, by a program that knows nothing of us."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from subprocess import run
from types import ModuleType
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from httpx import URL, AsyncClient

from libs.chassis.published import DOCS
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.journeys.loaded import served

PROGRAM = "openapi-python-client"
DAY = date(2020, 3, 16)
CONFIG = """
post_hooks: []  # how the code is laid out is nobody's concern here
content_type_overrides:  # what tus calls the bytes of a file, and a workbook
  application/offset+octet-stream: application/octet-stream
  application/vnd.openxmlformats-officedocument.spreadsheetml.sheet: application/octet-stream
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package a service, importable; made without a warning."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.yml"
    config.write_text(CONFIG)
    for service in SERVICES:
        document, package = DOCS / f"openapi/{service.name}.json", folder / f"of_{service.name}"
        where = ["--path", str(document), "--output-path", str(package), "--config", str(config)]
        how = ["--meta", "none", "--fail-on-warning"]
        made = run(
            [str(Path(sys.executable).parent / PROGRAM), "generate", *where, *how],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        assert "arning" not in made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


class Made(NamedTuple):
    """The client of one service, signed in."""

    package: str
    client: Any

    def module(self, name: str) -> ModuleType:
        return import_module(f"{self.package}.{name}")

    def model(self, kind: str, /, **plain: Any) -> Any:
        return getattr(self.module("models"), kind).from_dict(plain)

    async def call(self, operation: str, *path: Any, **said: Any) -> Any:
        """The whole response of an operation; `parsed` is its typed answer."""
        found = self.module(operation)
        return await found.asyncio_detailed(*path, client=self.client, **said)


def client_of(service: str, http: AsyncClient, installation: Installation) -> Made:
    package = f"of_{service}"
    roles = ("steward", "clerk", "auditor")
    token = installation.issuer.token("client", roles, "bureau", None, timedelta(hours=1))
    http.base_url = URL(f"http://case/api/v1/{service}")
    client = import_module(package).AuthenticatedClient(base_url=str(http.base_url), token=token)
    http.headers["authorization"] = f"{client.prefix} {token}"
    return Made(package, client.set_async_httpx_client(http))


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_a_client_is_generated_and_every_module_of_it_imports(
    generated: Path, service: str
) -> None:
    package = generated / f"of_{service}"
    modules = [file for file in package.rglob("*.py") if file.name != "__init__.py"]
    assert len(modules) > 25
    for file in modules:
        import_module(".".join(file.relative_to(generated).with_suffix("").parts))


async def test_a_command_a_refusal_and_a_query_are_typed(
    generated: Path, installation: Installation
) -> None:
    async with served(installation) as door:
        client = client_of("households", door.client, installation)
        county = {"code": "990101", "name": "甲县", "level": "county", "parent": None}
        days = {"occurred_on": DAY.isoformat(), "valid_from": "2013-01-01"}
        body = client.model("RegisterArea", **county, **days)
        register = "api.区域.register_area"
        made = await client.call(register, body=body, idempotency_key="1")
        assert made.status_code == 201
        assert type(made.parsed).__name__ == "Made"
        assert isinstance(made.parsed.id, UUID)

        again = await client.call(register, body=body, idempotency_key="1")
        assert (again.content, again.headers["idempotent-replay"]) == (made.content, "true")
        refused = await client.call(register, body=body, idempotency_key="2")
        assert type(refused.parsed).__name__ == "Problem"
        assert refused.parsed.type_ == "/problems/AreaAlreadyRegistered"
        assert refused.parsed.numbers.to_dict()["code"] == "990101"

        area = await client.call("api.区域.get_area", made.parsed.id)
        assert (area.parsed.name, area.parsed.codes[0].valid_from) == ("甲县", date(2013, 1, 1))
        position = made.headers["position"]
        listed = await client.call("api.区域.list_areas", min_position=position)
        assert [row.id for row in listed.parsed.items] == [made.parsed.id]
        missing = await client.call("api.区域.get_area", uuid4())
        assert (missing.parsed.status, missing.parsed.title) == (404, "未找到，或不在您的辖区")


async def test_what_is_malformed_is_typed_too(generated: Path, installation: Installation) -> None:
    async with served(installation) as door:
        client = client_of("funds", door.client, installation)
        body = client.model(
            "ProposeProject",
            occurred_on=DAY.isoformat(),
            area=str(uuid4()),
            year=2020,
            name="",
            kind="x",
            purpose="relief",
        )
        answer = await client.call("api.项目.propose_project", body=body, idempotency_key="1")
        assert type(answer.parsed).__name__ == "Malformed"
        (fault,) = answer.parsed.errors
        assert (fault.pointer, fault.message) == ("/name", "至少 1 个字符")
