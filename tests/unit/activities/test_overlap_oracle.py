"""Overlaps of hundreds of random plans, held against a slow and plain reading of the rules that shares no code with them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from types import MappingProxyType

import pytest

from services.activities.matching import candidates
from services.activities.matching.features import PlanText, extract, interval
from services.activities.matching.overlap_rules import RULES, Rules
from services.activities.matching.overlaps import around, overlap, ranked
from services.activities.matching.table import FeatureTable

CAPACITY = ("training", "workshop", "assessment")
WINDOWS = {"people": 0, "audience": 3, "venue": 0, "funding": 31, "effort": 92}


def plans(seed: int, count: int = 220) -> list[PlanText]:
    """Dense in everything that collides: few countries, funders, venues and trainers, one half year."""
    rng = random.Random(seed)

    def some(of: tuple[str, ...], most: int) -> tuple[str, ...]:
        return tuple(rng.sample(of, rng.randint(0, most)))

    found: list[PlanText] = []
    for number in range(count):
        start = date(2026, 1, 1) + timedelta(days=rng.randrange(150))
        undated = rng.random() < 0.05
        city = rng.choice(("Nairobi", "Mombasa", ""))
        found.append(
            PlanText(
                plan_id=f"plan_{number:03}",
                version=1,
                partner=rng.choice(("org_a", "org_b", "org_c", "org_d")),
                type=rng.choice((*CAPACITY, "conference")),
                status=rng.choice(("confirmed",) * 8 + ("draft", "cancelled")),
                title="Things",
                start=None if undated else start,
                end=None if undated else start + timedelta(days=rng.randrange(5)),
                precision=None if undated else rng.choice(("day",) * 6 + ("week", "month", "quarter", "year")),
                venues=((city or None, "KEN"),),
                beneficiary_countries=some(("KEN", "UGA"), 2),
                beneficiary_regions=("014",) if rng.random() < 0.1 else (),
                audiences=some(("judges", "prosecutors", "investigators"), 2),
                themes=some(("darknet", "fraud", "malware"), 2),
                funders=some(("org_a", "org_f", "org_g"), 1),
                part_of=rng.choice((None,) * 9 + (f"plan_{rng.randrange(count):03}",)),
                series=rng.choice((None,) * 9 + ("Cyber week",)),
                sites=(("Hilton", city, "KEN"),) if city and rng.random() < 0.9 else (),
                people=some(("per_1", "per_2", "per_3", "per_4"), 1) if rng.random() < 0.5 else (),
            )
        )
    return found


def expected(a: PlanText, b: PlanText) -> tuple[str, int, bool] | None:
    """(kind, severity, asked) as the documents say it."""
    one, other = (interval(each.start, each.end, each.precision) for each in (a, b))
    if a.partner == b.partner or not one or not other or {a.status, b.status} & {"draft", "cancelled"}:
        return None
    if "year" in (a.precision, b.precision) or a.plan_id in (b.part_of,) or b.plan_id in (a.part_of,):
        return None
    if (a.part_of and a.part_of == b.part_of) or (a.series and a.series == b.series):
        return None
    apart = max(0, (max(one[0], other[0]) - min(one[1], other[1])).days)
    days = max(0, (min(one[1], other[1]) - max(one[0], other[0])).days + 1)
    countries = set(covered(a)) & set(covered(b))
    audiences, themes = set(a.audiences) & set(b.audiences), set(a.themes) & set(b.themes)
    funders = (set(a.funders) & set(b.funders)) - {a.partner, b.partner}
    people, sites = set(a.people) & set(b.people), set(a.sites) & set(b.sites)
    city = 1 if a.venues[0][0] and a.venues[0][0] == b.venues[0][0] else 0
    region = 15 if a.beneficiary_regions or b.beneficiary_regions else 0
    fine = {a.precision, b.precision} <= {"day", "week"}
    exact = {a.precision, b.precision} == {"day"}
    capacity = a.type in CAPACITY and b.type in CAPACITY
    told: list[tuple[str, int]] = []
    if people and fine and apart == 0:
        told.append(("people", 65 + 5 * min(len(people), 3) + 5 * min(days, 3)))
    if countries and audiences and fine and apart <= 3:
        near = 45 if apart == 0 else 30
        told.append(("audience", near + 5 * len(audiences) + 10 * min(len(themes), 2) + 20 * city - region))
    if sites and exact and apart == 0:
        told.append(("venue", 40 + 5 * min(days, 3) + 5 * min(len(themes), 2) + 5 * bool(audiences)))
    if countries and themes and capacity:
        also = 5 * min(len(themes), 3) + 25 * bool(audiences) + 5 * city - region
        if funders and apart <= 31:
            told.append(("funding", 10 * min(len(funders), 2) + 10 * (31 - apart) // 31 + also))
        if apart <= 92:
            told.append(("effort", 10 + 10 * (92 - apart) // 92 + also))
    graded = [(kind, max(0, min(100, severity))) for kind, severity in told]
    asked = [each for each in graded if each[1] >= 40]
    first = (asked or graded)[:1]  # in the order of the kinds
    return (*first[0], bool(asked)) if first else None


def covered(plan: PlanText) -> Iterator[str]:
    """Kenya and Uganda are in Eastern Africa; without beneficiaries it is for where it takes place."""
    if plan.beneficiary_regions:
        yield from ("KEN", "UGA")
    yield from plan.beneficiary_countries
    if not plan.beneficiary_countries and not plan.beneficiary_regions:
        yield "KEN"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_pair_is_judged_as_the_rules_say(seed: int):
    texts = plans(seed, 150)
    features = [extract(text) for text in texts]
    seen: set[str] = set()
    for mine, one in zip(texts, features, strict=True):
        wanted = {
            other.plan_id: told for other in texts if other.plan_id != mine.plan_id and (told := expected(mine, other))
        }
        found = ranked(
            one, FeatureTable.of(other for other in features if other.plan_id != mine.plan_id), most=len(texts)
        )
        told = {
            (each.b if each.a == mine.plan_id else each.a): (each.kind, each.severity, each.asked) for each in found.top
        }
        assert told == wanted, mine.plan_id
        assert found.total == len(wanted)
        seen |= {kind for kind, _, _ in wanted.values()}
    assert seen == set(RULES.by_kind)


@pytest.mark.parametrize("seed", [4, 5])
def test_the_strongest_twenty_are_listed_and_all_are_counted(seed: int):
    texts = plans(seed)
    features = [extract(text) for text in texts]
    most = 0
    for mine, one in zip(texts, features, strict=True):
        found = ranked(one, FeatureTable.of(features))
        wanted = [(told, other.plan_id) for other in texts if (told := expected(mine, other))]
        wanted.sort(key=lambda each: (not each[0][2], -each[0][1]))
        assert found.total == len(wanted)
        assert [each.severity for each in found.top] == [told[1] for told, _ in wanted[:20]]
        most = max(most, found.total)
    assert most > 40


@pytest.mark.parametrize("seed", [6, 7])
@pytest.mark.parametrize(
    "rules",
    [RULES, Rules(MappingProxyType({kind: replace(rule, window=20) for kind, rule in RULES.by_kind.items()}))],
    ids=["as shipped", "all of twenty days"],
)
def test_whoever_collides_is_among_the_candidates_of_the_other(seed: int, rules: Rules):
    features = [extract(text) for text in plans(seed, 110)]
    left = {one.plan_id: candidates.rows(one).rows for one in features}
    asked: dict[str, dict[int, tuple[int, int]]] = {}
    for one in features:
        ranges = candidates.ranges(one, rules, meeting=True).ranges
        asked[one.plan_id] = {each.key: (each.first, each.last) for each in ranges}
    met = 0
    for a, b in combinations(features, 2):
        if found := overlap(a, b, rules):
            met += 1
            for one, other in ((a.plan_id, b.plan_id), (b.plan_id, a.plan_id)):
                spans = [(asked[one].get(row.key, (1, 0)), row.day) for row in left[other]]
                assert any(first <= day <= last for (first, last), day in spans), found
    assert met > 120


def test_the_side_that_asks_decides_nothing():
    features = [extract(text) for text in plans(8, 60)]
    for a, b in combinations(features, 2):
        assert overlap(a, b) == overlap(b, a)


def test_activities_are_judged_together_as_one_by_one():
    features = [extract(text) for text in plans(9, 120)]
    left = features[:2]
    others = {str(at): features[at : at + 3] for at in range(2, 120, 3)}
    found = around(left, others)
    assert found == {key: one for key, plans in others.items() if (one := around(left, {key: plans}).get(key))}
    assert found
