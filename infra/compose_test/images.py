"""The base under the very name that infra/Dockerfile starts from, and stand-ins for the makers'.

A stand-in is built on that base, or on our image, from the same release as the maker's, and takes
the settings that docker-compose.yml gives.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .engine import Engine
from .shell import ROOT, FailedError, run, say

STAND_INS = ROOT / "infra" / "compose_test" / "stand_ins"
DOCKERFILE = ROOT / "infra" / "Dockerfile"
KAFKA = ROOT / "infra" / "kafka"


def build_base(engine: Engine) -> None:
    """Debian from the mirror that apt is set to, with this machine's way to the Python registry."""
    (name,) = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    suite, mirror = _suite(name)
    root, archive = engine.folder / "base", engine.folder / "base.tar"
    run("debootstrap", "--variant=minbase", suite, root, mirror)
    _give_pip_settings(root)
    run("tar", "--create", "--file", archive, "--directory", root, ".")
    shutil.rmtree(root)
    engine.docker("import", archive, name)
    archive.unlink()
    say(f"base image {name}, from debootstrap")


def _suite(name: str) -> tuple[str, str]:
    """(code name, mirror): the one of the image's name, as apt knows it."""
    suite = name.partition(":")[2].removesuffix("-slim")
    told = run("apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Origin: Debian")
    for line in told.splitlines():
        codename, _, mirror = line.partition(" ")
        if codename == suite:
            return suite, mirror
    raise FailedError(f"apt has no mirror of Debian {suite}: the base image cannot be made here")


def _give_pip_settings(root: Path) -> None:
    """What pip is told on this machine, the certificates that it trusts included."""
    told: dict[str, str] = {}
    listed = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):  # which pip obeys first
        key, _, literal = line.partition("=")
        told[key.rpartition(".")[2]] = str(ast.literal_eval(literal))
    if "cert" in told:
        shutil.copy(told["cert"], root / "etc" / "pip-certificates.pem")
        told["cert"] = "/etc/pip-certificates.pem"
    told.pop("find-links", None)  # folders of this machine
    lines = ["[global]", *(f"{name} = {value}" for name, value in told.items()), ""]
    (root / "etc" / "pip.conf").write_text("\n".join(lines))


def build_stand_ins(engine: Engine, images: Mapping[str, str], ours: str) -> None:
    """`images`: the name of each maker's image in docker-compose.yml, by its service there."""
    jars = engine.folder / "kafka"
    shutil.copytree(STAND_INS / "kafka", jars)
    shutil.copy(KAFKA / "log4j2.yaml", jars)
    run(KAFKA / "install.sh", jars / "libs")
    folders = {name: STAND_INS / name for name in ("postgres", "gateway", "collector")}
    for service, folder in {**folders, "kafka": jars}.items():
        engine.docker(
            *("build", "--quiet", "--tag", images[service], "--build-arg", f"OURS={ours}", folder)
        )
        say(f"stand-in {images[service]}")
