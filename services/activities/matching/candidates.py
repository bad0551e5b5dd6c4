"""Which stored plans to fetch for one plan: pure descriptions of rows and ranges, the caller does the reading.

Side tables, one row a line:  plan_country(country, day, plan_id)   plan_theme(country, theme, day, plan_id)
plan_word(word, month, plan_id). A plan leaves the same rows as it asks for, so either of two plans finds the other,
whichever was posted first. A plan without a date leaves none and asks for none: it is "not checked".

A range query over starts would miss a plan that started long ago and still runs, so a long plan leaves one row per
`STEP` days; every day that it covers is at most `STEP` - 1 days after one of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from services.activities.matching.features import CUT, Features
from services.activities.matching.overlaps import RULES, Rules, checked

STEP = 45
DUPLICATE_DAYS = 45
"""How far apart the dates of two postings of one activity may be typed."""
MAX_ROWS_OF_A_PLAN = 2000
"""Rows in `plan_country`; the world for three years is cut, and the plan says so."""
MAX_COUNTRY_ROWS = 1200
MAX_THEME_ROWS = 600
MAX_WORD_ROWS = 600
"""Rows to read per range, nearest in date first; one more read than this means the answer is capped."""


@dataclass(frozen=True)
class CountryRow:
    country: str
    day: date


@dataclass(frozen=True)
class ThemeRow:
    country: str
    theme: str
    day: date


@dataclass(frozen=True)
class WordRow:
    """`word` is a 32-bit hash, `month` is year * 12 + month - 1."""

    word: int
    month: int


@dataclass(frozen=True)
class Rows:
    """What a plan leaves in the side tables (its id is the caller's to add)."""

    countries: tuple[CountryRow, ...]
    themes: tuple[ThemeRow, ...]
    words: tuple[WordRow, ...]
    capped: bool


@dataclass(frozen=True)
class CountryRange:
    """`country` = and `day` between `first` and `last`, both included; at most `limit` rows, nearest to `middle`."""

    country: str
    first: date
    last: date
    middle: date
    limit: int = MAX_COUNTRY_ROWS


@dataclass(frozen=True)
class ThemeRange:
    country: str
    theme: str
    first: date
    last: date
    middle: date
    limit: int = MAX_THEME_ROWS


@dataclass(frozen=True)
class WordRange:
    word: int
    first: int
    last: int
    limit: int = MAX_WORD_ROWS


@dataclass(frozen=True)
class Keys:
    """The bounded ranges to read for one plan. `capped`: the plan itself was cut, so the answer may be incomplete."""

    countries: tuple[CountryRange, ...]
    themes: tuple[ThemeRange, ...]
    words: tuple[WordRange, ...]
    capped: bool


@dataclass(frozen=True)
class Chosen:
    """Plan ids in canonical order. `capped`: the budget cut something, so say so on what comes of it.

    `placed`: those found by country and time; plans that only share words of the title can match, but never collide.
    """

    plan_ids: tuple[str, ...]
    capped: bool
    placed: tuple[str, ...] = ()


def rows(features: Features) -> Rows:
    """The side-table rows of a plan; empty for drafts, cancelled plans and plans without a date."""
    dates = features.dates
    if dates is None or not features.matchable:
        return Rows((), (), (), False)
    days = _anchors(*dates)
    countries = [CountryRow(country, day) for country in _countries(features) for day in days]
    themes: list[ThemeRow] = []
    if _effort(features):
        themes = [ThemeRow(c, theme, day) for c in features.beneficiaries for theme in features.themes for day in days]
    months = range(_month(dates[0]), _month(dates[1]) + 1)
    words = [WordRow(word, month) for word in _words(features) for month in months]
    every = (countries, themes, words)
    capped = _cut(features) or any(len(kind) > MAX_ROWS_OF_A_PLAN for kind in every)
    return Rows(
        tuple(countries[:MAX_ROWS_OF_A_PLAN]),
        tuple(themes[:MAX_ROWS_OF_A_PLAN]),
        tuple(words[:MAX_ROWS_OF_A_PLAN]),
        capped,
    )


def keys(features: Features, rules: Rules = RULES) -> Keys:
    """The ranges that hold every stored plan which can match or overlap this one (up to the limits)."""
    dates = features.dates
    if dates is None or not features.matchable:
        return Keys((), (), (), False)
    first, last = dates
    middle = date.fromordinal((first.toordinal() + last.toordinal()) // 2)
    # the side tables hold a row up to STEP - 1 days before the day that matters
    from_day, to_day = _shift(first, -DUPLICATE_DAYS - STEP + 1), _shift(last, DUPLICATE_DAYS)
    countries = tuple(CountryRange(country, from_day, to_day, middle) for country in _countries(features))
    themes: tuple[ThemeRange, ...] = ()
    if _effort(features, rules):
        from_day, to_day = _shift(first, -rules.widest - STEP + 1), _shift(last, rules.widest)
        themes = tuple(
            ThemeRange(country, theme, from_day, to_day, middle)
            for country in features.beneficiaries
            for theme in features.themes
        )
    words = tuple(WordRange(word, _month(first) - 1, _month(last) + 1) for word in _words(features))
    return Keys(countries, themes, words, _cut(features))


def choose(found: Iterable[tuple[date, str]], middle: date, limit: int) -> Chosen:
    """The nearest `limit` plans of the (day, plan id) rows that a range gave; ties by plan id, so always the same ones."""
    nearest: dict[str, int] = {}
    for day, plan_id in found:
        distance = abs((day - middle).days)
        nearest[plan_id] = min(distance, nearest.get(plan_id, distance))
    ordered = sorted(nearest, key=lambda plan_id: (nearest[plan_id], plan_id))
    return Chosen(tuple(sorted(ordered[:limit])), len(ordered) > limit)


def _countries(features: Features) -> tuple[str, ...]:
    return tuple(sorted({*features.venue_countries, *features.beneficiaries}))


def _effort(features: Features, rules: Rules = RULES) -> bool:
    types = rules.by_kind["effort"].types
    return rules.by_kind["effort"].on and checked(features) and (types is None or features.type in types)


def _words(features: Features) -> tuple[int, ...]:
    """Hashes of the title's own words, rarest first; forms ("course") lead nowhere."""
    found = (int(word) for word in features.row["title"] if word & 3 > 1)
    return tuple(sorted(found, key=lambda word: (-(word & 3), word)))


def _anchors(first: date, last: date) -> tuple[date, ...]:
    return tuple(date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1, STEP))


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _shift(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal()))


def _cut(features: Features) -> bool:
    return bool(features.row["flags"] & CUT)
