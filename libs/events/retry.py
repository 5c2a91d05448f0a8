"""How long to wait before deciding again: a little, and never in step with a rival."""

from __future__ import annotations

import random

SHORTEST_S, LONGEST_S = 0.002, 0.02


def jitter_s(attempt: int) -> float:
    """Seconds before try number `attempt` (from 1)."""
    return random.uniform(SHORTEST_S, LONGEST_S) * attempt  # noqa: S311 - jitter, no secret
