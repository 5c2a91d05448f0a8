"""The checker in the foreground: from position 1, every finding, nothing written. ADR 0012."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .checker import PAGE
from .checks import Check, Rounding, States, Walking, read
from .codec import Contracts
from .invariant import Breach
from .leaf_chain import Leaves
from .store import Reached, head, identity, read_after
from .walk import walk

KEPT = 100


@dataclass(slots=True)
class Finding:
    """One check: how much it looked at, how many breaches, and the first hundred of them."""

    check: Check
    looked: int = 0
    broken: int = 0
    breaches: list[Breach] = field(default_factory=list)

    def add(self, looked: int, breaches: Sequence[Breach]) -> None:
        self.looked += looked
        self.broken += len(breaches)
        self.breaches += breaches[: KEPT - len(self.breaches)]


async def examine(reached: Reached, contracts: Contracts, checks: Sequence[Check]) -> list[Finding]:
    """Every check, from position 1 to the head as it is now, and one whole round."""
    findings = {check.name: Finding(check) for check in checks}
    # The leaves are kept by the running checker alone; here they are only compared, in a round.
    walking = [check for check in checks if isinstance(check, Walking) and check != Leaves()]
    store, _ = await identity(reached)
    last, after = (await head(reached)).position, 0
    states: States = {}
    while after < last:
        page = read(await read_after(reached, store, after, PAGE), contracts)
        for name, breaches in (await walk(reached, walking, page, states)).items():
            findings[name].add(len(page.events), breaches)
        after = page.events[-1].position
    for check in checks:
        if isinstance(check, Rounding):
            await _round(reached, check, findings[check.name])
    return list(findings.values())


async def _round(reached: Reached, check: Rounding, finding: Finding) -> None:
    after: str | None = ""
    while after is not None:
        seen = await check.look(reached, after)
        finding.add(seen.looked, seen.breaches)
        after = seen.after
