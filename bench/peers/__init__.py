"""Ours beside what others would have taken instead, on the same work, server and rounds."""

from __future__ import annotations

from ..rounds import Goal
from . import append, projection


async def measure() -> list[Goal]:
    return [*await append.measure(), *await projection.measure()]
