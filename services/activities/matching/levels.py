"""How alike one plan is to many, field by field: each function gives, per row of the table, an index into its levels.

Every function is symmetric, and missing is no evidence: the level `unknown`. A new level needs a weight and a phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching import codes, features
from services.activities.matching.weights import FIRST

Array = npt.NDArray[Any]
Level = Callable[[Any, Array], Array]

NAMES: Mapping[str, tuple[str, ...]] = {field: tuple(levels) for field, levels in FIRST.fields.items()}
"""The levels of each field, in the order of their indexes. Another table of weights must name the same ones."""

_WEEK, _MONTH, _QUARTER, _YEAR = (codes.PRECISIONS.index(p) + 1 for p in ("week", "month", "quarter", "year"))
_TYPE_CLASS = np.array([0, *(codes.TYPE_CLASS.get(code, 100 + i) for i, code in enumerate(codes.TYPES))])
_CAPACITY = np.array([False, *(code in codes.CAPACITY_BUILDING for code in codes.TYPES)])
_RELATED = np.uint64(codes.bits_of(codes.RELATED_AUDIENCES, codes.AUDIENCES))
_ONLINE, _IN_PERSON = codes.index_of("online", codes.MODES), codes.index_of("in_person", codes.MODES)
_TIER_WORTH = np.array([0, 1, 4, 8])


def gap_days(one: Any, many: Array) -> Array:
    """Whole days between two intervals: 0 when they share a day, 1 when one starts the day after the other ends."""
    start = np.maximum(one["start"], many["start"]).astype(np.int64)
    return np.maximum(start - np.minimum(one["end"], many["end"]), 0)


def _pick(field: str, *cases: tuple[Array, str], default: str) -> Array:
    """The first case that holds, row by row. (`np.select` does this, at ten times the cost for a handful of rows.)"""
    names = NAMES[field]
    size = np.broadcast_shapes(*(np.shape(when) for when, _ in cases))
    found = np.full(size, names.index(default))
    for when, name in reversed(cases):
        np.copyto(found, names.index(name), where=when)
    return found


def _dates(one: Any, many: Array) -> Array:
    shared = np.minimum(one["end"], many["end"]).astype(np.int64) - np.maximum(one["start"], many["start"]) + 1
    union = np.maximum(one["end"], many["end"]).astype(np.int64) - np.minimum(one["start"], many["start"]) + 1
    part, gap = np.maximum(shared, 0) / union, gap_days(one, many)
    coarse = np.maximum(one["precision"], many["precision"])
    both_month = (one["precision"] == _MONTH) & (many["precision"] == _MONTH) & (part == 1)
    return _pick(
        "dates",
        ((one["start"] == 0) | (many["start"] == 0), "unknown"),
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
        (part >= 0.6, "close"),
        (part >= 0.4, "half"),
        default="touch",
    )


def _meets(one: Array, many: Array) -> Array:
    """Whether two columns of values (0 is empty) share one, per row."""
    return ((one[None, :, None] == many[:, None, :]) & (one != 0)[None, :, None]).any(axis=(1, 2))


def _city(one: Any, many: Array) -> Array:
    known = (one["cities"][0] != 0) & (many["cities"][:, 0] != 0)
    return _pick("city", (~known, "unknown"), (_meets(one["cities"], many["cities"]), "same"), default="other")


def _count(bits: Array) -> Array:
    counts = np.bitwise_count(bits).astype(np.int64)
    return counts.sum(axis=-1) if counts.ndim > 1 else counts


def _country(one: Any, many: Array) -> Array:
    known = one["venue_countries"].any() & many["venue_countries"].any(axis=1)
    shared = (one["venue_countries"] & many["venue_countries"]).any(axis=1)
    return _pick("country", (~known, "unknown"), (shared, "same"), default="other")


def _beneficiaries(one: Any, many: Array) -> Array:
    a, b = one["beneficiaries"], many["beneficiaries"]
    shared, union = _count(a & b), _count(a | b)
    assumed = (one["flags"] & features.BENEFICIARY_FROM_VENUE, many["flags"] & features.BENEFICIARY_FROM_VENUE)
    return _pick(
        "beneficiaries",
        ((not a.any()) | ~b.any(axis=1) | ((assumed[0] != 0) & (assumed[1] != 0)), "unknown"),
        (((assumed[0] != 0) | (assumed[1] != 0)) & (shared > 0), "assumed"),
        ((assumed[0] != 0) | (assumed[1] != 0), "assumed other"),
        (2 * shared >= union, "same"),
        (shared > 0, "some"),
        default="other",
    )


def _likeness(one: Array, many: Array) -> tuple[Array, Array]:
    """Weighted Jaccard of two word columns (rare words weigh more), and the shared weight. Both per row."""
    worth, worths = _TIER_WORTH[one & 3], _TIER_WORTH[many & 3]
    hit = ((one[None, :, None] == many[:, None, :]) & (one != 0)[None, :, None]).any(axis=2)
    shared = (hit * worth).sum(axis=1)
    union = worth.sum() + worths.sum(axis=1) - shared
    return shared / np.maximum(union, 1), shared


def _title(one: Any, many: Array) -> Array:
    part, shared = _likeness(one["title"], many["title"])
    known = one["title"].any() & many["title"].any(axis=1)
    telling = shared >= 16  # "Cybercrime training" twice proves little
    return _pick(
        "title",
        (~known, "unknown"),
        ((part >= 0.8) & telling, "same"),
        ((part >= 0.55) & telling, "close"),
        ((part >= 0.35) & (shared >= 12), "like"),
        (part >= 0.18, "some"),
        (shared > 1, "few"),
        default="none",
    )


def _summary(one: Any, many: Array) -> Array:
    part, shared = _likeness(one["summary"], many["summary"])
    known = one["summary"].any() & many["summary"].any(axis=1)
    return _pick(
        "summary",
        (~known, "unknown"),
        ((part >= 0.3) & (shared >= 24), "like"),
        ((part >= 0.12) & (shared >= 12), "some"),
        default="few",
    )


def _type(one: Any, many: Array) -> Array:
    kin = _TYPE_CLASS[one["type"]] == _TYPE_CLASS[many["type"]]
    # one joint engagement is a law drafting mission to one partner and a training to the other; a conference is neither
    mixed = _CAPACITY[one["type"]] & _CAPACITY[many["type"]]
    return _pick("type", (one["type"] == many["type"], "same"), (kin, "kin"), (mixed, "mixed"), default="other")


def _audience(one: Any, many: Array) -> Array:
    a, b = one["audiences"], many["audiences"]
    kin = ((a & _RELATED) != 0) & ((b & _RELATED) != 0)
    return _pick(
        "audience",
        ((a == 0) | (b == 0), "unknown"),
        (a == b, "same"),
        ((a & b) != 0, "some"),
        (kin, "kin"),
        default="other",
    )


def _themes(one: Any, many: Array) -> Array:
    a, b = one["themes"], many["themes"]
    unknown = (a == 0) | (b == 0)
    return _pick("themes", (unknown, "unknown"), (a == b, "same"), ((a & b) != 0, "some"), default="other")


def _level(one: Any, many: Array) -> Array:
    unknown = (one["level"] == 0) | (many["level"] == 0)
    return _pick("level", (unknown, "unknown"), (one["level"] == many["level"], "same"), default="other")


def _mode(one: Any, many: Array) -> Array:
    a, b = one["mode"], many["mode"]
    other = ((a == _ONLINE) & (b == _IN_PERSON)) | ((a == _IN_PERSON) & (b == _ONLINE))
    return _pick("mode", (other, "other"), default="unknown")


def _language(one: Any, many: Array) -> Array:
    known = (one["languages"][0] != 0) & (many["languages"][:, 0] != 0)
    shared = _meets(one["languages"], many["languages"])
    return _pick("language", (~known, "unknown"), (shared, "shared"), default="other")


def _named(one: Any, many: Array) -> Array:
    other_partner = one["partner"] != many["partner"]
    mine = np.concatenate([one["partners"], one["funders"]])
    theirs = np.concatenate([many["partners"], many["funders"]], axis=1)
    names = (many["partner"][:, None] == mine[None, :]).any(axis=1)
    named = (theirs == one["partner"]).any(axis=1)
    return _pick(
        "named", (other_partner & names & named, "both"), (other_partner & (names | named), "one"), default="unknown"
    )


def _same(field: str, column: str) -> Level:
    def level(one: Any, many: Array) -> Array:
        return _pick(field, ((one[column] != 0) & (one[column] == many[column]), "same"), default="unknown")

    return level


def _ordinal(one: Any, many: Array) -> Array:
    pairs = [(one[column], many[column]) for column in ("edition", "phase", "module")]
    both = [(a != 0) & (b != 0) for a, b in pairs]
    other = np.any([known & (a != b) for known, (a, b) in zip(both, pairs, strict=True)], axis=0)
    one_only = np.any([(a != 0) != (b != 0) for a, b in pairs], axis=0)
    same = np.any(both, axis=0)
    return _pick("ordinal", (other, "other"), (same, "same"), (one_only, "one"), default="unknown")


def _year(one: Any, many: Array) -> Array:
    other = (one["year"] != 0) & (many["year"] != 0) & (one["year"] != many["year"])
    return _pick("year", (other, "other"), default="unknown")


def _in_house(one: Any, many: Array) -> Array:
    other = one["partner"] != many["partner"]
    programme = one["programme"] != many["programme"]
    return _pick("in_house", (other, "other partner"), (programme, "other programme"), default="same programme")


def _refers(field: str) -> Level:
    def level(one: Any, many: Array) -> Array:
        return _pick(field, ((one[field] == many["plan"]) | (many[field] == one["plan"]), "yes"), default="no")

    return level


def _next_edition(one: Any, many: Array) -> Array:
    same = (one["series"] != 0) & (one["series"] == many["series"])
    known = (one["series_edition"] != 0) & (many["series_edition"] != 0)
    other = same & known & (one["series_edition"] != many["series_edition"])
    return _pick("next_edition", (other, "yes"), default="no")


LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "dates": _dates,
        "city": _city,
        "country": _country,
        "beneficiaries": _beneficiaries,
        "title": _title,
        "summary": _summary,
        "type": _type,
        "audience": _audience,
        "themes": _themes,
        "level": _level,
        "mode": _mode,
        "language": _language,
        "named": _named,
        "reference": _same("reference", "reference"),
        "series": _same("series", "series"),
        "ordinal": _ordinal,
        "year": _year,
        "in_house": _in_house,
        "part_of": _refers("part_of"),
        "follow_up_of": _refers("follow_up_of"),
        "next_edition": _next_edition,
    }
)
