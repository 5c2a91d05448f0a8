"""No inexact step where amounts are computed; each rule is seen to catch what it is for."""

from pathlib import Path

import pytest

from tests.lints.money import lint
from tests.lints.source import breaches_below

ROOT = Path(__file__).parents[1]
DOMAIN = "services/funds/domain/lot.py"

PLANTED = [
    (DOMAIN, "rate = 0.1", "float literal"),
    (DOMAIN, "limit = 1e6", "float literal"),
    (DOMAIN, "def share(of: int) -> float: ...", "float"),
    (DOMAIN, "amount = float(text)", "float"),
    (DOMAIN, "half = amount_fen / 2", "division"),
    (DOMAIN, "amount_fen /= 2", "division"),
    (DOMAIN, "amount = Decimal(0.1)", "Decimal of a float"),
    (DOMAIN, "amount = Decimal(-0.1)", "Decimal of a float"),
    (DOMAIN, "amount = decimal.Decimal(float(text))", "Decimal of a float"),
    (DOMAIN, "yuan = round(fen)", "round"),
    ("libs/events/entries.py", "patience_s = 0.5", "float literal"),
    ("libs/events/types.py", "yuan = fen / 100", "division"),
    ("libs/events/entries.py", "yuan = fen / 100", "division"),
    ("libs/events/contracts/funds.py", "yuan = fen / 100", "division"),
]

LAWFUL = [
    (DOMAIN, "each, rest = divmod(amount_fen, households)"),
    (DOMAIN, "yuan = amount_fen // 100"),
    (DOMAIN, "wanyuan = Decimal('0.000001')"),
    (DOMAIN, '"""half = 0.5 * float(amount) / 2"""'),
    ("libs/events/store.py", "text = (folder / 'append.sql').read_text()"),
    ("libs/chassis/http.py", "patience_s = 0.5"),
    ("services/funds/views/balances.py", "share = part / whole"),
]


def test_nothing_inexact_stands_where_amounts_are_computed() -> None:
    assert [str(breach) for breach in breaches_below(ROOT, lint)] == []


@pytest.mark.parametrize(("path", "source", "rule"), PLANTED)
def test_a_planted_inexact_step_is_caught(path: str, source: str, rule: str) -> None:
    assert rule in {breach.rule for breach in lint(path, source)}


@pytest.mark.parametrize(("path", "source"), LAWFUL)
def test_an_exact_step_is_let_pass(path: str, source: str) -> None:
    assert lint(path, source) == []


def test_a_planted_file_is_found_in_the_tree(tmp_path: Path) -> None:
    planted = tmp_path / DOMAIN
    planted.parent.mkdir(parents=True)
    planted.write_text("fen = 1\nyuan = fen / 100\n", "utf-8")
    (breach,) = breaches_below(tmp_path, lint)
    assert str(breach) == f"{DOMAIN}:2: division: fen / 100"
