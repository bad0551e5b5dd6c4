"""The engine as a list needs it: many pairs at once, reasons for those that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log2
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from infra.lists.postings import plan_text
from infra.lists.shelf import Shelf
from services.activities.matching import engine, explain, levels, overlaps
from services.activities.matching.engine import Match
from services.activities.matching.features import Features, PlanText

Array = npt.NDArray[Any]


# What is worth most to few pairs and costs least to find comes first, what looks at many words or names last: most pairs are
# ruled out before that.
_DEAR = (("country", "beneficiaries", "city", "language"), ("title",), ("named",), ("summary",))
_STEPS = (tuple(field for field in levels.LEVELS if not any(field in step for step in _DEAR)), *_DEAR)


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


def likely(left: Side, right: Side, least: float) -> tuple[Array, Array, Array]:
    """(which pairs, P(same activity), P(same series)): the pairs of two sides of which either is `least` or more.

    The same numbers as `engine.score` gives, but a pair is dropped as soon as the fields that are left cannot lift it.
    """
    weights, bound = engine.SHIPPED, 100 * log2(least / (1 - least)) if 0 < least < 1 else -np.inf
    worth = {
        field: np.array([weights.fields[field][name] for name in levels.NAMES[field]], np.int32)
        for field in levels.LEVELS
    }
    alive = np.arange(len(left))
    unrelated, series = (np.full(len(left), prior, np.int32) for prior in weights.prior)
    for number, step in enumerate(_STEPS):
        for field in step:
            gained = worth[field][levels.LEVELS[field](left.as_array, right.as_array)]
            unrelated += gained[..., 0]
            series += gained[..., 1]
        rest = [worth[field] for later in _STEPS[number + 1 :] for field in later]
        most = unrelated + sum(int(each[:, 0].max()) for each in rest)
        most_series = unrelated - series + sum(int((each[:, 0] - each[:, 1]).max()) for each in rest)
        kept = (most >= bound) | (most_series >= bound)
        if not kept.all():
            alive, unrelated, series = alive[kept], unrelated[kept], series[kept]
            left, right = left.only(kept), right.only(kept)
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
            yield engine.judged(a, b, names), text, other
