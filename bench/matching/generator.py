"""A list of plans with its truth, made from a seed: `generate(seed, plans, recipe)`.

The truth tells every pair that is not unrelated: `same` (one activity told twice), `series` (an edition, phase, roll-out,
other audience or session of it). Pairs in `lookalikes` are unrelated and look as if they were not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any, Literal

from bench.matching.activities import Activity, World
from bench.matching.postings import Accounts, Posting
from bench.matching.siblings import SERIES, UNRELATED, session
from bench.matching.telling import apart
from bench.matching.vocabulary import chosen, vocabulary

Outcome = Literal["same", "series", "none"]
PARTNERS = 40
_A_YEAR = 1500
_GATHERINGS = ("conference", "conference", "conference", "meeting", "workshop")


@dataclass(frozen=True)
class Recipe:
    """Shares per activity: told by several partners; with siblings; with a lookalike; with a name that no table holds.

    `days`: how long the list is. `bare`: lists of events with a name, days and a place, and nothing else.
    """

    joint: float
    series: float
    lookalike: float
    days: int | None = None
    named: float = 0.06
    bare: bool = False


YEAR = Recipe(joint=0.022, series=0.16, lookalike=0.03, days=365)
"""An ordinary year: what a coordinator's alerts are counted on."""
STUDY = Recipe(joint=0.16, series=0.30, lookalike=0.12)
"""Dense in what is hard: what pairs are judged and learned on."""
EVENTS = Recipe(joint=0.16, series=0.45, lookalike=0.25, named=0.9, bare=True)
"""Public lists of events: short names, editions and sister events in other countries."""
RECIPES = {"year": YEAR, "study": STUDY, "events": EVENTS}


@dataclass(frozen=True)
class Pair:
    """Two references in canonical order, their outcome, and why ("joint", "in_house", "next_edition", ...). `apart`: whether
    anything that both postings tell sets them apart; where nothing does, nobody can know."""

    a: str
    b: str
    outcome: Outcome
    why: str
    apart: bool = True


@dataclass(frozen=True)
class Corpus:
    """Postings in the order of a list (not by activity), and every pair of interest."""

    postings: tuple[Posting, ...]
    pairs: tuple[Pair, ...]
    activities: dict[str, Activity] = field(repr=False)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The postings as lines of `convene match`'s input."""
        return [posting.row for posting in self.postings]


def generate(seed: int, plans: int, recipe: Recipe = STUDY) -> Corpus:
    """At least `plans` postings (a few more where the last activity has several), and the truth about their pairs."""
    random = Random(seed)
    voc = vocabulary()
    partners = [key for key, one in voc.organisations.items() if one.kind == "partner"]
    days = recipe.days or max(365, 365 * plans // _A_YEAR)
    world = World(
        random, voc, tuple(random.sample(partners, PARTNERS)), date(2025, 1, 6), days, recipe.named, recipe.bare
    )
    accounts = Accounts(voc, seed, random, recipe.bare)
    postings: list[Posting] = []
    happened: list[Activity] = []
    while len(postings) < plans:
        for one in _family(world, recipe):
            happened.append(one)
            told = _told(accounts, world, one, recipe)
            postings += told
    random.shuffle(postings)
    numbered = tuple(
        replace(posting, reference=f"p{i:06d}", row={**posting.row, "reference": f"p{i:06d}"})
        for i, posting in enumerate(postings, start=1)
    )
    return Corpus(numbered, tuple(_pairs(numbered, happened)), {one.key: one for one in happened})


def write(corpus: Corpus, plans: Path, truth: Path) -> None:
    """`plans`: JSON Lines to give to `convene match`. `truth`: JSON Lines of `a`, `b`, `outcome`, `why`."""
    plans.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in corpus.rows), encoding="utf-8")
    truth.write_text("".join(json.dumps(vars(pair)) + "\n" for pair in corpus.pairs), encoding="utf-8")


def _family(world: World, recipe: Recipe) -> Iterator[Activity]:
    """An activity, with what is taken for it."""
    random = world.random
    one = world.draw(random.choice(_GATHERINGS) if recipe.bare else None)
    if random.random() < recipe.lookalike * 0.5:
        one = replace(one, generic=True)
    yield one
    if one.form == "conference" and random.random() < max(recipe.series, 0.25):
        title = f"{one.edition or ''} {world.voc.forms['conference'].names['en'][0]} {world.voc.topics[one.topic].names['en'][0]}"
        yield replace(session(world, one), parent_title=title.strip().title())
    if random.random() < recipe.series:
        # what stands in a list of events does not come again within weeks
        kinds = [kind for kind in SERIES if kind in ("next_edition", "roll_out") or not recipe.bare]
        kind = chosen(random, kinds, [SERIES[kind][1] for kind in kinds])
        sibling = one
        # a roll-out goes through several countries, a course has several modules
        for _ in range(chosen(random, (1, 2, 3, 4), (55, 25, 13, 7))):
            sibling = SERIES[kind][0](world, sibling)
            yield sibling
    if random.random() < recipe.lookalike:
        kind = chosen(random, list(UNRELATED), [share for _, share in UNRELATED.values()])
        lookalike = UNRELATED[kind][0](world, one)
        yield replace(lookalike, parent_title=one.key)


def _told(accounts: Accounts, world: World, one: Activity, recipe: Recipe) -> list[Posting]:
    """The postings of one activity: its lead's, and now and then those of who works with it."""
    random = world.random
    first = accounts.tell(one, one.organisers[0])
    if random.random() >= recipe.joint:
        return [first]
    if random.random() < 0.04:
        return [first, accounts.tell(replace(one, series=f"{one.series}/again"), one.organisers[0], first)]
    others = [
        *one.organisers[1:],
        *(donor for donor in one.donors if donor in world.partners and random.random() < 0.3),
    ]
    # somebody posts it whom nobody named
    others = others or list(world.others(world.voc.countries[one.country].region, one.organisers, 1))
    count = min(len(others), chosen(random, (1, 2, 3), (80, 16, 4)))
    # both name each other only where both are organisers
    told = replace(
        one,
        organisers=tuple(dict.fromkeys((*one.organisers, *others[:count])))
        if random.random() < 0.7
        else one.organisers,
    )
    return [first, *(accounts.tell(told, key, first) for key in others[:count])]


def _pairs(postings: tuple[Posting, ...], happened: list[Activity]) -> Iterator[Pair]:
    activity = {one.key: one for one in happened}
    families = defaultdict[str, list[Posting]](list)
    told = defaultdict[str, list[Posting]](list)
    for posting in postings:
        families[activity[posting.activity].series].append(posting)
        told[posting.activity].append(posting)
    for family in families.values():
        for x, y in combinations(sorted(family, key=lambda posting: posting.reference), 2):
            if x.activity == y.activity:
                yield Pair(
                    x.reference, y.reference, "same", "in_house" if x.organisation == y.organisation else "joint"
                )
            else:
                kinds = [activity[side.activity].kind for side in (x, y)]
                why = "session" if "session" in kinds else next(kind for kind in kinds if kind != "first")
                yield Pair(x.reference, y.reference, "series", why, why == "session" or apart(x.told, y.told))
    for one in happened:
        if one.kind in UNRELATED:
            for x in told[one.key]:
                for y in told.get(one.parent_title, ()):
                    a, b = sorted((x.reference, y.reference))
                    yield Pair(a, b, "none", one.kind)
