"""The scorer: sums that add up, the same answer whoever asks first, and the mistakes that cost trust elsewhere."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.matching.engine import compare, coverage, match, score
from services.activities.matching.explain import explain
from services.activities.matching.features import ROW, PlanText, extract
from services.activities.matching.levels import LEVELS
from services.activities.matching.phrases import why
from services.activities.matching.picking import NAMES
from services.activities.matching.table import FeatureTable
from services.activities.matching.weights import SHIPPED
from tests.unit.activities.matching_plans import demo, demo_text, features, text

DAY = st.none() | st.dates(date(2026, 3, 1), date(2026, 5, 31))
SOME = {"max_size": 2, "unique": True}
PLAN = st.builds(
    lambda start, length, **rest: text(start=start, end=start and start + timedelta(length), **rest),
    start=DAY,
    length=st.integers(0, 5),
    partner=st.sampled_from(["org_a", "org_b", "org_c"]),
    title=st.sampled_from(
        ["Darknet course", "Darknet course Phase II", "Cybercrime training for judges", "17th forum", ""]
    ),
    precision=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    status=st.sampled_from(["confirmed", "tentative", "draft", "cancelled"]),
    type=st.sampled_from(["training", "conference", "legislative_support"]),
    venues=st.sampled_from([(("Nairobi", "KEN"),), ((None, "UGA"),), ()]),
    beneficiary_countries=st.sampled_from([("KEN",), ("UGA", "KEN"), ()]),
    audiences=st.lists(st.sampled_from(["investigators", "judges", "cert"]), **SOME).map(tuple),
    themes=st.lists(st.sampled_from(["darknet", "osint"]), **SOME).map(tuple),
    mode=st.sampled_from([None, "online", "in_person"]),
    partners=st.lists(st.sampled_from(["org_a", "org_b"]), **SOME).map(tuple),
    part_of=st.sampled_from([None, "plan_0"]),
    series=st.sampled_from([None, "Forum"]),
    edition=st.sampled_from([None, "1", "2"]),
)
PLANS = st.lists(PLAN, min_size=2, max_size=8).map(
    lambda plans: [replace(p, plan_id=f"plan_{i}") for i, p in enumerate(plans)]
)


@given(PLANS)
@settings(max_examples=150, deadline=None)
def test_the_explanation_adds_up_to_the_probability_and_both_sides_hear_the_same(plans: list[PlanText]):
    rows = [extract(plan) for plan in plans]
    for one, other in pairwise(rows):
        found = compare(one, other)
        unrelated = found.prior[0] + sum(row.weight for row in found.contributions)
        series = found.prior[1] + sum(row.series for row in found.contributions)
        against, of_series = 2 ** (-unrelated / 100), 2 ** (-series / 100)
        assert found.probability == pytest.approx(1 / (1 + against + of_series), rel=1e-12)
        assert found.series == pytest.approx(of_series / (1 + against + of_series), rel=1e-12)
        assert found.probability == pytest.approx(1 / (1 + 2 ** (-found.score / 100)), abs=0.004)
        assert (found.band == "none") == (found.score < 0) == (found.kind != "duplicate")
        assert compare(other, one) == found
        assert found.a < found.b


@given(PLANS, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_table_gives_what_the_pairs_give_in_any_order(plans: list[PlanText], rng: random.Random):
    first, *rest = [extract(plan) for plan in plans]
    expected = sorted(
        (m for other in rest if (m := compare(first, other)).band != "none" and first.matchable and other.matchable),
        key=lambda m: (-m.score, m.pair),
    )
    shuffled = [first, *rest]
    rng.shuffle(shuffled)
    assert match(first, FeatureTable.of(shuffled)) == expected


def test_a_second_posting_by_another_partner_is_found():
    other = features(
        "plan_b", "org_b", title="Darknet and e-evidence: police course, Nairobi", audiences=("investigators", "cert")
    )
    found = match(features(), FeatureTable.of([other]))
    assert [m.pair for m in found] == [("plan_a", "plan_b")]
    assert found[0].band in {"certain", "likely"}
    assert not found[0].in_house


def test_the_most_probable_comes_first_then_the_smaller_id():
    near, far = {"title": "Darknet and open sources"}, {"start": date(2026, 3, 10), "end": date(2026, 3, 13)}
    stored = [
        features("plan_b", "org_b", **near, **far), features("plan_d", "org_b", **near), features("plan_c", "org_c", **near),
        features("plan_e", "org_e"),
    ]  # fmt: skip
    found = match(features(), FeatureTable.of(stored))
    assert [one.b for one in found] == ["plan_e", "plan_c", "plan_d", "plan_b"]


MARCH = date(2026, 3, 9)
NEVER_DUPLICATES = {
    "the next edition": {"start": date(2027, 3, 8), "end": date(2027, 3, 10)},
    "the next edition of a series, same month": {"series": "Darknet", "edition": "2"},
    "phase II": {"title": "Electronic evidence and darknet markets: practical course for police, Phase II"},
    "the same course in the next country": {"venues": (("Kampala", "UGA"),), "beneficiary_countries": ("UGA",)},
    "the same course in the next country a week later": {
        "venues": (("Kampala", "UGA"),), "beneficiary_countries": ("UGA",), "start": date(2026, 3, 16), "end": date(2026, 3, 18),
    },
    "another audience, same town, same week": {
        "title": "Electronic evidence and darknet markets: practical course for judges",
        "audiences": ("judges",), "start": MARCH + timedelta(1), "end": MARCH + timedelta(3),
    },
    "another audience, same town, same days": {
        "title": "Electronic evidence and darknet markets: practical course for judges", "audiences": ("judges",),
    },
    "the conference around it": {
        "title": "East Africa cyber week", "type": "conference", "start": MARCH - timedelta(1), "end": MARCH + timedelta(5),
    },
    "a session inside it, told so": {"part_of": "plan_a"},
    "its follow-up, told so": {"follow_up_of": "plan_a"},
    "other people's event in the same hotel": {
        "title": "Seminar on treaty law", "audiences": ("prosecutors",), "themes": ("legislation",), "description": "",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER_DUPLICATES)
def test_known_mistakes_are_never_duplicates(name: str):
    changes = NEVER_DUPLICATES[name]
    base = {"series": "Darknet", "edition": "1"} if "series" in changes else {}
    if name == "phase II":
        base["title"] = "Electronic evidence and darknet markets: practical course for police, Phase I"
    first = features(**base)
    other = features("plan_b", "org_b", **{**base, **changes})
    assert match(first, FeatureTable.of([other])) == []
    assert match(other, FeatureTable.of([first])) == []
    # the same pair without the difference is found: it is the difference that tells them apart
    assert match(first, FeatureTable.of([features("plan_b", "org_b", **base)]))


def test_a_plan_that_names_no_phase_is_asked_about_not_dropped():
    other = features(
        "plan_b", "org_b", title="Electronic evidence and darknet markets: practical course for police, Phase II"
    )
    assert match(features(), FeatureTable.of([other]))


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_drafts_and_cancelled_plans_match_nothing(status: str):
    other = features("plan_b", "org_b")
    dead = features(status=status)
    assert match(features(), FeatureTable.of([other]))
    assert match(dead, FeatureTable.of([other])) == []
    assert match(other, FeatureTable.of([dead])) == []
    assert coverage(dead) == "not_matched"


def test_a_plan_does_not_match_itself_and_an_empty_table_is_no_error():
    assert match(features(), FeatureTable.of([features(version=2)])) == []
    assert match(features(), FeatureTable.from_rows([])) == []


def test_one_partners_pair_is_in_house_and_says_so():
    other = features("plan_b", programme="GPML")
    [found] = match(features(programme="GPC"), FeatureTable.of([other]))
    assert found.in_house
    row = next(row for row in found.contributions if row.field == "in_house")
    assert (row.weight, "internal" in row.why) == (0, True)
    same_programme = compare(features(programme="GPML"), other)
    assert same_programme.score < found.score


@pytest.mark.parametrize("policy", ["part_of", "follow_up_of", "next_edition"])
def test_a_policy_is_a_row_with_its_own_name(policy: str):
    told = {"series": "S", "edition": "2"} if policy == "next_edition" else {policy: "plan_a"}
    found = compare(features(series="S", edition="1"), features("plan_b", "org_b", **told))
    assert found.never
    assert policy in [row.field for row in found.contributions]


def test_missing_is_no_evidence():
    bare = {
        "start": None,
        "end": None,
        "venues": (),
        "audiences": (),
        "themes": (),
        "level": None,
        "mode": None,
        "languages": (),
    }
    bare |= {"beneficiary_countries": (), "description": ""}
    found = compare(features(), features("plan_b", "org_b", title="Electronic evidence and darknet markets", **bare))
    assert {row.field for row in found.contributions} <= {
        "title",
        "spelling",
        "themes",
        "type",
    }  # the title's own words tell themes


def test_month_against_days_asks_instead_of_telling():
    coarse = features("plan_b", "org_b", start=date(2026, 3, 1), end=None, precision="month")
    days, month = compare(features(), features("plan_b", "org_b")), compare(features(), coarse)
    assert month.score < days.score
    apart = features("plan_b", "org_b", start=date(2026, 6, 1), end=None, precision="month")
    assert compare(features(), apart).band == "none"


def test_the_fingerprint_follows_what_was_compared_not_the_version():
    one, other = features(), features("plan_b", "org_b")
    found = compare(one, other)
    again = compare(features(version=7), other)
    assert (found.versions, again.versions) == ((1, 1), (7, 1))
    assert again.fingerprint == found.fingerprint
    assert compare(features(end=date(2026, 3, 12)), other).fingerprint != found.fingerprint
    assert compare(one, other, replace(SHIPPED, version="other")).fingerprint == found.fingerprint
    assert compare(features(description="More of it.", status="tentative"), other).fingerprint == found.fingerprint


def test_every_level_has_a_weight_and_a_phrase():
    assert set(LEVELS) == set(SHIPPED.fields) == set(NAMES)
    a, b = features(), features("plan_b", "org_b", start=date(2026, 5, 1), end=date(2026, 5, 2), type="meeting")
    for field, levels in SHIPPED.fields.items():
        for level, worth in levels.items():
            if any(worth):
                assert why(field, level, a, b) != f"{field}: {level}"
                assert why(field, level, a, b) == why(field, level, b, a)


def test_coverage_never_calls_an_unchecked_plan_clear():
    assert coverage(features()) == "checked"
    assert coverage(features(start=None, end=None)) == "no_date"
    assert coverage(features(start=date(2018, 1, 1), end=None, precision="year")) == "year_only"


def test_the_sentence_names_what_speaks_for_and_what_against():
    a, b = (
        text(venues=(("Kiev", "UKR"),)),
        text("plan_b", "org_b", venues=(("Kyiv", "UKR"),), title="Hidden services hands-on"),
    )
    said = explain(compare(extract(a), extract(b)), a, b)
    assert "same days (9-11 Mar 2026)" in said.sentence
    assert "same city (Kiev)" in said.sentence
    assert said.sentence.endswith("titles differ.")
    assert explain(compare(extract(a), extract(b))).sentence  # the packed rows alone do as well
    sibling = explain(compare(extract(a), features("plan_b", "org_b")))
    assert sibling.sentence.startswith("Two of one series rather than the same")
    nothing = explain(compare(extract(a), features("plan_b", "org_b", title="Treaty law", themes=("legislation",))))
    assert nothing.sentence.startswith("Not the same")
    assert nothing.change.startswith("This would change if")


def test_a_month_in_a_title_is_evidence_and_not_a_date() -> None:
    said = features(
        "plan_b", "org_b", title="Electronic evidence course, March 2026", start=None, end=None, precision=None
    )
    assert coverage(said) == "no_date"
    row = next(row for row in compare(features(), said).contributions if row.field == "dates")
    assert row.level == "within the month"
    stale = features(
        title="Electronic evidence course, March 2026", start=None, end=None, precision=None, status="postponed"
    )
    assert stale.dates is None


def test_one_against_many_is_what_pair_by_pair_is() -> None:
    """Three shapes of arrays are compared in three ways; the demo's plans have every kind of field."""
    rows = np.concatenate(
        [np.frombuffer(extract(demo_text(entry)).packed, ROW) for entry in demo("plans.json")["plans"]]
    )
    for at in range(len(rows)):
        one = rows[at : at + 1]
        pairwise = score(np.repeat(one, len(rows)), rows)
        for found in (score(one, rows), score(rows, one)):
            assert np.array_equal(found.unrelated, pairwise.unrelated)
            assert np.array_equal(found.series, pairwise.series)
