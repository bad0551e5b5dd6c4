"""Two postings of one training say the same, in whatever of eight languages; what says nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.matching import concepts
from services.activities.matching.language import language_of
from services.activities.matching.words import TitleParts, read_text, take_apart
from shared.vocabulary import LANGUAGES, VOCABULARIES


def said(parts: TitleParts) -> set[str]:
    """All that a title says, in the notation of the table."""
    found = {f"c:{word.removeprefix('c:')}" for word in parts.words}
    for mark, values in (
        ("a:", parts.audiences),
        ("t:", parts.types),
        ("@", parts.countries),
        ("o:", parts.organisations),
    ):
        found |= {mark + value for value in values}
    found |= {f"r{code}" for code in parts.regions} | {f"mo{month}" for month in parts.months}
    numbers = {"e": parts.edition, "p": parts.phase, "m": parts.module, "y": parts.year}
    found |= {f"{mark}{value}" for mark, value in numbers.items() if value}
    return found | {f"{mark}:{value}" for mark, value in (("mode", parts.mode), ("level", parts.level)) if value}


def pairs_in(name: str) -> list[list[str]]:
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.split(" | ")] for line in lines if line and line[0] != "#"]


PAIRS = pairs_in("title_pairs.txt")


@pytest.mark.parametrize(("languages", "left", "right", "expected"), PAIRS, ids=[f"{i}" for i in range(len(PAIRS))])
def test_two_postings_of_one_training_say_the_same(languages, left, right, expected):
    wanted = set(expected.split())
    one, other = take_apart(left), take_apart(right)
    for parts in (one, other):
        kept = {word for word in said(parts) if word[:2] != "t:" or "t:" in expected}
        assert kept == wanted
    assert (one.themes, one.cities) == (other.themes, other.cities)
    for parts, language in zip((one, other), languages.split(), strict=True):
        assert parts.language in (language, None)


def test_titles_that_the_tables_were_not_made_from_are_read_nearly_as_well():
    """Recall of what the titles say, and no country that they do not name."""
    hit = wanted = 0
    for _, left, right, expected in pairs_in("title_pairs_held_out.txt"):
        known = set(expected.split())
        for title in (left, right):
            found = said(take_apart(title))
            hit, wanted = hit + len(found & known), wanted + len(known)
            assert {fact for fact in found if fact[0] == "@"} <= known, title
    assert hit / wanted >= 0.95


def test_the_language_of_a_title_is_mostly_told_and_never_wrong():
    told = [
        language_of(title) == language
        for languages, left, right, _ in PAIRS
        for title, language in zip((left, right), languages.split(), strict=True)
    ]
    assert sum(told) / len(told) >= 0.97


@pytest.mark.parametrize(
    "text", ["", "2026", "INTERPOL", "Ransomware 101", "Семінар для слідчих", "کارگاه آموزشی", "サイバー犯罪研修"]
)
def test_a_text_that_does_not_tell_its_language_has_none(text):
    assert language_of(text) is None


def test_the_labels_of_the_vocabularies_mean_their_codes_in_six_languages():
    fields = {"type": "types", "audience": "audiences", "theme": "themes", "mode": "mode", "level": "level"}
    wrong: list[tuple[str, str]] = []
    for name, where in fields.items():
        for code, labels in VOCABULARIES[name].labels.items():
            for language in LANGUAGES:
                found = getattr(take_apart(labels[language]), where) or ()
                if code not in ([found] if isinstance(found, str) else found):
                    wrong.append((code, labels[language]))
    assert wrong == [("intermediate", "Средний")]  # "средний" alone is any middle: school, course, Asia


def test_countries_are_found_by_name_and_adjective_and_nothing_is_taken_for_one():
    lines = Path(__file__).with_name("country_phrases.txt").read_text("utf-8").splitlines()[1:]
    phrases = [(code, text) for code, *texts in (line.split(" | ") for line in lines) for text in texts]
    assert len(phrases) > 120
    wrong = {
        text: found
        for code, text in phrases
        if ("".join(found := sorted(take_apart(text).countries)) or "NONE") != code
    }
    assert not wrong


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Modules 3 and 4", {}),
        ("Module 3; module 4", {}),
        ("Workshop No. 2", {"edition": 2}),
        ("第三届研讨会", {"edition": 3}),
        ("第十二期培训班", {"edition": 12}),
        ("第二阶段", {"phase": 2}),
        ("模块三", {"module": 3}),
        ("三次会议", {}),
        ("Третий поток", {"phase": 3}),
        ("5-й семинар", {"edition": 5}),
        ("النسخة الرابعة", {"edition": 4}),
        ("الوحدة 3", {"module": 3}),
        ("Cohort 4", {"phase": 4}),
        ("Part II", {"module": 2}),
        ("4ª edición", {"edition": 4}),
        ("2ème session", {"edition": 2}),
        ("Dritter Lehrgang", {"edition": 3}),
        ("Training for first responders in third countries", {}),
        ("Course in five modules", {}),
        ("2025-2026", {}),
        ("LES III", {"phase": 3}),
    ],
)
def test_ordinals_are_read_in_every_script_and_two_of_a_kind_are_none(title, expected):
    parts = take_apart(title)
    assert {k: v for k in ("edition", "phase", "module", "year") if (v := getattr(parts, k))} == expected


def test_what_the_plan_has_in_its_fields_is_no_word_of_the_title():
    parts = take_apart(
        "XYZ Foundation: Darknet course at Ouagadougou-Nord", ["Ouagadougou-Nord"], {}, ["Xyz Foundation"]
    )
    assert parts.words == ("c:darknet",)
    assert parts.cities == {"ouagadougou nord"}
    assert len(parts.organisations) == 1
    assert take_apart("may be held on marches", ()).months == frozenset()


def test_a_mode_in_a_running_text_counts_only_beside_a_form():
    assert read_text("Victims are contacted online or by phone, police say.").mode is None
    assert read_text("An online workshop on crimes.").mode == "online"


CLAUSES = [title for _, left, right, _ in PAIRS for title in (left, right)]


@given(st.lists(st.sampled_from(CLAUSES), min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_clauses_changes_nothing(clauses, random):
    shuffled = list(clauses)
    random.shuffle(shuffled)
    assert said(take_apart("; ".join(clauses))) == said(take_apart("; ".join(shuffled)))


@given(st.text(max_size=200) | st.text("第二期phase IIмодуль ٢ 2ª'()\u0000\ud800", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_read_the_same_again(text):
    parts = take_apart(text, [text[:9]], {"KEN": text[:5]}, [text[:12]])
    assert parts == take_apart(text, [text[:9]], {"KEN": text[:5]}, [text[:12]])
    assert take_apart(text.join("  ")) == take_apart(text)
    assert read_text(text).countries >= frozenset()


@given(st.sampled_from(CLAUSES))
@settings(max_examples=60, deadline=None)
def test_what_was_taken_out_stays_out(title):
    own = [word for word in take_apart(title).words if not word.startswith("c:")]
    assert set(take_apart("; ".join(own)).words) == set(own)


def test_no_phrase_of_the_table_says_two_things_of_one_kind():
    for node in concepts.lexicon().entries():
        for kind in ("country", "type", "level", "mode", "month", "ordinal", "counted"):
            assert len({value for found, value in node.facts or () if found == kind}) < 2, node.facts


def test_work_grows_with_the_length_of_a_text_and_not_faster(monkeypatch):
    from shared import lexicon

    steps = 0
    longest = lexicon._longest

    def counted(tokens, at, root):
        nonlocal steps
        steps += 1
        return longest(tokens, at, root)

    monkeypatch.setattr(lexicon, "_longest", counted)
    text = "Formation des juges sur les preuves électroniques 网络犯罪 "
    read_text(text * 40)
    short, steps = steps, 0
    read_text(text * 160)
    assert steps <= 4 * short + 8


def test_a_compound_and_a_region_with_small_words_say_all_they_hold():
    assert take_apart("Grundlehrgang Cybercrime").types == {"training"}
    assert take_apart("Jueces de América del Sur").regions == {"005"}
    assert "005" not in take_apart("Jueces de América").regions


@pytest.mark.parametrize(
    ("title", "is_osint"),
    [
        ("Open source intelligence for investigators", True),
        ("OSINT course", True),
        ("Investigating open sources: a workshop", True),
        ("Open-source investigations", True),
        ("Open source software for prosecutors' offices", False),
        ("Open Source Days", False),
        ("Securing open source code", False),
    ],
)
def test_open_source_software_is_no_intelligence(title, is_osint):
    assert ("osint" in take_apart(title).themes) == is_osint


def test_the_code_of_the_plans_country_is_no_organisation():
    assert take_apart("Cyber course AU", cities=["Sydney"], countries={"AUS": "Australia"}).organisations == frozenset()
    assert take_apart("Cyber course AU", cities=["Nairobi"], countries={"KEN": "Kenya"}).organisations == {"au"}
