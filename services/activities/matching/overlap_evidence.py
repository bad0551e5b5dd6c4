"""What pairs of plans have in common that may be a conflict, from two arrays of packed rows, of one length or one of length 1.

Each column is found when it is asked for, for all pairs at once: one plan is held against hundreds.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching import codes
from services.activities.matching.features import (
    AUDIENCES_FROM_TEXT,
    BENEFICIARY_FROM_REGION,
    DATES_FROM_TEXT,
    THEMES_FROM_TEXT,
)
from services.activities.matching.levels import gap_days

Array = npt.NDArray[Any]
_YEAR = codes.index_of("year", codes.PRECISIONS)
_MATCHED = np.array([False, *(status not in codes.UNMATCHED_STATUSES for status in codes.STATUSES)])


class Evidence:
    """Columns over pairs: `countries`, `city`, `regional` (a country stands for its region), `guessed` (an audience was read
    from the words) and `strangers` are true or false, `apart` and `days` (shared ones) days, all others how many are shared."""

    def __init__(self, one: Array, other: Array) -> None:
        self.one, self.other = one, other

    @cached_property
    def related(self) -> Array:
        """Part of, follow-up of, both parts of one thing, or of one series: known to each other, so never in conflict."""
        one, other = self.one, self.other
        refers = [(a[c], b["plan"]) for a, b in ((one, other), (other, one)) for c in ("part_of", "follow_up_of")]
        shares = [(one[c], other[c]) for c in ("part_of", "series")]
        return np.any([(a == b) & (a != 0) for a, b in (*refers, *shares)], axis=0)

    @cached_property
    def strangers(self) -> Array:
        """Two partners' plans that do not refer to one another."""
        return ~self.related & (self.one["partner"] != self.other["partner"])

    @cached_property
    def apart(self) -> Array:
        return gap_days(self.one, self.other)

    @cached_property
    def days(self) -> Array:
        last = np.minimum(self.one["end"], self.other["end"]).astype(np.int64)
        return np.maximum(last - np.maximum(self.one["start"], self.other["start"]) + 1, 0)

    @cached_property
    def countries(self) -> Array:
        return np.any(self.one["beneficiaries"] & self.other["beneficiaries"], axis=1)

    @cached_property
    def audiences(self) -> Array:
        return np.bitwise_count(self.one["audiences"] & self.other["audiences"]).astype(np.int64)

    @cached_property
    def themes(self) -> Array:
        """Those that both give; a theme read from words warns of nothing."""
        shared = np.bitwise_count(self.one["themes"] & self.other["themes"]).astype(np.int64)
        return np.where(self._flag(THEMES_FROM_TEXT), 0, shared)

    @cached_property
    def guessed(self) -> Array:
        return self._flag(AUDIENCES_FROM_TEXT)

    @cached_property
    def regional(self) -> Array:
        return self._flag(BENEFICIARY_FROM_REGION)

    @cached_property
    def city(self) -> Array:
        return np.any(self._shared("cities"), axis=1)

    @cached_property
    def people(self) -> Array:
        return self._shared("people").sum(axis=1)

    @cached_property
    def sites(self) -> Array:
        return self._shared("sites").sum(axis=1)

    @cached_property
    def funders(self) -> Array:
        """Who pays both and is neither's owner: a partner that pays for its own plan knows of it."""
        payer = self.one["funders"]
        owner = (payer == self.one["partner"][:, None]) | (payer == self.other["partner"][:, None])
        return (self._shared("funders") & ~owner).sum(axis=1)

    def _shared(self, column: str) -> Array:
        """Which of one's values (0 is empty) the other has."""
        mine, theirs = self.one[column], self.other[column]
        return (mine[:, :, None] == theirs[:, None, :]).any(axis=2) & (mine != 0)

    def _flag(self, flag: int) -> Array:
        return ((self.one["flags"] | self.other["flags"]) & flag) != 0


def told(rows: Array) -> Array:
    """Which rows overlaps can be told of at all: not without a date, not with only a year, not a draft or cancelled."""
    dated = (rows["start"] != 0) & ((rows["flags"] & DATES_FROM_TEXT) == 0) & (rows["precision"] != _YEAR)
    return dated & _MATCHED[rows["status"]]
