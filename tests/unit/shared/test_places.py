"""Lines that name places: the source documents' own, and the traps between "parse it" and "flag it"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.places import (
    Place,
    canonical_city,
    is_country,
    known_countries_of_city,
    split_place,
)
from shared.vocabulary import DATA_FOLDER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The two source documents.
        ("Colombo, Sri Lanka", [("colombo", "LKA")]),
        ("Gold Coast and Canberra, Australia", [("gold coast", "AUS"), ("canberra", "AUS")]),
        ("Vientianne Lao PDR", [("vientiane", "LAO")]),
        ("Bangkok, Thailand", [("bangkok", "THA")]),
        ("Kathmandu, Nepal,", [("kathmandu", "NPL")]),
        ("Anti Money Laundering Office AMLO Building, Bangkok Thailand", [("bangkok", "THA")]),
        ("Vienna", [("vienna", None)]),
        # Other forms.
        ("Düsseldorf, Germany", [("dusseldorf", "DEU")]),
        ("Kenya", [(None, "KEN")]),
        ("Nairobi, Kenya and Kampala, Uganda", [("nairobi", "KEN"), ("kampala", "UGA")]),
        ("Nairobi and Mombasa Kenya", [("nairobi", "KEN"), ("mombasa", "KEN")]),
        ("Accra, Ghana; Lomé, Togo", [("accra", "GHA"), ("lome", "TGO")]),
        ("Suva, Nadi, Fiji", [("suva", "FJI"), ("nadi", "FJI")]),
        ("Kenya, Uganda and Tanzania", [(None, "KEN"), (None, "UGA"), (None, "TZA")]),
        ("Kenya and Kampala, Uganda", [(None, "KEN"), ("kampala", "UGA")]),
        ("Bangkok (Thailand)", [("bangkok", "THA")]),
        ("Bangkok - Thailand", [("bangkok", "THA")]),
        ("Thailand, Bangkok", [("bangkok", "THA")]),
        ("Singapore, Singapore", [("singapore", "SGP")]),
        ("UNODC office, Mombasa, Kenya", [("mombasa", "KEN")]),
        ("New York, NY, USA", [("new york", "USA")]),
        ("Washington, D.C., USA", [("washington", "USA")]),
        ("Бангкок, Таиланд", [("bangkok", "THA")]),
        ("曼谷，泰国", [("bangkok", "THA")]),
        ("عمان، الأردن", [("amman", "JOR")]),
        ("عمّان", [("amman", None)]),
        ("عمّان، الأردن", [("amman", "JOR")]),
        # A region is neither city nor country.
        ("West Africa", [(None, None)]),
        ("ECOWAS region", [(None, None)]),
        ("the Western Balkans", [(None, None)]),
        ("Dakar, West Africa", [("dakar", None)]),
        ("Accra, Ghana; West Africa", [("accra", "GHA"), (None, None)]),
        ("Pristina, Kosovo*", [("pristina", "XKX")]),
        # A country's own "and" is not a separator.
        ("Bosnia and Herzegovina", [(None, "BIH")]),
        ("Port of Spain, Trinidad and Tobago", [("port of spain", "TTO")]),
        ("Sarajevo and Mostar, Bosnia and Herzegovina", [("sarajevo", "BIH"), ("mostar", "BIH")]),
        # Nothing to travel to.
        ("online", [(None, None)]),
        ("Bangkok, Thailand / online", [("bangkok", "THA"), (None, None)]),
        ("", []),
        (" , ,", []),
    ],
)
def test_a_line_of_places(text: str, expected: list[tuple[str | None, str | None]]) -> None:
    assert [(place.city, place.country) for place in split_place(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "Port of Spain",
        "New Mexico",
        "New Jersey",
        "Lake Chad",
        "Bank of Thailand",
        "Wilmington, DE",
        "Atlanta, GA",
        "Atlanta, Georgia",
        "Tripoli, Lybia",
        "Paris, Texas",
        "Seoul, Korea",
        "South-East Asia",
        "to be confirmed",
    ],
)
def test_a_doubtful_country_is_left_open_and_the_text_kept(text: str) -> None:
    (place,) = split_place(text)
    assert place.country is None
    assert place.text == text


def test_the_country_beside_a_line_says_which_of_two_a_word_means() -> None:
    assert split_place("عمان", "JOR") == [Place("amman", "JOR", "عمان")]
    assert split_place("عمان") == [Place(None, "OMN", "عمان")]
    assert split_place("Kenya", "JOR") == [Place(None, "KEN", "Kenya")]


def test_a_city_that_we_know_elsewhere_does_not_take_its_neighbours_country() -> None:
    assert split_place("Vienna and Nairobi, Kenya") == [
        Place("vienna", None, "Vienna"),
        Place("nairobi", "KEN", "Nairobi"),
    ]
    assert split_place("Atlanta, Georgia, USA")[0].country == "USA"
    assert split_place("Tbilisi, Georgia")[0].country == "GEO"


def test_the_text_of_each_place_is_kept_as_written() -> None:
    assert [place.text for place in split_place("Gold Coast and Canberra, Australia")] == ["Gold Coast", "Canberra"]
    assert split_place("Vientianne Lao PDR")[0].text == "Vientianne Lao PDR"


def test_cities_have_one_name() -> None:
    for written, canonical in {
        "Vientianne": "vientiane",
        "Kiev": "kyiv",
        "Київ": "kyiv",
        "Wien": "vienna",
        "Viena": "vienna",
        "维也纳": "vienna",
        "Genève": "geneva",
        "Washington DC": "washington",
        "N'Djaména": "ndjamena",
        "Port-au-Prince": "port au prince",
        "Unheard-of  Town": "unheard of town",
    }.items():
        assert canonical_city(written) == canonical


def test_the_table_of_cities_contradicts_nothing() -> None:
    known: dict[str, dict[str, list[str]]] = json.loads((DATA_FOLDER / "cities.json").read_text("utf-8"))
    claims: dict[str, str] = {}
    for code, cities in known.items():
        assert is_country(code)
        for city, aliases in cities.items():
            assert canonical_city(city) == city
            assert code in known_countries_of_city(city)
            for alias in (city, *aliases):
                assert claims.setdefault(alias.casefold(), city) == city, alias
                assert canonical_city(alias) == city
    assert canonical_city("巴黎") == "paris"
    assert known_countries_of_city("八里") == frozenset()
    assert known_countries_of_city("Kingston") == {"JAM", "NFK"}


@given(st.text(max_size=80))
def test_any_text_is_split_without_an_error(text: str) -> None:
    for place in split_place(text):
        assert place.country is None or is_country(place.country)
        assert place.city != ""


def test_a_hostile_line_is_cut() -> None:
    assert len(split_place("Nairobi, Kenya; " * 10_000)) <= 20
    assert split_place("\x00\ud800") is not None
