"""The seam: `resolve(name, organisations, bits) -> Resolution`. Additive weights in 1/100 bit, and an outcome.

One of the candidates is meant, or none of those that are known. With W the sum of a candidate's rows in bits, its probability is
2^W / (1 + the sum of 2^W over all candidates): two that speak alike share what there is, and are asked about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from math import log2
from typing import Any, Literal

from services.partners.matching.levels import LEVELS, NOWHERE, Bits, Likeness, Where, likeness
from services.partners.matching.reading import Reading, parts_of, read_name
from services.partners.matching.telling import why

Outcome = Literal["one", "ask", "none"]
_COMMON = 150
"""Taken from the rarity of every word: one in three names has "international", and it tells nearly nothing."""
SHOWN = 0.01
"""Candidates less probable than this are not shown."""


@dataclass(frozen=True)
class Weights:
    """`prior` and `fields[field][level]` in 1/100 bit; `one` and `ask`: log-odds from which the best candidate is taken, or
    asked about; `words`: names of how many organisations, of `names`, hold a word, counted before any registry is known."""

    version: str
    prior: int
    fields: Mapping[str, Mapping[str, int]]
    one: int
    ask: int
    names: int
    words: Mapping[str, int] = field(repr=False)


def read(document: Mapping[str, Any]) -> Weights:
    """A table as stored in a file. Raises ValueError where a level has no weight."""
    for name, levels in LEVELS.items():
        if set(document["fields"].get(name, ())) != set(levels):
            raise ValueError(f"{name}: a weight for each of {', '.join(levels)} is wanted")
    return Weights(**document)


SHIPPED = read(json.loads(files("services.partners.matching").joinpath("weights.json").read_text("utf-8")))
"""The table that comes with this release, fitted by `bench/organisations`."""


@dataclass(frozen=True)
class Named:
    """An organisation by its names. names: (kind, text), kind being name, alias or programme; acronyms: folded."""

    id: str
    names: tuple[tuple[str, str], ...]
    acronyms: frozenset[str] = frozenset()
    where: Where = NOWHERE
    status: str = "active"


@dataclass(frozen=True)
class Row:
    """One row of an explanation, in 1/100 bit: above 0 speaks for the candidate."""

    field: str
    level: str
    why: str
    weight: int


@dataclass(frozen=True)
class Candidate:
    """score: log-odds of "this one is meant" in 1/100 bit, the sum of `rows`; name and kind: which of its names speaks for it."""

    id: str
    score: int
    probability: float
    name: str
    kind: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Resolution:
    """outcome: `one` (the first candidate may be taken), `ask` (somebody should choose), `none` (probably not known)."""

    outcome: Outcome
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Best:
    """The reading of a candidate that speaks loudest for it."""

    organisation: Named
    total: int
    name: str
    kind: str
    likeness: Likeness


def rarity(counted: Mapping[str, int], organisations: int, weights: Weights = SHIPPED) -> Bits:
    """How rare a word is, from the registry's own counts over the shipped ones. counted: word -> organisations that have it."""

    among = weights.names + organisations

    @cache
    def bits(word: str) -> int:
        having = weights.words.get(word, 0) + counted.get(word, 0)
        return max(20, round(100 * log2((among + 2) / (having + 1))) - _COMMON)

    return bits


def resolve(
    name: str, organisations: Sequence[Named], bits: Bits, weights: Weights = SHIPPED, limit: int = 5
) -> Resolution:
    """The organisations that the name may mean, most probable first, then by id."""
    asked = readings(name)
    found = [best(asked, organisation, bits, weights) for organisation in organisations]
    odds = [2 ** (each.total / 100) for each in found]
    everything = 1 + sum(odds)
    ranked = sorted(
        (
            _candidate(each, round(-100 * log2(max(everything - mine, 1.0))), weights)
            for each, mine in zip(found, odds, strict=True)
        ),
        key=lambda each: (-each.score, each.id),
    )
    first = ranked[0].score if ranked else weights.ask - 1
    outcome: Outcome = "one" if first >= weights.one else "ask" if first >= weights.ask else "none"
    return Resolution(outcome, tuple(each for each in ranked[:limit] if each.probability >= SHOWN))


_SILENT = frozenset(
    {
        ("state", "no"),
        ("acronym", "none"),
        ("slips", "none"),
        ("country", "none"),
        ("order", "one word"),
        ("part", "whole"),
    }
)
"""Levels that are the ordinary case: they stand among the rows, and no sentence tells them."""


def because(rows: Sequence[Row]) -> str:
    """One sentence: what speaks loudest for the candidate, and what against it."""
    told = [row for row in rows if row.field != "prior" and (row.field, row.level) not in _SILENT]
    loudest = sorted((row for row in told if row.weight > 0), key=lambda row: -row.weight)[:2]
    against = min((row for row in told if row.weight < 0), key=lambda row: row.weight, default=None)
    return "; ".join(row.why for row in loudest) + (f"; but {against.why}" if against else "")


def readings(name: str) -> list[tuple[str, str]]:
    """The name as a whole, and the names it may be made of, each with the level of `part`."""
    return [("whole", name), *(("part", part) for part in parts_of(name))]


def best(asked: Sequence[tuple[str, str]], organisation: Named, bits: Bits, weights: Weights) -> Best:
    """Of all the names of the organisation, and all readings of what was asked, the pair with the highest sum."""
    found: Best | None = None
    for part, written in asked:
        for kind, text in organisation.names:
            for one, other in _readings(written, text):
                alike = likeness(one, other, organisation.acronyms, organisation.where, bits)
                levels = {**alike.levels, "name": kind, "part": part, "status": organisation.status}
                total = weights.prior + sum(weights.fields[name][level] for name, level in levels.items())
                if found is None or total > found.total:
                    found = Best(organisation, total, text, kind, replace(alike, levels=levels))
    assert found is not None, "an organisation has a name"
    return found


def _readings(written: str, text: str) -> Iterator[tuple[Reading, Reading]]:
    """Both with known names as one word, and both word by word where that is something else."""
    pairs = [(read_name(written, known), read_name(text, known)) for known in (True, False)]
    yield pairs[0]
    if pairs[1] != pairs[0]:
        yield pairs[1]


def _candidate(each: Best, rivals: int, weights: Weights) -> Candidate:
    rows = [Row("prior", "", "before anything is compared", weights.prior)]
    for name, level in each.likeness.levels.items():
        if weight := weights.fields[name][level]:
            rows.append(Row(name, level, why(name, level, each.likeness, each.name), weight))
    if rivals:
        rows.append(Row("rivals", "", "others may be meant as well", rivals))
    score = sum(row.weight for row in rows)
    return Candidate(each.organisation.id, score, 1 / (1 + 2 ** (-score / 100)), each.name, each.kind, tuple(rows))
