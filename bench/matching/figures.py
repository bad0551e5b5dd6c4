"""Figures over scored pairs: precision, recall and F1 with an interval, calibration by bins. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
AT = 0.5
"""The shipped threshold."""
_DRAWS = 2000


@dataclass(frozen=True)
class Judged:
    """Counts of pairs. `low`, `high`: F1's bootstrap interval (95 %, pairs drawn anew 2,000 times, seed 0)."""

    right: int
    wrong: int
    missed: int
    low: float
    high: float

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        return _f1(self.right, self.wrong, self.missed)

    def __str__(self) -> str:
        return (
            f"P {self.precision:.3f}  R {self.recall:.3f}  F1 {self.f1:.3f} [{self.low:.3f}, {self.high:.3f}]"
            f"  right {self.right:,} wrong {self.wrong:,} missed {self.missed:,}"
        )


def judged(found: set[tuple[str, str]], truth: set[tuple[str, str]]) -> Judged:
    """Pairs found against pairs that are true; both with each pair's names in order."""
    right, wrong, missed = len(found & truth), len(found - truth), len(truth - found)
    total = right + wrong + missed
    if not total:
        return Judged(0, 0, 0, 0.0, 0.0)
    draws = np.random.default_rng(0).multinomial(total, np.array([right, wrong, missed]) / total, _DRAWS)
    f1 = 2 * draws[:, 0] / np.maximum(2 * draws[:, 0] + draws[:, 1] + draws[:, 2], 1)
    low, high = np.quantile(f1, [0.025, 0.975])
    return Judged(right, wrong, missed, float(low), float(high))


@dataclass(frozen=True)
class Bin:
    """Pairs whose probability lies between `low` and `high`: what was said on average, and how many were so."""

    low: float
    high: float
    count: int
    said: float
    were: float


def bins(probability: Array, true: Array, count: int = 10) -> list[Bin]:
    """The reliability table: `count` bins of equal width; empty ones are left out. `true` is bool, as long."""
    found: list[Bin] = []
    place = np.minimum((probability * count).astype(int), count - 1)
    for at in range(count):
        here = place == at
        if here.any():
            said, were = float(probability[here].mean()), float(true[here].mean())
            found.append(Bin(at / count, (at + 1) / count, int(here.sum()), said, were))
    return found


def calibration_error(table: Sequence[Bin]) -> float:
    """Mean of |said - were|, by the number of pairs."""
    total = sum(one.count for one in table)
    return sum(one.count * abs(one.said - one.were) for one in table) / total if total else 0.0


def calibration_error_of_chance(probability: Array, draws: int = 20) -> float:
    """What odds that are exactly right would show on so many pairs, by chance alone (mean of `draws`, seed 0)."""
    random = np.random.default_rng(0)
    shown = [calibration_error(bins(probability, random.random(len(probability)) < probability)) for _ in range(draws)]
    return float(np.mean(shown))


def best_threshold(scores: Mapping[tuple[str, str], float], truth: set[tuple[str, str]]) -> tuple[float, float]:
    """(F1, threshold) of the threshold that is best in hindsight: what no user would know. Kind to a baseline."""
    ordered = sorted(scores.items(), key=lambda one: -one[1])
    best, at, right = 0.0, 0.0, 0
    for rank, (pair, score) in enumerate(ordered, start=1):
        right += pair in truth
        last = rank == len(ordered) or ordered[rank][1] != score
        if last and (f1 := _f1(right, rank - right, len(truth) - right)) > best:
            best, at = f1, score
    return best, at


def _f1(right: int, wrong: int, missed: int) -> float:
    return 2 * right / (2 * right + wrong + missed) if right else 0.0
