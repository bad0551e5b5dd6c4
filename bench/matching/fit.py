"""The table of weights that a release ships: learned from lists of the generator, pulled towards the table made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.matching import training
from bench.matching.generator import EVENTS, STUDY, Recipe
from services.activities.matching import fitting, weights
from services.activities.matching.features import ROW, extract
from services.activities.matching.weights import LISTS, Weights

BY_HAND = Path(__file__).with_name("data") / "by-hand.json"
_OUTCOMES = {"same": fitting.SAME, "series": fitting.SERIES, "none": fitting.UNRELATED}
SHARES: tuple[tuple[Recipe, float], ...] = ((STUDY, 1.0), (EVENTS, 0.5))
"""What is learned from, and how much a pair of it counts: this field's plans, and a little of lists that give a name, days and
a place and no more, so that rare words and spelling are learned too."""
ASSUMED = (
    *(("dates", name) for name in ("touch", "days apart", "weeks apart", "a month apart")),
    ("ordinal", "one"),
)
"""How often partners disagree on the days of one activity, and how often one leaves out its number, are assumptions of the
generator: what follows from them is taken half way from the table by hand."""
_DULL, _THIN = 1e-5, 50
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


def fit(seeds: Sequence[int], plans: int, *, version: str, slack: float, say: Callable[[str], None]) -> Weights:
    """Learned from `SHARES`, pulled towards the table by hand. slack: how far it may stray, see `fitting.fit`."""
    start, parts = by_hand(), list[fitting.Labelled]()
    for seed in seeds:
        for recipe, share in SHARES:
            part = _thinned(labelled(seed, plans, recipe), start, np.random.default_rng(seed))
            parts.append(fitting.Labelled(part.levels, part.outcome, part.times * share))
            say(f"seed {seed}: {len(part.levels):,} pairs")
    every = fitting.together(parts)
    learned = fitting.fit(every, start, version, slack=slack)
    fields = {field: dict(levels) for field, levels in learned.fields.items()}
    for field, name in ASSUMED:
        one, other = start.fields[field][name], learned.fields[field][name]
        fields[field][name] = round((one[0] + other[0]) / 2), round((one[1] + other[1]) / 2)
    found = fitting.calibrated(every, Weights(version, learned.prior, fields))
    unrelated, series = (prior - listed for prior, listed in zip(found.prior, LISTS, strict=True))
    return Weights(version, (unrelated, series), found.fields)


def _thinned(part: fitting.Labelled, start: Weights, random: np.random.Generator) -> fitting.Labelled:
    """Unrelated pairs that nobody would take for the same are nearly all: one in `_THIN` stands for its like."""
    dull = (part.outcome == fitting.UNRELATED) & (fitting.chance(part.levels, start) < _DULL)
    kept = ~dull | (random.random(len(dull)) < 1 / _THIN)
    return fitting.Labelled(part.levels[kept], part.outcome[kept], np.where(dull, _THIN, 1)[kept] * part.times[kept])


def write(table: Weights, file: Path) -> None:
    """One line a field, so that a change can be read."""
    told = weights.document(table)
    lines = ",\n".join(f" {json.dumps(field)}: {json.dumps(levels)}" for field, levels in told["fields"].items())
    head = f'{{"version": {json.dumps(told["version"])}, "prior": {json.dumps(told["prior"])}, "fields": {{'
    file.write_text(f"{head}\n{lines}\n}}}}\n", "utf-8")
