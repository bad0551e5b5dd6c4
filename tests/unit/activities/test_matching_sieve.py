"""Letting pairs go early changes nothing about those that stay: the same pairs, the same sums, the same reasons."""

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from services.activities.matching.engine import compare, levels_between, match, score
from services.activities.matching.features import ROW, Features
from services.activities.matching.sieve import One, Side, sift
from services.activities.matching.table import FeatureTable
from services.activities.matching.weights import SHIPPED, Weights
from tests.unit.activities.matching_plans import features

EAGER = replace(SHIPPED, prior=(-200, -50))
"""Weights that keep many pairs."""


def some(count: int, seed: int) -> list[Features]:
    chance = random.Random(seed)
    return [_plan(number, chance) for number in range(count)]


def _plan(number: int, chance: random.Random) -> Features:
    start = date(2026, 3, 9) + timedelta(chance.randint(0, 40))
    dated: dict[str, Any] = {"start": start, "end": start + timedelta(chance.choice((0, 2, 30)))}
    title = " ".join(
        chance.sample(("darknet", "course", "evidence", "for judges", "phase II", "2026", "ransomware"), 3)
    )
    city, country = chance.choice((("Nairobi", "KEN"), ("Lima", "PER"), (None, "KEN")))
    return features(
        f"plan_{number:03}", f"org_{number % 5}", title=title, venues=((city, country),),
        description=chance.choice(("", "A course on ransomware and evidence for judges in Nairobi with UNODC.")),
        names=chance.choice((("UNODC",), ("INTERPOL",))), named=chance.choice(((), ("UNODC",))),
        status=chance.choice(("confirmed", "confirmed", "postponed", "draft")),
        **(dated if chance.random() < 0.9 else {"start": None, "end": None}),
    )  # fmt: skip


@pytest.mark.parametrize("weights", [SHIPPED, EAGER], ids=["shipped", "eager"])
def test_one_plan_against_many_keeps_exactly_what_all_levels_of_all_pairs_would(weights: Weights) -> None:
    plans = some(120, 3)
    table, survivors = FeatureTable.of(plans), 0
    for one in plans[:25]:
        odds = score(np.frombuffer(one.packed, ROW), table.rows, weights).odds
        wanted = [
            compare(one, other, weights)
            for other, worth in zip(plans, odds.tolist(), strict=True)
            if worth >= weights.probable and one.compared and other.compared and other.plan_id != one.plan_id
        ]
        assert match(one, table, weights) == sorted(wanted, key=lambda each: (-each.score, each.a, each.b))
        survivors += len(wanted)
    assert survivors > 5


@pytest.mark.parametrize("bound", [-500, 0, 500])
def test_the_sums_and_levels_of_what_stays_are_those_of_the_whole(bound: int) -> None:
    plans = some(60, 5)
    rows = np.frombuffer(b"".join(one.packed for one in plans), ROW)
    one, other = (each.ravel() for each in np.indices((len(plans), len(plans))))
    whole = score(rows[one], rows[other], EAGER)
    found = sift(Side(rows, one), Side(rows, other), EAGER, lambda unrelated, _, between: unrelated + between >= bound)
    wanted = np.flatnonzero(whole.unrelated + whole.unrelated - whole.series >= bound)
    assert 0 < len(wanted) < len(one)
    assert found.at.tolist() == wanted.tolist()
    assert found.unrelated.tolist() == whole.unrelated[wanted].tolist()
    assert found.series.tolist() == whole.series[wanted].tolist()
    for number in range(0, len(wanted), 97):
        a, b = plans[one[wanted[number]]], plans[other[wanted[number]]]
        assert found.names(number) == levels_between(a, b)


def test_nothing_is_left_where_nothing_can_matter() -> None:
    plans = some(8, 6)
    rows = np.frombuffer(b"".join(one.packed for one in plans), ROW)
    found = sift(One(plans[0].packed, ROW), Side(rows, np.arange(8)), SHIPPED, lambda unrelated, *_: unrelated > 10**7)
    assert len(found.at) == 0
