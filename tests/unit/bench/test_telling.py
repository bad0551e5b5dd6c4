"""What both postings tell decides whether a pair counts as told apart; the engine's own reading has no say in it."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bench.matching.figures import calibration_error_of_chance
from bench.matching.generator import YEAR, generate
from bench.matching.telling import Told, apart
from bench.matching.year import Happened

MAY = (date(2026, 5, 4), date(2026, 5, 6))
BASE = Told(days=MAY, audiences=frozenset({"judges"}), country="KEN", city="KEN/0", phase=1)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, False),
        ({"days": (date(2026, 5, 11), date(2026, 5, 12))}, True),
        ({"days": (date(2027, 5, 4), date(2027, 5, 6))}, True),
        ({"days": (date(2027, 5, 4), date(2027, 5, 6)), "year": False}, False),
        ({"days": (date(2026, 9, 4), date(2026, 9, 6)), "year": False}, True),
        ({"days": None}, False),
        ({"audiences": frozenset({"prosecutors"})}, True),
        ({"audiences": frozenset({"prosecutors", "judges"})}, False),
        ({"audiences": frozenset()}, False),
        ({"country": "UGA", "city": ""}, True),
        ({"city": "KEN/1"}, True),
        ({"phase": 2}, True),
        ({"phase": 0}, False),
    ],
)
def test_only_what_both_tell_and_contradict_sets_a_pair_apart(changes: dict[str, object], wanted: bool) -> None:
    other = replace(BASE, **changes)  # pyright: ignore[reportArgumentType]
    assert apart(BASE, other) is wanted
    assert apart(other, BASE) is wanted


def test_a_list_has_pairs_of_a_series_of_both_kinds_and_most_are_told_apart() -> None:
    series = [pair for pair in generate(7, 600).pairs if pair.outcome == "series"]
    told = sum(pair.apart for pair in series)
    assert len(series) / 2 < told < len(series)


def test_an_alert_is_right_if_it_was_so() -> None:
    corpus = generate(7, 300, YEAR)
    year = Happened(corpus)
    first, *rest = corpus.postings
    other = next(one for one in rest if one.activity != first.activity)
    assert year.is_so("duplicate, certain", (first.reference, first.reference))
    assert not year.is_so("duplicate, certain", (first.reference, other.reference))


def test_the_error_that_chance_alone_makes_shrinks_with_the_number_of_pairs() -> None:
    few, many = (np.linspace(0.01, 0.99, count) for count in (100, 10_000))
    assert calibration_error_of_chance(many) < calibration_error_of_chance(few)
