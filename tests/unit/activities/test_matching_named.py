"""Organisations: one key for all names of one, other keys for others, and what is no name is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.activities.matching.named import organisation_key, organisations_in
from shared.organisation_names import organisation_names

LINES = Path(__file__).with_name("organisation_names.txt").read_text("utf-8").splitlines()[1:]


def test_all_names_of_an_organisation_give_one_key_and_no_other_organisation_has_it():
    keys = [{organisation_key(name) for name in line.split(" | ")} for line in LINES]
    assert [line for line, found in zip(LINES, keys, strict=True) if len(found) > 1] == []
    assert len(set.union(*keys)) == len(LINES)


def test_every_known_name_gives_its_own_key():
    wrong = {
        name: (organisation_key(name), keys[0])
        for names, keys in organisation_names()
        for name in names
        if organisation_key(name) != keys[0]
    }
    assert not wrong


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("UNODC", "UN"),
        ("Ministry of Justice of Kenya", "Ministry of Justice of Uganda"),
        ("Ministry of Justice of Kenya", "Ministry of Interior of Kenya"),
        ("Georgia Tech", "Georgia"),
        ("National Cyber Directorate", "National Cyber Security Centre"),
        ("Asian Development Bank", "African Development Bank"),
        ("World Bank", "Bank of Ghana"),
        ("University of Leeds", "University of Lagos"),
        ("INTERPOL", "Europol"),
        ("Council of Europe", "European Union"),
        ("Japan", "Norway"),
        ("Japan", "Japan International Cooperation Agency"),
        ("Government of Kenya", "Kenya Country Office"),
    ],
)
def test_different_organisations_have_different_keys(one, other):
    assert organisation_key(one) != organisation_key(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INTERPOL and the World Bank in Lyon", {"interpol", "worldbank"}),
        ("TRAINING ON CYBERCRIME BY UNODC IN KENYA", {"unodc"}),
        ("Course for first responders, first edition", set()),
        ("Learning from FIRST members", {"first"}),
        ("un curso de la UE con el UNODC", {"eu", "unodc"}),
        ("при поддержке УНП ООН и ОБСЕ", {"unodc", "osce"}),
        ("بالتعاون مع الإنتربول", {"interpol"}),
        ("与国际刑警组织合作", {"interpol"}),
        ("GLACY+ course", {"glacy", "coe", "eu"}),
        ("hosted by XYZA, with DNS and MLA exercises, part III", {"xyza"}),
        ("US police learn from us", set()),
        ("CURSO SOBRE LAS PRUEBAS ELECTRONICAS PARA JUECES", set()),  # shouted: not the League of Arab States
        ("Canberra, AU: cybercrime course", set()),  # the code of Australia
        ("AU Federal Police course in Canberra", set()),
        ("Workshop with the AU in Addis Ababa", {"au"}),
        ("African Union course in Canberra", {"au"}),
        ("", set()),
    ],
)
def test_organisations_are_found_in_a_text(text, expected):
    assert organisations_in(text) == expected


NAMES = [name for line in LINES for name in line.split(" | ")]
INVENTED = st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=9), min_size=2, max_size=5).map(" ".join)


@example("aaaaa aaaaaaaaa")
@given(st.sampled_from(NAMES) | INVENTED)
@settings(max_examples=150, deadline=None)
def test_a_key_is_its_own_key(name):
    assert organisation_key(organisation_key(name)) == organisation_key(name) != ""


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_key_and_names_what_it_names(text):
    assert organisation_key(text) == organisation_key(f" {text} ")
    assert organisations_in(text) == organisations_in(f" {text} ")
