"""An installation whose PostgreSQL is not embedded: its secrets, its stores, what a process holds.

The server elsewhere is one of our launcher's that is reached by TCP, as a stranger's would be.
"""

from __future__ import annotations

import asyncio
import json
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from libs.chassis import healthy, postgres
from libs.chassis.cli import main
from libs.chassis.installation import stores
from libs.chassis.migrate import FEED
from libs.chassis.settings import Settings
from services.__main__ import SERVICES
from tests.conftest import Installation
from tests.loop import run_in_thread

OWN = {service.name: {f"{service.name}_app", FEED} for service in SERVICES}
OWN["households"] |= {"keys_app"}  # who seals people's data, and nobody else


@dataclass(frozen=True)
class Elsewhere:
    """A server's address and the folder of secrets made for it."""

    address: str
    secrets: Path

    def environment(self, file: str) -> dict[str, str]:
        return {
            "SUYUAN_DATABASE": self.address,
            "SUYUAN_PASSWORDS": str(self.secrets / file),
            "SUYUAN_LOG_LEVEL": "info",
            "SUYUAN_FILES": str(self.secrets / "files"),
            "SUYUAN_FILES_KEY": str(self.secrets / "funds.files.key"),
        }


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Cluster]:
    with tempfile.TemporaryDirectory(prefix="suyuan-") as name, run_in_thread() as run:
        Path(name).chmod(0o711)
        small = {"shared_buffers": "16MB", "fsync": "off"}
        cluster = run(postgres.start(Path(name, "pg"), port=0, settings=small))
        yield cluster
        run(cluster.stop())


@pytest.fixture
def elsewhere(server: postgres.Cluster, tmp_path: Path) -> Elsewhere:
    """Secrets as `secrets` makes them, the server's own superuser in them."""
    folder = tmp_path / "secrets"
    folder.mkdir(0o700)
    (folder / "passwords.json").write_text(json.dumps({postgres.SUPERUSER: server.password}))
    assert main(SERVICES, ["secrets", str(folder)]) == 0
    return Elsewhere(f"127.0.0.1:{server.port}", folder)


def say(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def read(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_each_file_of_secrets_holds_what_its_reader_needs_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert main(SERVICES, ["secrets", str(folder)]) == 0
    first = read(folder)
    everything = json.loads(first["passwords.json"])
    assert first["postgres"] == everything[postgres.SUPERUSER]
    for service, roles in OWN.items():
        held = json.loads(first[f"{service}.json"])
        assert set(held) == roles
        assert held.items() <= everything.items()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((folder / "vault").stat().st_mode) == 0o700
    assert len(bytes.fromhex(first["master.key"])) == 32
    assert json.loads(first["key_set.json"]) == {"keys": []}
    first["key_set.json"] = '{"keys": [{"kid": "of an issuer"}]}'
    (folder / "key_set.json").write_text(first["key_set.json"])
    assert main(SERVICES, ["secrets", str(folder)]) == 0
    assert read(folder) == first


def test_migrate_makes_the_stores_and_does_nothing_the_second_time(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, elsewhere.environment("passwords.json"))
    assert [main(SERVICES, ["migrate"]), main(SERVICES, ["migrate"])] == [0, 0]
    assert main(SERVICES, ["status"]) == 0
    assert "funds" in capsys.readouterr().out

    settings = Settings.read(elsewhere.environment("funds.json"))
    assert settings.logs is None

    async def events_as(role: dict[str, Any]) -> int:
        connection = await asyncpg.connect(**role)
        count: int = await connection.fetchval("SELECT count(*) FROM es.events")
        await connection.close()
        return count

    reached = stores(settings)
    assert asyncio.run(events_as(reached.app("funds"))) == 1
    assert asyncio.run(events_as(reached.feed("assets"))) == 1


def test_a_role_that_was_not_given_is_named_and_no_secret_told(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, elsewhere.environment("funds.json"))
    with pytest.raises(SystemExit) as ended:
        main(SERVICES, ["migrate"])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "funds.json holds no password of postgres" in said.err
    for secret in json.loads((elsewhere.secrets / "passwords.json").read_text()).values():
        assert secret not in said.out + said.err


@pytest.mark.parametrize("verb", ["run", "demo"])
def test_a_server_of_our_own_does_not_start_beside_one_elsewhere(
    elsewhere: Elsewhere,
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    given = elsewhere.environment("passwords.json") | {"SUYUAN_HOME": str(tmp_path / "home")}
    say(monkeypatch, given | {"SUYUAN_PORT": "18799"})
    try:
        code: object = main(SERVICES, [verb])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code in (1, 2)
    assert "SUYUAN_DATABASE is set" in said.out + said.err
    assert not (tmp_path / "home" / "postgres").exists()


async def test_a_worker_is_healthy_while_its_readers_stand_at_the_head(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SERVICES[0]
    settings = Settings(home=Path("/nonexistent"))
    monkeypatch.setattr("libs.chassis.installation.stores", lambda _: installation.stores)
    assert await healthy.working(settings, service.name) == ["no reader has begun"]
    await installation.catch_up(service)
    pool = (await installation.log(service)).pool
    made = "UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '2 min'"
    await pool.execute(f"{made} WHERE token = 0")  # a store that was made a while ago
    assert len(await healthy.working(settings, service.name)) == len(service.every_reactor)
    await installation.react(service)
    assert await healthy.working(settings, service.name) == []

    await pool.execute("UPDATE es.cursors SET confirmed_at = clock_timestamp() - interval '2 min'")
    late = await healthy.working(settings, service.name)
    assert len(late) == len(service.every_reader) + len(service.every_reactor)
    assert "not at the head of its source for 120 s" in late[0]
    await pool.execute("UPDATE es.cursors SET confirmed_at = 'epoch'")
    assert "not yet at the head" in (await healthy.working(settings, service.name))[0]
    await pool.execute("UPDATE es.cursors SET confirmed_at = clock_timestamp(), stopped = 'hole'")
    assert "stopped: hole" in (await healthy.working(settings, service.name))[0]
