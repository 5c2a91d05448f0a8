"""Whose account a line is paid into, as sentences of the rule."""

from __future__ import annotations

from typing import Any

from services.funds.domain.account import (
    AccountNotOwn,
    AccountSeen,
    account_not_own,
    shared_account,
)


def seen(of: Any, **more: bool) -> AccountSeen:
    return AccountSeen(of=of, **more)


def test_an_account_of_somebody_else_or_of_before_is_objected_to_and_counted() -> None:
    found = account_not_own([(4, seen("person")), (5, seen("former")), (6, seen("other"))])
    assert isinstance(found, AccountNotOwn)
    assert found.numbers == {"line": 5, "count": 2}
    for fine in (None, seen("person"), seen("household"), seen("unknown")):
        assert account_not_own([(1, fine)]) is None


def test_a_public_account_is_an_allowed_kind() -> None:
    assert shared_account([(1, seen("unknown", shared=True))]) is not None
    public = [(1, seen("other", shared=True, public=True))]
    assert (shared_account(public), account_not_own(public)) == (None, None)
