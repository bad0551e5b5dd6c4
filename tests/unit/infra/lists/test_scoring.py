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
    one_by_one = matches(run)
    pairs = list(one_by_one)
    for pair, told in zip(pairs, Explainer(run.shelf).explain(pairs), strict=True):
        match = one_by_one[pair]
        assert told["contributions"] == [vars(row) for row in match.contributions]
        assert (told["prior"], told["weights_version"]) == (match.prior, match.weights_version)
        assert told["sentence"]
