"""Weights from labelled names: a choice between the candidates and "none of them", pulled towards the table made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np
import numpy.typing as npt

from bench.organisations.registry import Question
from services.partners.matching.levels import LEVELS, Bits
from services.partners.matching.reading import read_name
from services.partners.matching.resolving import Weights, best, readings

Array = npt.NDArray[np.float64]
HELD = frozenset(
    {
        ("status", "active"),
        ("status", "inactive"),
        ("country", "its seat"),
        ("country", "works there"),
        ("state", "its government"),
    }
)
"""Nothing in the list speaks of these, or too little: held at what the hand gave."""
_BIT = log(2) / 100
_ROUNDS = 4
_COLUMNS = [(field, level) for field, levels in LEVELS.items() for level in levels if (field, level) not in HELD]


def fit(questions: Sequence[tuple[Question, float]], bits: Bits, start: Weights, *, slack: float = 100) -> Weights:
    """The table that explains the answers best without going far from `start`.

    questions   with how much each counts; slack: how far, in 1/100 bit, a weight strays before it needs evidence
    The name of a candidate that speaks loudest depends on the weights, so it is chosen anew in each of a few rounds.
    """
    weights = start
    for _ in range(_ROUNDS):
        chosen = [_design(question, bits, weights) for question, _ in questions]
        moved = _climb(chosen, [(question, times) for question, times in questions], start, slack)
        fields = {field: dict(levels) for field, levels in start.fields.items()}
        for (field, level), change in zip(_COLUMNS, moved, strict=False):
            fields[field][level] += round(change)
        weights = replace(weights, prior=start.prior + round(moved[-1]), fields=fields)
    return weights


def words_in(names: Sequence[str], least: int = 3) -> dict[str, int]:
    """Words of names, each with the number of names that have it, where that is at least `least`."""
    counted = Counter(word for name in names for word in {word.key for word in read_name(name).words})
    return {word: count for word, count in sorted(counted.items()) if count >= least}


def _design(question: Question, bits: Bits, weights: Weights) -> Array:
    """[candidates, columns + 1]: which level each field of the candidate's best name has, and 1."""
    asked = readings(question.text)
    rows = np.zeros((len(question.candidates), len(_COLUMNS) + 1))
    for row, candidate in zip(rows, question.candidates, strict=True):
        levels = best(asked, candidate, bits, weights).likeness.levels
        row[:-1] = [levels[field] == level for field, level in _COLUMNS]
        row[-1] = 1
    return rows


def _climb(chosen: Sequence[Array], questions: Sequence[tuple[Question, float]], start: Weights, slack: float) -> Array:
    """Newton's method on the penalised likelihood of a choice; the change of each column in 1/100 bit."""
    base = np.array([start.fields[field][level] for field, level in _COLUMNS] + [start.prior], float)
    moved = np.zeros(len(base))
    spread = np.full(len(base), slack)
    spread[-1] = 3 * slack
    for _ in range(60):
        gradient, bend = -moved / spread**2, np.diag(1 / spread**2)
        for design, (question, times) in zip(chosen, questions, strict=True):
            if not len(design):
                continue
            sums = np.append(design @ (base + moved), 0.0) * _BIT
            chance = np.exp(sums - sums.max())
            chance = (chance / chance.sum())[:-1]
            right = np.array([each.id == question.meant for each in question.candidates], float)
            gradient += times * _BIT * design.T @ (right - chance)
            mean = design.T @ chance
            bend += times * _BIT**2 * ((design * chance[:, None]).T @ design - np.outer(mean, mean))
        step = np.linalg.solve(bend, gradient)
        step *= min(1.0, 200 / max(1.0, float(np.abs(step).max())))
        moved += step
        if float(np.abs(step).max()) < 0.5:
            break
    return moved
