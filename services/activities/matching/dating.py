"""How alike two plans are in their dates: intervals of what each may mean, days that only a text tells, days without a year."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from services.activities.matching import codes, features
from services.activities.matching.picking import Array, pick, read_from_text

_WEEK, _MONTH, _QUARTER, _YEAR = (codes.PRECISIONS.index(p) + 1 for p in ("week", "month", "quarter", "year"))
_EPOCH = date(1970, 1, 1).toordinal()


def gap_days(one: Any, other: Any) -> Array:
    """Whole days between two intervals: 0 when they share a day, 1 when one starts the day after the other ends."""
    start = np.maximum(one["start"], other["start"]).astype(np.int64)
    return np.maximum(start - np.minimum(one["end"], other["end"]), 0)


def dates(one: Array, other: Array) -> Array:
    shared = np.minimum(one["end"], other["end"]).astype(np.int64) - np.maximum(one["start"], other["start"]) + 1
    union = np.maximum(one["end"], other["end"]).astype(np.int64) - np.minimum(one["start"], other["start"]) + 1
    part, gap = np.maximum(shared, 0) / union, gap_days(one, other)
    coarse = np.maximum(one["precision"], other["precision"])
    both_month = (one["precision"] == _MONTH) & (other["precision"] == _MONTH) & (part == 1)
    told = read_from_text(features.DATES_FROM_TEXT, one, other)
    undated = (one["start"] == 0) | (other["start"] == 0)
    season, apart = _seasons(one, other)
    same_start = (one["start"] == other["start"]) & (coarse < _WEEK)
    # who gives one day gives the first one, mostly; a report gives the day on which it was written, or the last
    one_day = ((one["start"] == one["end"]) | (other["start"] == other["end"])) & (part < 1) & (coarse < _WEEK)
    return pick(
        "dates",
        (season & (undated | (gap == 0)) & (apart == 0), "days in the text"),
        (season & (undated | (gap == 0)) & (apart > 3), "other days in the text"),
        (undated, "unknown"),
        (told & (gap > 45), "far apart in the text"),
        (told & (gap > 3), "apart in the text"),
        ((gap > 0) & (gap <= 3) & (coarse <= _WEEK), "days apart"),
        ((gap > 0) & (gap <= 14) & (coarse <= _WEEK), "weeks apart"),
        ((gap > 0) & (gap <= 45) & (coarse <= _WEEK), "a month apart"),
        ((gap > 0) & (gap <= 45), "other month"),
        (gap > 0, "far apart"),
        (both_month, "same month"),
        (coarse == _YEAR, "within the year"),
        (coarse == _QUARTER, "within the quarter"),
        (coarse == _MONTH, "within the month"),
        ((part == 1) & (coarse < _WEEK), "same"),
        (one_day & same_start, "same start"),
        (one_day & (told | (one["end"] == other["end"])), "a day of it"),
        ((part >= 0.6) | (same_start & (part >= 0.3)), "close"),
        (part >= 0.4, "half"),
        default="touch",
    )


def _seasons(one: Array, other: Array) -> tuple[Array, Array]:
    """Where a text tells days without a year, or more than a coarse field does: whether the two can be held against each
    other by the day of the year, and how many days the starts lie apart."""

    def day(rows: Array) -> tuple[Array, Array]:
        exact = (rows["start"] != 0) & (rows["precision"] < _WEEK) & (rows["season"] == 0)
        start = (rows["start"].astype(np.int64) - _EPOCH).astype("datetime64[D]")
        return np.where(exact, (start - start.astype("datetime64[Y]")).astype(np.int64) + 1, rows["season"]), ~exact

    if not (one["season"].any() or other["season"].any()):
        return np.zeros(1, bool), np.zeros(1, np.int64)
    (a, bare_a), (b, bare_b) = day(one), day(other)
    apart = np.abs(a.astype(np.int64) - b)
    apart = np.minimum(apart, 366 - apart)
    # a year with a 29 February counts a day more
    return (a != 0) & (b != 0) & (bare_a | bare_b), np.where(apart <= 1, 0, apart)
