"""The engine as a list needs it: many pairs at once, reasons for those that matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from infra.lists.postings import plan_text
from infra.lists.shelf import Shelf
from services.activities.matching import engine, explain, levels, overlaps

Array = npt.NDArray[Any]


def chances(left: Array, right: Array) -> tuple[Array, Array]:
    """Probabilities of "the same activity" and of "two of one series" for pairs of packed rows of one length."""
    score = getattr(engine, "score", None)
    if score is not None:
        return getattr(engine, "chances")(score(left, right))  # noqa: B009
    return _first(left, right)


def _first(left: Array, right: Array) -> tuple[Array, Array]:
    same = np.zeros(len(left))
    at = 0
    while at < len(left):
        end = at + 1
        while end < len(left) and left["plan"][end] == left["plan"][at]:
            end += 1
        found = {field: level(left[at], right[at:end]) for field, level in levels.LEVELS.items()}
        total = engine._scores(found, engine.FIRST, end - at)
        same[at:end] = 1 / (1 + 2.0 ** (-total / 100))
        at = end
    return same, np.zeros(len(left))


def explanation(shelf: Shelf, one: int, other: int) -> dict[str, Any]:
    """A sentence, what speaks for and against, what would change it, and which weights said so."""
    compare = getattr(engine, "explained", engine.compare)
    match = compare(shelf.features(one), shelf.features(other))
    texts = {text.plan_id: text for text in (plan_text(shelf.posting(index)) for index in (one, other))}
    told = explain.explain(match, texts[match.a], texts[match.b])
    return {
        "sentence": told.sentence,
        "contributions": [
            {name: getattr(row, name) for name in ("field", "level", "why", "weight", "series") if hasattr(row, name)}
            for row in match.contributions
        ],
        "prior": match.prior,
        "change": told.change,
        "weights_version": match.weights_version,
    }


def may_overlap(left: Array, right: Array) -> Array:
    """Which pairs can collide at all, from the columns; the rules themselves are asked for those only."""
    near = levels.gap_days(left, right) <= overlaps.RULES.widest
    dated = (left["start"] != 0) & (right["start"] != 0)
    country = (left["beneficiaries"] & right["beneficiaries"]).any(axis=-1)
    people = ((left["audiences"] & right["audiences"]) != 0) | ((left["themes"] & right["themes"]) != 0)
    return near & dated & country & people & (left["partner"] != right["partner"])


def overlap(shelf: Shelf, one: int, other: int) -> dict[str, Any] | None:
    """How the two collide, by the rules, or None."""
    found = overlaps.overlap(shelf.features(one), shelf.features(other))
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
