"""Groups: one activity, one group, whatever came first; and no heaps."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from services.activities.matching.engine import Match, compare, probability
from services.activities.matching.groups import MAX_PARTNERS, MISSING, group, never_pairs
from services.activities.matching.weights import SHIPPED
from tests.unit.activities.matching_plans import features

_LIKE = compare(features(), features("plan_b", "org_b"))


def edge(a: str, b: str, score: int, in_house: bool = False) -> Match:
    a, b = sorted((a, b))
    return replace(
        _LIKE, a=a, b=b, score=score, probability=probability(score), band=SHIPPED.band(score), in_house=in_house
    )


def plans_of(groups) -> list[tuple[str, ...]]:
    return [one.plans for one in groups]


def test_three_alike_are_one_group_in_every_order():
    edges = [edge("a", "b", 900), edge("b", "c", 700), edge("a", "c", 800)]
    [found] = group("abc", edges)
    assert (found.plans, found.key, found.band) == (("a", "b", "c"), "a", "certain")
    assert not found.in_house


def test_a_chain_does_not_become_a_heap():
    chain = [edge(x, y, 700) for x, y in zip("abcde", "bcdef", strict=True)]
    found = group("abcdef", chain)
    assert max(len(one.plans) for one in found) == 2
    assert all(one.similar for one in found)


def test_a_link_that_most_members_contradict_stays_outside_and_is_shown():
    edges = [edge("a", "b", 900), edge("b", "c", 500)]
    first, second = group("abc", edges)
    assert (first.plans, second.plans) == (("a", "b"), ("c",))
    assert first.similar == second.similar == (edges[1],)


def test_decisions_of_people_hold():
    edges = [edge("a", "b", 900)]
    assert plans_of(group("ab", edges, must_not_link=[("b", "a")])) == [("a",), ("b",)]
    [linked] = group("ab", [], must_link=[("b", "a")])
    assert (linked.plans, linked.band, linked.probability) == (("a", "b"), "certain", 1.0)
    assert plans_of(group("ab", edges, must_link=[("a", "b")], must_not_link=[("a", "b")])) == [("a",), ("b",)]


def test_a_third_plan_does_not_tie_a_session_to_its_conference():
    conference, session = features("plan_a"), features("plan_b", "org_b", part_of="plan_a")
    third = features("plan_c", "org_c")
    edges = [compare(conference, third), compare(session, third)]
    apart = never_pairs([conference, session, third])
    assert apart == {("plan_a", "plan_b")}
    assert all(
        {"plan_a", "plan_b"} - set(one.plans)
        for one in group(["plan_a", "plan_b", "plan_c"], edges, must_not_link=apart)
    )


def test_in_house_postings_join_their_partners_plan_and_alone_concern_nobody_else():
    owners = {"a": "unodc", "b": "unodc", "c": "amlo"}
    edges = [edge("a", "b", 600, in_house=True), edge("a", "c", 900), edge("b", "c", 800)]
    [joint] = group("abc", edges, partners=owners)
    assert (joint.partners, joint.in_house) == (("amlo", "unodc"), False)
    [alone] = group("ab", edges, partners=owners)
    assert alone.in_house


def test_two_postings_of_one_partner_meet_only_if_they_are_alike_themselves():
    owners = {"a": "unodc", "b": "unodc", "c": "amlo"}
    found = group("abc", [edge("a", "c", 2500), edge("b", "c", 2400)], partners=owners)
    assert plans_of(found) == [("a", "c"), ("b",)]


def test_the_band_is_that_of_the_weakest_member():
    [found] = group("abc", [edge("a", "b", 900), edge("b", "c", 300), edge("a", "c", 100)])
    assert (found.band, found.probability) == ("probable", probability(300))


def test_a_group_has_a_limit():
    ids = [f"p{i:02}" for i in range(MAX_PARTNERS + 3)]
    found = group(ids, [edge(a, b, 900) for a in ids for b in ids if a < b])
    assert max(len(one.partners) for one in found) <= MAX_PARTNERS


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), st.integers(0, 1500), max_size=15
    ),
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=2),
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=2),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_groups_depend_on_the_plans_alone(scores, must, must_not, rng: random.Random):
    edges = [edge(a, b, score) for (a, b), score in scores.items() if a < b]
    owners = {plan: "org_1" if plan in "ab" else plan for plan in "abcdefg"}
    expected = group("abcdefg", edges, must, must_not, owners)
    ids = list("abcdefg")
    for shuffled in (ids, edges, must, must_not):
        rng.shuffle(shuffled)
    assert group(ids, edges, must, must_not, owners) == expected
    assert sorted(plan for one in expected for plan in one.plans) == list("abcdefg")
    for one in expected:
        assert not any(a != b and {a, b} <= set(one.plans) for a, b in must_not)


def _said_plainly(ids, scores, apart, linked, owners) -> list[tuple[str, ...]]:
    """The rule as it reads: look at every two clusters, join the best two, begin again."""
    clusters = [(plan,) for plan in sorted(ids)]
    for a, b in sorted(linked - apart):
        left, right = (next(c for c in clusters if plan in c) for plan in (a, b))
        if left != right and not any(tuple(sorted(pair)) in apart for pair in product(left, right)):
            clusters = [*(c for c in clusters if c not in (left, right)), tuple(sorted(left + right))]
    while True:
        offers = []
        for left, right in combinations(sorted(clusters), 2):
            across = [tuple(sorted(pair)) for pair in product(left, right)]
            twice = [pair for pair in across if owners[pair[0]] == owners[pair[1]] and pair not in {*scores, *linked}]
            mean = sum(scores.get(pair, MISSING) for pair in across) / len(across)
            few = len({owners[plan] for plan in left + right}) <= MAX_PARTNERS
            if mean > 0 and few and not twice and not apart & set(across) and any(pair in scores for pair in across):
                offers.append((-mean, left, right))
        if not offers:
            return sorted(clusters)
        _, left, right = min(offers)
        clusters = [*(c for c in clusters if c not in (left, right)), tuple(sorted(left + right))]


PLANS = "abcdefghijklmnop"
PAIRS = st.tuples(st.sampled_from(PLANS), st.sampled_from(PLANS)).filter(lambda pair: pair[0] < pair[1])


@given(
    st.dictionaries(PAIRS, st.integers(-300, 1500), max_size=60),
    st.sets(PAIRS, max_size=4),
    st.sets(PAIRS, max_size=4),
    st.integers(2, 16),
)
@settings(max_examples=300, deadline=None)
def test_the_short_way_to_the_groups_leads_where_the_plain_rule_leads(scores, must, must_not, partners: int):
    owners = {plan: f"org_{index % partners:02}" for index, plan in enumerate(PLANS)}
    edges = [edge(a, b, score) for (a, b), score in scores.items()]
    never = must_not | {one.pair for one in edges if one.never}
    expected = _said_plainly(PLANS, scores, never, must, owners)
    assert plans_of(group(PLANS, edges, must, must_not, owners)) == expected


def test_a_flood_of_near_copies_is_one_group():
    ids = [f"p{i:03}" for i in range(240)]
    [found] = group(ids, [edge(a, b, 900) for a, b in combinations(ids, 2)], partners={plan: plan[-1] for plan in ids})
    assert len(found.partners) == 10
