"""The engine, asked for many pairs at once, says what it says of each."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from infra.lists.pairing import Options, Run
from infra.lists.scoring import Explainer, likely
from infra.lists.tables import open_table
from services.activities.matching import engine
from services.activities.matching.features import Features
from services.activities.matching.sieve import Side
from services.activities.matching.weights import LISTS, SHIPPED, TWO_LISTS, among
from tests.unit.infra.lists.test_match import OURS, THEIRS, lines, many


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = lines(tmp_path / "list.jsonl", [*OURS, *THEIRS, *many(20, 9)])
    folder = tmp_path / "shelf"
    folder.mkdir()
    with Run([open_table(path)], Options(processes=1), folder) as read:
        return read


def matches(run: Run) -> dict[tuple[int, int], engine.Match]:
    every = [Features(run.posting(i).plan_id, run.shelf.rows[i].tobytes()) for i in range(len(run.shelf))]
    return {(a, b): engine.compare(every[a], every[b]) for a, b in combinations(range(len(every)), 2)}


@pytest.mark.parametrize("least", [0.0, 0.3, 0.5, 0.95])
def test_no_pair_is_dropped_that_the_engine_would_keep(run: Run, least: float) -> None:
    one_by_one = matches(run)
    a, b = (np.array(side) for side in zip(*one_by_one, strict=True))
    kept, same, series = likely(Side(run.shelf.rows, a), Side(run.shelf.rows, b), least)
    found = {(int(a[i]), int(b[i])): (round(s, 9), round(r, 9)) for i, s, r in zip(kept, same, series, strict=True)}
    expected = {
        pair: (round(one.probability, 9), round(getattr(one, "series", 0.0), 9)) for pair, one in one_by_one.items()
    }
    assert found == {pair: chances for pair, chances in expected.items() if max(chances) >= least}


def test_the_reasons_are_the_engines_own(run: Run) -> None:
    every = [Features(run.posting(i).plan_id, run.shelf.rows[i].tobytes()) for i in range(len(run.shelf))]
    pairs, explainer = list(combinations(range(len(every)), 2)), Explainer(run.shelf)
    for (a, b), told in zip(pairs, explainer.explain(pairs), strict=True):
        match = engine.compare(every[a], every[b], explainer.weights(a, b))
        assert told["contributions"] == [vars(row) for row in match.contributions]
        assert (told["prior"], told["weights_version"]) == (match.prior, match.weights_version)
        assert told["sentence"]


def test_among_few_rows_and_between_two_lists_a_pair_is_likelier_the_same(tmp_path: Path) -> None:
    ours, theirs = (
        lines(tmp_path / name, many(count, 9)) for name, count in (("ours.jsonl", 80), ("theirs.jsonl", 120))
    )
    folder = tmp_path / "shelf"
    folder.mkdir()
    with Run([open_table(ours), open_table(theirs)], Options(processes=1), folder) as read:
        explainer = Explainer(read.shelf)
    (same_list, two_lists), series = explainer.priors(np.array([0, 0]), np.array([1, 80])).tolist()
    start = SHIPPED.prior[0] + LISTS[0]
    assert start + 250 < same_list < start + 330  # log2(1500 / 200) is 2.9 bits
    assert two_lists == same_list + TWO_LISTS[0]
    assert series == [SHIPPED.prior[1] + LISTS[1], SHIPPED.prior[1] + LISTS[1] + TWO_LISTS[1]]
    assert explainer.weights(0, 80).prior == (two_lists, series[1])


def test_a_handful_of_rows_and_a_long_list_keep_the_prior_of_lists() -> None:
    long = among(SHIPPED, 1_500)
    assert (
        long.prior[0] > SHIPPED.prior[0]
    )  # in an ordinary year less is posted twice than in what is laid out to be compared
    assert among(SHIPPED, 100_000) == among(SHIPPED, 100_000, across=True) == long
    assert among(SHIPPED, 6, across=True).prior[0] - long.prior[0] < 35
    priors = [among(SHIPPED, plans).prior[0] for plans in (5, 20, 60, 100, 200)]
    assert priors == sorted(priors)
