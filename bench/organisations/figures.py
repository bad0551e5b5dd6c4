"""Recall at a precision, with an interval. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PRECISION = 0.98
_DRAWS = 2000


class Answer(NamedTuple):
    """The best answer to one question: how sure, and whether it is right."""

    score: float
    right: bool


class Recall(NamedTuple):
    """recall: share of all questions answered rightly where the threshold is as low as the precision allows; the 95 %
    interval draws the questions anew 2,000 times (seed 0), the threshold found anew each time."""

    recall: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.recall:.3f} [{self.low:.3f}, {self.high:.3f}]"


def recall_at(answers: Sequence[Answer], precision: float = PRECISION) -> Recall:
    scores = np.array([answer.score for answer in answers], float)
    right = np.array([answer.right for answer in answers], bool)
    draws = np.random.default_rng(0).integers(0, len(answers), (_DRAWS, len(answers)))
    drawn = [_recall(scores[draw], right[draw], precision)[0] for draw in draws]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Recall(_recall(scores, right, precision)[0], float(low), float(high))


def threshold_at(answers: Sequence[Answer], precision: float = PRECISION) -> float:
    """The lowest score at which the answers are that precise; infinite where none is."""
    scores = np.array([answer.score for answer in answers], float)
    return _recall(scores, np.array([answer.right for answer in answers], bool), precision)[1]


def _recall(scores: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], precision: float) -> tuple[float, float]:
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    hits = np.cumsum(right)
    precise = hits >= precision * np.arange(1, len(right) + 1)
    precise &= np.append(scores[1:] < scores[:-1], True)  # equal scores are answered together
    if not precise.any():
        return 0.0, float("inf")
    last = int(np.flatnonzero(precise)[-1])
    return float(hits[last]) / len(right), float(scores[last])
