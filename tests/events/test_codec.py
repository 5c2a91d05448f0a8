"""Facts and bytes: samples of all that was ever shipped, upcasters, and what readers tolerate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import inspect

from libs.events.canonical import NotCanonicalError, canonical
from libs.events.codec import Contracts, UndecodableError, encode_metadata
from libs.events.contracts import BY_SERVICE
from libs.events.types import Event, Metadata, PositiveFen
from tests.events.make_samples import SAMPLES, contracts, missing, sample_of
from tests.events.planted import metadata

ALL = [(service, kind) for service, of in contracts().items() for kind in of.events.values()]
FILES = sorted(SAMPLES.glob("*/*.json"))


def kinds(kind: inspect.Type) -> Iterator[inspect.Type]:
    """A type and all that it is made of."""
    yield kind
    match kind:
        case inspect.StructType():
            inner = [field.type for field in kind.fields]
        case inspect.Metadata():
            inner = [kind.type]
        case inspect.UnionType():
            inner = list(kind.types)
        case inspect.VarTupleType() | inspect.ListType() | inspect.SetType():
            inner = [kind.item_type]
        case inspect.TupleType():
            inner = list(kind.item_types)
        case inspect.DictType():
            inner = [kind.key_type, kind.value_type]
        case _:
            inner = []
    for each in inner:
        yield from kinds(each)


LOSSY = (inspect.FloatType, inspect.DecimalType, inspect.AnyType, inspect.RawType)


def lossy(event: type[msgspec.Struct]) -> list[str]:
    return [type(k).__name__ for k in kinds(inspect.type_info(event)) if isinstance(k, LOSSY)]


@pytest.mark.parametrize(("service", "event"), ALL, ids=lambda v: getattr(v, "__name__", v))
def test_no_fact_has_a_field_that_could_be_a_float(service: str, event: type[Event]) -> None:
    assert lossy(event) == []


class Inner(msgspec.Struct):
    shares: dict[str, tuple[float | None, ...]]


class Planted(Event, frozen=True, kw_only=True):
    inner: Inner | None


def test_metadata_has_none_either_and_a_planted_one_is_found() -> None:
    assert lossy(Metadata) == []
    assert lossy(Planted) == ["FloatType"]


# --- samples ---------------------------------------------------------------------------------


def test_every_version_of_every_fact_ever_shipped_has_a_sample() -> None:
    assert [str(file.relative_to(SAMPLES)) for file, _, _ in missing()] == []


def test_a_missing_sample_is_noticed(tmp_path: Path) -> None:
    assert len(list(missing(tmp_path))) == len(ALL)


def test_no_sample_outlives_its_fact() -> None:
    """A type that left the contracts can no longer be read from old logs."""
    known = {(service, kind.__name__) for service, kind in ALL}
    assert {(file.parent.name, file.name.split(".")[0]) for file in FILES} == known


def test_every_service_knows_the_facts_of_every_log_and_no_name_twice() -> None:
    for service, of in BY_SERVICE.items():
        assert contracts()["log"].events.keys() <= of.events.keys()
        assert contracts()[service].events.keys() <= of.events.keys()
    names = [kind.__name__ for _, kind in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_sample_is_read_and_written_again_as_the_same_bytes(file: Path) -> None:
    """Fields that joined the fact later are optional; beside them the bytes are the same."""
    of, (name, version) = contracts()[file.parent.name], file.stem.rsplit(".", 1)
    stored = file.read_bytes()
    fact = of.decode(name, int(version), stored)
    assert fact is not None
    again = of.encode(fact)
    assert canonical(msgspec.json.decode(stored)) == stored
    if int(version) == fact.version():
        assert canonical(within(msgspec.json.decode(again), msgspec.json.decode(stored))) == stored


def within(new: Any, stored: Any) -> Any:
    """`new` without the keys that `stored` does not have."""
    match new, stored:
        case dict(), dict():
            return {key: within(new[key], stored[key]) for key in new if key in stored}
        case list(), list():
            return [within(a, b) for a, b in zip(new, stored, strict=True)]
        case _:
            return new


# --- evolution -------------------------------------------------------------------------------


class Poured(Event, frozen=True, kw_only=True):
    """As shipped today: version 3."""

    schema_version = 3
    fen: PositiveFen
    on: date
    place: Literal["treasury", "bank"]
    note: str | None = None


def _named_fen(old: dict[str, Any]) -> dict[str, Any]:
    return {"fen": old["amount"] * 100, "on": old["day"]}


def _placed(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "place": "treasury"}


POURED = Contracts((Poured,), {(Poured, 1): _named_fen, (Poured, 2): _placed})
TODAY = Poured(fen=300, on=date(2020, 3, 16), place="treasury")


@pytest.mark.parametrize(
    ("version", "stored"),
    [
        (1, b'{"amount":3,"day":"2020-03-16"}'),
        (2, b'{"fen":300,"on":"2020-03-16"}'),
        (3, b'{"fen":300,"on":"2020-03-16","place":"treasury"}'),
    ],
)
def test_an_old_version_is_lifted_step_by_step(version: int, stored: bytes) -> None:
    assert POURED.decode("Poured", version, stored) == TODAY


def test_a_gap_in_the_chain_is_refused_when_the_contracts_are_made() -> None:
    with pytest.raises(TypeError, match=r"Poured: no upcaster from version \[2\]"):
        Contracts((Poured,), {(Poured, 1): _named_fen})


def test_two_facts_of_one_name_cannot_be_joined() -> None:
    other = type("Poured", (Event,), {"__annotations__": {"x": int}}, frozen=True, kw_only=True)
    assert (POURED | POURED).events == POURED.events
    with pytest.raises(TypeError, match="two facts of one name"):
        POURED | Contracts((other,))


def test_an_unknown_type_is_nothing_and_an_unknown_field_is_ignored() -> None:
    assert POURED.decode("Spilled", 1, b"not even JSON") is None
    later = b'{"fen":300,"by":"x","on":"2020-03-16","place":"treasury"}'
    assert POURED.decode("Poured", 3, later) == TODAY


@pytest.mark.parametrize(
    ("version", "stored", "says"),
    [
        (4, b"{}", "newer than 3"),
        (0, b"{}", "Poured version 0"),
        (3, b'{"fen":300', "truncated"),
        (3, b'{"fen":"300","on":"2020-03-16","place":"bank"}', "Expected `int`"),
        (3, b'{"fen":0,"on":"2020-03-16","place":"bank"}', "> 0|>= 1"),
        (3, b'{"fen":3.0,"on":"2020-03-16","place":"bank"}', "float"),
        (3, b'{"fen":3,"on":"2020-03-16","place":"moon"}', "Invalid enum"),
        (3, b'{"on":"2020-03-16","place":"bank"}', "missing required field `fen`"),
        (2, b'{"fen":"300","on":"2020-03-16"}', "Expected `int`"),
        (1, b'{"day":"2020-03-16"}', "amount"),
        (1, b"[]", "Poured version 1"),
        (3, b'{"fen":3,"on":"2020-03-16","note":"\xff","place":"bank"}', "Poured version 3"),
    ],
)
def test_a_known_type_that_cannot_be_read_is_said_to_be_so(
    version: int, stored: bytes, says: str
) -> None:
    with pytest.raises(UndecodableError, match=says):
        POURED.decode("Poured", version, stored)


def test_an_upcaster_may_fail_in_any_way() -> None:
    def broken(old: dict[str, Any]) -> dict[str, Any]:
        return {"fen": old["parts"][7].fen}

    of = Contracts((Poured,), {(Poured, 1): broken, (Poured, 2): _placed})
    for stored in (b'{"parts":[]}', b'{"parts":[0,1,2,3,4,5,6,7]}'):
        with pytest.raises(UndecodableError, match="Poured version 1"):
            of.decode("Poured", 1, stored)


# --- what is never written -------------------------------------------------------------------


class Noted(Event, frozen=True, kw_only=True):
    text: str = ""
    number: int = 0
    by_name: dict[str, int] = msgspec.field(default_factory=dict)


NOTED = Contracts((Noted,))


@pytest.mark.parametrize(
    "fact",
    [
        Noted(text="a\0b"),
        Noted(text="\ud800"),
        Noted(number=2**53),
        Noted(number=-(2**53)),
        Noted(number=10**30),
        Noted(by_name={"𠮷": 1, "\uffff": 2}),
    ],
    ids=ascii,
)
def test_a_fact_that_would_not_survive_is_never_written(fact: Noted) -> None:
    with pytest.raises(NotCanonicalError):
        NOTED.encode(fact)


@pytest.mark.parametrize(
    "fact",
    [
        Noted(text="a backslash and u0000: \\u0000"),
        Noted(number=2**53 - 1, text="9007199254740993"),
        Noted(text="𠮷", by_name={"斤": 1, "\uffff": 2}),
    ],
    ids=ascii,
)
def test_a_fact_that_survives_is_written_as_canonical_json(fact: Noted) -> None:
    stored = NOTED.encode(fact)
    assert stored == canonical(msgspec.to_builtins(fact))
    assert NOTED.decode("Noted", 1, stored) == fact


def test_a_fact_of_another_log_is_never_written() -> None:
    with pytest.raises(NotCanonicalError, match="does not read back"):
        NOTED.encode(TODAY)


def test_metadata_is_held_to_the_same() -> None:
    good = metadata(UUID(int=1))
    assert encode_metadata(good) == canonical(msgspec.to_builtins(good))
    for text in ("a\0", "\udfff"):
        with pytest.raises(NotCanonicalError):
            encode_metadata(msgspec.structs.replace(good, origin=text))


@pytest.mark.parametrize(("service", "event"), ALL[:3], ids=lambda v: getattr(v, "__name__", v))
def test_samples_are_made_the_same_each_time(service: str, event: type[Event]) -> None:
    assert sample_of(event) == sample_of(event) == canonical(msgspec.json.decode(sample_of(event)))
