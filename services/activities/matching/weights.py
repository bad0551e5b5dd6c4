"""What each level of likeness is worth, in 1/100 bit: integers, so that a sum is the same on every platform.

Two weights a level, because a pair can be three things: the same activity, two of one series (the next edition, phase II, the
same course in the next country), or unrelated. The first weight is the same activity against unrelated, the second the same
activity against a series: +100 doubles the odds, -100 halves them. "The same title" speaks loudly against unrelated and
hardly against a series; "other edition" the other way round.

A table is replaced as a whole, under a new version, never patched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt

NEVER = -10_000
"""A policy row: no evidence outweighs a hundred bits."""

POLICY = frozenset({"part_of", "follow_up_of", "next_edition"})
"""Rules, not statistics: never learned."""
HELD = frozenset(
    {
        ("audience", "other"),
        ("type", "other"),
        ("themes", "other"),
        ("country", "other"),
        ("city", "other"),
        ("dates", "far apart"),
    }
)
"""What a posting gives in a field of its own, and the other contradicts: another audience, the conference around a session,
the next country. None of those is the same activity, however often somebody mistypes a field: labels may harden it only."""
NEUTRAL = frozenset({"unknown", "no", "other partner"})
"""Levels that say nothing by definition: never learned, always 0."""
ORDERED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dates", ("same", "close", "half", "touch", "days apart", "weeks apart", "a month apart", "far apart")),
    ("dates", ("same", "same start", "touch")),
    ("dates", ("same", "a day of it", "touch")),
    ("dates", ("same", "within the month", "within the quarter", "within the year", "far apart")),
    ("dates", ("days in the text", "other days in the text")),
    ("dates", ("apart in the text", "far apart in the text")),
    ("dates", ("same month", "other month")),
    ("city", ("same", "other in the text", "other")),
    ("country", ("same", "other in the text", "other")),
    ("country", ("in the text", "in the region", "other in the text")),
    ("beneficiaries", ("same", "some", "other")),
    ("title", ("same", "close", "like", "some", "few", "none")),
    ("title", ("translated", "translated in part")),
    ("spelling", ("same", "close", "like", "some", "other")),
    ("summary", ("like", "some", "few")),
    ("type", ("same", "kin", "mixed", "other")),
    ("type", ("same", "other in the text", "other")),
    ("audience", ("same", "some", "kin", "other")),
    ("audience", ("same", "other in the text", "other in the title", "other")),
    ("themes", ("same", "some", "other in the text", "other")),
    ("level", ("same", "other")),
    ("language", ("shared", "other")),
    ("named", ("both", "one", "a third")),
    ("named", ("one and a third", "one")),
    ("ordinal", ("same", "one", "other")),
)
"""Levels from the most alike down: against unrelated, more alike is never worth less."""
_PRIOR = -5_000, -1
_MOST = 2_500
"""A level worth 25 bits has been typed wrongly."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Worth = tuple[int, int]
"""Against unrelated, against a series."""


@dataclass(frozen=True)
class Weights:
    """`prior` and `fields[field][level]` in 1/100 bit; thresholds of the bands on the log-odds, in 1/100 bit."""

    version: str
    prior: Worth
    fields: Mapping[str, Mapping[str, Worth]]
    certain: int = 664
    likely: int = 425
    probable: int = 0

    @staticmethod
    def both(worth: Worth) -> int:
        """Two weights as one number, so that both sums are one addition: the first in the upper 32 bits."""
        return (worth[0] << 32) + worth[1]

    @cached_property
    def worth(self) -> Mapping[str, npt.NDArray[np.int64]]:
        """By field, `both` weights of its levels, the levels in the order of the table that is shipped."""
        return {
            field: np.array([self.both(self.fields[field][level]) for level in levels], np.int64)
            for field, levels in SHIPPED.fields.items()
        }

    @cached_property
    def most(self) -> Mapping[str, tuple[int, int, int]]:
        """By field, the most that a level adds against unrelated, against a series, and to the first less the second."""
        return {
            field: (max(a for a, _ in worths), max(b for _, b in worths), max(a - b for a, b in worths))
            for field, worths in ((field, tuple(levels.values())) for field, levels in self.fields.items())
        }

    def band(self, score: int) -> str:
        """`certain` (p >= 0.99), `likely` (>= 0.95), `probable` (>= 0.5) or `none`."""
        if score >= self.certain:
            return "certain"
        if score >= self.likely:
            return "likely"
        return "probable" if score >= self.probable else "none"


def read(document: Mapping[str, Any]) -> Weights:
    """A table as stored in a file. Raises ValueError, naming what is wrong, for one that is no table of weights."""
    try:
        fields = {
            str(field): {str(level): _worth(f"{field}.{level}", pair) for level, pair in levels.items()}
            for field, levels in document["fields"].items()
        }
        version = document["version"]
        if not (isinstance(version, str) and _VERSION.fullmatch(version)):
            raise ValueError("version: up to 64 letters, digits, dots, dashes and underscores are wanted")
        return Weights(version, _worth("prior", document["prior"]), fields)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"not a table of weights: {error}") from None


