"""The figures that matching is judged by must be right themselves."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.matching import baselines, quality, search, year
from bench.matching.figures import best_threshold, bins, calibration_error, judged
from bench.matching.generator import YEAR, generate
from bench.matching.marginals import simple


def test_precision_recall_and_f1_of_known_counts() -> None:
    found, truth = {("a", "b"), ("a", "c"), ("d", "e")}, {("a", "b"), ("a", "c"), ("x", "y"), ("x", "z")}
    figures = judged(found, truth)
    assert (figures.right, figures.wrong, figures.missed) == (2, 1, 2)
    assert figures.precision == pytest.approx(2 / 3)
    assert figures.recall == pytest.approx(1 / 2)
    assert figures.f1 == pytest.approx(4 / 7)
    assert figures.low < figures.f1 < figures.high


def test_the_interval_narrows_with_more_pairs_and_is_the_same_every_time() -> None:
    def of(count: int) -> float:
        truth = {("a", str(i)) for i in range(count)}
        figures = judged({pair for pair in truth if int(pair[1]) % 5}, truth)
        return figures.high - figures.low

    assert of(1000) < of(50)
    assert of(50) == of(50)


def test_calibration_error_is_nothing_for_honest_chances_and_large_for_boasting() -> None:
    chance = np.repeat([0.05, 0.35, 0.95], 100)
    true = np.concatenate([np.arange(100) < 5, np.arange(100) < 35, np.arange(100) < 95])
    assert calibration_error(bins(chance, true)) == pytest.approx(0, abs=1e-9)
    assert calibration_error(bins(np.full(300, 0.99), true)) == pytest.approx(0.99 - 135 / 300)
    assert [one.count for one in bins(chance, true)] == [100, 100, 100]


def test_the_best_threshold_takes_all_pairs_of_one_score_or_none() -> None:
    scores = {("a", "b"): 0.9, ("a", "c"): 0.8, ("a", "d"): 0.8, ("a", "e"): 0.1}
    assert best_threshold(scores, {("a", "b"), ("a", "c")}) == (pytest.approx(4 / 5), 0.8)


def test_simple_rules_read_what_a_careful_importer_reads() -> None:
    one = simple({"title": "X", "start": "2025-03-04", "places": [{"city": "Nairobi, Kenya"}]})
    assert one == simple({"title": "x", "start": "2025-03-04", "city": "Nairobi", "country": "KEN"})
    assert one.country == "KEN"
    other = simple({"title": "quite another", "start": "2025-03-04", "place": "Nairobi, Kenya"})
    assert baselines.RULES["2-of-3 rule (start, city, name)"](one, other)
    assert not baselines.RULES["title token-sort >= 90"](one, other)


def test_a_perfect_engine_has_f1_one_and_a_mistake_is_printed_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = generate(7, 300)
    labels = quality.labels_of(corpus)
    scores = quality.scored(corpus.rows)
    perfect = quality.Scored(
        scores.rows,
        scores.features,
        scores.pairs,
        np.array([float(p in labels.same) for p in scores.pairs]),
        scores.series,
    )
    said: list[str] = []
    quality.report(perfect, labels, said.append, peers=False)
    assert "F1 1.000" in said[0]
    assert not list(quality.wrong_pairs(perfect, labels))
    lost = sorted(labels.same)[0]
    worse = quality.Scored(
        scores.rows,
        scores.features,
        scores.pairs,
        np.where([p == lost for p in scores.pairs], 0.0, perfect.same),
        scores.series,
    )
    lines = list(quality.wrong_pairs(worse, labels))
    assert lines[0].startswith(f"MISSED {lost[0]} {lost[1]}")
    assert str(scores.rows[lost[0]]["title"])[:20] in lines[1]


def test_pairs_of_one_organisation_are_not_judged() -> None:
    corpus = generate(7, 300)
    scores = quality.scored(corpus.rows)
    owners = {posting.reference: posting.organisation for posting in corpus.postings}
    assert all(owners[a] != owners[b] for a, b in scores.pairs)


def test_alerts_of_a_year_count_each_group_once() -> None:
    corpus = generate(7, 300, YEAR)
    scores = quality.scored(corpus.rows)
    a, b, c = sorted(scores.rows)[:3]
    one = quality.Scored(
        scores.rows, scores.features, [(a, b), (b, c), (a, c)], np.array([0.99, 0.97, 0.2]), np.zeros(3)
    )
    found = year.alerts(one)
    assert [groups for kind, groups in found.items() if kind.startswith("duplicate")] == [[(a, b, c)]]


def test_a_labelled_list_is_read_with_its_undecided_pairs_left_out(tmp_path: Path) -> None:
    rows = [
        {"organisation": f"List {side}", "reference": f"{side}{i}", "title": f"Meeting {i}", "start": "2025-03-04", "country": "Kenya"}
        for side in "ab"
        for i in range(3)
    ]  # fmt: skip
    (tmp_path / "plans.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "truth.json").write_text(json.dumps({"gold": [["b1", "a1"]], "unknown": [["a2", "b2"]]}))
    read, labels = quality.labelled_list(tmp_path)
    assert len(read) == 6
    assert labels.same == {("a1", "b1")}
    assert labels.left_out == {("a2", "b2")}
    (tmp_path / "read.json").write_text(json.dumps({"same": [["b0", "a0"]], "not": [["a1", "b1"]]}))
    assert quality.read_by_hand(labels, tmp_path / "read.json").same == {("a0", "b0")}


def test_a_search_of_everything_loses_no_pair_and_a_bounded_one_says_what_it_cut() -> None:
    corpus = generate(7, 300)
    wanted = quality.labels_of(corpus).same
    everything = search.of_lists(corpus.rows, wanted, in_full=10_000)
    assert everything.found == everything.wanted == len(wanted)
    assert everything.per_row == pytest.approx((len(corpus.rows) - 1) / 2)
    bounded = search.of_lists(corpus.rows, wanted)
    assert bounded.per_row < everything.per_row
    assert bounded.found >= 0.7 * bounded.wanted
