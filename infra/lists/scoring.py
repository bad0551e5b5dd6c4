"""The engine as a list needs it: many pairs at once, reasons for those that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.lists.postings import plan_text
from infra.lists.shelf import Shelf
from services.activities.matching import engine, explain, levels, overlaps
from services.activities.matching.engine import Match
from services.activities.matching.features import Features, PlanText

Array = npt.NDArray[Any]


# Fields that look at many words or names of either row; the others are done first and rule most pairs out.
_DEAR = ("title", "named", "summary")


def likely(left: Array, right: Array, least: float) -> tuple[Array, Array, Array]:
    """(which pairs, P(same activity), P(same series)): the pairs of two arrays of packed rows of which either is `least` or more.

    The same numbers as `engine.score` gives, but a pair is dropped as soon as the fields that are left cannot lift it.
    """
    weights, bound = engine.SHIPPED, 100 * log2(least / (1 - least)) if 0 < least < 1 else -np.inf
    worth = {
        field: np.array([weights.fields[field][name] for name in levels.NAMES[field]], np.int32)
        for field in levels.LEVELS
    }
    cheap = [field for field in levels.LEVELS if field not in _DEAR]
    alive = np.arange(len(left))
    unrelated, series = (np.full(len(left), prior, np.int32) for prior in weights.prior)
    for number, step in enumerate((cheap, *([field] for field in _DEAR))):
        for field in step:
            gained = worth[field][levels.LEVELS[field](left, right)]
            unrelated += gained[..., 0]
            series += gained[..., 1]
        rest = [worth[field] for field in _DEAR[number:]]
        most = unrelated + sum(int(each[:, 0].max()) for each in rest)
        most_series = unrelated - series + sum(int((each[:, 0] - each[:, 1]).max()) for each in rest)
        kept = (most >= bound) | (most_series >= bound)
        if not kept.all():
            alive, left, right, unrelated, series = alive[kept], left[kept], right[kept], unrelated[kept], series[kept]
    same, of_series = engine.chances(engine.Scores(unrelated, series))
    kept = np.maximum(same, of_series) >= least
    return alive[kept], same[kept], of_series[kept]


class Explainer:
    """Reasons for pairs of rows of one shelf. A row of a long series stands in many pairs, so what is made of it is kept."""

    def __init__(self, shelf: Shelf, kept: int = 4096) -> None:
        self._shelf = shelf
        self._of = lru_cache(kept)(self._read)

    def explain(self, pairs: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """For each pair a sentence, what speaks for and against, what would change it, and which weights said so."""
        told: list[dict[str, Any]] = []
        for match, one, other in self._matches(pairs):
            words = explain.explain(match, one, other)
            told.append(
                {
                    "sentence": words.sentence,
                    "contributions": [dict(vars(row)) for row in match.contributions],
                    "prior": match.prior,
                    "change": words.change,
                    "weights_version": match.weights_version,
                }
            )
        return told

    def overlap(self, one: int, other: int) -> dict[str, Any] | None:
        """How the two collide, by the rules, or None."""
        found = overlaps.overlap(self._of(one)[0], self._of(other)[0])
        if found is None:
            return None
        return {
            "overlap_kind": found.kind,
            "severity": found.level,
            "score": found.severity,
            "days_apart": found.days_apart,
            "countries": list(found.countries),
            "audiences": list(found.audiences),
            "themes": list(found.themes),
            "why": found.why,
        }

    def _read(self, index: int) -> tuple[Features, PlanText]:
        text = plan_text(self._shelf.posting(index))
        return Features(text.plan_id, self._shelf.rows[index].tobytes()), text

    def _matches(self, pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[Match, PlanText, PlanText]]:
        """What `engine.compare` gives for each pair, but with the levels of all pairs at once: a twentieth of the time."""
        if not pairs:
            return
        sides = np.array(pairs)
        left, right = self._shelf.rows[sides[:, 0]], self._shelf.rows[sides[:, 1]]
        found = {field: level(left, right) for field, level in levels.LEVELS.items()}
        for at, pair in enumerate(pairs):
            (a, text), (b, other) = sorted((self._of(index) for index in pair), key=lambda each: each[0].plan_id)
            names = {field: levels.NAMES[field][int(column[at])] for field, column in found.items()}
            yield engine.judged(a, b, names), text, other


def may_overlap(left: Array, right: Array) -> Array:
    """Which pairs can collide at all, from the columns; the rules themselves are asked for those only."""
    near = levels.gap_days(left, right) <= overlaps.RULES.widest
    dated = (left["start"] != 0) & (right["start"] != 0)
    country = (left["beneficiaries"] & right["beneficiaries"]).any(axis=-1)
    people = ((left["audiences"] & right["audiences"]) != 0) | ((left["themes"] & right["themes"]) != 0)
    return near & dated & country & people & (left["partner"] != right["partner"])
