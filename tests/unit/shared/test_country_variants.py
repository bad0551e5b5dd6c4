"""Names of countries as people write them in fields: each gives its country, and none a wrong one."""

from __future__ import annotations

from pathlib import Path

from shared.demonyms import country_names, demonyms, region_names
from shared.places import canonical_city, is_country, is_region, resolve_country, split_place


def test_every_variant_gives_its_country_and_what_may_mean_two_gives_none():
    lines = Path(__file__).with_name("country_variants.txt").read_text("utf-8").splitlines()[1:]
    variants = [(code, name) for code, *names in (line.split(" | ") for line in lines) for name in names]
    assert len(variants) > 200
    wrong = {name: found for code, name in variants if str(found := resolve_country(name)) != code}
    assert not wrong


def test_a_country_inside_a_city_field_is_taken_out():
    for text, city, country in (
        ("Düsseldorf, Germany", "dusseldorf", "DEU"),
        ("Vientianne Lao PDR", "vientiane", "LAO"),
        ("Nairobi (Kenya)", "nairobi", "KEN"),
        ("Абиджан, Кот-д'Ивуар", None, "CIV"),
        ("Lima - Perú", "lima", "PER"),
        ("Tbilisi, Géorgie", "tbilisi", "GEO"),
        ("Луганда", None, None),
    ):
        place = split_place(text)[0]
        assert place.country == country, text
        assert city is None or place.city == city, text


def test_the_words_of_running_text_name_countries_and_regions_that_exist():
    assert all(is_country(code) for _, code in (*country_names(), *demonyms()))
    assert all(is_region(code) for _, code in region_names())


def test_a_city_misspelt_by_a_slip_is_put_right_where_its_country_is_known():
    for text, country, city in (
        ("Vientianne", None, "vientiane"),
        ("Vienitane", "LAO", "vientiane"),
        ("Bangkokk", "THA", "bangkok"),
        ("Ouagadugu", "BFA", "ouagadougou"),
        ("Найроби", "KEN", "nairobi"),
        ("Bangkokk", None, "bangkokk"),
        ("Bangkokk", "KEN", "bangkokk"),
        ("Lima", "PER", "lima"),
        ("Limo", "PER", "limo"),
    ):
        assert canonical_city(text, country) == city
