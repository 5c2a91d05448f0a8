"""Money is whole fen: nothing that can lose one may be written where amounts are computed.

A float holds no 0.10; `/` gives one from two integers; `round` rounds half to even, which no rule
of the field says. Exact parts come from integers, and a rounding rule is named where it applies.
"""

import ast
import re

from tests.lints.source import Breach

EXACT = re.compile(
    r"services/\w+/domain/.*|libs/events/(types|entries|money|decider|execute|canonical)\.py"
    r"|libs/events/contracts(\.py|/.*)"
)
# Elsewhere in libs/events `/` joins paths; where amounts live it could only divide.
UNDIVIDED = re.compile(
    r"services/\w+/domain/.*|libs/events/(types|entries)\.py|libs/events/contracts(\.py|/.*)"
)


def lint(path: str, source: str) -> list[Breach]:
    """Every inexact step of one file; none where no money is computed."""
    if not EXACT.fullmatch(path):
        return []
    undivided = UNDIVIDED.fullmatch(path) is not None
    return [
        Breach(rule, path, node.lineno, ast.unparse(node))
        for node in ast.walk(ast.parse(source, path))
        if isinstance(node, ast.expr | ast.stmt) and (rule := _broken(node, undivided))
    ]


def _broken(node: ast.expr | ast.stmt, undivided: bool) -> str | None:
    match node:
        case ast.Constant(value=float()):
            return "float literal"
        case ast.Name(id="float"):
            return "float"
        case ast.Call(func=ast.Name(id="round")):
            return "round"
        case ast.Call(func=ast.Name(id="Decimal") | ast.Attribute(attr="Decimal"), args=[given]):
            return "Decimal of a float" if _is_float(given) else None
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if undivided:
            return "division"
    return None


def _is_float(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(operand=operand):
            return _is_float(operand)
        case ast.Constant(value=float()) | ast.Call(func=ast.Name(id="float")):
            return True
    return False
