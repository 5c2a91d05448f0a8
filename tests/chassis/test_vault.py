"""The vault on a real key database: seals, maps, erasure, restored backups, another master."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.vault import sealing, tombstones
from libs.chassis.vault.keys import MASTER, MasterMissingError, SoftwareKeys, software_keys
from libs.chassis.vault.sealing import UnopenableError, fresh_key, seal, unseal
from libs.chassis.vault.spelling import Kind, name, number
from libs.chassis.vault.stand_in import StubCipherMachine
from libs.chassis.vault.store import Home
from libs.chassis.vault.vault import KeyGoneError, Line, Vault, open_vault
from libs.events.types import SEALED, withheld
from tests.conftest import Installation

COUNTY, VILLAGE = uuid4(), uuid4()
HOME = Home(COUNTY, 2026)


@pytest.fixture
async def vault(installation: Installation) -> Vault:
    return await installation.vault()


async def sealed(vault: Vault, subject: UUID, text: str = "测试甲") -> str:
    (found,) = await vault.seal([Line(subject, "name", text)], {subject: HOME})
    return found


async def again(installation: Installation) -> Vault:
    """The same vault as another process opens it."""
    opened = open_vault(installation.stores.keys(), installation.vault_folder)
    return await installation._stack.enter_async_context(opened)


def test_a_seal_opens_for_its_key_person_and_field_alone() -> None:
    key, subject = AESGCM(fresh_key()), uuid4()
    text = seal(key, subject, "phone", "测试")
    assert re.fullmatch(SEALED, text)
    assert unseal(key, subject, "phone", text) == "测试"
    assert seal(key, subject, "phone", "测试") != text, "a nonce of its own"
    for wrong in (
        (AESGCM(fresh_key()), subject, "phone", text),
        (key, uuid4(), "phone", text),
        (key, subject, "name", text),
        (key, subject, "phone", text[:-2] + ("AA" if text[-2:] != "AA" else "BB")),
        (key, subject, "phone", "s1."),
    ):
        with pytest.raises(UnopenableError):
            unseal(*wrong)


def test_a_sealed_text_is_withheld_wherever_it_stands() -> None:
    text = seal(AESGCM(fresh_key()), uuid4(), "name", "测试")
    inner = json.dumps({"name": text, "count": 1})
    fact = {"name": text, "rows": [{"name": text}, "s1.short"], "body": inner, "bank": f"见{text}"}
    told = json.loads(withheld(json.dumps(fact, ensure_ascii=False).encode()))
    assert told == {
        "name": None,
        "rows": [{"name": None}, "s1.short"],
        "body": '{"name": null, "count": 1}',
        "bank": f"见{text}",
    }


def test_a_seal_never_reads_like_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def looks(text: str) -> str | None:
        looked.append(text)
        return "手机号码" if len(looked) < 3 else None

    monkeypatch.setattr(sealing, "looks_personal", looks)
    assert seal(AESGCM(fresh_key()), uuid4(), "phone", "x") == looked[2]


@pytest.mark.parametrize(
    ("kind", "typed", "same"),
    [
        (Kind.IDENTITY, " ３７0112 19800101 123x", "37011219800101123X"),
        (Kind.PHONE, "+86 139-0000-0000", "13900000000"),
        (Kind.PHONE, "0086 13900000000", "13900000000"),
        (Kind.ACCOUNT, "6222 0000 0000", "622200000000"),
    ],
)
def test_spellings_of_one_number(kind: Kind, typed: str, same: str) -> None:
    assert number(kind, typed) == same


def test_spellings_of_one_name() -> None:
    assert {name(one) for one in ("阿卜杜•某", "阿卜杜·某", "阿卜杜 . 某", "阿卜杜・某")} == {
        "阿卜杜·某"
    }


async def test_what_is_sealed_is_opened_by_another_process(
    installation: Installation, vault: Vault
) -> None:
    subjects = [uuid4() for _ in range(300)]
    lines = [Line(one, "name", f"测试{n}") for n, one in enumerate(subjects)]
    texts = await vault.seal(lines, dict.fromkeys(subjects, HOME))
    other = await again(installation)
    closed = [line._replace(text=text) for line, text in zip(lines, texts, strict=True)]
    assert await other.open(closed) == [line.text for line in lines]
    with pytest.raises(UnopenableError):
        await other.open([Line(subjects[0], "name", texts[1])])


async def test_a_key_is_in_the_database_before_its_text_is_handed_out(
    installation: Installation, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays the first one, whoever seals at the same time."""
    subject, other = uuid4(), await again(installation)
    rival = await sealed(other, subject)

    async def none_yet(_: object) -> list[object]:
        monkeypatch.undo()
        return []

    monkeypatch.setattr(vault.store, "subjects", none_yet)
    ours = await sealed(vault, subject)
    lines = [Line(subject, "name", rival), Line(subject, "name", ours)]
    assert await vault.open(lines) == ["测试甲", "测试甲"]
    assert await vault.store.pool.fetchval("SHOW synchronous_commit") == "on"


