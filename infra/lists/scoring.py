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
from services.activities.matching.sieve import Side, sift
from services.activities.matching.weights import SHIPPED, Weights, among

Array = npt.NDArray[Any]


def likely(left: Side, right: Side, least: float, priors: Array | None = None) -> tuple[Array, Array, Array]:
    """(which pairs, P(same activity), P(same series)): the pairs of two sides of which either is `least` or more.

    The same numbers as `engine.score` gives, but a pair is dropped as soon as the fields that are left cannot lift it.
    `priors`: [2, pairs], where the shipped ones are not meant.
    """
    bound = 100 * log2(least / (1 - least)) if 0 < least < 1 else -np.inf

    def hopeful(unrelated: Array, _: Array, between: Array) -> Array:
        return (unrelated >= bound) | (between >= bound)

    sifted = sift(left, right, engine.SHIPPED, hopeful, priors)
    same, of_series = engine.chances(engine.Scores(sifted.unrelated, sifted.series))
    kept = np.maximum(same, of_series) >= least
    return sifted.at[kept], same[kept], of_series[kept]


class Explainer:
    """Reasons for pairs of rows of one shelf. A row of a long series stands in many pairs, so what is made of it is kept."""

    def __init__(self, shelf: Shelf, kept: int = 4096) -> None:
        self._shelf = shelf
        self._within, self._across = (among(SHIPPED, len(shelf), across=across) for across in (False, True))
        self._of = lru_cache(kept)(self._read)

    def weights(self, one: int, other: int) -> Weights:
        """For two rows: of one file, or of two."""
        return self._within if self._shelf.files[one] == self._shelf.files[other] else self._across

    def priors(self, one: Array, other: Array) -> Array:
        """Against unrelated and against a series, pair by pair of these rows: [2, pairs]."""
        files = self._shelf.files
        kinds = zip(self._within.prior, self._across.prior, strict=True)
        return np.stack([np.where(files[one] == files[other], *kind) for kind in kinds])

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

    def overlap(self, judged: overlaps.Judged, at: int, one: int, other: int) -> dict[str, Any]:
        """How the two collide, by the rules."""
        found = judged.overlap(at, self._of(one)[0], self._of(other)[0])
        return {
            "overlap_kind": found.kind,
            "severity": found.level,
            "score": found.severity,
            "asked": found.asked,
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
            yield engine.judged(a, b, names, self.weights(*pair)), text, other
