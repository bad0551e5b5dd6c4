"""Overlaps between different activities."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from services.activities.matching.overlap_rules import Kind, Rule
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


ELSEWHERE: dict[str, Any] = {
    "audiences": (),
    "themes": ("ransomware",),
    "beneficiary_countries": ("UGA",),
    "venues": (("Kampala", "UGA"),),
}


def test_one_trainer_cannot_be_at_two_places():
    found = overlap(features(people=("per_1", "per_2")), other(**ELSEWHERE, people=("per_2",)))
    assert found is not None
    assert (found.kind, found.level, found.asked) == ("people", "high", True)
    assert found.why == "The same trainer, speaker or mentor at both on the same days (9-11 Mar 2026)."
    later: dict[str, Any] = {"start": date(2026, 3, 12), "end": date(2026, 3, 12)}
    assert overlap(features(people=("per_2",)), other(**ELSEWHERE, **later, people=("per_2",))) is None


def test_one_building_for_two_on_the_same_days():
    here: dict[str, Any] = {"sites": (("UN Office", "Nairobi", "KEN"),)}
    there: dict[str, Any] = {
        **ELSEWHERE,
        "sites": (("the UN Office, Nairobi", "Nairobi", None),),
        "venues": (("Nairobi", "KEN"),),
    }
    found = overlap(features(**here), other(**there))
    assert found is not None
    assert (found.kind, found.asked) == ("venue", True)
    assert found.why == "Same venue in Kenya on the same days (9-11 Mar 2026)."
    for name in ("Conference room 2", "Online", "Hilton"):
        assert overlap(features(**here), other(**(there | {"sites": ((name, "Nairobi", "KEN"),)}))) is None
    rooms: dict[str, Any] = {"sites": (("Conference room 2", "Nairobi", "KEN"),)}
    assert overlap(features(**rooms), other(**(there | rooms))) is None


def test_one_funder_pays_two_for_the_same():
    later: dict[str, Any] = {
        "audiences": (),
        "themes": ("darknet",),
        "start": date(2026, 3, 20),
        "end": date(2026, 3, 21),
    }
    found = overlap(features(funders=("org_f",)), other(**later, funders=("org_f", "org_g")))
    assert found is not None
    assert (found.kind, found.days_apart) == ("funding", 9)
    assert found.why.startswith("One funder pays both for the same theme (darknet) in Kenya 9 days apart")
    # what a partner pays for itself, it knows of
    for owner in ("org_a", "org_b"):
        found = overlap(features(funders=(owner,)), other(**later, funders=(owner,)))
        assert found is not None
        assert found.kind == "effort"


def test_the_same_subject_within_months_is_asked_for_the_same_people_only():
    later: dict[str, Any] = {"themes": ("darknet",), "start": date(2026, 4, 20), "end": date(2026, 4, 21)}
    asked = {who: overlap(features(), other(**later, audiences=who)) for who in (("investigators",), ("judges",), ())}
    assert [(one.kind, one.asked) for one in asked.values() if one] == [
        ("effort", True),
        ("effort", False),
        ("effort", False),
    ]


def test_an_audience_that_was_read_from_words_is_nearby_and_no_alert():
    given = overlap(features(title="Course"), other(audiences=("judges", "investigators")))
    read = overlap(features(title="Course for police", description="", audiences=()), other())
    assert given is not None
    assert read is not None
    assert (given.asked, read.kind, read.asked) == (True, "audience", False)
    assert "as far as the texts tell" in read.why


def test_what_is_asked_comes_before_what_is_not():
    mine = features(title="Course for police", description="", audiences=(), funders=("org_f",))
    found = overlap(mine, other(themes=("darknet", "electronic_evidence"), funders=("org_f",)))
    assert found is not None
    assert (found.kind, found.asked) == ("audience", False)
    rules: dict[Kind, Rule] = {**RULES.by_kind, "funding": replace(RULES.by_kind["funding"], least=20)}
    found = overlap(mine, other(themes=("darknet", "electronic_evidence"), funders=("org_f",)), Rules(rules))
    assert found is not None
    assert (found.kind, found.asked) == ("funding", True)


def test_for_whom_an_activity_is_any_posting_says_that_gives_the_same_days_and_countries():
    mine = features(audiences=("judges",))
    theirs = other(audiences=("investigators",))
    assert overlap(mine, theirs) is None

    def between_with(**said: Any):
        plain: dict[str, Any] = {"start": date(2026, 3, 10), "end": date(2026, 3, 12), "audiences": ("investigators",)}
        return between([mine, features("plan_c", "org_c", **(plain | said))], [theirs])

    found = between_with()
    assert found is not None
    assert (found.a, found.b, found.kind) == ("plan_a", "plan_b", "audience")
    month = between_with(start=date(2026, 3, 1), end=None, precision="month")
    assert month is not None
    assert month.kind == "audience"
    # whoever meets the other two would not come upon this one
    assert between_with(start=None, end=None) is None
    assert between_with(start=date(2026, 5, 20), end=date(2026, 5, 21)) is None
    assert between_with(start=date(2026, 1, 1), end=None, precision="year") is None
    assert between_with(beneficiary_countries=("UGA",), venues=(("Kampala", "UGA"),)) is None
