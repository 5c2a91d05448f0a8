"""What a store's migrations promise, on a real server, one for all tests of the module."""

import asyncio
import json
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from libs.chassis import migrate, postgres
from libs.chassis.migrate import (
    EditedMigrationError,
    MigrationError,
    NewerStoreError,
    Store,
    passwords,
    prepare_store,
    read_sets,
)
from libs.chassis.postgres import Cluster

if TYPE_CHECKING:
    from asyncpg import Connection

SECRETS = {"funds_app": "a'p$p", "feed": "feed"}
EVENTS = "CREATE TABLE events (n int); GRANT SELECT ON events TO {{app}}, {{feed}};"
COUNT = """
CREATE OR REPLACE FUNCTION counted() RETURNS bigint LANGUAGE sql
AS 'SELECT count(*) + %d FROM events';
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="suyuan-") as base:
        Path(base).chmod(0o711)  # the server runs as another user
        running = asyncio.run(
            postgres.start(Path(base, "home"), settings={"shared_buffers": "16MB"})
        )
        yield running
        asyncio.run(running.stop())


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[Store]:
    yield await prepare_store(cluster.address("postgres"), "funds", SECRETS)
    admin = await asyncpg.connect(**cluster.address("postgres"))
    await admin.execute('DROP DATABASE "suyuan_funds" WITH (FORCE)')
    await admin.execute("DROP ROLE funds_owner, funds_app, feed")
    await admin.close()


@pytest.fixture
async def connection(cluster: Cluster, store: Store) -> AsyncIterator["Connection[Any]"]:
    opened = await asyncpg.connect(**cluster.address(store.database))
    yield opened
    await opened.close()


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    folders = {"log": tmp_path / "log", "funds": tmp_path / "funds"}
    for folder in folders.values():
        (folder / "functions").mkdir(parents=True)
    (folders["log"] / "0001_events.sql").write_text(EVENTS)
    (folders["log"] / "functions/counted.sql").write_text(COUNT % 0)
    (folders["funds"] / "0001_lots.sql").write_text("CREATE VIEW lots AS SELECT counted();")
    return folders


Sets = dict[str, Path]


async def names(connection: "Connection[Any]", store: Store, sets: Sets) -> list[str]:
    return [str(file) for file in await migrate.migrate(connection, store, read_sets(sets))]


async def test_an_empty_store_takes_the_log_first_and_each_file_once(
    connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    expected = ["log/0001_events.sql", "log/functions/counted.sql", "funds/0001_lots.sql"]
    assert [str(file) for file in await migrate.plan(connection, read_sets(sets))] == expected
    assert await names(connection, store, sets) == expected
    assert await migrate.plan(connection, read_sets(sets)) == []
    assert await names(connection, store, sets) == []
    rows = await connection.fetch("SELECT set, number, name FROM migrations.applied ORDER BY 1, 3")
    assert [tuple(row) for row in rows] == [
        ("funds", 1, "0001_lots.sql"),
        ("log", 1, "0001_events.sql"),
        ("log", None, "functions/counted.sql"),
    ]


async def test_tables_belong_to_the_owner_who_cannot_log_in(
    cluster: Cluster, connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'events'"
    assert await connection.fetchval(owner) == "funds_owner"
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(**cluster.address(store.database, store.owner, "any"))
    assert await connection.fetchval("SELECT current_user") == "postgres"


async def test_an_edited_file_is_refused_with_both_checksums(
    connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    before = read_sets(sets)[0].sha256
    (sets["log"] / "0001_events.sql").write_text(EVENTS + "\n")
    after = read_sets(sets)[0].sha256
    with pytest.raises(EditedMigrationError, match=f"log/0001_events.sql.*{before}.*{after}"):
        await names(connection, store, sets)


@pytest.mark.parametrize("lost", ["log", "funds"])
async def test_a_store_newer_than_the_code_is_refused(
    connection: "Connection[Any]", store: Store, sets: Sets, lost: str
) -> None:
    await names(connection, store, sets)
    next(sets[lost].glob("0001_*.sql")).unlink()
    with pytest.raises(NewerStoreError, match=f"{lost}/0001"):
        await migrate.plan(connection, read_sets(sets))


async def test_of_two_migrators_one_applies_and_the_other_finds_nothing_to_do(
    cluster: Cluster, store: Store, sets: Sets
) -> None:
    (sets["log"] / "0002_slow.sql").write_text("SELECT pg_sleep(0.2); CREATE TABLE slow ();")

    async def one() -> list[str]:
        connection = await asyncpg.connect(**cluster.address(store.database))
        try:
            return await names(connection, store, sets)
        finally:
            await connection.close()

    assert sorted(len(done) for done in await asyncio.gather(one(), one())) == [0, 4]


async def test_a_file_that_fails_half_way_leaves_nothing_and_frees_the_lock(
    cluster: Cluster, connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    bad = sets["log"] / "0002_bad.sql"
    bad.write_text("CREATE TABLE half (); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"log/0002_bad\.sql: division by zero"):
        await names(connection, store, sets)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    bad.write_text("CREATE TABLE whole ();")
    other = await asyncpg.connect(**cluster.address(store.database))
    async with asyncio.timeout(5):
        assert "log/0002_bad.sql" in await names(other, store, sets)
    await other.close()


async def test_a_file_that_ends_its_transaction_is_refused(
    connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    (sets["log"] / "0002_commit.sql").write_text("CREATE TABLE kept (); COMMIT;")
    with pytest.raises(MigrationError, match="0002_commit"):
        await names(connection, store, sets)


async def test_a_changed_function_is_replayed_alone(
    connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    (sets["log"] / "functions/counted.sql").write_text(COUNT % 5)
    assert await names(connection, store, sets) == ["log/functions/counted.sql"]
    assert await connection.fetchval("SELECT counted()") == 5
    assert await names(connection, store, sets) == []


async def test_a_function_dropped_by_a_numbered_file_comes_back(
    connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    (sets["log"] / "0002_drop.sql").write_text("DROP FUNCTION counted() CASCADE;")
    assert await names(connection, store, sets) == [
        "log/0002_drop.sql",
        "log/functions/counted.sql",
    ]
    assert await connection.fetchval("SELECT counted()") == 0


@pytest.mark.parametrize("name", ["0001_twice.sql", "0003_gap.sql", "late.sql"])
def test_files_that_are_not_one_row_of_numbers_are_refused(sets: Sets, name: str) -> None:
    (sets["log"] / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=name):
        read_sets(sets)


async def test_each_role_enters_only_where_it_must(
    cluster: Cluster, connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    await connection.execute("CREATE ROLE outsider LOGIN PASSWORD 'x'")
    try:
        for role, secret in SECRETS.items():
            entered = await asyncpg.connect(**cluster.address(store.database, role, secret))
            assert await entered.fetchval("SELECT count(*) FROM events") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await entered.execute("INSERT INTO events VALUES (1)")
            own = (
                "SELECT source FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
            )
            assert await entered.fetchval(own) == "user"
            await entered.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(**cluster.address(store.database, "outsider", "x"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(**cluster.address(store.database, "feed", "wrong"))
    finally:
        await connection.execute("DROP ROLE outsider")


async def test_the_app_can_tell_whether_its_store_is_as_old_as_its_code(
    cluster: Cluster, connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    app = await asyncpg.connect(**cluster.address(store.database, store.app, SECRETS[store.app]))
    assert await migrate.plan(app, read_sets(sets)) == []
    await app.close()


async def test_preparing_again_changes_passwords_and_nothing_else(
    cluster: Cluster, connection: "Connection[Any]", store: Store, sets: Sets
) -> None:
    await names(connection, store, sets)
    changed = {**SECRETS, "feed": "changed"}
    admin = cluster.address("postgres")
    both = (prepare_store(admin, "funds", changed), prepare_store(admin, "funds", changed))
    assert set(await asyncio.gather(*both)) == {store}
    entered = await asyncpg.connect(**cluster.address(store.database, "feed", "changed"))
    assert await entered.fetchval("SELECT count(*) FROM events") == 0
    await entered.close()


@pytest.mark.parametrize("service", ["", "Funds", 'f"; DROP', "1st"])
def test_a_name_that_would_not_be_plain_in_sql_is_refused(service: str) -> None:
    with pytest.raises(MigrationError):
        Store.of(service)


def test_passwords_are_generated_once_and_kept_closed(tmp_path: Path) -> None:
    first = passwords(tmp_path, "feed")
    both = passwords(tmp_path, "feed", "funds_app")
    assert both["feed"] == first["feed"] != both["funds_app"]
    file = tmp_path / "passwords.json"
    assert json.loads(file.read_text()) == both
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["passwords.json", "passwords.lock"]