async def test_a_number_has_one_id_however_it_is_typed(vault: Vault) -> None:
    first = await vault.identify(Kind.PHONE, ["139 0000 0000", "13900000000", "13911111111"])
    assert first[0] == first[1] != first[2]
    assert await vault.identify(Kind.PHONE, ["+8613900000000"]) == first[:1]
    assert await vault.identify(Kind.ACCOUNT, ["13900000000"]) != first[:1]
    macs = {vault._number(kind, "13900000000") for kind in Kind}
    assert len(macs) == len(Kind), "a key for each kind"


async def test_nothing_that_lies_in_the_key_database_is_plain(
    installation: Installation, vault: Vault
) -> None:
    subject = uuid4()
    await vault.identify(Kind.IDENTITY, ["planted-number"])
    await vault.hold(Kind.IDENTITY, [("planted-number", subject)])
    await vault.index([(VILLAGE, "planted-name", subject)])
    await sealed(vault, subject, "planted-text")
    told = []
    for table in ("purposes", "areas", "subjects", "ids", "holders", "names"):
        rows = await vault.store.pool.fetch(f"SELECT t::text FROM vault.{table} t")  # noqa: S608 - constant
        assert rows, table
        told += [row[0] for row in rows]
    for word in ("planted", b"planted".hex()):
        assert word not in " ".join(told)


async def test_a_name_is_found_whole_and_within_its_village(vault: Vault) -> None:
    one, two, neighbour = uuid4(), uuid4(), uuid4()
    other = uuid4()
    await vault.index(
        [(VILLAGE, "测试甲", one), (VILLAGE, "测 试甲", two), (other, "测试甲", neighbour)]
    )
    assert set(await vault.named([VILLAGE], "测试甲")) == {one, two}
    assert await vault.named([VILLAGE], "测试") == []
    assert set(await vault.named([VILLAGE, other], "测试甲")) == {one, two, neighbour}
    told = {vault._name(area, "测试甲") for area in (VILLAGE, other)}
    assert len(told) == 2, "nobody sees that two villages share a name"


async def test_who_is_erased_is_gone_and_others_keep_what_they_share(vault: Vault) -> None:
    gone, stays = uuid4(), uuid4()
    text, kept = await sealed(vault, gone), await sealed(vault, stays)
    (account,) = await vault.identify(Kind.ACCOUNT, ["6222000011112222"])
    await vault.identify(Kind.PHONE, ["13900000000"])
    await vault.hold(Kind.ACCOUNT, [("6222000011112222", gone), ("6222000011112222", stays)])
    await vault.hold(Kind.PHONE, [("13900000000", gone)])
    await vault.index([(VILLAGE, "测试甲", gone)])
    for _ in range(2):
        await vault.erase([gone])
    with pytest.raises(KeyGoneError):
        await vault.open([Line(gone, "name", text)])
    with pytest.raises(KeyGoneError):
        await vault.seal([Line(gone, "name", "测试甲")], {})
    assert await vault.open([Line(stays, "name", kept)]) == ["测试甲"]
    assert await vault.holders(Kind.ACCOUNT, ["6222000011112222"]) == [[stays]]
    assert await vault.identify(Kind.ACCOUNT, ["6222000011112222"]) == [account]
    assert await vault.holders(Kind.PHONE, ["13900000000"]) == [[]]
    assert await vault.store.pool.fetchval("SELECT count(*) FROM vault.ids WHERE kind = 2") == 0
    assert await vault.named([VILLAGE], "测试甲") == []


