"""A row of cells as what a plan says."""

from typing import Any

import pytest

from infra.lists.postings import Posting, Understood, plan_text, understand
from infra.lists.rows import Row
from services.activities.matching.features import extract


def understood(**cells: Any) -> Understood:
    found = understand(Row(2, {"title": "Course", **cells}), 0, None)
    assert isinstance(found, Understood)
    return found


def test_only_the_title_is_needed() -> None:
    found = understood()
    assert found.notes == found.ignored == ()
    assert extract(plan_text(found.posting)).dates is None
    assert understand(Row(2, {"start": "2026"}), 0, None) == "has no title"
    assert understand(Row(2, {"title": "  "}), 0, None) == "has no title"


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ({"city": "Düsseldorf, Germany"}, {("Düsseldorf", "DEU")}),
        ({"city": "Dallas, TX", "country": "U.S.A."}, {("Dallas", "USA")}),
        ({"city": "Nairobi", "country": "Kenya"}, {("Nairobi", "KEN")}),
        ({"city": "Nairobi"}, {("Nairobi", "")}),
        ({"country": "Lao PDR"}, {("", "LAO")}),
        ({"country": "Kenya; Uganda"}, {("", "KEN"), ("", "UGA")}),
        ({"place": "Gold Coast and Canberra, Australia"}, {("Gold Coast", "AUS"), ("Canberra", "AUS")}),
        ({"place": "Bangkok", "country": "Thailand"}, {("Bangkok", "THA")}),
        ({"place": "Conference centre, Nairobi", "country": "Kenya"}, {("Nairobi", "KEN")}),
        ({"place": "somewhere", "city": "Nairobi", "country": "Kenya"}, {("Nairobi", "KEN")}),
        (
            {"places": [{"city": "Nairobi", "country": "Kenya"}, {"country": "Uganda"}]},
            {("Nairobi", "KEN"), ("", "UGA")},
        ),
        ({"places": ["Nairobi, Kenya", "Dakar, Senegal"]}, {("Nairobi", "KEN"), ("Dakar", "SEN")}),
        ({"places": "Nairobi, Kenya"}, {("Nairobi", "KEN")}),
        ({"places": {"city": "Paris", "country": "FR"}}, {("Paris", "FRA")}),
        ({"places": [{"city": None}, None, 7]}, {("7", "")}),
        ({"city": "Online"}, set()),
    ],
)
def test_places_as_list_as_line_and_flat(cells: dict[str, Any], places: set[tuple[str, str]]) -> None:
    assert set(understood(**cells).posting.places) == places


def test_a_country_that_is_not_one_is_counted_and_not_guessed() -> None:
    found = understood(country="Ruritania")
    assert found.posting.places == (("ruritania", ""),) or all(not country for _, country in found.posting.places)
    assert found.ignored == ("country not understood",)


def test_online_in_a_column_of_cities_says_how() -> None:
    assert understood(city="Online").posting.mode == "online"
    assert understood(mode="En présentiel").posting.mode == "in_person"
    assert understood(mode="Virtual").posting.mode == "online"


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("Procureurs; Juges", ("prosecutors", "judges")),
        ("police, prosecutors", ("investigators", "prosecutors")),
        (["Следователи"], ("investigators",)),
        ("policy_makers", ("policy_makers",)),
        ("25", ()),
    ],
)
def test_audiences_by_code_label_and_word(value: Any, codes: tuple[str, ...]) -> None:
    assert understood(audiences=value).posting.audiences == codes


def test_what_no_vocabulary_knows_is_named() -> None:
    found = understood(audiences="astronauts", themes=["Darknet", "gardening"], mode="by owl")
    assert found.posting.themes == ("darknet",)
    assert found.ignored == ("mode 'by owl'", "audience 'astronauts'", "theme 'gardening'")


def test_a_date_that_is_not_understood_costs_the_date_only() -> None:
    found = understood(start="soon", city="Nairobi")
    assert found.posting.start == ""
    assert found.posting.places == (("Nairobi", ""),)
    assert found.notes == ("'soon' is not understood as a date; matched without a date",)


def test_values_of_any_kind_are_text() -> None:
    found = understood(
        title=2026, reference=7.0, organisation=["UNODC", "INTERPOL"], description=None, start=2026, end={}
    )
    posting = found.posting
    assert (posting.title, posting.reference, posting.organisation) == ("2026", "7", "UNODC; INTERPOL")
    assert posting.when == "2026"


def test_text_that_cannot_be_printed_is_cleaned() -> None:
    posting = understood(title="A\ud800B\x00C").posting
    assert posting.title == "ABC"
    assert Posting.from_json(posting.as_json().encode()) == posting


def test_rows_without_an_organisation_have_no_owner_in_common() -> None:
    one, other = (understand(Row(n, {"title": "Course"}), 0, None) for n in (2, 3))
    assert isinstance(one, Understood)
    assert isinstance(other, Understood)
    assert extract(plan_text(one.posting)).partner != extract(plan_text(other.posting)).partner
    named = [understood(organisation=name).posting for name in ("UNODC", "unodc ")]
    assert len({extract(plan_text(posting)).partner for posting in named}) == 1
