"""The demo: the source documents' own activities give exactly the alerts that they must give, no more and no less."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from services.activities.matching.candidates import ranges, rows
from services.activities.matching.engine import COVERAGE_TEXT, coverage, match
from services.activities.matching.explain import explain
from services.activities.matching.features import Features, PlanText, extract, pack
from services.activities.matching.groups import Group, group, never_pairs
from services.activities.matching.overlaps import Overlap, between, checked
from services.activities.matching.table import FeatureTable
from tests.unit.activities.matching_plans import demo, demo_text


def alerts(texts: list[PlanText]) -> tuple[list[Group], list[tuple[list[str], list[str], Overlap]]]:
    """All pairs, as the service would come to them one by one."""
    plans = {one.plan_id: extract(one) for one in texts}
    table = FeatureTable.from_rows((plan_id, pack(one)) for plan_id, one in plans.items())
    edges = [edge for one in plans.values() for edge in match(one, table)]
    owners = {one.plan_id: one.partner for one in texts}
    groups = group(plans, edges, must_not_link=never_pairs(list(plans.values())), partners=owners)

    def members(one: Group) -> list[Features]:
        return [plans[plan_id] for plan_id in one.plans]

    overlaps = [
        (list(a.plans), list(b.plans), found)
        for a, b in combinations(groups, 2)
        if (found := between(members(a), members(b))) and found.asked
    ]
    return groups, overlaps


# the registry may or may not know the partners' other names
@pytest.mark.parametrize("terms", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exactly_the_expected_alerts(seed: int, terms: bool):
    expected = demo("expected.json")
    texts = [demo_text(entry, terms) for entry in demo("plans.json")["plans"]]
    random.Random(seed).shuffle(texts)
    groups, overlaps = alerts(texts)

    found = {one.plans: one.band for one in groups if len(one.partners) > 1}
    wanted = {tuple(one["plans"]): one["bands"] for one in expected["duplicates"]}
    assert set(found) == set(wanted)
    for plans, band in found.items():
        assert band in wanted[plans], (plans, band)

    collisions = sorted((one.kind, sorted([a, b])) for a, b, one in overlaps)
    assert collisions == sorted((one["kind"], sorted(one["sides"])) for one in expected["overlaps"])

    silent = {one.plan_id: coverage(extract(one)) for one in texts}
    assert {plan_id: how for plan_id, how in silent.items() if how != "checked"} == expected["not_checked"]
    assert all(
        "not checked" in COVERAGE_TEXT[how] or "only" in COVERAGE_TEXT[how] for how in expected["not_checked"].values()
    )
    assert not any(checked(extract(one)) for one in texts if one.plan_id in expected["not_checked"])


def test_four_are_sure_and_one_is_asked():
    groups, _ = alerts([demo_text(entry) for entry in demo("plans.json")["plans"]])
    bands = sorted(one.band or "" for one in groups if len(one.partners) > 1)
    assert bands.count("probable") == 1
    assert len(bands) == 5


def test_the_in_house_posting_alone_alerts_nobody_else():
    texts = [demo_text(e) for e in demo("plans.json")["plans"] if e["key"] in {"A4-unodc", "A4g-unodc"}]
    [one], overlaps = alerts(texts)
    assert (one.in_house, overlaps) == (True, [])


def test_every_alert_can_be_put_into_a_sentence():
    texts = {one.plan_id: one for one in (demo_text(entry) for entry in demo("plans.json")["plans"])}
    groups, overlaps = alerts(list(texts.values()))
    for one in groups:
        for edge in one.edges:
            said = explain(edge, texts[edge.a], texts[edge.b])
            assert said.sentence.endswith(".")
            assert said.change.startswith("This would")
    a1 = next(one for one in groups if one.key == "A1-unodc")
    [edge] = a1.edges
    assert "same days (25-27 Apr 2017), same city (Colombo)" in explain(edge, texts[edge.a], texts[edge.b]).sentence
    assert any("50 days apart" in one.why for _, _, one in overlaps)


def test_candidates_reach_every_alert_of_the_demo():
    plans = {one["key"]: extract(demo_text(one)) for one in demo("plans.json")["plans"]}
    for one in demo("expected.json")["duplicates"]:
        for a, b in combinations(one["plans"], 2):
            left = rows(plans[b]).rows
            assert any(key == r.key and r.first <= day <= r.last for key, day in left for r in ranges(plans[a]).ranges)


def test_the_file_is_what_it_says():
    file = demo("plans.json")
    seen: set[str] = set()
    for entry in file["plans"]:
        body = entry["body"]
        assert entry["illustrative"] == body["illustrative"] == (entry["source"].get("document") is None)
        assert entry["illustrative"] or entry["posted_by"] == "unodc"  # only UNODC's account is in the texts
        assert {body.get("part_of"), body.get("follow_up_of")} - {None} <= seen, "a reference must be posted before"
        assert entry["key"] not in seen
        seen.add(entry["key"])
    by_key = {entry["key"]: entry["body"] for entry in file["plans"]}
    assert by_key["A3-unodc"]["venues"][0]["city"] == "Vientianne"  # the text's own spelling
    assert by_key["A5-unodc"]["dates_inferred"] == ["year"]
    assert by_key["A2s-unodc"]["beneficiary_regions"] == ["035"]
    # a second posting is another partner's, not a copy
    for first in ("A1", "A3", "A4", "A5", "B1"):
        titles = [body["title"] for key, body in by_key.items() if key.startswith(f"{first}-")]
        assert len(set(titles)) == len(titles) > 1
