"""An installation as its processes find it: where its PostgreSQL listens, which roles they hold.

Embedded, the launcher tells both in the home. Elsewhere the settings name the address and a file of
passwords; a process is given those of its own roles and no others.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from .migrate import write_private
from .postgres import Cluster
from .settings import SettingError, Settings
from .stores import Stores


class NotRunningError(Exception):
    """No server answers where the stores should be; the message names the place."""


class Passwords(dict[str, str]):
    """Passwords by role. Raises: SettingError for a role that this process was not given."""

    def __init__(self, file: Path) -> None:
        super().__init__(json.loads(file.read_text()))
        self.file = file

    def __missing__(self, role: str) -> str:
        raise SettingError(f"{self.file} holds no password of {role}")


def write_address(home: Path, cluster: Cluster) -> None:
    """Tell the other processes of this home where the embedded server listens; no secret in it."""
    address = cluster.address("postgres")
    text = json.dumps({"host": address["host"], "port": address["port"]})
    write_private(home / "server.json", text)


def stores(settings: Settings) -> Stores:
    """How to reach the stores. Raises: NotRunningError."""
    where = _server(settings)

    def address(database: str, user: str, password: str) -> dict[str, Any]:
        return {**where, "database": database, "user": user, "password": password}

    known = Passwords(settings.passwords or settings.home / "passwords.json")
    if settings.passwords is None:  # embedded: the launcher keeps the superuser's apart
        known |= Passwords(settings.home / "postgres" / "passwords.json")
    return Stores(address, known)


def require_running(settings: Settings) -> None:
    """Raises: NotRunningError when nothing accepts a connection where the stores should be."""
    where = _server(settings)
    try:
        if where["host"].startswith("/"):
            with socket.socket(socket.AF_UNIX) as tried:
                tried.connect(f"{where['host']}/.s.PGSQL.{where['port']}")
        else:
            socket.create_connection((where["host"], where["port"]), timeout=5).close()
    except OSError:
        place = settings.database or settings.home
        raise NotRunningError(f"PostgreSQL is not running in {place}") from None


def _server(settings: Settings) -> dict[str, Any]:
    if settings.database is not None:
        host, _, port = settings.database.rpartition(":")
        return {"host": host, "port": int(port)}
    told = settings.home / "server.json"
    if not told.exists():
        raise NotRunningError(f"no installation in {settings.home}")
    found: dict[str, Any] = json.loads(told.read_text())
    return found
