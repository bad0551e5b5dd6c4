"""Days that a running text tells: "held in Accra on 3-5 May 2026", "du 28 avril au 2 mai 2026", "2026年10月1日至2日".

A third of all postings give no start in a field, and many of these say in a sentence when it was. What is read so is marked
(`features.DATES_FROM_TEXT`): it helps to tell the next edition from the same one; it never warns of an overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from shared.period_words import BETWEEN, AmbiguousDate, plain, tokens
from shared.periods import parse_period_text

LONGEST = 31
"""Days of an activity that a sentence tells at most; beyond it is the life of a project."""
NEAR = 60
"""Days between an activity and a report of it at most."""
NO_YEAR = 2000
"""A leap year, so that every day of any year is in it."""

_WORD = re.compile(r"\d+|[\u3400-\u9fff]|[^\W\d_]+(?:['’][^\W\d_]+)*|[-–—‐‑−~]+|\S")
_DASHED = re.compile(r"\s[-–—]+\s")
_AFTER_YEAR = frozenset(",.;:()，。；、،؛")
_STOPS = frozenset(".;。；؛")
_CHINESE = frozenset("年月日号號至到")
# The word before a date that makes it another one: a closing day, or something that was before or comes after. The second ones
# begin a stretch too: "с 4 по 8 октября", "desde el 4 hasta el 8".
_NOT_THEN = frozenset(
    plain(
        "bis by before after until till following deadline avant après jusqu'au suite antes después hasta antes depois até vor nach"
        " до после قبل بعد حتى"
    ).split()
)
_SINCE = frozenset(plain("since depuis desde с منذ seit").split())


class Told(NamedTuple):
    """`precision` is "day", "month" (the whole of it), or "season": days without their year, which then is `NO_YEAR`."""

    start: date
    end: date
    precision: str


def told(text: str, year: int | None = None) -> Told | None:
    """The one span of days that a text tells, else its one month, else its one span without a year; None where there are
    several: of two nothing is guessed. `year` completes "3-5 May" where the title has one.

    A report begins with the day on which it was written ("Accra, 14 June 2019"): beside one span of several days the single
    days say nothing, and a span without a year has the year of the one single day near it.
    """
    if not any(letter.isdigit() for letter in text):
        return None
    found: dict[str, set[Told]] = {"day": set(), "season": set(), "month": set()}
    for before, stretch in _understood(text, year):
        read = parse_period_text(stretch, year)
        bare = read.problem == "no_year"
        period = parse_period_text(stretch, NO_YEAR).period if bare else read.period
        if period is None or before in _NOT_THEN or (period.end - period.start).days > LONGEST:
            continue
        if before in _SINCE and period.start == period.end:
            continue
        precision = "season" if bare and period.precision == "day" else "" if bare else period.precision
        found.setdefault(precision, set()).add(Told(period.start, period.end, precision))
    spans, dated = (_several_days(found[kind]) for kind in ("day", "season"))
    if not spans and len(found["day"]) == 1 and len(dated) == 1:
        return _of_the_year(next(iter(dated)), next(iter(found["day"])))
    among = spans or found["day"] or found["month"] or found["season"]
    return next(iter(among)) if len(among) == 1 else None


def _understood(text: str, year: int | None) -> Iterator[tuple[str, str]]:
    """The stretches, each taken apart at its dashes where it is no date as a whole: "Accra, 14 May 2026 – On 5-8 May"."""
    for before, stretch in _stretches(text):
        parts = _DASHED.split(stretch)
        if len(parts) > 1 and parse_period_text(stretch, year).problem == "not_understood":
            yield from zip((before, *[""] * (len(parts) - 1)), parts, strict=True)
        else:
            yield before, stretch


def _several_days(among: set[Told]) -> set[Told]:
    return {one for one in among if one.end > one.start}


def _of_the_year(span: Told, written: Told) -> Told | None:
    """The days of a span without a year that lie nearest to the day on which the text was written, at most `NEAR` from it; else
    that day."""
    try:
        years = [
            span._replace(start=span.start.replace(year=year), end=span.end.replace(year=year), precision="day")
            for year in range(written.start.year - 1, written.start.year + 2)
        ]
    except ValueError:  # 29 February
        return written
    near = min(years, key=lambda one: abs((one.start - written.start).days))
    return near if abs((near.start - written.start).days) <= NEAR else written


def _stretches(text: str) -> Iterator[tuple[str, str]]:
    """Stretches of nothing but words of dates, months and numbers at both ends, each with the word before it."""
    begin: int | None = None
    end = 0
    word = before = ""
    for found in (*_WORD.finditer(text), None):
        kind = _kind(found[0]) if found else None
        if found is None or kind is None or _ends(found[0], word):
            if begin is not None and end - begin > 4:
                yield before, text[begin:end]
            begin, end = None, 0
        elif kind in ("D", "M", "B"):
            if begin is None:
                begin, before = found.start(), plain(word)
            end = found.end() if kind != "B" else end
        word = found[0] if found else ""


def _ends(mark: str, word: str) -> bool:
    """Whether a mark after a word ends a date: "2026, 25 judges"; not "3. bis 5. Mai", "Oct. 3", "May 3, 2026"."""
    if len(word) == 4 and word.isdigit():
        return mark in _AFTER_YEAR
    return mark in _STOPS and not _kind(word)


@lru_cache(maxsize=4096)
def _kind(word: str) -> str | None:
    """D a number, M a month (or a Chinese mark of one), B "between", "" what may stand between; None: no word of a date."""
    if plain(word) in BETWEEN:
        return "B"
    if word in _CHINESE:
        return "M" if word == "月" else "" if word in "至到" else "D"
    try:
        found = tokens(word)
    except AmbiguousDate:
        return None
    if found is None:
        return None
    kind = found[0].kind if found else ""
    return "D" if kind in ("D", "Y") else "M" if kind == "M" else ""
