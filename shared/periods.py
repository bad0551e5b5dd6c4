"""Periods: what a plan says about its days, from exact dates to "some time in 2018".

A period is a closed interval of days with the precision that its author gave. Machines send ISO forms
(`parse_period`); documents and people write lines (`parse_period_text`, with the words of eight languages from
`shared/period_words.py`).
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from shared.period_words import AmbiguousDate, Token, tokens
from shared.vocabulary import VOCABULARIES

FIRST_YEAR = 1990
LAST_YEAR = 2100
# Longer than any date line; bounds the work that a hostile text can cause.
_LONGEST_LINE = 200

_PRECISIONS = VOCABULARIES["date_precision"]
_FORMS = (
    ("day", re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")),
    ("week", re.compile(r"([0-9]{4})-[Ww]([0-9]{2})")),
    ("month", re.compile(r"([0-9]{4})-([0-9]{2})")),
    ("quarter", re.compile(r"([0-9]{4})-[Qq]([1-4])")),
    ("year", re.compile(r"([0-9]{4})")),
)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end`, both included, never reversed. `precision` is a code of the vocabulary
    `date_precision`; coarser than "day" means: somewhere in here, the days are not known."""

    start: date
    end: date
    precision: str


class PeriodError(ValueError):
    """A date that cannot be used. `field` is "start", "end" or "precision"; `code` is one of `missing`,
    `not_a_date`, `out_of_range`, `end_before_start`, `unknown_precision`, `too_precise`; `detail` is a sentence."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.code = code
        self.detail = detail


def unit(day: date, precision: str) -> tuple[date, date]:
    """The first and the last day of the week (from Monday), month, quarter or year in which the day lies."""
    match precision:
        case "day":
            return day, day
        case "week":
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=6)
        case "month":
            return day.replace(day=1), _last_of_month(day.year, day.month)
        case "quarter":
            month = 3 * ((day.month - 1) // 3) + 1
            return date(day.year, month, 1), _last_of_month(day.year, month + 2)
        case "year":
            return date(day.year, 1, 1), date(day.year, 12, 31)
        case _:
            raise PeriodError("precision", "unknown_precision", _precision_detail(precision))


def _last_of_month(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


def _precision_detail(precision: str) -> str:
    return f"{precision[:40]!r} is not a precision; use one of {', '.join(_PRECISIONS.codes)}."


def in_range(year: int) -> bool:
    return FIRST_YEAR <= year <= LAST_YEAR


def _parse_one(field: str, text: str) -> tuple[date, date, str]:
    text = text.strip()
    for precision, form in _FORMS:
        found = form.fullmatch(text)
        if found is None:
            continue
        year, *rest = (int(number) for number in found.groups())
        if not in_range(year):
            detail = f"the year {year:04} is outside {FIRST_YEAR} to {LAST_YEAR}."
            raise PeriodError(field, "out_of_range", detail)
        try:
            match precision:
                case "day":
                    day = date(year, rest[0], rest[1])
                case "week":
                    day = date.fromisocalendar(year, rest[0], 1)
                case "quarter":
                    day = date(year, 3 * rest[0] - 2, 1)
                case _:
                    day = date(year, rest[0] if rest else 1, 1)
        except ValueError:
            break
        return (*unit(day, precision), precision)
    detail = f"{text[:40]!r} is not a date; write 2017-04-25, 2017-W16, 2017-04, 2017-Q2 or 2017."
    raise PeriodError(field, "not_a_date", detail)


def parse_period(start: str | None, end: str | None = None, precision: str | None = None) -> Period | None:
    """The period that three fields of a form or a file mean; None if there is no date at all.

    `start` and `end` take `2017-04-25`, `2017-W16` (ISO 8601 week), `2017-05`, `2017-Q2` or `2017`, the years 1990
    to 2100. Without `end` the period ends with the unit of `start`. The precision is the coarser one of the two
    forms unless it is given; a given one may only be coarser, and then widens the period to whole units: the first
    of a month, said to be no more precise than "month", is the whole month. Raises `PeriodError`."""
    start = start.strip() if start else None
    end = end.strip() if end else None
    if precision is not None and precision not in _PRECISIONS:
        raise PeriodError("precision", "unknown_precision", _precision_detail(precision))
    if not start:
        if end:
            raise PeriodError("start", "missing", "there is an end but no start.")
        return None
    first, last, form = _parse_one("start", start)
    if end:
        _, last, end_form = _parse_one("end", end)
        form = max(form, end_form, key=_PRECISIONS.bit)
    if last < first:
        raise PeriodError("end", "end_before_start", f"{end} is before the start, {start}.")
    if precision is None:
        return Period(first, last, form)
    if _PRECISIONS.bit(precision) < _PRECISIONS.bit(form):
        detail = f"the dates are only given to the {form}, so the precision cannot be {precision}."
        raise PeriodError("precision", "too_precise", detail)
    return Period(unit(first, precision)[0], unit(last, precision)[1], precision)


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a line of a document says. `period` is None if it was not understood, then `problem` says why:
    `not_understood`, `no_year`, `ambiguous` (03/04/2017), `not_a_date` (31 April), `out_of_range`,
    `end_before_start`. `inferred` names what does not stand in the line ({"year"}): show it as such. `text` is the
    line as given."""

    period: Period | None
    inferred: frozenset[str]
    text: str
    problem: str | None = None


