"""What fifty answers of a coordinator are worth: the shipped weights, corrected by labels of the list itself, judged on its other pairs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from bench.matching.figures import AT
from bench.matching.quality import LISTED, Key, Labels, Scored
from services.activities.matching import fitting
from services.activities.matching.features import ROW

_WORTH_ASKING = 1e-3
DRAWS = 10


def learned(scores: Scored, labels: Labels, count: int = 50) -> list[tuple[Scored, set[Key]]]:
    """For each draw: the list as the corrected weights see it, and the pairs that were asked about (not to be judged).

    Asked are the least sure of a random half of the pairs; "no" counts as in `fitting.propose`.
    """
    worth = np.flatnonzero((scores.same >= _WORTH_ASKING) & [pair not in labels.left_out for pair in scores.pairs])
    sides = [
        np.frombuffer(b"".join(scores.features[scores.pairs[at][side]].packed for at in worth), ROW) for side in (0, 1)
    ]
    levels = fitting.levels_of(sides[0], sides[1])
    true = np.array([scores.pairs[at] in labels.same for at in worth], bool)
    rival = np.where(
        scores.series[worth] >= 1 - scores.same[worth] - scores.series[worth], fitting.SERIES, fitting.UNRELATED
    )
    outcome = np.where(true, fitting.SAME, rival).astype(np.uint8)
    found: list[tuple[Scored, set[Key]]] = []
    for draw in range(DRAWS):
        half = np.random.default_rng(draw).permutation(len(worth))[: (len(worth) + 1) // 2]
        asked = half[np.argsort(np.abs(scores.same[worth][half] - AT), kind="stable")][:count]
        weights = fitting.fit(fitting.Labelled(levels[asked], outcome[asked], np.ones(len(asked))), LISTED, "bench")
        same = scores.same.copy()
        same[worth] = fitting.chance(levels, weights)
        found.append((replace(scores, same=same), _named(scores, worth[asked])))
    return found


def _named(scores: Scored, places: Collection[int]) -> set[Key]:
    return {scores.pairs[at] for at in places}
