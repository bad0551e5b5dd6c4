"""What a plan says, as plain values: all that matching reads. Its dates may be coarser than days."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, kw_only=True)
class PlanText:
    """What a plan says, as plain values. Codes are vocabulary codes, countries alpha-3, regions UN M49.

    `partner`, `partners`, `funders` are organisation ids; `part_of` and `follow_up_of` plan ids; `precision` one of
    day, week, month, quarter, year. `names` are the owner's names and acronyms as written, `named` those of other
    organisations: evidence of their own, so both are dropped from the title. What is not given (type, themes,
    audiences, mode) is read from the title and the description. `sites` are buildings: (name, city, country); `people`
    keys of those who teach or speak, never their names.
    """

    plan_id: str
    version: int
    partner: str
    programme: str | None = None
    type: str | None
    status: str
    title: str
    description: str = ""
    start: date | None = None
    end: date | None = None
    precision: str | None = None
    venues: tuple[tuple[str | None, str | None], ...] = ()
    beneficiary_countries: tuple[str, ...] = ()
    beneficiary_regions: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    level: str | None = None
    mode: str | None = None
    partners: tuple[str, ...] = ()
    funders: tuple[str, ...] = ()
    reference: str | None = None
    part_of: str | None = None
    follow_up_of: str | None = None
    series: str | None = None
    edition: str | None = None
    languages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    sites: tuple[tuple[str, str | None, str | None], ...] = ()
    people: tuple[str, ...] = ()


def interval(start: date | None, end: date | None, precision: str | None) -> tuple[date, date] | None:
    """First and last day that dates of this precision may mean; None without a date. ValueError: end before start."""
    first, last = start or end, end or start
    if first is None or last is None:
        return None
    if last < first:
        raise ValueError("the end is before the start")
    if precision == "week":
        sunday = last.toordinal() + 6 - last.weekday()
        return first - timedelta(days=first.weekday()), date.fromordinal(min(sunday, date.max.toordinal()))
    months = {"month": 1, "quarter": 3, "year": 12}.get(precision or "day")
    if months is None:
        return first, last
    month = (last.month - 1) // months * months + months
    return (
        date(first.year, (first.month - 1) // months * months + 1, 1),
        date(last.year, month, monthrange(last.year, month)[1]),
    )