LEARNED_AMONG, SHORT, HANDFUL = 1_500, 200, 100
"""Plans in each list that weights are learned from; a list shorter than the second counts as that; and under the third, the fewer
rows there are the less they say of how lists are made."""
LISTS = 200, 0
"""What a pair of a list gains, in 1/100 bit, over a pair of an ordinary year. Lists are laid out to be compared, and so are those that
weights are learned from: in them one activity in six is posted by several. Of what partners post in a year it is one in 45, nearly
three bits less; two of them are taken, for an installation's year may be denser. (Measured on generated years: of what is called the
same, half is, and not two in five; one true pair in ten less is found.)"""
TWO_LISTS = 200, 100
"""What a pair of two lists gains, in 1/100 bit, against unrelated and against a series. One bit against unrelated, since who keeps
a list does not put one activity on it twice: what there is of it lies between the lists, which is half of the pairs. One more
against both is an assumption: who lays two lists side by side has a reason to, and two rows in three of the shorter one have their
like in the other, instead of one in three as among all plans of a field."""


def among(weights: Weights, plans: int, *, across: bool = False) -> Weights:
    """The same table for so many plans in lists, and pairs of one list or (`across`) of two; as shipped it is for what a year brings.

    Each plan has about as many others like it in a short list as in a long one, and fewer that are nothing to it: so among few
    plans a pair is likelier the same from the start, by the ratio of the lengths. (Measured on generated lists of 50:
    calibration error 0.13 without this, 0.03 with it.) A longer list has more of everything that rules a pair out, years and
    countries, and never less than `LISTS`.
    """
    among_few = 100 * log2(LEARNED_AMONG / max(plans, SHORT))
    more = [among_few + TWO_LISTS[0], TWO_LISTS[1]] if across else [among_few, 0]
    known = min(1, plans / HANDFUL) if more[0] > 0 else 0
    unrelated, series = (
        was + listed + round(known * gained) for was, listed, gained in zip(weights.prior, LISTS, more, strict=True)
    )
    return replace(weights, prior=(unrelated, series))


def document(weights: Weights) -> dict[str, Any]:
    """The inverse of `read`."""
    fields = {field: {level: list(pair) for level, pair in levels.items()} for field, levels in weights.fields.items()}
    return {"version": weights.version, "prior": list(weights.prior), "fields": fields}


def check(weights: Weights, like: Weights | None = None) -> list[str]:
    """What is implausible about a table, in sentences; nothing for one that may be used. `like` (the shipped table, unless
    another is given) says which fields and levels there must be, and what its policies are worth."""
    like = like or SHIPPED
    levels = {field: set(worths) for field, worths in like.fields.items()}
    if {field: set(worths) for field, worths in weights.fields.items()} != levels:
        return ["it has other fields or levels than this release knows"]
    found: list[str] = []
    if not _PRIOR[0] <= weights.prior[0] <= _PRIOR[1]:
        found.append(f"prior: {weights.prior[0]} is not between {_PRIOR[0]} and {_PRIOR[1]}")
    for field, worths in weights.fields.items():
        for name, worth in worths.items():
            if field in POLICY and worth != like.fields[field][name]:
                found.append(f"{field}, {name}: a policy, so {list(like.fields[field][name])} and nothing else")
            elif name in NEUTRAL and worth != (0, 0):
                found.append(f"{field}, {name}: says nothing, so it is worth 0")
            elif field not in POLICY and max(map(abs, worth)) > _MOST:
                found.append(f"{field}, {name}: {list(worth)} is beyond {_MOST}")
            elif (field, name) in HELD and max(worth) >= 0:
                found.append(f"{field}, {name}: a contradiction must speak against both, and is {list(worth)}")
    for field, names in ORDERED:
        for more, less in pairwise(names):
            if weights.fields[field][more][0] < weights.fields[field][less][0]:
                found.append(f"{field}: {more!r} is worth less than {less!r}")
    best = [max(sum(pair) for pair in worths.values()) for worths in weights.fields.values()]
    if sum(weights.prior) + sum(best) < weights.certain:
        found.append("no pair of plans can be certain")
    return found


def _worth(name: str, pair: Any) -> Worth:
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(type(each) is int for each in pair)):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        raise ValueError(f"{name}: two whole numbers in 1/100 bit are wanted")
    return int(pair[0]), int(pair[1])  # pyright: ignore[reportUnknownArgumentType]


SHIPPED = read(json.loads(files("services.activities.matching").joinpath("weights.json").read_text("utf-8")))
"""The table that comes with this release: fitted by `bench/matching` with `BY_HAND` as prior."""
