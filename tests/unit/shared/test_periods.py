"""Periods from forms, from the date lines of the source documents, and the distance between two of them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.periods import Period, PeriodError, parse_period, parse_period_text


def days(start: str, end: str, precision: str = "day") -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end), precision)


@pytest.mark.parametrize(
    ("start", "end", "precision", "expected"),
    [
        ("2017-04-25", "2017-04-27", None, days("2017-04-25", "2017-04-27")),
        ("2017-04-25", None, None, days("2017-04-25", "2017-04-25")),
        (" 2017-04-25 ", "", None, days("2017-04-25", "2017-04-25")),
        ("2017-W16", None, None, days("2017-04-17", "2017-04-23", "week")),
        ("2017-w16", "2017-W17", None, days("2017-04-17", "2017-04-30", "week")),
        ("2020-W53", None, None, days("2020-12-28", "2021-01-03", "week")),
        ("2017-05", None, None, days("2017-05-01", "2017-05-31", "month")),
        ("2016-02", None, None, days("2016-02-01", "2016-02-29", "month")),
        ("2017-12", None, None, days("2017-12-01", "2017-12-31", "month")),
        ("2017-Q2", None, None, days("2017-04-01", "2017-06-30", "quarter")),
        ("2017-Q4", "2018-Q1", None, days("2017-10-01", "2018-03-31", "quarter")),
        ("2018", None, None, days("2018-01-01", "2018-12-31", "year")),
        ("1990", "2100", None, days("1990-01-01", "2100-12-31", "year")),
        # The coarser form decides.
        ("2017-04-25", "2017-05", None, days("2017-04-25", "2017-05-31", "month")),
        # A given precision widens: these are the days that a form had to send for "April".
        ("2017-04-01", None, "month", days("2017-04-01", "2017-04-30", "month")),
        ("2017-04-25", "2017-05-02", "month", days("2017-04-01", "2017-05-31", "month")),
        ("2017-04-25", None, "week", days("2017-04-24", "2017-04-30", "week")),
        ("2017-05", None, "quarter", days("2017-04-01", "2017-06-30", "quarter")),
        ("2017-05", None, "year", days("2017-01-01", "2017-12-31", "year")),
        (None, None, None, None),
        ("", " ", "month", None),
    ],
)
def test_iso_forms(start: str | None, end: str | None, precision: str | None, expected: Period | None) -> None:
    assert parse_period(start, end, precision) == expected


@pytest.mark.parametrize(
    ("start", "end", "precision", "field", "code"),
    [
        ("2017-04-27", "2017-04-25", None, "end", "end_before_start"),
        ("2017-05", "2017-04", None, "end", "end_before_start"),
        (None, "2017-04-25", None, "start", "missing"),
        ("25 April 2017", None, None, "start", "not_a_date"),
        ("2017-13", None, None, "start", "not_a_date"),
        ("2017-02-29", None, None, "start", "not_a_date"),
        ("2017-W53", None, None, "start", "not_a_date"),
        ("2017-Q5", None, None, "start", "not_a_date"),
        ("2017-4-5", None, None, "start", "not_a_date"),
        ("٢٠١٧", None, None, "start", "not_a_date"),
        ("2017-04-25T09:00", None, None, "start", "not_a_date"),
        ("2017-04-25", "soon", None, "end", "not_a_date"),
        ("0017-04-25", None, None, "start", "out_of_range"),
        ("1989-12-31", None, None, "start", "out_of_range"),
        ("2017", "2101", None, "end", "out_of_range"),
        ("2017-04", None, "day", "precision", "too_precise"),
        ("2017", None, "decade", "precision", "unknown_precision"),
    ],
)
def test_an_error_names_its_field(
    start: str | None, end: str | None, precision: str | None, field: str, code: str
) -> None:
    with pytest.raises(PeriodError) as raised:
        parse_period(start, end, precision)
    assert (raised.value.field, raised.value.code) == (field, code)
    assert raised.value.detail.endswith(".")


def test_an_error_does_not_repeat_a_long_input() -> None:
    with pytest.raises(PeriodError) as raised:
        parse_period("9" * 10_000)
    assert len(raised.value.detail) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The source documents.
        ("25 – 27 April 2017", days("2017-04-25", "2017-04-27")),
        ("01 – 05 May 2017", days("2017-05-01", "2017-05-05")),
        ("25 – 26 May 2017", days("2017-05-25", "2017-05-26")),
        ("18-20 July 2017.", days("2017-07-18", "2017-07-20")),
        ("10-13 April 2017", days("2017-04-10", "2017-04-13")),
        ("In April 2017", days("2017-04-01", "2017-04-30", "month")),
        ("2018", days("2018-01-01", "2018-12-31", "year")),
        # Across months and years.
        ("30 April - 2 May 2017", days("2017-04-30", "2017-05-02")),
        ("28 December 2017 - 3 January 2018", days("2017-12-28", "2018-01-03")),
        ("April - May 2017", days("2017-04-01", "2017-05-31", "month")),
        ("2016-2017", days("2016-01-01", "2017-12-31", "year")),
        # Orders and separators.
        ("April 25-27, 2017", days("2017-04-25", "2017-04-27")),
        ("Apr. 25, 2017 to Apr 27, 2017", days("2017-04-25", "2017-04-27")),
        ("25th–27th of April 2017", days("2017-04-25", "2017-04-27")),
        ("25 and 26 April 2017", days("2017-04-25", "2017-04-26")),
        ("Monday 24 April 2017", days("2017-04-24", "2017-04-24")),
        ("25.04.2017 - 27.04.2017", days("2017-04-25", "2017-04-27")),
        ("25-27.04.2017", days("2017-04-25", "2017-04-27")),
        ("25/04/2017", days("2017-04-25", "2017-04-25")),
        ("04/25/2017", days("2017-04-25", "2017-04-25")),
        ("2017-04-25 to 2017-04-27", days("2017-04-25", "2017-04-27")),
        ("Q2 2017", days("2017-04-01", "2017-06-30", "quarter")),
        ("second quarter of 2017", days("2017-04-01", "2017-06-30", "quarter")),
        # Five other languages.
        ("du 25 au 27 avril 2017", days("2017-04-25", "2017-04-27")),
        ("1er - 2 août 2017", days("2017-08-01", "2017-08-02")),
        ("1er trimestre 2018", days("2018-01-01", "2018-03-31", "quarter")),
        ("del 25 al 27 de abril de 2017", days("2017-04-25", "2017-04-27")),
        ("enero de 2018", days("2018-01-01", "2018-01-31", "month")),
        ("с 25 по 27 апреля 2017 года", days("2017-04-25", "2017-04-27")),
        ("1-2 мая 2017 г.", days("2017-05-01", "2017-05-02")),
        ("25 - 27 نيسان/أبريل 2017", days("2017-04-25", "2017-04-27")),
        ("٢٥ إلى ٢٧ أبريل ٢٠١٧", days("2017-04-25", "2017-04-27")),
        ("25 كانون الثاني 2017", days("2017-01-25", "2017-01-25")),
        ("2017年4月28日至5月2日", days("2017-04-28", "2017-05-02")),
        ("2017年4月25-27日", days("2017-04-25", "2017-04-27")),
        ("2017年第二季度", days("2017-04-01", "2017-06-30", "quarter")),
    ],
)
def test_date_lines(text: str, expected: Period) -> None:
    read = parse_period_text(text, year_hint=2011)  # a hint that would show
    assert (read.period, read.inferred, read.problem) == (expected, frozenset(), None)
    assert read.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18 - 20 July", days("2017-07-18", "2017-07-20")),
        ("06 - 12 August", days("2017-08-06", "2017-08-12")),
        ("May", days("2017-05-01", "2017-05-31", "month")),
        ("28 December - 3 January", days("2017-12-28", "2018-01-03")),
    ],
)
def test_a_line_without_a_year_takes_the_hint_and_says_so(text: str, expected: Period) -> None:
    read = parse_period_text(text, year_hint=2017)
    assert (read.period, read.inferred) == (expected, frozenset({"year"}))
    bare = parse_period_text(text)
    assert (bare.period, bare.inferred, bare.problem) == (None, frozenset(), "no_year")


def test_a_range_over_new_year_with_one_year_given_is_marked() -> None:
    read = parse_period_text("28 December - 3 January 2018")
    assert (read.period, read.inferred) == (days("2017-12-28", "2018-01-03"), frozenset({"year"}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Throughout the biennium", "not_understood"),
        ("A full training session may be delivered in 2018", "not_understood"),
        ("18 - 20 July, Bangkok", "not_understood"),
        ("25 and 28 April 2017", "not_understood"),
        ("25 - May 2017", "not_understood"),
        ("25 2017", "not_understood"),
        ("25-27 April 17", "not_understood"),
        ("", "not_understood"),
        ("03/04/2017", "ambiguous"),
        ("31 April 2017", "not_a_date"),
        ("27 - 25 April 2017", "end_before_start"),
        ("27 June - 25 May 2017", "end_before_start"),
        ("5 May 1812", "out_of_range"),
    ],
)
def test_what_is_not_understood_is_flagged(text: str, problem: str) -> None:
    read = parse_period_text(text, year_hint=2017)
    assert (read.period, read.inferred, read.problem, read.text) == (None, frozenset(), problem, text)


@given(st.text(alphabet="0123456789 -–/.,年月日апрел May\x00\ud800½²٣", max_size=24))
def test_any_line_gives_a_period_or_a_problem(text: str) -> None:
    read = parse_period_text(text, 2017)
    assert (read.period is None) != (read.problem is None)
    assert read.period is None or read.period.start <= read.period.end


PERIODS = st.tuples(st.integers(0, 400), st.integers(0, 40)).map(
    lambda pair: Period(date.fromordinal(736_000 + pair[0]), date.fromordinal(736_000 + pair[0] + pair[1]), "day")
)
