"""What somebody would do without an engine, over the same candidate pairs of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from rapidfuzz import fuzz

from bench.matching.figures import best_threshold
from bench.matching.marginals import Simple, country_and_start, two_of_three

Key = tuple[str, str]
NEAR = 45
"""Days round the start that a (country, start) query looks at."""


def similar_title(a: Simple, b: Simple) -> bool:
    return fuzz.token_sort_ratio(a.title, b.title) >= 90


RULES: Mapping[str, Callable[[Simple, Simple], bool]] = {
    "2-of-3 rule (start, city, name)": two_of_three,
    "title token-sort >= 90": similar_title,
    "same country and start": country_and_start,
}


def found_by(rule: Callable[[Simple, Simple], bool], rows: Mapping[str, Simple], pairs: Iterable[Key]) -> set[Key]:
    return {(a, b) for a, b in pairs if rule(rows[a], rows[b])}


def country_query(rows: Mapping[str, Simple], pairs: Iterable[Key], truth: set[Key]) -> tuple[set[Key], float]:
    """A bare query by country and start within 45 days, ranked by title: pairs above the threshold best in hindsight."""
    days = {reference: _day(row.start) for reference, row in rows.items()}
    scores: dict[Key, float] = {}
    for a, b in pairs:
        one, other = days[a], days[b]
        if rows[a].country and rows[a].country == rows[b].country and one and other and abs((one - other).days) <= NEAR:
            scores[a, b] = fuzz.token_set_ratio(rows[a].title, rows[b].title)
    _, threshold = best_threshold(scores, truth)
    return {pair for pair, score in scores.items() if score >= threshold}, threshold


def _day(start: str | None) -> date | None:
    try:
        return date.fromisoformat(start or "")
    except ValueError:
        return None
