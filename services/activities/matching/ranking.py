"""Which of the plans that share a key with one are held against it: pure, over what the scans gave.

The databases only walk their index; what a shared key is worth is added up here, the same for both, some thousand rows as
columns in less time than either needs to group them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from services.activities.matching.candidates import ENOUGH, MAX_CANDIDATES, NEARNESS, RARITY, Ranges

Array = npt.NDArray[Any]
_RARE = np.array([most for most, _ in RARITY]), np.array([*(worth for _, worth in RARITY), 0])
_NEAR = np.array([days for days, _ in NEARNESS]), np.array([*(worth for _, worth in NEARNESS), 0])


class Hits(NamedTuple):
    """What the scans found. Side by side (a range has two: from its middle on, and before it), each outward from the middle
    and one row longer than its `most` where something was cut: `sides[i]` is the range of a side, `lengths[i]` its rows.

    plans, days: of all rows, side after side; plans are numbers.
    """

    sides: Sequence[int]
    lengths: Sequence[int]
    plans: Array
    days: Array

    @classmethod
    def none(cls) -> Hits:
        return cls((), (), np.zeros(0, np.int64), np.zeros(0, np.int64))


class Best(NamedTuple):
    """Numbers of plans, those that share most first; `meets`: whether each shares a key by which plans overlap. `capped`: one
    that is cut is missed."""

    plans: Array
    meets: Array
    capped: bool

    def meeting(self, numbers: Array) -> Array:
        """Of plans by their numbers: whether each is one that meets."""
        return np.isin(numbers, self.plans[self.meets])


def best(asked: Ranges, hits: Hits, asking: int) -> Best:
    """The plans to compare with, `asking` itself left out."""
    if not len(hits.plans):
        return Best(hits.plans, np.zeros(0, bool), asked.capped)
    sides, lengths = np.array(hits.sides, np.int64), np.array(hits.lengths, np.int64)
    columns = np.array([one[:-1] for one in asked.ranges], np.int64)
    middle, most, worth, misses = columns[:, 2], columns[:, 4], columns[:, 5], columns[:, 6]
    meeting = np.array([one.meets for one in asked.ranges], bool)
    number = np.repeat(sides, lengths)
    far = np.abs(hits.days - middle[number])
    over = np.flatnonzero(lengths > most[sides])
    capped = asked.capped or bool((far[np.cumsum(lengths)[over] - 1] <= misses[sides[over]]).any())

    found = np.bincount(number, minlength=len(columns))
    worth = worth + _RARE[1][np.searchsorted(_RARE[0], found)]
    plans, place = np.unique(hits.plans, return_inverse=True)
    once = np.unique(place * len(columns) + number)  # a long plan stands under a key on several days
    of, by = np.divmod(once, len(columns))
    total = np.bincount(of, worth[by], len(plans)).astype(np.int64)
    meets = np.bincount(of, meeting[by], len(plans)) > 0
    nearest = np.full(len(plans), np.iinfo(np.int64).max)
    np.minimum.at(nearest, place, far)
    total += _NEAR[1][np.searchsorted(_NEAR[0], nearest)]

    # `plans` are in order, so a stable sort leaves equals in the order of their numbers
    order = np.argsort(nearest - (total << 32), kind="stable")
    order = order[plans[order] != asking]
    kept, rest = order[:MAX_CANDIDATES], order[MAX_CANDIDATES:]
    missed = meets[rest] | (total[rest] >= ENOUGH)
    return Best(plans[kept], meets[kept], capped or bool(missed.any()))
