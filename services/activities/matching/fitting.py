"""Weights from labelled pairs: a logistic model of three outcomes, pulled towards the table it starts from.

The same for the table that a release ships (labels from the generator, prior by hand) and for an installation that corrects it
(labels from decisions, prior as shipped). Additive and linear on purpose: what is learned is what is shown, and on labelled lists
it loses nothing to boosted trees (0.979 against 0.977).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np

from services.activities.matching.levels import LEVELS
from services.activities.matching.picking import NAMES, Array
from services.activities.matching.weights import HELD, NEUTRAL, ORDERED, POLICY, SHIPPED, Weights, Worth, check

SAME, SERIES, UNRELATED = 0, 1, 2
_BIT = log(2) / 100
_SCALES = range(75, 130, 5)


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
            name: _moved(field, name, start.fields[field][name], moved[columns[field, name]])
            if (field, name) in columns
            else start.fields[field][name]
            for name in NAMES[field]
        }
        for field in start.fields
    }
    return Weights(version, _moved("prior", "", start.prior, moved[-1]), _ordered(fields, labelled))


def calibrated(labelled: Labelled, weights: Weights) -> Weights:
    """The same table with one scale for all that is no policy and with new priors: those under which the labels are likeliest."""
    best: tuple[float, Weights] | None = None
    for percent in _SCALES:
        fields = {
            field: levels
            if field in POLICY
            else {name: (round(a * percent / 100), round(b * percent / 100)) for name, (a, b) in levels.items()}
            for field, levels in weights.fields.items()
        }
        scaled = Weights(weights.version, weights.prior, fields)
        fixed = _sums(labelled.levels, scaled)
        moved = _climb(np.ones((len(fixed), 1), np.float32), fixed, labelled, np.array([1e5]))
        found = Weights(weights.version, _moved("prior", "", weights.prior, moved[0]), fields)
        chance = _outcomes(fixed + moved[0])[np.arange(len(fixed)), labelled.outcome]
        likely = float((labelled.times * np.log(np.maximum(chance, 1e-30))).sum())
        if best is None or likely > best[0]:
            best = likely, found
    assert best is not None
    return best[1]


def _outcomes(sums: Array) -> Array:
    """Probabilities of SAME, SERIES and UNRELATED, [pairs, 3]."""
    against = np.exp(np.clip(-sums * _BIT, -60, 60))
    return np.column_stack([np.ones(len(sums)), against[:, 1], against[:, 0]]) / (
        1 + against.sum(axis=1, keepdims=True)
    )


def _ordered(fields: Mapping[str, dict[str, Worth]], labelled: Labelled) -> Mapping[str, dict[str, Worth]]:
    """Where labels put a level below a less alike one, both get their mean by the number of their pairs."""
    for field, names in ORDERED:
        worths, count = fields[field], np.bincount(
            labelled.levels[:, list(LEVELS).index(field)], labelled.times, len(NAMES[field])
        )  # fmt: skip
        blocks: list[tuple[float, float, list[str]]] = []
        for name in names:
            blocks.append((float(worths[name][0]), float(count[NAMES[field].index(name)]) + 1, [name]))
            while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
                (one, many, first), (other, more, second) = blocks[-2:]
                blocks[-2:] = [((one * many + other * more) / (many + more), many + more, first + second)]
        for worth, _, block in blocks:
            for name in block:
                kept = min(round(worth), worths[name][0]) if (field, name) in HELD else round(worth)
                worths[name] = kept, worths[name][1]
    return fields


def _columns(start: Weights) -> Mapping[tuple[str, str], int]:
    learned = [
        (field, name) for field in LEVELS for name in NAMES[field] if field not in POLICY and name not in NEUTRAL
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
        rival = against / (1 + against.sum(axis=1, keepdims=True))  # of unrelated, of series
        # d log-likelihood / d sum = (chance of the rival - whether it is the rival) * bit
        slope = (rival - rivals) * times[:, None] * _BIT
        gradient = np.concatenate([design.T @ slope[:, 0], design.T @ slope[:, 1]]) - penalty * moved.T.ravel()
        bend = np.empty((2 * size, 2 * size))
        for i in (0, 1):
            for j in (0, 1):
                curve = times * _BIT**2 * (rival[:, i] * ((i == j) - rival[:, j]))
                bend[i * size : (i + 1) * size, j * size : (j + 1) * size] = design.T @ (design * curve[:, None])
        bend[np.diag_indices(2 * size)] += penalty
        step = np.linalg.solve(bend, gradient)
        step *= min(1.0, 400 / max(1.0, float(np.abs(step).max())))  # no leap: far out the curve is flat
        moved += step.reshape(2, size).T
        if float(np.abs(step).max()) < 0.5:
            break
    return moved


def _moved(field: str, name: str, before: Worth, by: Array) -> Worth:
    first, second = (round(worth + float(change)) for worth, change in zip(before, by, strict=True))
    return (min(first, before[0]), min(second, before[1])) if (field, name) in HELD else (first, second)


Verdict = Literal["same", "distinct", "series"]
Label = tuple[Mapping[str, str], Verdict]
"""The level of each field of a pair (`engine.levels_between`), and what people said of it."""
LEAST = 25
"""Labels before anything may be learned from them."""
MAY_LOSE = 0.002
_FOLDS = 5
_BINS = 5


@dataclass(frozen=True)
class Figures:
    """Of labelled pairs that the table had not seen. f1: of "the same" at 0.5; calibration: mean of |said - were|."""

    f1: float
    calibration: float


@dataclass(frozen=True)
class Proposal:
    """Weights learned from decisions, how they judge pairs held out of learning (`after`; `before`: the weights in use on the
    same pairs), and why they may not be used: `refused` is empty for those that may."""

    weights: Weights
    labels: int
    before: Figures
    after: Figures
    refused: tuple[str, ...]


def propose(labels: Sequence[Label], version: str, start: Weights = SHIPPED) -> Proposal:
    """What people decided, as weights, pulled towards those in use. The same labels in any order give the same proposal.

    "distinct" tells that it is not the same and not what it is: it counts as the likelier of the other two. Of a pair with
    several labels each counts.
    """
    ordered = sorted(labels, key=lambda label: (sorted(label[0].items()), label[1]))
    learned = _labelled(ordered, start)
    fold = np.arange(len(ordered)) % _FOLDS
    said = np.zeros(len(ordered))
    for held in range(min(_FOLDS, len(ordered))):
        part = fit(_part(learned, fold != held), start, version)
        said[fold == held] = chance(learned.levels[fold == held], part)
    same = np.array([verdict == "same" for _, verdict in ordered], bool)
    before, after = _figures(chance(learned.levels, start), same), _figures(said, same)
    weights = fit(learned, start, version)
    refused = check(weights, start)
    if len(ordered) < LEAST:
        refused.append(f"{len(ordered)} decisions are too few, {LEAST} are wanted")
    if after.f1 < before.f1 - MAY_LOSE:
        refused.append(f"F1 of pairs held out falls from {before.f1:.3f} to {after.f1:.3f}")
    if after.calibration > before.calibration + MAY_LOSE:
        refused.append(
            f"the calibration error of pairs held out rises from {before.calibration:.3f} to {after.calibration:.3f}"
        )
    return Proposal(weights, len(ordered), before, after, tuple(refused))


def _labelled(labels: Sequence[Label], start: Weights) -> Labelled:
    rows = [[NAMES[field].index(levels[field]) for field in LEVELS] for levels, _ in labels]
    levels = np.array(rows, np.uint8).reshape(-1, len(LEVELS))
    likely = _outcomes(_sums(levels, start))
    rival = np.where(likely[:, UNRELATED] >= likely[:, SERIES], UNRELATED, SERIES)
    outcome = [
        SAME if verdict == "same" else SERIES if verdict == "series" else other
        for (_, verdict), other in zip(labels, rival, strict=True)
    ]
    return Labelled(levels, np.array(outcome, np.uint8), np.ones(len(labels)))


def _part(labelled: Labelled, kept: Array) -> Labelled:
    return Labelled(labelled.levels[kept], labelled.outcome[kept], labelled.times[kept])


def _sums(levels: Array, weights: Weights) -> Array:
    """What the levels add up to, prior included, [pairs, 2] in 1/100 bit."""
    total = np.tile(np.array(weights.prior, float), (len(levels), 1))
    for index, field in enumerate(LEVELS):
        total += np.array([weights.fields[field][name] for name in NAMES[field]], float)[levels[:, index]]
    return total


def chance(levels: Array, weights: Weights) -> Array:
    """The probability of "the same activity" of each row of levels."""
    return _outcomes(_sums(levels, weights))[:, SAME]


def _figures(said: Array, same: Array) -> Figures:
    found = said >= 0.5
    right = int((found & same).sum())
    both = int(found.sum() + same.sum())
    place = np.minimum((said * _BINS).astype(int), _BINS - 1)
    wrong = sum(abs(float((said[place == at] - same[place == at]).sum())) for at in range(_BINS))
    return Figures(2 * right / both if both else 1.0, wrong / max(len(said), 1))
