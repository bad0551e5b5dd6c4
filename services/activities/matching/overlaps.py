"""Conflicts between two different activities: rules first, no probability of anything.

`audience`: the same people of one country are called twice on days that meet or nearly. `effort`: the same country gets
the same theme twice within months. Plans of one activity, of one partner, and plans that refer to one another (part of,
follow-up, the same series) never collide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Literal

import numpy as np

from services.activities.matching import codes
from services.activities.matching.features import BENEFICIARY_FROM_REGION, DATES_FROM_TEXT, THEMES_FROM_TEXT, Features
from services.activities.matching.levels import gap_days
from services.activities.matching.phrases import countries as country_names
from services.activities.matching.phrases import labels, when

Kind = Literal["audience", "effort"]


@dataclass(frozen=True)
class Rule:
    """`window`: most days between the two intervals. `precisions`: dates good enough for the rule. `rank`: 0 is stronger."""

    rank: int
    window: int
    precisions: frozenset[str]
    types: frozenset[str] | None
    on: bool = True


@dataclass(frozen=True)
class Rules:
    """The table of rules by kind."""

    by_kind: Mapping[Kind, Rule]

    @property
    def widest(self) -> int:
        """Days that a search must look around a plan."""
        return max((rule.window for rule in self.by_kind.values() if rule.on), default=0)


RULES = Rules(
    MappingProxyType(
        {
            "audience": Rule(rank=0, window=3, precisions=frozenset({"day", "week"}), types=None),
            "effort": Rule(
                rank=1,
                window=92,  # three months
                precisions=frozenset({"day", "week", "month", "quarter"}),
                types=codes.CAPACITY_BUILDING,
            ),
        }
    )
)


@dataclass(frozen=True)
class Overlap:
    """A conflict of two plans, `a` < `b`. `severity` 0..100; `days_apart` 0 when they share a day; codes that both share."""

    kind: Kind
    a: str
    b: str
    severity: int
    why: str
    days_apart: int
    countries: tuple[str, ...]
    audiences: tuple[str, ...]
    themes: tuple[str, ...]

    @property
    def level(self) -> Literal["low", "medium", "high"]:
        return "low" if self.severity < 40 else "medium" if self.severity < 70 else "high"

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Sort key: stronger kind first, then severity, then ids."""
        return RULES.by_kind[self.kind].rank, -self.severity, self.a, self.b


def checked(features: Features) -> bool:
    """Whether overlaps can be told at all: not without a date, not with only a year, not for a draft or cancelled plan."""
    told = features.dates is not None and not features.row["flags"] & DATES_FROM_TEXT
    return features.matchable and told and features.precision != "year"


def overlap(one: Features, other: Features, rules: Rules = RULES) -> Overlap | None:
    """The strongest conflict of two plans of different activities, or None. Symmetric."""
    a, b = sorted((one, other), key=lambda features: features.plan_id)
    if a.partner == b.partner or not (checked(a) and checked(b)) or related(a, b):
        return None
    countries = tuple(code for code in a.beneficiaries if code in b.beneficiaries)
    audiences = tuple(code for code in a.audiences if code in b.audiences)
    themes = tuple(code for code in a.themes if code in b.themes)
    if not countries:
        return None
    apart = int(gap_days(a.row, b.row))
    found: list[Overlap] = []
    for kind, rule in rules.by_kind.items():
        shared = audiences if kind == "audience" else themes
        if (
            rule.on
            and apart <= rule.window
            and _fits(rule, a, b)
            and shared
            and not (kind == "effort" and _guessed(a, b))
        ):
            severity = _severity(kind, a, b, apart, len(audiences), len(themes))
            why = _why(kind, a, b, apart, countries, audiences, themes)
            found.append(Overlap(kind, a.plan_id, b.plan_id, severity, why, apart, countries, audiences, themes))
    return min(found, key=lambda one: one.order, default=None)


def between(left: Sequence[Features], right: Sequence[Features], rules: Rules = RULES) -> Overlap | None:
    """The one overlap of two activities, however many postings each has: the strongest of their pairs, or None.

    None as well when any pair across is related (part of, follow-up, series), or when they share a plan.
    """
    pairs = list(product(left, right))
    if any(related(a, b) or a.plan_id == b.plan_id for a, b in pairs):
        return None
    found = [one for a, b in pairs if (one := overlap(a, b, rules))]
    return min(found, key=lambda one: one.order, default=None)


def related(a: Features, b: Features) -> bool:
    """Part of, follow-up of, both parts of one thing, or of one series: known to each other, so never in conflict."""
    one, other = a.row, b.row
    if any(one[column] == other["plan"] or other[column] == one["plan"] for column in ("part_of", "follow_up_of")):
        return True
    return any(bool(one[column]) and one[column] == other[column] for column in ("part_of", "series"))


def _guessed(a: Features, b: Features) -> bool:
    return bool((a.row["flags"] | b.row["flags"]) & THEMES_FROM_TEXT)


def _fits(rule: Rule, a: Features, b: Features) -> bool:
    return all(one.precision in rule.precisions and (rule.types is None or one.type in rule.types) for one in (a, b))


def _severity(kind: Kind, a: Features, b: Features, apart: int, audiences: int, themes: int) -> int:
    """Additive: how near, how much is shared, how surely the country is meant."""
    same_city = bool(np.intersect1d(a.row["cities"], b.row["cities"]).any())
    score = (60 if apart == 0 else 45) if kind == "audience" else 25 + 20 * (92 - min(apart, 92)) // 92
    score += 5 * min(audiences, 3) + 5 * min(themes, 3)
    score += 10 if same_city else 0
    # a region names many countries at once: the country may not be meant
    score -= 15 if (a.row["flags"] | b.row["flags"]) & BENEFICIARY_FROM_REGION else 0
    return max(0, min(100, score))


def _why(
    kind: Kind,
    a: Features,
    b: Features,
    apart: int,
    countries: tuple[str, ...],
    audiences: tuple[str, ...],
    themes: tuple[str, ...],
) -> str:
    spans = " and ".join(dict.fromkeys(when(one) for one in sorted((a, b), key=lambda one: (one.dates, one.plan_id))))
    place = country_names(countries)
    if kind == "audience":
        near = "on the same days" if apart == 0 else f"{apart} day{'s' * (apart > 1)} apart"
        also = f"; both on {labels('theme', themes)}" if themes else ""
        return f"Same audience ({labels('audience', audiences)}) in {place} {near} ({spans}){also}."
    near = "in the same period" if apart == 0 else f"{apart} day{'s' * (apart > 1)} apart"
    return f"Same theme ({labels('theme', themes)}) in {place} {near} ({spans})."
