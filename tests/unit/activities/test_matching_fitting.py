"""Learning weights: what is learned, what is held, and that labels move a table towards the truth."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from services.activities.matching.engine import levels_between
from services.activities.matching.fitting import (
    LEAST,
    SAME,
    SERIES,
    UNRELATED,
    Label,
    Labelled,
    fit,
    propose,
    together,
)
from services.activities.matching.levels import LEVELS
from services.activities.matching.picking import NAMES
from services.activities.matching.weights import HELD, NEUTRAL, ORDERED, POLICY, SHIPPED, Weights, check, document, read
from tests.unit.activities.matching_plans import features

FIELDS = list(LEVELS)


def drawn(pairs: int, seed: int = 1) -> Labelled:
    """Pairs that say nothing but by their dates: the same activity has the same days, a series the year in its titles."""
    chance = np.random.default_rng(seed)
    levels = np.zeros((pairs, len(FIELDS)), np.uint8)
    outcome = chance.choice([SAME, SERIES, UNRELATED], pairs, p=[0.2, 0.3, 0.5]).astype(np.uint8)
    same, apart = (NAMES["dates"].index(name) for name in ("same", "weeks apart"))
    levels[:, FIELDS.index("dates")] = np.where(chance.random(pairs) < np.where(outcome == SAME, 0.9, 0.1), same, apart)
    levels[:, FIELDS.index("year")] = (outcome == SERIES) & (chance.random(pairs) < 0.8)
    return Labelled(levels, outcome, np.ones(pairs))


def test_labels_move_the_table_towards_what_they_say() -> None:
    found = fit(together([drawn(20_000)]), SHIPPED, "test", slack=2000, prior_slack=2000)
    same, apart = found.fields["dates"]["same"], found.fields["dates"]["weeks apart"]
    assert same[0] - apart[0] == pytest.approx(100 * np.log2(0.9 / 0.1 / (0.1 / 0.9)), abs=40)
    assert found.fields["year"]["other"][1] < -400
    assert found.version == "test"


def test_without_labels_nothing_moves_and_with_few_little() -> None:
    still = fit(together([drawn(1)]), SHIPPED, "test")
    few = fit(together([drawn(30)]), SHIPPED, "test")
    many = fit(together([drawn(5000)]), SHIPPED, "test")
    shift = [abs(one.fields["year"]["other"][1] - SHIPPED.fields["year"]["other"][1]) for one in (still, few, many)]
    assert shift[0] < 60
    assert shift[1] < shift[2] or shift[2] < 60


def test_policies_are_never_learned_and_a_contradiction_is_never_softened() -> None:
    labels = drawn(500)
    for field, name in HELD:
        labels.levels[:, FIELDS.index(field)] = NAMES[field].index(name)
    found = fit(together([labels]), SHIPPED, "test", slack=5000)
    for field, levels in SHIPPED.fields.items():
        for name, worth in levels.items():
            if field in POLICY or name in NEUTRAL:
                assert found.fields[field][name] == worth
            elif (field, name) in HELD:
                assert all(learned <= before for learned, before in zip(found.fields[field][name], worth, strict=True))


def test_what_is_learned_keeps_the_order_of_levels() -> None:
    labels = drawn(3000)
    titles = [NAMES["title"].index(name) for name in ("none", "same")]
    labels.levels[:, FIELDS.index("title")] = np.where(labels.outcome == SAME, *titles)
    found = fit(together([labels]), SHIPPED, "test", slack=2000)
    assert found.fields["title"]["same"][0] >= found.fields["title"]["none"][0]
    assert check(found) == []


def test_a_table_is_read_as_it_was_written_and_nothing_else_is_a_table() -> None:
    assert read(document(SHIPPED)) == SHIPPED
    for wrong in ({}, {"version": "x"}, document(SHIPPED) | {"prior": [1]}, document(SHIPPED) | {"prior": [1, 2.5]}):
        with pytest.raises(ValueError, match=r"table of weights|whole numbers"):
            read(wrong)


def changed(field: str, level: str, worth: tuple[int, int]) -> Weights:
    return replace(SHIPPED, fields={**SHIPPED.fields, field: {**SHIPPED.fields[field], level: worth}})


def test_the_shipped_table_is_plausible() -> None:
    assert check(SHIPPED) == []
    assert {(field, name) for field, names in ORDERED for name in names} <= {
        (field, name) for field, levels in SHIPPED.fields.items() for name in levels
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (changed("dates", "far apart", (900, -900)), "dates: 'a month apart' is worth less than 'far apart'"),
        (changed("spelling", "same", (-400, 0)), "spelling: 'same' is worth less than 'close'"),
        (changed("audience", "other", (-900, 50)), "audience, other: a contradiction must speak against both"),
        (changed("part_of", "yes", (0, 0)), "part_of, yes: a policy"),
        (changed("title", "unknown", (40, 0)), "title, unknown: says nothing"),
        (changed("reference", "same", (90_000, 0)), "reference, same: [90000, 0] is beyond"),
        (replace(SHIPPED, prior=(300, -200)), "prior: 300 is not between"),
        (replace(SHIPPED, prior=(-2400, -20_000)), "no pair of plans can be certain"),
        (replace(SHIPPED, fields={"dates": SHIPPED.fields["dates"]}), "other fields or levels"),
        (changed("dates", "twice", (0, 0)), "other fields or levels"),
    ],
    ids=lambda one: one.replace(" ", "-")[:40] if isinstance(one, str) else "table",
)
def test_an_implausible_table_is_refused_with_what_is_wrong(wrong: Weights, said: str) -> None:
    assert any(said in sentence for sentence in check(wrong))


def decided(count: int, truthful: bool = True) -> list[Label]:
    """Decisions on pairs of other partners in one town: the same days are the same, days a week apart are not (or, told the
    other way round, the reverse)."""
    found: list[Label] = []
    for number in range(count):
        same = number % 2 == 0
        day = date(2026, 3, 9) + timedelta(days=7 * (number % 5))
        later = day if same else day + timedelta(days=8)
        one = features(f"plan_{number:03}a", "org_a", start=day, end=day, themes=(), audiences=())
        other = features(
            f"plan_{number:03}b",
            "org_b",
            start=later,
            end=later,
            themes=(),
            audiences=(),
            title="Course on darknet markets",
        )
        found.append((levels_between(one, other), "same" if same is truthful else "distinct"))
    return found


def test_decisions_are_learned_from_and_judged_on_pairs_held_out() -> None:
    labels = decided(60)
    found = propose(labels, "site-1")
    assert found.weights.version == "site-1"
    assert found.labels == 60
    assert found.refused == ()
    assert found.after.f1 >= found.before.f1 - 0.002
    assert found.after.calibration <= found.before.calibration + 0.002
    mixed = [*decided(30), *decided(45, truthful=False)[30:]]
    assert propose(list(reversed(mixed)), "site-1") == propose(mixed, "site-1")


def test_too_few_decisions_and_those_that_contradict_each_other_are_refused() -> None:
    few = propose(decided(LEAST - 1), "site-1")
    assert any("too few" in why for why in few.refused)
    assert propose([], "site-1").refused
    torn = [*decided(30), *decided(30, truthful=False)]
    assert propose(torn, "site-1").weights.fields["reference"] == SHIPPED.fields["reference"]


def test_a_series_told_by_people_is_a_series_afterwards() -> None:
    labels: list[Label] = [(levels, "series" if verdict == "distinct" else verdict) for levels, verdict in decided(60)]
    before, after = SHIPPED, propose(labels, "site-1").weights
    level = "weeks apart"
    assert any(levels["dates"] == level for levels, verdict in labels if verdict == "series")
    assert after.fields["dates"][level][1] < before.fields["dates"][level][1]
