"""Every refusal can be read: no placeholder is left in what a user sees."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter

import pytest

import services.__main__
from libs.events.errors import Refused


def refusals(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    yield kind
    for below in kind.__subclasses__():
        yield from refusals(below)


def with_numbers(kind: type[Refused]) -> Refused:
    named = {name for _, name, _, _ in Formatter().parse(kind.__doc__ or "") if name}
    return kind(**dict.fromkeys(sorted(named - {"name"}), 12))


@pytest.mark.parametrize("kind", list(refusals()), ids=lambda kind: kind.__name__)
def test_title_and_sentence_hold_no_placeholder(kind: type[Refused]) -> None:
    assert services.__main__.SERVICES
    refusal = with_numbers(kind)
    assert "{" not in refusal.title + refusal.detail
    assert refusal.title
    assert refusal.detail.startswith(refusal.title)
