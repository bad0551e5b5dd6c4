"""The table of weights that a release ships: learned from lists of the generator, on the way from the table made by hand.

What the generator teaches is what it knows: it makes pairs, not people. So the shipped table goes only part of the way to it
(`trust`), and asks for a little more evidence than it calls for (`caution`, in 1/100 bit): a false alert costs more than a late one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.matching import training
from bench.matching.generator import EVENTS, STUDY, Recipe
from services.activities.matching import fitting, weights
from services.activities.matching.features import ROW, extract
from services.activities.matching.weights import Weights, Worth

BY_HAND = Path(__file__).with_name("data") / "by-hand.json"
_OUTCOMES = {"same": fitting.SAME, "series": fitting.SERIES, "none": fitting.UNRELATED}
_SLICE = 20_000


def by_hand() -> Weights:
    return weights.read(json.loads(BY_HAND.read_text("utf-8")))


def labelled(seed: int, plans: int, recipe: Recipe) -> fitting.Labelled:
    """The candidate pairs of one list, of different partners, as levels."""
    packed: dict[str, bytes] = {}
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    outcomes: list[int] = []
    times: list[float] = []
    for pair in training.pairs(seed, plans, recipe):
        if pair.a.partner == pair.b.partner:
            continue
        for side, plan in zip(sides, (pair.a, pair.b), strict=True):
            if plan.plan_id not in packed:
                packed[plan.plan_id] = extract(plan).packed
            side.append(packed[plan.plan_id])
        outcomes.append(_OUTCOMES[pair.outcome])
        times.append(pair.weight)
    one, other = (np.frombuffer(b"".join(side), ROW) for side in sides)
    parts = [fitting.levels_of(one[at : at + _SLICE], other[at : at + _SLICE]) for at in range(0, len(one), _SLICE)]
    return fitting.Labelled(np.concatenate(parts), np.array(outcomes, np.uint8), np.array(times))


def fit(
    seeds: Sequence[int], plans: int, *, version: str, trust: float, caution: int, say: Callable[[str], None]
) -> Weights:
    """trust: 0 the table by hand, 1 the learned one."""
    start, parts = by_hand(), list[fitting.Labelled]()
    for seed in seeds:
        for recipe in (STUDY, EVENTS):
            parts.append(labelled(seed, plans, recipe))
            say(f"seed {seed}: {len(parts[-1].levels):,} pairs")
    learned = fitting.fit(fitting.together(parts), start, version)

    def between(one: Worth, other: Worth, less: int = 0) -> Worth:
        first, second = (round(a + trust * (b - a)) - less for a, b in zip(one, other, strict=True))
        return first, second

    fields = {
        field: {name: between(worth, learned.fields[field][name]) for name, worth in levels.items()}
        for field, levels in start.fields.items()
    }
    return Weights(version, between(start.prior, learned.prior, caution), fields)


def write(table: Weights, file: Path) -> None:
    """One line a field, so that a change can be read."""
    told = weights.document(table)
    lines = ",\n".join(f" {json.dumps(field)}: {json.dumps(levels)}" for field, levels in told["fields"].items())
    head = f'{{"version": {json.dumps(told["version"])}, "prior": {json.dumps(told["prior"])}, "fields": {{'
    file.write_text(f"{head}\n{lines}\n}}}}\n", "utf-8")
