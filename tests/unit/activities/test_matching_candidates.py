"""Candidates: what one plan asks for holds every plan that matters to it, whichever of the two was posted first."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.matching import candidates
from services.activities.matching.engine import match
from services.activities.matching.features import Features
from services.activities.matching.overlaps import RULES, overlap
from services.activities.matching.table import FeatureTable
from tests.unit.activities.matching_plans import features

START = date(2026, 3, 9)


def finds(asking: Features, stored: Features) -> bool:
    """What the caller's three queries would do."""
    rows, keys = candidates.rows(stored), candidates.keys(asking)
    return (
        any(r.country == k.country and k.first <= r.day <= k.last for r in rows.countries for k in keys.countries)
        or any(
            (r.country, r.theme) == (k.country, k.theme) and k.first <= r.day <= k.last
            for r in rows.themes
            for k in keys.themes
        )
        or any(r.word == k.word and k.first <= r.month <= k.last for r in rows.words for k in keys.words)
    )


@given(
    shift=st.integers(-500, 500),
    length=st.integers(0, 400),
    precision=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    venue=st.sampled_from([(("Nairobi", "KEN"),), (("Kampala", "UGA"),), ()]),
    benefit=st.sampled_from([("KEN",), ("UGA",), ()]),
    kind=st.sampled_from(["training", "conference"]),
)
@settings(max_examples=300, deadline=None)
def test_every_match_and_overlap_is_among_the_candidates_of_both_sides(shift, length, precision, venue, benefit, kind):
    start = START + timedelta(shift)
    other = features(
        "plan_b", "org_b", start=start, end=start + timedelta(length), precision=precision,
        venues=venue, beneficiary_countries=benefit, type=kind,
    )  # fmt: skip
    if match(features(), FeatureTable.of([other])) or overlap(features(), other):
        assert finds(features(), other)
        assert finds(other, features())


@given(gap=st.integers(0, candidates.DUPLICATE_DAYS), length=st.integers(0, 700), before=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_plan_within_45_days_in_the_country_is_always_found_however_long_it_runs(gap, length, before):
    start = START - timedelta(gap + length) if before else date(2026, 3, 11) + timedelta(gap)
    end = start + timedelta(length)
    other = features("plan_b", "org_b", title="Something else", themes=(), start=start, end=end)
    assert finds(features(), other)
    assert finds(other, features())


def test_a_country_elsewhere_and_a_season_elsewhere_are_not_read():
    assert not finds(
        features(), features("plan_b", title="X", beneficiary_countries=("PER",), venues=(("Lima", "PER"),))
    )
    assert not finds(features(), features("plan_b", title="X", start=date(2026, 8, 1), end=date(2026, 8, 2)))


def test_without_a_date_or_as_a_draft_a_plan_leaves_and_asks_nothing():
    for silent in (features(start=None, end=None), features(status="draft"), features(status="cancelled")):
        assert candidates.rows(silent) == candidates.Rows((), (), (), False)
        assert candidates.keys(silent) == candidates.Keys((), (), (), False)


def test_the_world_for_years_is_cut_and_says_so():
    world = features(beneficiary_regions=("001",), start=date(2026, 1, 1), end=date(2029, 1, 1), precision="year")
    rows = candidates.rows(world)
    assert rows.capped
    assert len(rows.countries) == candidates.MAX_ROWS_OF_A_PLAN
    assert not candidates.rows(features()).capped


def test_choosing_keeps_the_nearest_and_says_when_it_cut():
    rows = [(START + timedelta(days), f"plan_{days}") for days in range(10)]
    chosen = candidates.choose(reversed(rows), START, 3)
    assert (chosen.plan_ids, chosen.capped) == (("plan_0", "plan_1", "plan_2"), True)
    twice = [(START, "plan_x"), (START + timedelta(45), "plan_x")]
    assert candidates.choose(twice, START, 1) == candidates.Chosen(("plan_x",), False)


def test_audience_overlaps_are_found_through_the_country_window():
    assert RULES.by_kind["audience"].window <= candidates.DUPLICATE_DAYS
