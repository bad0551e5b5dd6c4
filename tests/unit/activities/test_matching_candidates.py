"""Candidates: what one plan asks for holds every plan that matters to it, whichever of the two was posted first."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
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
    """What the caller's scans would do."""
    left = candidates.rows(stored).rows
    return any(
        key == one.key and one.first <= day <= one.last for key, day in left for one in candidates.ranges(asking).ranges
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


def test_a_draft_or_postponed_or_cancelled_plan_leaves_and_asks_nothing():
    for silent in (features(status=status) for status in ("draft", "postponed", "cancelled")):
        assert candidates.rows(silent) == candidates.Rows((), False)
        assert candidates.ranges(silent) == candidates.Ranges((), False)


@pytest.mark.parametrize("start", [START, date(2019, 1, 1), None])
def test_a_plan_without_a_date_is_found_by_what_else_it_says_whatever_the_days_of_the_other(start):
    undated = features("plan_b", "org_b", start=None, end=None)
    other = features(start=start, end=start)
    assert finds(undated, other)
    assert finds(other, undated)


def test_one_partners_own_reference_finds_its_plan_in_another_year():
    kept: dict[str, Any] = {"title": "X", "reference": "UNODC/2026/17", "venues": (), "beneficiary_countries": ()}
    assert finds(features(**kept), features("plan_b", **kept | {"start": date(2031, 1, 1), "end": date(2031, 1, 2)}))


def test_who_is_named_on_a_plan_is_looked_for_among_posters_and_a_posters_own_other_plans_are_not():
    elsewhere: dict[str, Any] = {"venues": (), "beneficiary_countries": (), "themes": (), "audiences": ()}
    mine = features(title="X", names=("UNODC",), named=("INTERPOL",), **elsewhere)
    theirs = features("plan_b", "org_b", title="Y", names=("INTERPOL",), **elsewhere)
    assert finds(mine, theirs)
    assert finds(theirs, mine)
    assert not finds(mine, features("plan_c", title="Z", names=("UNODC",), **elsewhere))


def test_what_can_overlap_is_a_part_of_what_is_asked():
    every = set(candidates.ranges(features()).ranges)
    meeting = set(candidates.ranges(features(), meeting=True).ranges)
    assert {one.key for one in meeting} == {one.key for one in every if one.meets} != set()
    assert candidates.ranges(features(start=None, end=None), meeting=True).ranges == ()


def test_the_world_for_years_is_cut_and_says_so():
    world = features(beneficiary_regions=("001",), start=date(2026, 1, 1), end=date(2029, 1, 1), precision="year")
    rows = candidates.rows(world)
    assert rows.capped
    assert len(rows.rows) == candidates.MAX_ROWS_OF_A_PLAN
    asked = candidates.ranges(world)
    assert asked.capped
    assert len(asked.ranges) == candidates.MAX_RANGES
    assert not candidates.rows(features()).capped
    assert not candidates.ranges(features()).capped


def test_audience_overlaps_are_found_through_the_country_window():
    assert RULES.by_kind["audience"].window <= candidates.DUPLICATE_DAYS
