"""docker-compose.yml against the code that it runs: what it publishes, hands out and repeats.

Whether it works is what `make compose-test` tries; here is what a reader of a change overlooks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from libs.chassis import postgres
from libs.chassis.cli.secrets import CONTAINERS
from libs.chassis.settings import VARIABLES
from services.__main__ import SERVICES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
DOCKERFILE = (ROOT / "infra" / "Dockerfile").read_text()
NAMES = [service.name for service in SERVICES]
# The wheel's server keeps log files; a container's runtime keeps what is said on stderr. What the
# maker's image has by default need not be said.
NOT_SAID = {"fsync", "logging_collector", "log_filename", "log_rotation_age", "log_rotation_size"}
NOT_SAID |= {"log_truncate_on_rotation"}


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def held(name: str) -> set[str]:
    """The secrets of a container, by the file that they come from."""
    return {one if isinstance(one, str) else one["source"] for one in service(name)["secrets"]}


def test_both_kinds_of_compose_read_it() -> None:
    assert not {"version", "name", "include"} & COMPOSE.keys()


def test_every_service_has_an_api_and_a_worker_and_nothing_else_is_ours() -> None:
    ours = {name for name in COMPOSE["services"] if name.endswith(("-api", "-worker"))}
    assert ours == {f"{name}-{part}" for name in NAMES for part in ("api", "worker")}
    for name in NAMES:
        assert service(f"{name}-api")["command"] == f"serve {name}"
        assert service(f"{name}-worker")["command"] == f"work {name} --relay"


def test_only_the_gateway_is_published_and_on_this_machine_alone() -> None:
    published = {
        name: told["ports"] for name, told in COMPOSE["services"].items() if "ports" in told
    }
    assert published == {"gateway": ["127.0.0.1:${SUYUAN_PORT:-8800}:8080"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_process_holds_its_own_secrets_only(name: str) -> None:
    asked = {"services_key"} if name == "households" else set()
    asks = {"services_key"} if name == "funds" else set()
    assert held(f"{name}-api") == {name, f"{name}_files", "key_set"} | asked
    assert held(f"{name}-worker") == {name, f"{name}_files"} | asks
    assert COMPOSE["secrets"][name]["file"].endswith(f"/{name}.json")


def test_the_vaults_folder_is_mounted_where_people_are_sealed_and_nowhere_else() -> None:
    mounted = {
        name
        for name, told in COMPOSE["services"].items()
        if any(volume.endswith(":/vault") for volume in told.get("volumes", ()))
    }
    assert mounted == {
        f"{one.name}-{part}" for one in SERVICES if one.vault for part in ("api", "worker")
    }
    assert service("households-api")["environment"]["SUYUAN_VAULT"] == "/vault"


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_a_service_are_mounted_for_itself_alone(name: str) -> None:
    mounted = {
        container
        for container, told in COMPOSE["services"].items()
        if any(str(one).startswith(f"{name}-files:") for one in told.get("volumes", ()))
    }
    assert mounted == {f"{name}-api", f"{name}-worker"}
    for container in mounted:
        volumes = [one for one in service(container)["volumes"] if one.endswith(":/files")]
        assert volumes == [f"{name}-files:/files"]


def test_the_superuser_is_known_to_the_server_and_to_migrate_alone() -> None:
    assert {
        n for n, told in COMPOSE["services"].items() if "secrets" in told and "all" in held(n)
    } == {"migrate"}
    assert {
        n for n, told in COMPOSE["services"].items() if "secrets" in told and "postgres" in held(n)
    } == {"postgres"}


def test_no_secret_stands_in_it() -> None:
    for name, told in COMPOSE["services"].items():
        for variable, value in told.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", variable):
                assert str(value).removeprefix(f"${{{variable}-").startswith("/run/secrets/"), (
                    f"{name} {variable}"
                )


def test_every_container_that_stays_is_started_again_and_asked_whether_it_is_well() -> None:
    for name, told in COMPOSE["services"].items():
        assert told["restart"] == ("no" if name == "migrate" else "unless-stopped")
        assert "healthcheck" in told or name in ("migrate", "collector"), name


def test_its_settings_are_settings() -> None:
    given = set(re.findall(r"^    SUYUAN_(\w+):", TEXT, re.MULTILINE))
    assert given
    assert {name.lower() for name in given} <= VARIABLES.keys()


def test_the_server_is_told_what_the_embedded_one_is_told() -> None:
    said = dict(re.findall(r"-c (\w+)=(\S+)", service("postgres")["command"]))
    wanted = {name: value for name, value in postgres.SETTINGS.items() if name not in NOT_SAID}
    assert said == wanted
    assert service("postgres")["image"] == "postgres:18"


def test_the_image_runs_as_the_user_whose_the_secrets_are() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == [str(CONTAINERS)]
    assert f"--uid {CONTAINERS}" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_the_broker_is_the_one_that_tests_run() -> None:
    pom = (ROOT / "infra" / "kafka" / "pom.xml").read_text()
    (version,) = re.findall(r"<kafka.version>(.+)</kafka.version>", pom)
    assert service("kafka")["image"] == f"apache/kafka:{version}"


def test_the_gateway_knows_every_service() -> None:
    text = (ROOT / "infra" / "gateway" / "nginx.conf").read_text()
    (named,) = re.findall(r"\(\?<named>([\w|]+)\)", text)
    assert {*named.split("|"), "reporting"} == set(NAMES)
