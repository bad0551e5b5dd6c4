"""What a posting tells of its activity, so that the bench can say which pairs nobody could tell apart.

Known from the making, not from reading: the engine's own eyes must not decide what there was to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bench.matching.activities import Activity
from bench.matching.vocabulary import Vocabulary
from bench.matching.wording import numbered
from services.activities.matching.features import interval

_YEARS = (-2, -1, 0, 1, 2)


@dataclass(frozen=True)
class Told:
    """None or 0: not told. `days`: first and last possible day; `year` False: told without its year ("3-5 May")."""

    days: tuple[date, date] | None = None
    year: bool = True
    audiences: frozenset[str] = frozenset()
    country: str = ""
    city: str = ""
    edition: int = 0
    phase: int = 0
    module: int = 0


def told(
    one: Activity, row: Mapping[str, Any], filled: Mapping[str, str], days: tuple[date, date], voc: Vocabulary
) -> Told:
    """What the row says. `one` as its author believes it to be, `filled` its words, `days` as the author has them."""
    text = f"{row['title']} {row.get('description', '')}".casefold()
    place = f"{text} {row.get('places', '')} {row.get('place', '')} {row.get('country', '')} {row.get('city', '')}".casefold()

    def says(word: str) -> bool:
        return bool(word) and word.casefold() in text

    country = voc.countries[one.country]
    city = country.cities[min(one.city, len(country.cities) - 1)]
    in_town = any(name.casefold() in place for names in city.names.values() for name in names)
    in_country = any(name.casefold() in place for names in country.names.values() for name in names)
    when, year = _days(row, filled, days, says)
    return Told(
        days=when,
        year=year,
        audiences=frozenset(one.audiences) if "audiences" in row or says(filled["audience"]) else frozenset(),
        country=one.country if in_town or in_country or says(country.demonym) else "",
        city=f"{one.country}/{one.city}" if in_town else "",
        edition=one.edition or 0 if says(filled["edition"].strip()) else 0,
        **{kind: value for kind, value in (("phase", one.phase or 0), ("module", one.module or 0)) if _counted(kind, value, text)},
    )  # fmt: skip


def apart(x: Told, y: Told) -> bool:
    """Whether both tell something that cannot both be true of one activity: other days, people, places or numbers."""
    if x.days and y.days and not _meet(x.days, y.days, x.year and y.year):
        return True
    if x.audiences and y.audiences and not x.audiences & y.audiences:
        return True
    both = [(getattr(x, name), getattr(y, name)) for name in ("country", "city", "edition", "phase", "module")]
    return any(a and b and a != b for a, b in both)


def _days(
    row: Mapping[str, Any], filled: Mapping[str, str], days: tuple[date, date], says: Any
) -> tuple[tuple[date, date] | None, bool]:
    start = str(row.get("start", ""))
    if len(start) == len("2025-01-01"):
        return (date.fromisoformat(start), days[1] if "end" in row else date.fromisoformat(start)), True
    if says(filled["dates"]):
        return days, str(days[1].year) in filled["dates"]
    if says(filled["day"]):
        return (days[0] - timedelta(days=1), days[1] + timedelta(days=1)), True
    if len(start) == len("2025-01") and "Q" not in start:
        return interval(days[0], days[0], "month"), True
    if says(filled["month"]):
        return interval(days[0], days[0], "month"), str(days[0].year) in filled["month"]
    return (interval(days[0], days[0], "quarter" if "Q" in start else "year"), True) if start else (None, True)


def _meet(x: tuple[date, date], y: tuple[date, date], dated: bool) -> bool:
    (a, b), (c, d) = x, y
    shifts = [0] if dated else [365 * years for years in _YEARS]
    return any(
        a.toordinal() <= d.toordinal() + shift + (shift != 0) and c.toordinal() + shift <= b.toordinal() + (shift != 0)
        for shift in shifts
    )


def _counted(kind: str, number: int, text: str) -> bool:
    return bool(number) and any(form.casefold() in text for form in numbered(kind, number))
