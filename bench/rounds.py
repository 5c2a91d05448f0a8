"""Rounds: the variants of a question in turn, so that a machine that drifts drifts for them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Round = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Figure:
    """One number a round: its median, and how far the rounds lie apart."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        low, high = spelled(min(self.values)), spelled(max(self.values))
        return f"{spelled(self.median)} [{low}..{high}]"

    def per(self, limit: Figure) -> Figure:
        """The ratio to a limit, round by round."""
        return Figure(tuple(a / b for a, b in zip(self.values, limit.values, strict=True)))


def spelled(value: float) -> str:
    """Three digits that mean something: 46,465, 12.3, 0.452."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


@dataclass(frozen=True)
class Goal:
    """What a figure should reach. A bound is a ratio, or said with its unit in the sentence."""

    sentence: str
    figure: Figure
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        reached = self.figure.median
        return reached <= self.bound if self.at_most else reached >= self.bound

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        told = f"{sign} {spelled(self.bound):<6} {'met' if self.met else 'MISSED':<7}"
        return f"{told} {self.figure!s:<24} {self.sentence}"


async def interleaved(variants: Mapping[str, Round], rounds: int) -> dict[str, Figure]:
    """Every variant once a round; the first round warms caches and plans and is not counted."""
    found: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, variant in variants.items():
            value = await variant()
            if number:
                found[name].append(value)
    return {name: Figure(tuple(values)) for name, values in found.items()}


def show(title: str, figures: Mapping[str, Figure], unit: str) -> None:
    """A question's figures, one a line."""
    print(f"\n{title} ({unit}; median [min..max] of the rounds)")
    for name, figure in figures.items():
        print(f"  {name:<58} {figure}")


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of 100 do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
