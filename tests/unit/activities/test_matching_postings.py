"""Real postings say little in fields: what is read of place, days and numbers from the rest, and how softly it counts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.activities.matching.engine import compare, coverage, levels_between
from services.activities.matching.features import PlanText, extract
from services.activities.matching.phrases import why
from services.activities.matching.sites import person_key, site_key


def posting(title: str, partner: str = "org_a", **changes: Any) -> PlanText:
    """A title, and hardly anything besides."""
    plain: dict[str, Any] = {"version": 1, "type": None, "status": "confirmed"}
    return PlanText(plan_id=f"plan_{partner}", partner=partner, title=title, **(plain | changes))


def level(field: str, one: PlanText, other: PlanText) -> str:
    a, b = extract(one), extract(other)
    found = levels_between(a, b)[field]
    assert found == levels_between(b, a)[field]
    assert why(field, found, a, b)
    return found


KAMPALA = posting("Judges meet", "org_b", venues=(("Kampala", "UGA"),))


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (posting("Course for judges", venues=(("Кампала", None),)), "in the text"),
        (posting("Course for judges", venues=(("坎帕拉", None),)), "in the text"),
        (posting("Course for judges", description="Kampala, 12 May: the judges ..."), "in the text"),
        (posting("Kampala: course for judges"), "in the text"),
        (posting("Course for judges", names=("Judicial Institute of Uganda",)), "in the text"),
        (posting("Course for judges", names=("Judicial Institute of Portugal",)), "unknown"),  # who trains elsewhere
        (posting("Course for East African judges"), "in the region"),
        (posting("Course in Kenya for East African judges"), "unknown"),
        (posting("Course for Central American judges"), "other in the text"),
        (posting("Course for Kenyan judges"), "other in the text"),
        (posting("Course for judges", venues=(("Georgetown", None),)), "unknown"),  # in which of the countries?
    ],
    ids=str,
)
def test_the_country_is_read_from_whatever_tells_it(one: PlanText, wanted: str) -> None:
    assert level("country", one, KAMPALA) == wanted


def test_a_region_that_both_speak_of_is_evidence_in_two_languages() -> None:
    one = posting("Taller para jueces de Centroamérica")
    assert level("region", one, posting("Workshop", "org_b", description="For Central American judges.")) == "same"
    assert level("region", one, posting("Workshop for West Africa", "org_b")) == "unknown"


@pytest.mark.parametrize(
    ("place", "wanted"),
    [("Kampala", "same"), ("Mombasa", "other"), ("Lake View Lodge", "other in the text")],
)
def test_a_town_that_nobody_knows_contradicts_softly(place: str, wanted: str) -> None:
    assert level("city", posting("Course", venues=((place, None),)), KAMPALA) == wanted


def test_a_town_of_the_description_stands_in_for_the_field() -> None:
    assert level("city", posting("Course", description="Opened in Kampala on Monday"), KAMPALA) == "same"
    assert level("city", posting("Course", description="Opened in Nairobi on Monday"), KAMPALA) == "other in the text"


def days(first: int, last: int | None = None) -> dict[str, Any]:
    return {"start": date(2026, 5, first), "end": date(2026, 5, last or first), "precision": "day"}


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (days(4), "same start"),
        (days(4, 8), "same"),
        (days(6), "touch"),
        (days(8), "a day of it"),
        ({"description": "Accra, 6 May 2026 - Judges were trained."}, "a day of it"),
        ({"description": "Accra, 4 May 2026 - Judges were trained."}, "same start"),
        ({"description": "Accra, 20 May 2026 - Judges were trained."}, "apart in the text"),
    ],
    ids=str,
)
def test_who_gives_one_day_gives_the_first_or_the_day_of_the_report(one: dict[str, Any], wanted: str) -> None:
    assert level("dates", posting("Course", **one), posting("Course", "org_b", **days(4, 8))) == wanted


def test_a_year_in_the_title_dates_it_as_far_as_that_goes_and_warns_of_nothing() -> None:
    one = posting("Octopus week 2026")
    assert level("dates", one, posting("Octopus", "org_b", **days(4, 8))) == "within the year"
    assert (
        level("dates", posting("Octopus week 2019"), posting("Octopus", "org_b", **days(4, 8)))
        == "far apart in the text"
    )
    assert coverage(extract(one)) == "no_date"


@pytest.mark.parametrize(
    ("title", "wanted"),
    [("First regional forum", "unknown"), ("Third regional forum", "one"), ("Regional forum, phase I", "one")],
)
def test_the_first_of_its_kind_needs_no_number_elsewhere(title: str, wanted: str) -> None:
    assert level("ordinal", posting(title), posting("Regional forum", "org_b")) == wanted
    assert level("ordinal", posting("First regional forum"), posting("Second regional forum", "org_b")) == "other"


def test_letters_of_two_languages_need_not_be_alike() -> None:
    one = posting("Семинар для прокуроров по электронным доказательствам")
    assert level("spelling", one, posting("Workshop on electronic evidence for prosecutors", "org_b")) == "unknown"
    assert (
        level("spelling", posting("Workshop for the police on malware"), posting("Crypto seizures by judges", "org_b"))
        == "other"
    )


def test_a_third_that_both_name_adds_to_one_naming_the_other() -> None:
    one = posting("PILON course with INTERPOL", names=("Council of Europe",))
    named = posting("Course for PILON", "org_b", names=("INTERPOL",))
    assert level("named", one, named) == "one and a third"
    assert level("named", one, posting("Course", "org_b", names=("INTERPOL",))) == "one"


def test_what_headlines_say_of_any_event_is_no_likeness() -> None:
    assert level("title", posting("Ghana hosts forum"), posting("Kenya hosts course", "org_b")) == "unknown"
    assert level("title", posting("Clausura del curso"), posting("Inauguración del taller", "org_b")) == "unknown"


def test_undated_postings_with_much_else_are_asked_and_never_told() -> None:
    told = "Under GLACY+, 25 judges of Uganda were trained with INTERPOL in Kampala."
    one = posting("Course on electronic evidence for Ugandan judges", names=("Council of Europe",), description=told)
    two = posting(
        "Kampala: electronic evidence for judges, with the Council of Europe",
        "org_b",
        names=("INTERPOL",),
        **days(4, 8),
    )
    found = compare(extract(one), extract(two))
    assert found.band == "probable"
    assert found.probability > 0.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("钓鱼台国宾馆", "钓鱼台国宾馆会议室3"),
        ("北京长城酒店", "长城饭店"),
        ("гостиница «Узбекистан»", "Отель Узбекистан"),
        ("فندق الميريديان", "الميريديان"),
    ],
)
def test_a_building_has_a_key_in_any_script(one: str, other: str) -> None:
    assert site_key(one, "北京", "CHN") == site_key(other, "北京", "CHN") != 0
    assert site_key(one, "北京", "CHN") != site_key("昆仑饭店", "北京", "CHN") != 0
    assert not any(site_key(name, "北京", "CHN") for name in ("北京国际会议中心", "会议室2", "线上", "北京饭店"))


def test_a_person_has_a_key_in_any_script() -> None:
    assert person_key("张伟") == person_key("张伟 教授") == person_key("Zhang Wei") != ""
    assert person_key("Иванов Иван") == person_key("Ivan Ivanov") != ""
    assert person_key("د. محمد علي") == person_key("علي، محمد") != ""
    assert person_key("教授") == ""
