"""How hard the pairs of a list are: the same figures as were measured on real pairs of the field's own postings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rapidfuzz import fuzz

from bench.matching.generator import Corpus
from shared.places import canonical_city, resolve_country

MEASURED: Mapping[str, float] = {
    "titles less than 0.6 alike": 0.80,
    "in two languages": 0.24,
    "no start date on one side": 0.35,
    "title token-sort >= 90": 0.03,
    "2-of-3 rule, F1": 0.48,
    "same country and start, F1": 0.53,
}
"""Of 100 real pairs of postings in this field."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "titles less than 0.6 alike": (0.72, 0.88),
    "in two languages": (0.18, 0.30),
    "no start date on one side": (0.28, 0.40),
    "title token-sort >= 90": (0.01, 0.07),
    "2-of-3 rule, F1": (0.32, 0.60),
    "same country and start, F1": (0.40, 0.64),
}


@dataclass(frozen=True)
class Simple:
    """What simple rules compare: nothing is read out of titles or texts. `country` alpha-3; `start` as written."""

    title: str
    start: str | None
    country: str | None
    city: str | None


def simple(row: Mapping[str, Any]) -> Simple:
    """A line of input, as far as a careful importer without any matching reads it."""
    places: Sequence[Mapping[str, str]] = row.get("places") or [row]
    city, country = places[0].get("city"), places[0].get("country")
    if "place" in row:
        city, _, country = str(row["place"]).rpartition(", ")
    elif city and not country and ", " in city:
        city, _, country = city.rpartition(", ")
    start = row.get("start")
    return Simple(
        title=row["title"].casefold(),
        start=start,
        country=resolve_country(country) if country else None,
        city=canonical_city(city) if city else None,
    )


def two_of_three(a: Simple, b: Simple) -> bool:
    """Two of: same start, same city, similar name."""
    votes = (
        a.start is not None and a.start == b.start,
        bool(a.city) and a.city == b.city,
        fuzz.token_sort_ratio(a.title, b.title) >= 80,
    )
    return sum(votes) >= 2


def country_and_start(a: Simple, b: Simple) -> bool:
    return a.start is not None and a.start == b.start and a.country is not None and a.country == b.country


def marginals(corpus: Corpus, first: int = 400) -> dict[str, float]:
    """Shares of the pairs of one activity. A rule's F1 is over the postings of the first of them alone, as in the real sample."""
    by = {posting.reference: posting for posting in corpus.postings}
    same = [(by[pair.a], by[pair.b]) for pair in corpus.pairs if pair.outcome == "same"]
    titles = [(a.row["title"].casefold(), b.row["title"].casefold()) for a, b in same]
    judged = [(a.reference, b.reference) for a, b in same[:first]]
    rows = {reference: simple(by[reference].row) for pair in judged for reference in pair}

    def share(met: Iterable[bool]) -> float:
        return sum(met) / (len(same) or 1)

    return {
        "titles less than 0.6 alike": share(fuzz.token_ratio(a, b) < 60 for a, b in titles),
        "in two languages": share(a.language != b.language for a, b in same),
        "no start date on one side": share(("start" in a.row) != ("start" in b.row) for a, b in same),
        "title token-sort >= 90": share(fuzz.token_sort_ratio(a, b) >= 90 for a, b in titles),
        "2-of-3 rule, F1": _f1(judged, rows, two_of_three),
        "same country and start, F1": _f1(judged, rows, country_and_start),
    }


def _f1(judged: Sequence[tuple[str, str]], rows: Mapping[str, Simple], rule: Callable[[Simple, Simple], bool]) -> float:
    truth = {tuple(sorted(pair)) for pair in judged}
    found = {pair for pair in combinations(sorted(rows), 2) if rule(rows[pair[0]], rows[pair[1]])}
    return 2 * len(found & truth) / (len(found) + len(truth)) if truth else 0.0
