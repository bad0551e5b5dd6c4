"""What stands in a sentence and not in a field: days and towns. It helps to tell pairs apart, and warns of nothing."""

from datetime import date

import pytest

from services.activities.matching.days import told
from services.activities.matching.engine import compare, coverage
from services.activities.matching.overlaps import overlap
from services.activities.matching.towns import towns
from tests.unit.activities.matching_plans import features

DAYS = [
    ("On October 20-23, 2026, Medellín welcomed the participants.", (date(2026, 10, 20), date(2026, 10, 23), "day")),
    ("It took place from 28 February to 2 March 2025 in Accra", (date(2025, 2, 28), date(2025, 3, 2), "day")),
    ("L'événement s'est tenu du 1 au 2 octobre 2026 à Dakar.", (date(2026, 10, 1), date(2026, 10, 2), "day")),
    ("Se celebró del 3 al 5 de mayo de 2026 en Lima", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("Семинар прошел 1–2 октября 2026, Минск.", (date(2026, 10, 1), date(2026, 10, 2), "day")),
    ("عقدت في الرباط خلال الفترة 1-2 أكتوبر 2026.", (date(2026, 10, 1), date(2026, 10, 2), "day")),
    ("2026年10月1日至2日在北京举行。", (date(2026, 10, 1), date(2026, 10, 2), "day")),
    ("Baku, 2026-05-03", (date(2026, 5, 3), date(2026, 5, 3), "day")),
    ("Held in Accra in February 2025, at the ministry", (date(2025, 2, 1), date(2025, 2, 28), "month")),
    ("On 24 – 27 September, Medellín welcomed them", (date(2000, 9, 24), date(2000, 9, 27), "season")),
    ("Vom 3. bis 5. Mai 2026", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("Decorreu de 3 a 5 de maio de 2026, na Praia", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("С 3 по 5 мая 2026 года в Ташкенте", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("в период с 3 по 5 мая 2026 г.", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("entre los días 3 y 5 de mayo de 2026", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("held between 3 and 5 May 2026", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("los días 3, 4 y 5 de mayo de 2026", (date(2026, 5, 3), date(2026, 5, 5), "day")),
    ("Accra, 14 May 2026 – Last week, on 5-8 May 2026, judges", (date(2026, 5, 5), date(2026, 5, 8), "day")),
    ("Accra, 14 May 2026 – On 5-8 May judges met", (date(2026, 5, 5), date(2026, 5, 8), "day")),
    ("Lima, 4 January 2027 – On 14-18 December judges met", (date(2026, 12, 14), date(2026, 12, 18), "day")),
    ("Lima, 4 January 2027 – On 14-18 August judges met", (date(2027, 1, 4), date(2027, 1, 4), "day")),
    ("Apply by 3 May 2026. Held on 5 June 2026, 25 officials came.", (date(2026, 6, 5), date(2026, 6, 5), "day")),
    ("On 5 June 2026 as in March 2025", (date(2026, 6, 5), date(2026, 6, 5), "day")),
]
SILENT = [
    "may be delivered in 2018",
    "on 3 May 2026 and again on 9 June 2026",
    "the project runs from 1 January 2024 to 31 December 2026",
    "Module 2.7.5, 25 participants from 12 countries",
    "bis 5. Mai 2026",
    "с 5 мая 2026 года",
    "before 3 May 2026",
]


@pytest.mark.parametrize(("text", "wanted"), DAYS, ids=[text[:24] for text, _ in DAYS])
def test_days_are_read_from_a_sentence(text: str, wanted: tuple[date, date, str]) -> None:
    assert told(text) == wanted


@pytest.mark.parametrize("text", SILENT, ids=[text[:24] for text in SILENT])
def test_of_two_dates_none_is_guessed_nor_from_what_is_no_day_of_it(text: str) -> None:
    assert told(text) is None


def test_a_year_in_the_title_completes_the_days() -> None:
    assert told("3-5 May, Nairobi", 2026) == (date(2026, 5, 3), date(2026, 5, 5), "day")


def test_days_in_a_sentence_find_the_same_activity_and_tell_the_next_edition_from_it() -> None:
    given = features()
    same = compare(
        given, features("plan_b", "org_b", start=None, end=None, description="Held on 9-11 March 2026 in Nairobi.")
    )
    later = compare(
        given, features("plan_c", "org_b", start=None, end=None, description="Held on 15-17 March 2027 in Nairobi.")
    )
    silent = compare(given, features("plan_d", "org_b", start=None, end=None, description="Held in Nairobi."))
    assert same.probability > silent.probability > later.probability
    assert later.kind != "duplicate"
    assert any(row.why.startswith("dates apart, as far as the texts tell") for row in later.contributions)


def test_days_without_a_year_speak_for_and_against_but_only_ask() -> None:
    given = features()
    same = compare(
        given, features("plan_b", "org_b", start=None, end=None, description="Held on 9-11 March in Nairobi.")
    )
    other = compare(
        given, features("plan_c", "org_b", start=None, end=None, description="Held on 5-7 October in Nairobi.")
    )
    levels = [next(row.level for row in one.contributions if row.field == "dates") for one in (same, other)]
    assert levels == ["days in the text", "other days in the text"]
    assert same.score > other.score
    assert same.band in ("probable", "none")


def test_what_only_a_sentence_dates_is_not_checked_for_overlaps() -> None:
    other = features(
        "plan_b", "org_b", title="Judges' seminar", start=None, end=None, description="On 9-11 March 2026."
    )
    assert other.dates == (date(2026, 3, 9), date(2026, 3, 11))
    assert coverage(other) == "no_date"
    assert overlap(features(), other) is None


def test_the_old_days_of_a_postponed_plan_are_not_read() -> None:
    assert features(status="postponed", start=None, end=None, description="Held on 9-11 March 2026.").dates is None


@pytest.mark.parametrize(
    ("text", "country", "wanted"),
    [
        ("Hilton Hotel", "MUS", ()),
        ("Ministry of Justice", "KEN", ()),
        ("East Africa", None, ()),
        ("ASEAN", None, ()),
        ("Sheraton Bangkok", "THA", ("bangkok",)),
        ("Yaonudé", "CMR", ("yaounde",)),
        ("Ciudad Autónoma de Buenos Aires", None, ("buenos aires",)),
        ("Grand-Bassam", "CIV", ("grand bassam",)),
        ("Centurion", "ZAF", ("centurion",)),
    ],
)
def test_a_house_or_a_region_is_no_town(text: str, country: str | None, wanted: tuple[str, ...]) -> None:
    assert towns(text, country) == wanted


def test_a_house_does_not_contradict_the_town() -> None:
    other = compare(features(), features("plan_b", "org_b", venues=(("Hilton Hotel", "KEN"),)))
    assert not any(row.field == "city" for row in other.contributions)
