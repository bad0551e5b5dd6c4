"""Labelled candidate pairs for a fit of weights, from seeds of the generator that nothing is judged on.

`pairs(seed, plans)` gives the two plans as the engine takes them, the outcome, and how many candidate pairs each
stands for: unrelated ones are so many that only a sample is given, each with a weight, so that the shares of the
outcomes among candidates come out as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from bench.matching.blocking import candidates
from bench.matching.generator import STUDY, Corpus, Outcome, Recipe, generate
from infra.lists.postings import plan_text, understand
from infra.lists.rows import Row
from services.activities.matching.features import PlanText

SEEDS = range(1000, 1100)
"""To learn from; what is judged takes seeds below 1000."""
UNRELATED = 60_000
"""Unrelated candidate pairs sampled of one corpus."""


@dataclass(frozen=True)
class Labelled:
    """One candidate pair. `weight`: how many pairs of the corpus it stands for. `why`: "joint", "roll_out", "chance", ..."""

    a: PlanText
    b: PlanText
    outcome: Outcome
    weight: float
    why: str


def plan_of(row: Mapping[str, Any], number: int = 1) -> PlanText:
    """A line of input as `convene match` understands it. Raises ValueError where it is refused."""
    understood = understand(Row(number, row), 0, None)
    if isinstance(understood, str):
        raise ValueError(f"line {number} {understood}")
    return plan_text(understood.posting)


def plans_of(rows: Sequence[Mapping[str, Any]]) -> list[PlanText]:
    return [plan_of(row, number) for number, row in enumerate(rows, start=1)]


def pairs(seed: int, plans: int, recipe: Recipe = STUDY, unrelated: int = UNRELATED) -> Iterator[Labelled]:
    """Every related pair among the candidates, the lookalikes, and a sample of the unrelated ones.

    A related pair that no candidate rule would find is left out: it is never scored. Pairs of one partner are among
    them (`a.partner == b.partner`). Lists of events (`recipe=EVENTS`) teach what rare words and bare places are worth.
    """
    corpus = generate(seed, plans, recipe)
    texts = plans_of(corpus.rows)
    yield from labelled(corpus, texts, Random(seed), unrelated)


def labelled(corpus: Corpus, texts: Sequence[PlanText], random: Random, unrelated: int) -> Iterator[Labelled]:
    """The same of a corpus that is there already; `texts` in the order of its postings."""
    at = {posting.reference: index for index, posting in enumerate(corpus.postings)}
    told = {tuple(sorted((at[pair.a], at[pair.b]))): pair for pair in corpus.pairs}
    found = candidates(texts)
    keys = found[:, 0] * len(texts) + found[:, 1]
    known = np.array(sorted(a * len(texts) + b for a, b in told), np.int64)
    related = np.isin(keys, known)
    for a, b in found[related]:
        pair = told[int(a), int(b)]
        yield Labelled(texts[a], texts[b], pair.outcome, 1.0, pair.why)
    chance = found[~related]
    drawn = sorted(random.sample(range(len(chance)), min(unrelated, len(chance))))
    for a, b in chance[drawn]:
        yield Labelled(texts[a], texts[b], "none", len(chance) / len(drawn), "chance")