async def test_a_restored_key_database_loses_the_keys_again(
    installation: Installation, vault: Vault
) -> None:
    gone = uuid4()
    text = await sealed(vault, gone)
    (backup,) = await vault.store.subjects([gone])
    await vault.erase([gone])
    await vault.store.keep_subjects(
        backup.home, {UUID(bytes=id_): key for id_, key in backup.each()}
    )
    assert await vault.open([Line(gone, "name", text)]) == ["测试甲"], "as restored"
    restarted = await again(installation)
    with pytest.raises(KeyGoneError):
        await restarted.open([Line(gone, "name", text)])


def test_a_tombstone_cut_short_is_written_again_and_a_damaged_one_told(tmp_path: Path) -> None:
    one, two = uuid4(), uuid4()
    assert tombstones.buried(tmp_path) == set()
    tombstones.bury(tmp_path, [one])
    file = tmp_path / tombstones.FILE
    with file.open("a") as cut:
        cut.write(str(two)[:20])
    assert tombstones.buried(tmp_path) == {one}
    tombstones.bury(tmp_path, [two, one])
    assert tombstones.buried(tmp_path) == {one, two}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("x" * 36)
    with pytest.raises(tombstones.DamagedTombstonesError, match="line 1"):
        tombstones.buried(tmp_path)


async def test_another_master_or_none_is_refused_at_the_start(
    installation: Installation, vault: Vault, tmp_path: Path
) -> None:
    file = installation.vault_folder / MASTER
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(MasterMissingError, match="bring it back"):
        async with open_vault(installation.stores.keys(), tmp_path / "elsewhere"):
            pass
    with pytest.raises(UnopenableError, match="another master"):
        async with open_vault(
            installation.stores.keys(), installation.vault_folder, SoftwareKeys(fresh_key())
        ):
            pass


def test_the_master_is_made_once(tmp_path: Path) -> None:
    first = software_keys(tmp_path / "vault", may_make=True)
    wrapped = first.wrap(b"k" * 32, b"x")
    assert software_keys(tmp_path / "vault", may_make=False).unwrap(wrapped, b"x") == b"k" * 32
    with pytest.raises(UnopenableError):
        first.unwrap(wrapped, b"y")
    (tmp_path / "vault" / MASTER).write_text("00")
    with pytest.raises(MasterMissingError, match="32 bytes"):
        software_keys(tmp_path / "vault", may_make=True)


async def test_a_slow_cipher_machine_is_asked_once_for_an_area(
    installation: Installation, tmp_path: Path
) -> None:
    await installation._make_keys()
    machine = StubCipherMachine()
    async with open_vault(installation.stores.keys(), tmp_path, machine) as slow:
        before = machine.asked
        subjects = [uuid4() for _ in range(50)]
        lines = [Line(one, "name", "测试甲") for one in subjects]
        texts = await slow.seal(lines, dict.fromkeys(subjects, HOME))
        closed = [line._replace(text=text) for line, text in zip(lines, texts, strict=True)]
        assert await slow.open(closed) == ["测试甲"] * 50
        assert machine.asked - before == 2, "one wrap, one unwrap"


async def test_only_the_vaults_role_enters_the_key_database(
    installation: Installation, vault: Vault
) -> None:
    database = installation.stores.prefix + "keys"
    for other in (installation.stores.app("households"), installation.stores.feed("households")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(**{**other, "database": database})
    made = await asyncpg.connect(**installation.admin("postgres"))
    may = "SELECT has_database_privilege($1, 'suyuan_keys', 'CONNECT')"
    roles = ("keys_app", "feed", "households_app", "funds_app")
    assert [await made.fetchval(may, role) for role in roles] == [True, False, False, False]
    await made.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await vault.store.pool.execute("DELETE FROM vault.areas")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(**installation.stores.keys() | {"database": "suyuan_households"})
