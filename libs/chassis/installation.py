"""An installation as its processes find it: the home tells where the stores are reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .migrate import write_private
from .postgres import Cluster
from .settings import Settings
from .stores import Stores


class NotRunningError(Exception):
    """The home names no server; `python -m services run` starts one."""


def write_address(home: Path, cluster: Cluster) -> None:
    """Tell the other processes of this home where the embedded server listens; no secret in it."""
    address = cluster.address("postgres")
    text = json.dumps({"host": address["host"], "port": address["port"]})
    write_private(home / "server.json", text)


def stores(settings: Settings) -> Stores:
    """How to reach the stores of this home. Raises: NotRunningError."""
    server, secrets = settings.home / "server.json", settings.home / "passwords.json"
    if not server.exists() or not secrets.exists():
        raise NotRunningError(f"no installation in {settings.home}")
    where = json.loads(server.read_text())

    def address(database: str, user: str, password: str) -> dict[str, Any]:
        return {**where, "database": database, "user": user, "password": password}

    known = json.loads(secrets.read_text())
    superuser = settings.home / "postgres" / "passwords.json"  # that of the embedded server
    if superuser.exists():
        known |= json.loads(superuser.read_text())
    return Stores(address, known)
