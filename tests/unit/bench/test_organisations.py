"""The figures that the resolving of names is judged by, on answers whose figures are known."""

import json
from pathlib import Path

from bench.organisations import quality, registry
from bench.organisations.figures import Answer, recall_at, threshold_at
from services.partners.matching import resolving


def test_recall_at_a_precision_is_that_of_the_lowest_threshold_that_keeps_it() -> None:
    answers = (
        [Answer(100 - n, True) for n in range(60)] + [Answer(30, False)] + [Answer(20 - n, True) for n in range(39)]
    )
    assert recall_at(answers).recall == 0.99
    assert threshold_at(answers) == 20 - 38
    answers = [Answer(100, False), *answers]
    assert recall_at(answers).recall == 99 / 101
    answers = [Answer(100, False), *answers]
    assert recall_at(answers).recall == 0.0
    assert threshold_at(answers) == float("inf")


def test_equal_scores_are_answered_together() -> None:
    answers = [Answer(9, True)] * 10 + [Answer(5, True)] * 10 + [Answer(5, False)]
    assert recall_at(answers).recall == 10 / 21


def test_the_interval_is_around_the_figure_and_the_same_each_time() -> None:
    answers = [Answer(n, n % 10 > 0) for n in range(200)]
    found = recall_at(answers, 0.5)
    assert found.low <= found.recall <= found.high
    assert found == recall_at(answers, 0.5)


def test_a_list_is_cut_by_organisation_and_both_halves_are_judged(tmp_path: Path) -> None:
    names = [
        f"{word} Institute of {place}" for word in ("Forensic", "Maritime", "Judicial") for place in ("Sound", "Law")
    ]
    document = {
        "organisations": [{"name": name, "short_name": ""} for name in names],
        "aliases": [[f"The {name} (Ltd)", name] for name in names] + [[name.upper(), name] for name in names],
    }
    (tmp_path / "organisations.json").write_text(json.dumps(document), "utf-8")
    listed = registry.load(tmp_path)
    halves = listed.half(0), listed.half(1)
    assert not {name for _, name in halves[0]} & {name for _, name in halves[1]}
    assert sorted(halves[0] + halves[1]) == sorted(listed.aliases)
    bench = quality.Bench(listed)
    told = bench.ours(listed.aliases, resolving.SHIPPED)
    assert [each.written for each in told if not each.answer.right] == []
    absent = bench.ours(listed.aliases, resolving.SHIPPED, without=True)
    assert not any(each.answer.right for each in absent)
    said: list[str] = []
    quality.report(bench, said.append)
    assert sum("rapidfuzz WRatio" in line for line in said) == 3
