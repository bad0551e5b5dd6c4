"""A plan's packed row: what it keeps, what it refuses, and that it means the same on every machine and day."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.matching import codes
from services.activities.matching import features as f
from services.activities.matching.table import FeatureTable
from services.activities.matching.words import take_apart
from shared.places import countries_of_region, is_country
from tests.unit.activities.matching_plans import features, text

DAYS = st.dates(date(2016, 1, 1), date(2030, 12, 31))
WORDS = st.sampled_from(
    [
        "Darknet",
        "markets",
        "police",
        "2nd edition",
        "Phase II",
        "cryptomonnaies",
        "Кения",
        "培训",
        "course",
        "17th",
        "\ud800",
        "2026",
    ]
)


@given(
    title=st.lists(WORDS, max_size=30).map(" ".join),
    start=st.none() | DAYS,
    precision=st.sampled_from(f.codes.PRECISIONS),
    venues=st.lists(
        st.tuples(st.none() | st.text(max_size=9), st.none() | st.sampled_from(["KEN", "THA"])), max_size=9
    ),
    regions=st.lists(st.sampled_from(["035", "001", "014"]), max_size=2),
    partners=st.lists(st.text(max_size=4), max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_a_packed_row_comes_back_as_it_was(title, start, precision, venues, regions, partners):
    one = features(
        title=title, start=start, end=start, precision=precision, venues=tuple(venues),
        beneficiary_regions=tuple(regions), partners=tuple(partners),
    )  # fmt: skip
    data = f.pack(one)
    assert data[0] == f.FORMAT
    assert len(data) == f.ROW.itemsize
    assert f.unpack(data, "plan_a") == one
    assert FeatureTable.from_rows([("plan_a", data)]).at(0) == one


def test_a_row_of_another_format_or_of_another_plan_is_refused():
    data = f.pack(features("plan_a"))
    for bad in (bytes([f.FORMAT + 1]) + data[1:], data[:-1], b""):
        with pytest.raises(ValueError, match="format"):
            f.unpack(bad, "plan_a")
        with pytest.raises(ValueError, match="format"):
            FeatureTable.from_rows([("plan_a", bad)])
    with pytest.raises(ValueError, match="another plan"):
        f.unpack(data, "plan_b")
    with pytest.raises(ValueError, match="plan_c: the row of another plan"):
        FeatureTable.from_rows([("plan_a", data), ("plan_c", data)])


def test_another_process_makes_the_same_bytes():
    code = "from tests.unit.activities.matching_plans import features; print(features().packed.hex())"
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
        )
        assert run.stdout.strip() == features().packed.hex(), run.stderr


def test_frozen_bits_hold_every_country_and_leave_room():
    assert set(countries_of_region("001")) <= set(codes.COUNTRIES)
    assert all(is_country(code) for code in codes.COUNTRIES)
    assert len(set(codes.COUNTRIES)) == len(codes.COUNTRIES) <= 64 * codes.COUNTRY_WORDS
    # a row packed in an earlier release must keep its meaning
    assert (codes.COUNTRIES[0], codes.COUNTRIES[124], codes.COUNTRIES[-1]) == ("ABW", "LAO", "XKX")
    assert set(codes.TYPE_CLASS) == set(codes.TYPES)
    assert max(len(codes.THEMES), len(codes.AUDIENCES)) <= 64


def test_the_venue_is_not_the_beneficiary():
    for_the_region = features(venues=((None, "AUS"),), beneficiary_countries=(), beneficiary_regions=("035",))
    assert for_the_region.venue_countries == ("AUS",)
    assert "THA" in for_the_region.beneficiaries
    assert "AUS" not in for_the_region.beneficiaries
    for_nobody_in_particular = features(venues=((None, "AUS"),), beneficiary_countries=())
    assert for_nobody_in_particular.beneficiaries == ("AUS",)


@pytest.mark.parametrize(
    ("precision", "start", "end", "expected"),
    [
        ("day", date(2017, 4, 25), date(2017, 4, 27), (date(2017, 4, 25), date(2017, 4, 27))),
        ("day", date(2017, 4, 25), None, (date(2017, 4, 25), date(2017, 4, 25))),
        ("week", date(2017, 5, 3), date(2017, 5, 5), (date(2017, 5, 1), date(2017, 5, 7))),
        ("month", date(2017, 10, 1), None, (date(2017, 10, 1), date(2017, 10, 31))),
        ("month", date(2016, 2, 1), date(2016, 2, 1), (date(2016, 2, 1), date(2016, 2, 29))),
        ("quarter", date(2017, 5, 20), None, (date(2017, 4, 1), date(2017, 6, 30))),
        ("year", date(2016, 1, 1), date(2017, 1, 1), (date(2016, 1, 1), date(2017, 12, 31))),
        ("week", date.max, None, (date(9999, 12, 27), date.max)),
        ("day", None, None, None),
    ],
)
def test_dates_are_intervals_as_wide_as_their_precision(precision, start, end, expected):
    assert f.interval(start, end, precision) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"start": date(2026, 3, 9), "end": date(2026, 3, 8)},
        {"themes": ("astrology",)},
        {"type": "party"},
        {"venues": ((None, "XXX"),)},
        {"beneficiary_regions": ("999",)},
    ],
)
def test_what_is_not_in_a_vocabulary_is_refused_not_dropped(changes):
    with pytest.raises(ValueError):
        features(**changes)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("17th ASEAN SOMTC Meeting", {"edition": 17}),
        ("Cyber course, 2nd edition", {"edition": 2}),
        ("Third session of the expert group", {"edition": 3}),
        ("Darknet course Phase II", {"phase": 2}),
        ("Formation darknet, phase 2", {"phase": 2}),
        ("Digital forensics – Module 3", {"module": 3}),
        ("Curso darknet, módulo 3 (2026)", {"module": 3, "year": 2026}),
        ("Training for first responders", {}),
    ],
)
def test_numbers_are_pulled_out_of_a_title(title, expected):
    parts = take_apart(title)
    assert {k: v for k in ("edition", "phase", "module", "year") if (v := getattr(parts, k))} == expected
    assert not any(any(c.isdigit() for c in word) for word in parts.words)


def test_places_names_and_audiences_are_pulled_out_of_a_title():
    parts = take_apart(
        "UNODC: Cryptocurrencies investigations in Bangkok for Thai prosecutors (Thailand)",
        ["Bangkok"],
        {"THA": "Thailand"},
        ["UNODC"],
    )
    assert parts.words == ("c:crypto", "c:investigation")
    assert parts.audiences == {"prosecutors"}
    assert take_apart("Atelier: la preuve électronique").words == take_apart("Electronic evidence workshop").words
    assert "pdr" not in take_apart("Cybercrime in Lao PDR", (), {"LAO": "Lao People's Democratic Republic"}).words


def test_an_audience_in_the_title_counts_only_where_the_field_is_empty():
    assert features(title="Course for judges", audiences=()).audiences == ("judges",)
    assert features(title="Course for judges", audiences=("cert",)).audiences == ("cert",)


def test_a_text_of_any_length_makes_a_row_of_one_length_and_says_what_it_cut():
    long = text(
        title=" ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)),
        partners=tuple(map(str, range(50))),
    )
    row = f.extract(long)
    assert len(row.packed) == f.ROW.itemsize
    assert row.row["flags"] & f.CUT
    assert not features().row["flags"] & f.CUT
