"""Learning weights: what is learned, what is held, and that labels move a table towards the truth."""

import numpy as np
import pytest

from services.activities.matching.fitting import HELD, NEUTRAL, POLICY, SAME, SERIES, UNRELATED, Labelled, fit, together
from services.activities.matching.levels import LEVELS, NAMES
from services.activities.matching.weights import SHIPPED, document, read

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


def test_policies_and_contradicted_fields_are_never_learned() -> None:
    labels = drawn(500)
    for field, name in HELD:
        labels.levels[:, FIELDS.index(field)] = NAMES[field].index(name)
    found = fit(together([labels]), SHIPPED, "test", slack=5000)
    for field, levels in SHIPPED.fields.items():
        for name, worth in levels.items():
            if field in POLICY or name in NEUTRAL or (field, name) in HELD:
                assert found.fields[field][name] == worth


def test_a_table_is_read_as_it_was_written_and_nothing_else_is_a_table() -> None:
    assert read(document(SHIPPED)) == SHIPPED
    for wrong in ({}, {"version": "x"}, document(SHIPPED) | {"prior": [1]}, document(SHIPPED) | {"prior": [1, 2.5]}):
        with pytest.raises(ValueError, match=r"table of weights|whole numbers"):
            read(wrong)
