"""The seam: `match(features, table) -> [Match]`. Levels from columns, one integer sum per row, objects for survivors only."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, cast

import numpy as np

from services.activities.matching import codes
from services.activities.matching.features import ROW, Features
from services.activities.matching.levels import LEVELS, NAMES, Array
from services.activities.matching.phrases import why
from services.activities.matching.table import FeatureTable
from services.activities.matching.weights import FIRST, Weights

Band = Literal["certain", "likely", "probable", "none"]
Coverage = Literal["checked", "year_only", "no_date", "not_matched"]
COVERAGE_TEXT: dict[Coverage, str] = {
    "checked": "checked",
    "year_only": "checked by year only",
    "no_date": "not checked: no date",
    "not_matched": "not checked: draft or cancelled",
}


@dataclass(frozen=True)
class Contribution:
    """One row of an explanation. `weight` in 1/100 bit: above 0 speaks for the same activity, below 0 against."""

    field: str
    level: str
    why: str
    weight: int


@dataclass(frozen=True)
class Match:
    """A scored pair, `a` < `b`. `prior` + the weights of `contributions` = `score`, and `probability` follows from it.

    `versions` are the plan versions compared; `fingerprint` changes when what was compared or the weights change, and
    not when a version changed nothing that matters here. An `in_house` pair is one partner's: never an alert between partners.
    """

    a: str
    b: str
    kind: Literal["duplicate"]
    score: int
    probability: float
    band: Band
    in_house: bool
    prior: int
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


def match(features: Features, table: FeatureTable, weights: Weights = FIRST) -> list[Match]:
    """Plans of the table that may be the same activity as this one, most probable first, then by plan id.

    Only pairs of at least the band `probable` come back. The plan itself, drafts and cancelled plans never do.
    """
    if not len(table) or not features.matchable:
        return []
    levels = _levels(features, table)
    scores = _scores(levels, weights, len(table))
    found = [
        _explained(features, table.at(i), levels, i, int(scores[i]), weights)
        for i in _kept(features, table, scores, weights)
    ]
    return sorted(found, key=lambda one: (-one.score, one.a, one.b))


def alike(features: Features, table: FeatureTable, weights: Weights = FIRST) -> set[str]:
    """Ids of the plans that `match` would return, without their explanations."""
    if not len(table) or not features.matchable:
        return set()
    scores = _scores(_levels(features, table), weights, len(table))
    return {table.at(i).plan_id for i in _kept(features, table, scores, weights)}


def compare(a: Features, b: Features, weights: Weights = FIRST) -> Match:
    """The pair explained whatever its score, also when it is nothing (band `none`) and whatever the status."""
    table = FeatureTable.of([b])
    levels = _levels(a, table)
    return _explained(a, b, levels, 0, int(_scores(levels, weights, 1)[0]), weights)


def coverage(features: Features) -> Coverage:
    """How far a plan can be checked at all. "Nothing found" may be said for `checked` only; see `COVERAGE_TEXT`."""
    if not features.matchable:
        return "not_matched"
    if features.dates is None:
        return "no_date"
    return "year_only" if features.precision == "year" else "checked"


def probability(score: int) -> float:
    """Odds of `score` hundredths of a bit, as a probability."""
    return 1 / (1 + 2 ** (-score / 100))


def fingerprint(a: Features, b: Features, weights: Weights = FIRST) -> str:
    """What a decision on this pair is about: changes when what is compared, or the weights, change. Symmetric."""
    digest = blake2b(weights.version.encode(), digest_size=16)
    for features in sorted((a, b), key=lambda one: one.plan_id):
        row: Any = np.frombuffer(features.packed, ROW).copy()
        row["plan_version"] = 0
        digest.update(row.tobytes())
    return digest.hexdigest()


def _kept(features: Features, table: FeatureTable, scores: Array, weights: Weights) -> list[int]:
    refused = [codes.index_of(status, codes.STATUSES) for status in codes.UNMATCHED_STATUSES]
    kept = (
        (scores >= weights.probable)
        & ~np.isin(table.rows["status"], refused)
        & (table.rows["plan"] != features.row["plan"])
    )
    return [int(index) for index in np.flatnonzero(kept)]


def _levels(features: Features, table: FeatureTable) -> dict[str, Array]:
    row = features.row
    return {field: level(row, table.rows) for field, level in LEVELS.items()}


def _scores(levels: dict[str, Array], weights: Weights, size: int) -> Array:
    total = np.full(size, weights.prior, np.int32)
    for field, level in levels.items():
        total += np.array([weights.fields[field][name] for name in NAMES[field]], np.int32)[level]
    return total


def _explained(
    one: Features, other: Features, levels: dict[str, Array], index: int, score: int, weights: Weights
) -> Match:
    a, b = sorted((one, other), key=lambda features: features.plan_id)
    rows: list[Contribution] = []
    for field, column in levels.items():
        level = NAMES[field][int(column[index])]
        weight = weights.fields[field][level]
        # a policy row shows even when it weighs nothing
        if weight or (field == "in_house" and level != "other partner"):
            rows.append(Contribution(field, level, why(field, level, a, b), weight))
    return Match(
        a=a.plan_id,
        b=b.plan_id,
        kind="duplicate",
        score=score,
        probability=probability(score),
        band=cast(Band, weights.band(score)),
        in_house=a.partner == b.partner,
        prior=weights.prior,
        contributions=tuple(rows),
        weights_version=weights.version,
        versions=(a.version, b.version),
        fingerprint=fingerprint(a, b, weights),
    )
