"""Scores of very many pairs, of which few matter: fields are added up from the telling and cheap to the dear, and a pair is
let go as soon as the fields that are left cannot lift it. What stays has the same sums as without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from services.activities.matching.levels import LEVELS
from services.activities.matching.picking import NAMES, Array
from services.activities.matching.weights import Weights

# What is worth most to few pairs and costs least to find comes first, what looks at many words or names last.
_DEAR = (("country", "beneficiaries", "city", "language"), ("title",), ("named",), ("summary",))
STEPS = (tuple(field for field in LEVELS if not any(field in step for step in _DEAR)), *_DEAR)

Hopeful = Callable[[Array, Array, Array], Array]
"""Of the most that the sums against unrelated, against a series, and the first less the second can still become: which pairs
may matter."""


class Side:
    """One side of many pairs: the columns of packed rows at these places, each copied when a level asks for it. (A whole row
    is a kilobyte, of which most pairs need a tenth.)"""

    def __init__(self, rows: Array, at: Array, known: dict[str, Array] | None = None) -> None:
        self._rows, self._at = rows, at
        self._known = known or {}

    def __getitem__(self, column: str) -> Array:
        if column not in self._known:
            self._known[column] = self._rows[column][self._at]
        return self._known[column]

    def __len__(self) -> int:
        return len(self._at)

    @property
    def as_array(self) -> Array:
        """Itself, for what asks an array of rows for its columns by name, and no more."""
        return cast(Any, self)

    def only(self, kept: Array) -> Side:
        return Side(self._rows, self._at[kept], {name: column[kept] for name, column in self._known.items()})


class One(Side):
    """A side of one row, that stands in every pair."""

    def __init__(self, packed: bytes, dtype: npt.DTypeLike) -> None:
        super().__init__(np.frombuffer(packed, dtype), np.zeros(1, np.int64))

    def only(self, kept: Array) -> Side:
        return self


class Sifted(NamedTuple):
    """Pairs that came through: their places, their sums, and by field the number of the level that they reached."""

    at: npt.NDArray[np.int64]
    unrelated: Array
    series: Array
    levels: Mapping[str, Array]

    def names(self, number: int) -> dict[str, str]:
        """By field, the level of one of them."""
        return {field: NAMES[field][int(self.levels[field][number])] for field in LEVELS}


def sift(left: Side, right: Side, weights: Weights, hopeful: Hopeful, priors: Array | None = None) -> Sifted:
    """The pairs of two sides, of one length or the left one a `One`, that may matter to the end.

    priors: [2, pairs], where they differ by pair; else those of the table.
    """
    alive = np.arange(len(right))
    if priors is None:
        sums = np.full(len(right), weights.both(weights.prior), np.int64)
    else:
        sums = (priors[0].astype(np.int64) << 32) + priors[1]
    unrelated, series = apart(sums)
    reached: list[tuple[Array, dict[str, Array]]] = []
    for step, (most, most_series, most_between) in zip(STEPS, _rest(weights), strict=True):
        levels: dict[str, Array] = {}
        for field in step:
            levels[field] = level = LEVELS[field](left.as_array, right.as_array)
            sums += weights.worth[field].take(level)
        reached.append((alive, levels))
        unrelated, series = apart(sums)
        kept = hopeful(unrelated + most, series + most_series, unrelated - series + most_between)
        if not kept.all():
            alive, sums, unrelated, series = alive[kept], sums[kept], unrelated[kept], series[kept]
            if not len(alive):
                break
            left, right = left.only(kept), right.only(kept)
    found: dict[str, Array] = {}
    for then, levels in reached:
        at = np.searchsorted(then, alive)
        found |= {field: level[at if len(level) > 1 else at * 0] for field, level in levels.items()}
    return Sifted(alive, unrelated, series, found)


def apart(sums: Array) -> tuple[Array, Array]:
    """The two sums that one column of numbers holds (`Weights.both`)."""
    series = sums.astype(np.int32)
    return ((sums - series) >> 32).astype(np.int32), series


def _rest(weights: Weights) -> Sequence[tuple[int, int, int]]:
    """After each step: the most that the fields that are left can add to each of the two sums, and to their difference."""
    return _rest_of(*(weights.most[field] for step in STEPS for field in step))


@lru_cache(maxsize=8)
def _rest_of(*most: tuple[int, int, int]) -> Sequence[tuple[int, int, int]]:
    left, found = list(most), list[tuple[int, int, int]]()
    for step in STEPS:
        left = left[len(step) :]
        found.append((sum(one[0] for one in left), sum(one[1] for one in left), sum(one[2] for one in left)))
    return found
