"""The trees of source that the house lints read.

A lint is a function from one file's path and text to its breaches, so that a test can hand it text
that never was a file. What a lint knows about the world is only that text.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Breach(NamedTuple):
    """Where a rule is broken; the rule's name lets a test ask that each one was seen to catch."""

    rule: str
    path: str
    line: int
    says: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.says}"


Lint = Callable[[str, str], list[Breach]]


def breaches_below(root: Path, lint: Lint) -> list[Breach]:
    """Every breach in the Python files of `libs` and `services` below `root`, in path order."""
    files = sorted(f for room in ("libs", "services") for f in (root / room).rglob("*.py"))
    return [
        breach
        for file in files
        for breach in lint(file.relative_to(root).as_posix(), file.read_text("utf-8"))
    ]


class Import(NamedTuple):
    """One imported name: `local` is what the file calls it, `full` the dotted name asked for."""

    line: int
    full: str
    local: str


def imports(path: str, tree: ast.AST) -> Iterator[Import]:
    """Each imported name of a file, relative ones resolved.

    `from a import b` counts as `a.b`, whether `b` is a module or a name: a prefix settles both.
    """
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                yield Import(node.lineno, alias.name, local)
        elif isinstance(node, ast.ImportFrom):
            near = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*near, node.module] if node.module else near)
            for alias in node.names:
                yield Import(node.lineno, f"{origin}.{alias.name}", alias.asname or alias.name)


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` as text, or None where the expression is not a plain chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return None
