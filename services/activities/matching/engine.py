"""The seam: `match(features, table) -> [Match]`. Levels from columns, integer sums per pair, objects for survivors only.

A pair is one of three things: the same activity, two of one series, or unrelated. With `unrelated` and `series` the sums of
the weights of "the same" against each, in bits, P(same) = 1 / (1 + 2^-unrelated + 2^-series).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import log2
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from services.activities.matching import codes
from services.activities.matching.features import DATES_FROM_TEXT, ROW, Features
from services.activities.matching.levels import LEVELS
from services.activities.matching.phrases import why
from services.activities.matching.picking import NAMES, Array
from services.activities.matching.sieve import One, Side, Sifted, apart, sift
from services.activities.matching.table import FeatureTable
from services.activities.matching.weights import SHIPPED, Weights

Band = Literal["certain", "likely", "probable", "none"]
Kind = Literal["duplicate", "series", "none"]
Coverage = Literal["checked", "year_only", "no_date", "not_matched"]
COVERAGE_TEXT: dict[Coverage, str] = {
    "checked": "checked",
    "year_only": "checked by year only",
    "no_date": "not checked: no date",
    "not_matched": "not checked: draft or cancelled",
}
COARSE = frozenset({"same month", "within the month", "within the quarter", "within the year", "days in the text"})
"""Levels of dates that agree only as far as they are known."""
_REFUSED = np.array([False, *(status in codes.UNCOMPARED_STATUSES for status in codes.STATUSES)])
# log2(1 + 2^-x) in 1/100 bit for x in 1/100 bit: a table, so that the odds are whole numbers, the same everywhere
_SOFT = np.array([round(100 * log2(1 + 2 ** (-x / 100))) for x in range(1001)], np.int32)


@dataclass(frozen=True)
class Contribution:
    """One row of an explanation, in 1/100 bit: above 0 speaks for the same activity, below 0 against.

    weight   against unrelated; series: against two of one series
    """

    field: str
    level: str
    why: str
    weight: int
    series: int

    @property
    def effect(self) -> int:
        """Both together: what the row does for "the same"."""
        return self.weight + self.series


class Scores(NamedTuple):
    """Per pair, in 1/100 bit: the same activity against unrelated, and against two of one series. int32."""

    unrelated: Array
    series: Array

    @property
    def odds(self) -> Array:
        """Log-odds of "the same" against everything else, in 1/100 bit."""
        low, apart = np.minimum(self.unrelated, self.series), np.abs(self.unrelated - self.series)
        return low - _SOFT[np.minimum(apart, len(_SOFT) - 1)]


@dataclass(frozen=True)
class Match:
    """A scored pair, `a` < `b`.

    score        log-odds of "the same", in 1/100 bit, from the sums over `prior` and `contributions`
    probability  that the two are the same activity; series: that they are two of one series
    kind         which of the three is likeliest; `band` says how sure "the same" is
    versions     the plan versions compared; fingerprint: what people decide on. It changes with that, and not with the
                 weights or with a version that changed something else
    in_house     both are one partner's: never an alert between partners
    """

    a: str
    b: str
    kind: Kind
    score: int
    probability: float
    series: float
    band: Band
    in_house: bool
    prior: tuple[int, int]
    contributions: tuple[Contribution, ...]
    weights_version: str
    versions: tuple[int, int]
    fingerprint: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.a, self.b

    @property
    def never(self) -> bool:
        """Whether a policy (part of, follow-up, other edition) rules the pair out whatever the evidence."""
        return any(row.field in {"part_of", "follow_up_of", "next_edition"} for row in self.contributions)


def match(features: Features, table: FeatureTable, weights: Weights = SHIPPED) -> list[Match]:
    """Plans of the table that may be the same activity as this one, most probable first, then by plan id.

    Only pairs of at least the band `probable` come back. The plan itself, drafts, postponed and
    cancelled plans never do.
    """
    if not len(table) or not features.compared:
        return []
    sifted = _sifted(features, table, weights)
    found = [
        judged(features, table.at(int(index)), sifted.names(number), weights) for number, index in enumerate(sifted.at)
    ]
    return sorted(found, key=lambda one: (-one.score, one.a, one.b))


def alike(features: Features, table: FeatureTable, weights: Weights = SHIPPED) -> set[str]:
    """Ids of the plans that `match` would return, without their explanations."""
    if not len(table) or not features.compared:
        return set()
    return {table.ids[int(index)] for index in _sifted(features, table, weights).at}


def score(one: npt.NDArray[Any], other: npt.NDArray[Any], weights: Weights = SHIPPED) -> Scores:
    """Sums of weights for pairs of packed rows: two arrays of `ROW` of one length, or one of them of length 1."""
    sums = np.full(max(len(one), len(other)), weights.both(weights.prior), np.int64)
    for field, level in LEVELS.items():
        sums += weights.worth[field][level(one, other)]
    return Scores(*apart(sums))


def chances(scores: Scores) -> tuple[Array, Array]:
    """Probabilities, per pair, of "the same activity" and of "two of one series"."""
    against, of_series = 2.0 ** (-scores.unrelated / 100.0), 2.0 ** (-scores.series / 100.0)
    total = 1 + against + of_series
    return 1 / total, of_series / total


def compare(a: Features, b: Features, weights: Weights = SHIPPED) -> Match:
    """The pair with its reasons, whatever its score and whatever the status of the plans."""
    return judged(a, b, levels_between(a, b), weights)


def levels_between(a: Features, b: Features) -> dict[str, str]:
    """The level of likeness of each field of a pair."""
    one, other = (np.frombuffer(each.packed, ROW) for each in (a, b))
    return {field: NAMES[field][int(level(one, other)[0])] for field, level in LEVELS.items()}


def judged(a: Features, b: Features, levels: Mapping[str, str], weights: Weights = SHIPPED) -> Match:
    """The same from levels at hand, by field: for many pairs the levels are found at once, at a twentieth of the cost."""
    a, b = (a, b) if a.plan_id < b.plan_id else (b, a)
    rows: list[Contribution] = []
    for field, name in levels.items():
        weight, series = weights.fields[field][name]
        # a policy row shows even when it weighs nothing
        if weight or series or (field == "in_house" and name != "other partner"):
            rows.append(Contribution(field, name, why(field, name, a, b), weight, series))
    total = Scores(
        np.array([weights.prior[0] + sum(row.weight for row in rows)], np.int32),
        np.array([weights.prior[1] + sum(row.series for row in rows)], np.int32),
    )
    same, sibling = (float(each[0]) for each in chances(total))
    odds = int(total.odds[0])
    kind: Kind = "duplicate" if odds >= weights.probable else "series" if sibling >= 0.5 else "none"
    return Match(
        a=a.plan_id,
        b=b.plan_id,
        kind=kind,
        score=odds,
        probability=same,
        series=sibling,
        band=_band(odds, rows, weights),
        in_house=a.partner == b.partner,
        prior=weights.prior,
        contributions=tuple(rows),
        weights_version=weights.version,
        versions=(a.version, b.version),
        fingerprint=fingerprint(a, b),
    )


def _band(odds: int, rows: list[Contribution], weights: Weights) -> Band:
    """How sure: where one side gives no day, that is asked, never told, whatever else speaks for it."""
    band = cast(Band, weights.band(odds))
    by_day = any(row.field == "dates" and row.level not in COARSE for row in rows)
    return "probable" if band in ("certain", "likely") and not by_day else band


def coverage(features: Features) -> Coverage:
    """How far a plan can be checked at all. "Nothing found" may be said for `checked` only; see `COVERAGE_TEXT`."""
    if not features.matchable:
        return "not_matched"
    if features.dates is None or features.row["flags"] & DATES_FROM_TEXT:
        return "no_date"
    return "year_only" if features.precision == "year" else "checked"


def probability(score: int) -> float:
    """Odds of `score` hundredths of a bit, as a probability."""
    return 1 / (1 + 2 ** (-score / 100))


def fingerprint(a: Features, b: Features) -> str:
    """What a decision on this pair is about (`features.DECIDED_ON` of both), whatever the weights. Symmetric."""
    digest = blake2b(digest_size=16)
    for features in sorted((a, b), key=lambda one: one.plan_id):
        digest.update(f"{features.row['plan']} {features.row['said']} ".encode())
    return digest.hexdigest()


def _sifted(features: Features, table: FeatureTable, weights: Weights) -> Sifted:
    """The pairs of at least the band `probable`. Neither sum may be below it, so a pair that cannot lift both is let go."""
    kept = np.flatnonzero(~_REFUSED[table.rows["status"]] & (table.rows["plan"] != features.row["plan"]))

    def hopeful(unrelated: Array, series: Array, _: Array) -> Array:
        return (unrelated >= weights.probable) & (series >= weights.probable)

    sifted = sift(One(features.packed, ROW), Side(table.rows, kept), weights, hopeful)
    sure = np.flatnonzero(Scores(sifted.unrelated, sifted.series).odds >= weights.probable)
    return Sifted(
        kept[sifted.at[sure]],
        sifted.unrelated[sure],
        sifted.series[sure],
        {field: level[sure] for field, level in sifted.levels.items()},
    )
