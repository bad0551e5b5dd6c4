"""The generator is what weights are learned and judged on: it must be the same every time, tell the truth and be hard enough."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from bench.matching.generator import EVENTS, STUDY, YEAR, Corpus, generate
from bench.matching.marginals import BOUNDS, marginals
from bench.matching.training import labelled, plans_of
from bench.matching.vocabulary import LANGUAGES, vocabulary
from shared.countries import is_region, resolve_country
from shared.vocabulary import VOCABULARIES


@cache
def corpus(seed: int = 7, plans: int = 3000) -> Corpus:
    return generate(seed, plans, STUDY)


def test_a_seed_gives_the_same_list_and_another_seed_another() -> None:
    again = generate(7, 400, STUDY)
    assert again.rows == generate(7, 400, STUDY).rows
    assert again.pairs == generate(7, 400, STUDY).pairs
    assert again.rows != generate(8, 400, STUDY).rows


def test_another_process_with_another_hash_seed_gives_the_same_list() -> None:
    code = "from bench.matching.generator import generate; print(generate(7, 150).rows)"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_the_truth_names_postings_of_the_list_and_each_pair_once_in_order() -> None:
    references = [posting.reference for posting in corpus().postings]
    assert len(set(references)) == len(references)
    keys = [(pair.a, pair.b) for pair in corpus().pairs]
    assert len(set(keys)) == len(keys)
    assert all(a < b and {a, b} <= set(references) for a, b in keys)


def test_same_is_one_activity_told_twice_and_nothing_else_is() -> None:
    by = {posting.reference: posting for posting in corpus().postings}
    for pair in corpus().pairs:
        one = by[pair.a].activity == by[pair.b].activity
        assert one == (pair.outcome == "same"), pair
        if pair.why in ("joint", "in_house"):
            assert (by[pair.a].organisation == by[pair.b].organisation) == (pair.why == "in_house")


def test_siblings_differ_in_what_makes_them_another_activity() -> None:
    activities = corpus().activities
    series = {one.series: one for one in activities.values() if one.kind == "first"}
    for one in activities.values():
        first = series.get(one.series)
        if one.kind == "roll_out" and first:
            assert one.key != first.key
        if one.kind == "other_audience" and first and first.audiences:
            assert one.country == first.country
            assert one.city == first.city
        if one.kind == "session" and first:
            assert first.start <= one.start <= first.end
            assert one.topic != first.topic


def test_every_kind_of_mistake_that_costs_trust_is_there() -> None:
    kinds = Counter((pair.outcome, pair.why) for pair in corpus().pairs)
    wanted = {"series": ("next_edition", "next_phase", "next_module", "roll_out", "other_audience", "session")}
    wanted |= {"none": ("neighbour", "generic"), "same": ("joint", "in_house")}
    assert {(outcome, why) for outcome, whys in wanted.items() for why in whys} <= set(kinds)


def test_pairs_are_as_hard_as_real_ones() -> None:
    for name, value in marginals(corpus()).items():
        low, high = BOUNDS[name]
        assert low <= value <= high, f"{name}: {value:.3f}"


def test_an_ordinary_year_has_forty_partners_and_few_duplicates() -> None:
    year = generate(7, 1500, YEAR)
    assert 35 <= len({posting.organisation for posting in year.postings}) <= 40
    same = sum(pair.outcome == "same" for pair in year.pairs)
    assert 0.01 <= same / len(year.postings) <= 0.04
    starts = sorted(one.start for one in year.activities.values() if one.kind == "first")
    assert (starts[-1] - starts[0]).days <= 370


def test_a_few_countries_have_most_activities() -> None:
    told = Counter(one.country for one in corpus().activities.values())
    shares = [count / sum(told.values()) for _, count in told.most_common()]
    assert 0.02 <= shares[0] <= 0.12
    assert sum(shares[:20]) > 0.4
    assert len(told) > 60


def test_all_six_languages_are_written() -> None:
    assert {posting.language for posting in corpus().postings} == set(LANGUAGES)


def test_no_template_is_left_unfilled() -> None:
    for posting in corpus().postings:
        for text in (posting.row["title"], posting.row.get("description", "")):
            assert "{" not in text, text
            assert "None" not in text, text
        assert posting.row["title"].strip()


@pytest.mark.parametrize("table", ["topics", "audiences", "forms"])
def test_codes_are_those_of_the_vocabularies(table: str) -> None:
    voc = vocabulary()
    if table == "topics":
        for topic in voc.topics.values():
            assert set(topic.themes) <= set(VOCABULARIES["theme"].codes)
            assert set(topic.audiences) <= set(VOCABULARIES["audience"].codes)
    else:
        assert set(getattr(voc, table)) <= set(VOCABULARIES[table.removesuffix("s").replace("form", "type")].codes)


def test_places_are_countries_and_regions_that_exist() -> None:
    voc = vocabulary()
    for country in voc.countries.values():
        assert country.region in voc.regions
        assert resolve_country(country.names["en"][0]) == country.code
    assert all(is_region(region.m49) for region in voc.regions.values() if region.m49)


def test_sampled_unrelated_pairs_stand_for_all_of_them() -> None:
    from random import Random

    small = corpus(9, 500)
    texts = plans_of(small.rows)
    every = list(labelled(small, texts, Random(1), 10**9))
    few = list(labelled(small, texts, Random(1), 500))
    assert sum(pair.weight for pair in few) == pytest.approx(len(every))
    for outcome in ("same", "series"):
        assert sum(p.outcome == outcome for p in few) == sum(p.outcome == outcome for p in every)
    assert {pair.why for pair in few if pair.weight > 1} == {"chance"}


def test_hardly_a_pair_of_one_activity_is_lost_by_the_benchs_own_candidates() -> None:
    texts = plans_of(corpus().rows)
    from random import Random

    found = sum(pair.outcome == "same" for pair in labelled(corpus(), texts, Random(1), 10))
    assert found >= 0.97 * sum(pair.outcome == "same" for pair in corpus().pairs)


def test_lists_of_events_hold_names_days_and_places_alone() -> None:
    events = generate(7, 600, EVENTS)
    held = set().union(*(posting.row for posting in events.postings))
    assert held <= {"organisation", "reference", "title", "start", "end", "places", "place", "city", "country", "mode"}
    assert {pair.why for pair in events.pairs} >= {"joint", "next_edition", "roll_out"}
    assert "next_module" not in {pair.why for pair in events.pairs}
