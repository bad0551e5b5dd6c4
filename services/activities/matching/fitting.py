"""Weights from labelled pairs: a logistic model of three outcomes, pulled towards the table it starts from.

The same for the table that a release ships (labels from the generator, prior by hand) and for an installation that corrects it
(labels from decisions, prior as shipped). Additive and linear on purpose: what is learned is what is shown, and on labelled lists
it loses nothing to boosted trees (0.979 against 0.977).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from services.activities.matching.levels import LEVELS, NAMES, Array
from services.activities.matching.weights import Weights

SAME, SERIES, UNRELATED = 0, 1, 2
POLICY = frozenset({"part_of", "follow_up_of", "next_edition"})
"""Rules, not statistics: never learned."""
HELD = frozenset(
    {
        ("audience", "other"),
        ("type", "other"),
        ("themes", "other"),
        ("country", "other"),
        ("city", "other"),
        ("dates", "far apart"),
    }
)
"""What a posting gives in a field of its own, and the other contradicts: another audience, the conference around a session,
the next country. None of those is the same activity, however often somebody mistypes a field."""
NEUTRAL = frozenset({"unknown", "no", "other partner"})
"""Levels that say nothing by definition: never learned, always 0."""
_BIT = log(2) / 100


@dataclass(frozen=True)
class Labelled:
    """Pairs to learn from. levels: uint8 [pairs, fields] in the order of `LEVELS`; outcome: SAME, SERIES or UNRELATED; times:
    how often the pair stands for others (a sampled unrelated pair stands for many)."""

    levels: Array
    outcome: Array
    times: Array


def levels_of(one: Array, other: Array) -> Array:
    """The levels of pairs of packed rows, uint8 [pairs, fields]."""
    return np.stack([np.asarray(level(one, other), np.uint8) for level in LEVELS.values()], axis=1)


def together(parts: Iterable[Labelled]) -> Labelled:
    """Several sets as one, equal pairs counted: hundreds of thousands of pairs are a few thousand distinct rows."""
    every = list(parts)
    rows = np.concatenate([np.column_stack([part.levels, part.outcome]) for part in every])
    distinct, where = np.unique(rows, axis=0, return_inverse=True)
    times = np.bincount(where.ravel(), np.concatenate([part.times for part in every]), len(distinct))
    return Labelled(distinct[:, :-1], distinct[:, -1], times)


def fit(labelled: Labelled, start: Weights, version: str, *, slack: float = 200, prior_slack: float = 600) -> Weights:
    """The table that explains the labels best without going far from `start`.

    slack        how far, in 1/100 bit, a weight strays before it needs evidence (one standard deviation of the prior);
                 prior_slack: the same for the two priors
    """
    columns = _columns(start)
    design = np.zeros((len(labelled.levels), len(columns) + 1), np.float32)
    fixed = np.tile(np.array(start.prior, float), (len(design), 1))
    for index, field in enumerate(LEVELS):
        worth = np.array([start.fields[field][name] for name in NAMES[field]], float)
        fixed += worth[labelled.levels[:, index]]
        for position, name in enumerate(NAMES[field]):
            if (field, name) in columns:
                design[:, columns[field, name]] = labelled.levels[:, index] == position
    design[:, -1] = 1
    moved = _climb(design, fixed, labelled, np.append(np.full(len(columns), slack), prior_slack))
    fields = {
        field: {
            name: _rounded(start.fields[field][name], moved[columns[field, name]] if (field, name) in columns else None)
            for name in NAMES[field]
        }
        for field in start.fields
    }
    return Weights(version, _rounded(start.prior, moved[-1]), fields)


def _columns(start: Weights) -> Mapping[tuple[str, str], int]:
    learned = [
        (field, name)
        for field in LEVELS
        for name in NAMES[field]
        if field not in POLICY and name not in NEUTRAL and (field, name) not in HELD
    ]
    return {key: column for column, key in enumerate(learned)}


def _climb(design: Array, fixed: Array, labelled: Labelled, slack: Array) -> Array:
    """Newton's method on the penalised likelihood; the change of each column, [columns, 2], in 1/100 bit."""
    size = design.shape[1]
    moved = np.zeros((size, 2))
    penalty = np.tile(1 / slack**2, 2)
    rivals = np.stack([labelled.outcome == UNRELATED, labelled.outcome == SERIES], axis=1).astype(float)
    times = labelled.times.astype(float)
    for _ in range(40):
        against = np.exp(np.clip(-(fixed + design @ moved) * _BIT, -60, 60))
        chance = against / (1 + against.sum(axis=1, keepdims=True))  # of unrelated, of series
        # d log-likelihood / d sum = (chance of the rival - whether it is the rival) * bit
        slope = (chance - rivals) * times[:, None] * _BIT
        gradient = np.concatenate([design.T @ slope[:, 0], design.T @ slope[:, 1]]) - penalty * moved.T.ravel()
        bend = np.empty((2 * size, 2 * size))
        for i in (0, 1):
            for j in (0, 1):
                curve = times * _BIT**2 * (chance[:, i] * ((i == j) - chance[:, j]))
                bend[i * size : (i + 1) * size, j * size : (j + 1) * size] = design.T @ (design * curve[:, None])
        bend[np.diag_indices(2 * size)] += penalty
        step = np.linalg.solve(bend, gradient)
        step *= min(1.0, 400 / max(1.0, float(np.abs(step).max())))  # no leap: far out the curve is flat
        moved += step.reshape(2, size).T
        if float(np.abs(step).max()) < 0.5:
            break
    return moved


def _rounded(before: tuple[int, int], moved: Array | None) -> tuple[int, int]:
    if moved is None:
        return before
    return round(before[0] + float(moved[0])), round(before[1] + float(moved[1]))
