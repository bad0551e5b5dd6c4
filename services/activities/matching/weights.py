"""What each level of likeness is worth, in 1/100 bit: integers, so that a sum is the same on every platform.

A weight of +100 doubles the odds that two plans are the same activity, -100 halves them. The numbers are a first table
set by hand on the demo and on the known mistakes; they are replaced as a whole, under a new version, never patched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NEVER = -10_000
"""A policy row: no evidence outweighs a hundred bits."""


@dataclass(frozen=True)
class Weights:
    """`prior` and `fields[field][level]` in 1/100 bit; thresholds of the bands on the sum, in 1/100 bit."""

    version: str
    prior: int
    fields: Mapping[str, Mapping[str, int]]
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


FIRST = Weights(
    version="2026.1-first",
    # one candidate in about 500 of the same country and season is the same activity
    prior=-900,
    fields={
        "dates": {
            "unknown": 0, "same": 700, "close": 500, "half": 250, "touch": -450,
            "days apart": -550, "weeks apart": -750, "a month apart": -1000, "far apart": -1600,
            "same month": 250, "within the month": 150, "within the quarter": 100, "within the year": 0,
            "other month": -700,
        },
        "city": {"unknown": 0, "same": 300, "other": -450},
        "country": {"unknown": 0, "same": 250, "other": -900},
        "beneficiaries": {"unknown": 0, "same": 100, "some": 50, "assumed": 0, "assumed other": -150, "other": -700},
        "title": {"unknown": 0, "same": 750, "close": 550, "like": 350, "some": 100, "few": -100, "none": -350},
        "summary": {"unknown": 0, "like": 250, "some": 100, "few": 0},
        "type": {"same": 50, "kin": 0, "mixed": -150, "other": -400},
        "audience": {"unknown": 0, "same": 120, "some": 60, "kin": -200, "other": -1800},
        "themes": {"unknown": 0, "same": 150, "some": 80, "other": -500},
        "level": {"unknown": 0, "same": 30, "other": -150},
        "mode": {"unknown": 0, "other": -400},
        "language": {"unknown": 0, "shared": 20, "other": -250},
        "named": {"unknown": 0, "one": 350, "both": 500},
        "reference": {"unknown": 0, "same": 900},
        "series": {"unknown": 0, "same": 150},
        "ordinal": {"unknown": 0, "one": -50, "same": 200, "other": -2500},
        "year": {"unknown": 0, "other": -2500},
        # policy, not statistics: always a row of its own name
        "in_house": {"other partner": 0, "other programme": 0, "same programme": -350},
        "part_of": {"no": 0, "yes": NEVER},
        "follow_up_of": {"no": 0, "yes": NEVER},
        "next_edition": {"no": 0, "yes": NEVER},
    },
)  # fmt: skip
