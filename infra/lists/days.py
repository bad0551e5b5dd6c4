"""What people write for a date in a list, read as `shared/periods.py` reads it; what is not understood is said, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from shared.periods import Period, PeriodError, parse_period, parse_period_text, unit

Order = Literal["day", "month"]
"""Which number of 03/04/2017 comes first."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ]\d\d?:.*")
_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)(?:[ T]\d\d?:.*)?")
_SERIAL = re.compile(r"(\d{5})(?:\.\d*)?")
# 1990 and 2100 as Excel counts days; a number between them in a column of dates is one that lost its format
_FIRST_SERIAL, _LAST_SERIAL = 32874, 73415
_EXCEL_ZERO = date(1899, 12, 30)
_PRECISIONS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class Read:
    """`period` None: without a date, or not understood, and then `problem` is a sentence."""

    period: Period | None
    problem: str | None = None


def order_of(cells: Iterable[str]) -> tuple[Order | None, str]:
    """How one file writes 03/04/2017, and the cell that shows it: one that can be read in one way only.

    None where no cell shows it, or where two contradict each other.
    """
    shown: dict[Order, str] = {}
    for cell in cells:
        if found := _SLASHED.fullmatch(cell.strip()):
            first, second = int(found[1]), int(found[3])
            if first > 12 >= second:
                shown.setdefault("day", cell.strip())
            elif second > 12 >= first:
                shown.setdefault("month", cell.strip())
        if len(shown) > 1:
            break
    return next(iter(shown.items())) if len(shown) == 1 else (None, "")


def read(start: str, end: str, order: Order | None) -> Read:
    """The period of two cells: ISO forms, `2026-Q2`, Excel's numbers, slashes in the file's order, and lines such as
    "25 - 27 April 2017" in one cell. An end alone is a date too."""
    start, end = start.strip(), end.strip()
    if not start:
        start, end = end, ""
    if not start:
        return Read(None)
    try:
        return Read(parse_period(_plain(start, order), _plain(end, order) or None))
    except PeriodError as error:
        problem = str(error)
    sides: list[Period] = []
    for text in filter(None, (start, end)):
        found = parse_period_text(_plain(text, order))
        if found.period is None:
            return Read(None, _said(text, found.problem or problem))
        sides.append(found.period)
    if sides[-1].end < sides[0].start:
        return Read(None, f"{end!r} is before {start!r}")
    precision = max((side.precision for side in sides), key=_PRECISIONS.index)
    return Read(Period(sides[0].start, sides[-1].end, precision))


def serial(days: float, since_1904: bool = False) -> date:
    """A day as Excel counts it. Raises OverflowError or ValueError outside the calendar."""
    return _EXCEL_ZERO + timedelta(days=int(days) + (1462 if since_1904 else 0))


def written(period: Period | None) -> str:
    """For people: `2017-04-25 to 2017-04-27`, `2017-05`, `2017-Q2`, `2017`, `no date`."""
    if period is None:
        return "no date"
    first, last = _form(period.start, period.precision), _form(period.end, period.precision)
    return first if first == last else f"{first} to {last}"


def _form(day: date, precision: str) -> str:
    match precision:
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
        case "year":
            return str(day.year)
        case "week":
            year, week, _ = unit(day, "week")[0].isocalendar()
            return f"{year}-W{week:02}"
        case _:
            return day.isoformat()


def _plain(text: str, order: Order | None) -> str:
    if found := _STAMP.fullmatch(text):
        return found[1]
    if found := _SERIAL.fullmatch(text):
        return serial(int(found[1])).isoformat() if _FIRST_SERIAL <= int(found[1]) <= _LAST_SERIAL else text
    if found := _SLASHED.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), found[4]
        if first > 12 or first == second:
            day, month = first, second
        elif second > 12:
            day, month = second, first
        elif order or found[2] == ".":  # dots are written where the day comes first
            day, month = (second, first) if order == "month" else (first, second)
        else:
            return text
        return f"{year if len(year) == 4 else '20' + year}-{month:02}-{day:02}"
    return text


def _said(text: str, problem: str) -> str:
    shown = repr(text[:40])
    match problem:
        case "ambiguous":
            return f"{shown} may be two days"
        case "no_year":
            return f"{shown} has no year"
        case "out_of_range":
            return f"{shown} is too far from now"
        case "end_before_start":
            return f"{shown} ends before it starts"
        case _:
            return f"{shown} is not understood as a date"