class _Unclear(ValueError):
    """Carries the problem."""


@dataclass(slots=True)
class _Side:
    """One end of a period as written: None where nothing is written."""

    day: int | None = None
    month: int | None = None
    quarter: int | None = None
    year: int | None = None

    def bounds(self) -> tuple[date, date, str]:
        if self.year is None:
            raise _Unclear("no_year")
        if not in_range(self.year):
            raise _Unclear("out_of_range")
        precision = "day" if self.day else "month" if self.month else "quarter" if self.quarter else "year"
        month = self.month or (3 * self.quarter - 2 if self.quarter else 1)
        try:
            return (*unit(date(self.year, month, self.day or 1), precision), precision)
        except ValueError:
            raise _Unclear("not_a_date") from None


_SIDES = frozenset(["D", "DM", "DMY", "MD", "MDY", "DY", "YMD", "YM", "MY", "M", "Y", "Q", "QY", "YQ"])
_FIELDS = {"D": "day", "M": "month", "Q": "quarter", "Y": "year"}
# A range that crosses New Year without saying so is believed up to this length; beyond it is a slip of the pen.
_LONGEST_OVER_NEW_YEAR = 200


def _side(found: list[Token]) -> _Side:
    if "".join(token.kind for token in found) not in _SIDES:
        raise _Unclear("not_understood")
    return _Side(**{_FIELDS[token.kind]: token.value for token in found})


def _complete(left: _Side, right: _Side) -> None:
    """Each end takes from the other what a line says once: "25 - 27 April 2017", "April 25-27, 2017"."""
    if (left.day is None) != (right.day is None) and (left.month is None or right.month is None):
        raise _Unclear("not_understood")  # "25 - May 2017"
    if left.day is not None:
        left.month, right.month = left.month or right.month, right.month or left.month
    if left.month is None and left.quarter is None and (right.month or right.quarter):
        raise _Unclear("not_understood")  # "2017 - May"


def parse_period_text(text: str, year_hint: int | None = None) -> ParsedText:
    """Reads a date line as documents have it: "25 – 27 April 2017", "18 - 20 July", "du 28 avril au 2 mai 2017",
    "2017年4月25日至27日", "Q2 2017", "2018", and the forms of `parse_period`; months in ar, de, en, es, fr, pt, ru, zh. A line without a year takes
    `year_hint` and says so in `inferred`. A line with any other word in it is not understood, never guessed."""
    try:
        if written_for_machines := parse_period(text.strip()):
            return ParsedText(written_for_machines, frozenset(), text)
    except PeriodError:
        pass
    try:
        period, inferred = _read(text, year_hint)
    except AmbiguousDate:
        return ParsedText(None, frozenset(), text, "ambiguous")
    except _Unclear as unclear:
        return ParsedText(None, frozenset(), text, str(unclear))
    return ParsedText(period, frozenset({"year"}) if inferred else frozenset(), text)


def _days_in_a_row(found: list[Token]) -> list[Token]:
    """ "22, 23 and 24 August" is "22 to 24 August"; days that do not follow each other stay as they are."""
    at = next((at for at, token in enumerate(found) if token.kind == "A"), 0)
    first = at
    while first and found[first - 1].kind == "D":
        first -= 1
    days = [token.value for token in found[first:at] + found[at + 1 : at + 2] if token.kind == "D"]
    if at - first < 2 or days != list(range(days[0], days[0] + at - first + 1)):
        return found
    return [*found[: first + 1], Token("R", 0), *found[at + 1 :]]


def _read(text: str, year_hint: int | None) -> tuple[Period, bool]:
    found = _days_in_a_row(tokens(text[:_LONGEST_LINE]) or [])
    separators = [at for at, token in enumerate(found) if token.kind in "RA"]
    if not found or len(separators) > 1:
        raise _Unclear("not_understood")
    if not separators:
        only = _side(found)
        if only.day and not only.month:
            raise _Unclear("not_understood")
        inferred = only.year is None
        only.year = only.year or year_hint
        return Period(*only.bounds()), inferred
    at = separators[0]
    left, right = _side(found[:at]), _side(found[at + 1 :])
    _complete(left, right)
    if left.day and not left.month:
        raise _Unclear("not_understood")
    inferred = left.year is None and right.year is None
    may_cross = left.year is None or right.year is None
    end_is_given = right.year is not None
    left.year, right.year = left.year or right.year or year_hint, right.year or left.year or year_hint
    start, _, start_precision = left.bounds()
    _, end, end_precision = right.bounds()
    if end < start and may_cross and left.month != right.month and left.year and right.year:
        if end_is_given:
            left.year -= 1
        else:
            right.year += 1
        inferred = True
        start, end = left.bounds()[0], right.bounds()[1]
        if (end - start).days > _LONGEST_OVER_NEW_YEAR:
            raise _Unclear("end_before_start")
    if end < start:
        raise _Unclear("end_before_start")
    if found[at].kind == "A" and right.bounds()[0] - left.bounds()[1] != timedelta(days=1):
        raise _Unclear("not_understood")  # "25 and 28 April" are two dates, not four days
    return Period(start, end, max(start_precision, end_precision, key=_PRECISIONS.bit)), inferred
