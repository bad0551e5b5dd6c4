"""What each level of likeness is worth, in 1/100 bit: integers, so that a sum is the same on every platform.

Two weights a level, because a pair can be three things: the same activity, two of one series (the next edition, phase II, the
same course in the next country), or unrelated. The first weight is the same activity against unrelated, the second the same
activity against a series: +100 doubles the odds, -100 halves them. "The same title" speaks loudly against unrelated and
hardly against a series; "other edition" the other way round.

A table is replaced as a whole, under a new version, never patched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

NEVER = -10_000
"""A policy row: no evidence outweighs a hundred bits."""

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
        return Weights(str(document["version"]), _worth("prior", document["prior"]), fields)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"not a table of weights: {error}") from None


def document(weights: Weights) -> dict[str, Any]:
    """The inverse of `read`."""
    fields = {field: {level: list(pair) for level, pair in levels.items()} for field, levels in weights.fields.items()}
    return {"version": weights.version, "prior": list(weights.prior), "fields": fields}


def check(weights: Weights, like: Weights | None = None) -> list[str]:
    """What is implausible about a table, in sentences; nothing for one that may be used."""
    like = like or SHIPPED
    levels = {field: set(worths) for field, worths in like.fields.items()}
    if {field: set(worths) for field, worths in weights.fields.items()} != levels:
        return ["it has other fields or levels than this release knows"]
    return []


def _worth(name: str, pair: Any) -> Worth:
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(type(each) is int for each in pair)):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        raise ValueError(f"{name}: two whole numbers in 1/100 bit are wanted")
    return int(pair[0]), int(pair[1])  # pyright: ignore[reportUnknownArgumentType]


SHIPPED = read(json.loads(files("services.activities.matching").joinpath("weights.json").read_text("utf-8")))
"""The table that comes with this release: fitted by `bench/matching` with `BY_HAND` as prior."""
