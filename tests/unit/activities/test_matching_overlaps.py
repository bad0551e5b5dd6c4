"""Overlaps between different activities."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType

import pytest

from services.activities.matching.overlaps import RULES, Rules, between, checked, overlap
from tests.unit.activities.matching_plans import features

OTHER = {"title": "Ransomware triage", "themes": ("ransomware",)}


def other(**changes):
    return features("plan_b", "org_b", **(OTHER | changes))


def test_the_same_audience_on_the_same_days_collides():
    found = overlap(features(), other())
    assert found is not None
    assert (found.kind, found.days_apart, found.audiences, found.countries) == (
        "audience",
        0,
        ("investigators",),
        ("KEN",),
    )
    assert "9-11 Mar 2026" in found.why
    assert "Kenya" in found.why
    assert found == overlap(other(), features())


@pytest.mark.parametrize(("day", "expected"), [(14, 3), (15, None)])
def test_nearly_means_three_days(day, expected):
    found = overlap(features(), other(start=date(2026, 3, day), end=date(2026, 3, 20)))
    assert (found and found.days_apart) == expected


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 6, 11), "effort"), (date(2026, 6, 12), None)])
def test_effort_reaches_three_months(day, expected):
    found = overlap(features(), other(themes=("darknet",), start=day, end=day, audiences=()))
    assert (found and found.kind) == expected


@pytest.mark.parametrize("kind", ["conference", "meeting", "briefing", "awareness"])
def test_gatherings_and_talks_are_outside_effort(kind):
    later = {"themes": ("darknet",), "start": date(2026, 4, 20), "end": date(2026, 4, 21)}
    assert overlap(features(), other(**later)) is not None
    assert overlap(features(), other(**later, type=kind)) is None


def test_the_stronger_kind_wins():
    found = overlap(features(), other(themes=("darknet",)))
    assert found is not None
    assert (found.kind, found.themes) == ("audience", ("darknet",))


@pytest.mark.parametrize(
    "changes",
    [
        {"partner": "org_a"},
        {"status": "draft"},
        {"status": "cancelled"},
        {"part_of": "plan_a"},
        {"follow_up_of": "plan_a"},
        {"audiences": ("judges",)},
        {"beneficiary_countries": ("UGA",)},
        {"start": None, "end": None},
        {"start": date(2026, 1, 1), "end": None, "precision": "year"},
        {"start": date(2026, 3, 1), "end": None, "precision": "month"},
    ],
)
def test_no_overlap(changes):
    plan = features("plan_b", changes.pop("partner", "org_b"), **(OTHER | changes))
    assert overlap(features(), plan) is None
    assert overlap(plan, features()) is None


def test_one_series_never_collides_with_itself():
    assert overlap(features(series="Cyber week"), other(series="Cyber Weeks")) is None
    assert overlap(features(part_of="plan_x"), other(part_of="plan_x")) is None


def test_only_beneficiaries_count_not_the_venue():
    abroad = {"venues": (("Nairobi", "KEN"),), "beneficiary_countries": (), "beneficiary_regions": ("035",)}
    assert overlap(features(), other(**abroad)) is None
    assert overlap(features(beneficiary_countries=("THA",)), other(**abroad)) is not None


def test_two_activities_have_one_overlap_however_many_postings():
    left = [
        features(),
        features("plan_c", "org_c"),
        features("plan_d", "org_d", start=date(2026, 3, 10), end=date(2026, 3, 10)),
    ]
    right = [other(), features("plan_e", "org_a", **OTHER)]
    found = between(left, right)
    assert found is not None
    assert found == between(list(reversed(left)), right) == between(right, left)
    assert between(left, [other(part_of="plan_c")]) is None
    assert between([features()], [features("plan_e", "org_a", **OTHER)]) is None  # one partner's own affair


def test_severity_grows_with_what_is_shared_and_shrinks_with_distance():
    near, far = (
        overlap(features(), other(themes=("darknet",), audiences=(), start=day, end=day))
        for day in (date(2026, 3, 20), date(2026, 6, 1))
    )
    same_days = overlap(features(), other())
    assert near is not None
    assert far is not None
    assert same_days is not None
    assert 0 < far.severity < near.severity < same_days.severity <= 100
    regional = overlap(features(), other(beneficiary_countries=(), beneficiary_regions=("014",)))
    assert regional is not None
    assert regional.severity < same_days.severity


def test_a_rule_can_be_switched_off():
    off = Rules(MappingProxyType({**RULES.by_kind, "audience": replace(RULES.by_kind["audience"], on=False)}))
    assert overlap(features(), other(), off) is None


def test_checked_says_when_nothing_can_be_told():
    assert checked(features())
    assert checked(features(start=date(2026, 3, 1), end=None, precision="month"))
    assert not checked(features(start=None, end=None))
    assert not checked(features(start=date(2026, 1, 1), end=None, precision="year"))
