"""Write a sample of every fact that has none yet: `python -m tests.events.make_samples`.

A sample that is there is never written again: it stands for what was shipped. Values are invented
from the field's name and place, the same on every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from libs.events.codec import Contracts
from libs.events.contracts import BY_SERVICE, log
from libs.events.types import Event, stream_id

SAMPLES = Path(__file__).parent / "samples"
TEXTS = {"root": "0f" * 32, "leaf": "0f" * 32, "number": "测财农〔2020〕5号"}
TEXTS |= {"period": "2020", "amount_text": "19.65"}
NUMBERS = {"year": 2020, "status": 409, "epoch": 1}


def contracts() -> dict[str, Contracts]:
    """Facts by the folder of their samples: those of every log lie in `log`."""
    own = {
        service: Contracts(k for n, k in all_.events.items() if n not in log.CONTRACTS.events)
        for service, all_ in BY_SERVICE.items()
    }
    return {"log": log.CONTRACTS, **own}


def sample_of(event: type[Event]) -> bytes:
    """A fact with every field filled."""
    plain = _plain(inspect.type_info(event), event.__name__)
    return msgspec.json.encode(plain, order="sorted")


def _plain(kind: inspect.Type, name: str) -> Any:  # noqa: C901, PLR0912 - one case a kind of type
    match kind:
        case inspect.Metadata():
            shown = (kind.extra_json_schema or {}).get("examples")
            return shown[0] if shown and name not in TEXTS else _plain(kind.type, name)
        case inspect.UnionType():
            return _plain(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), name)
        case inspect.StructType():
            return {f.encode_name: _plain(f.type, f.name) for f in kind.fields}
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.UUIDType():
            return str(stream_id("sample", name, name))
        case inspect.DateType():
            return "2020-03-16"
        case inspect.DateTimeType():
            return "2020-03-16T08:30:00.000001Z"
        case inspect.AnyType():
            return "例"
        case inspect.NoneType():
            return None
        case inspect.BoolType():
            return True
        case inspect.IntType():
            usual = NUMBERS.get(name, 196_500 if name.endswith("_fen") else 3)
            return usual if kind.le is None else min(usual, kind.le)
        case inspect.StrType():
            return TEXTS.get(name, f"{name} 例")
        case inspect.VarTupleType() | inspect.ListType():
            return [_plain(kind.item_type, name)]
        case inspect.DictType():
            return {"例": _plain(kind.value_type, name)}
    raise TypeError(f"{name}: no sample for {kind}")


def missing(folder: Path = SAMPLES) -> Iterator[tuple[Path, type[Event], int]]:
    """The samples that should be there and are not, for every version up to today's."""
    for service, of in contracts().items():
        for name, event in of.events.items():
            for version in range(1, event.version() + 1):
                file = folder / service / f"{name}.{version}.json"
                if not file.exists():
                    yield file, event, version


def main() -> None:
    for file, event, version in missing():
        if version != event.version():
            sys.exit(f"{file}: a sample of an older version can only come from its own release")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sample_of(event))
        sys.stdout.write(f"{file.relative_to(SAMPLES)}\n")


if __name__ == "__main__":
    main()
