"""Which conflicts there are, and from where on one is an alert: a table that an installation may change.

A conflict below `least` is told to who plans ("nearby": plans:check, `convene match --overlaps`), and opens no alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from services.activities.matching import codes

Kind = Literal["people", "audience", "venue", "funding", "effort"]
Level = Literal["low", "medium", "high"]
LEVELS: Mapping[Level, int] = MappingProxyType({"low": 0, "medium": 40, "high": 70})
"""The least severity of each."""


@dataclass(frozen=True)
class Rule:
    """One kind of conflict.

    rank        of a pair's conflicts the lowest is told
    window      most days between the two intervals; 0: they share a day
    precisions  dates good enough for the rule
    types       types of both plans; None: any
    least       the severity from which a coordinator is asked
    """

    rank: int
    window: int
    precisions: frozenset[str]
    types: frozenset[str] | None = None
    least: int = LEVELS["medium"]
    on: bool = True


@dataclass(frozen=True)
class Rules:
    """The table of rules by kind."""

    by_kind: Mapping[Kind, Rule]

    @property
    def widest(self) -> int:
        """Days that a search must look around a plan."""
        return max((rule.window for rule in self.by_kind.values() if rule.on), default=0)


_NEAR, _COARSE = frozenset({"day", "week"}), frozenset({"day", "week", "month", "quarter"})
RULES = Rules(
    MappingProxyType(
        {
            "people": Rule(rank=0, window=0, precisions=_NEAR),
            "audience": Rule(rank=1, window=3, precisions=_NEAR),
            "venue": Rule(rank=2, window=0, precisions=frozenset({"day"})),
            # a donor's money is planned by the quarter, what a country can absorb by the season
            "funding": Rule(rank=3, window=31, precisions=_COARSE, types=codes.CAPACITY_BUILDING),
            "effort": Rule(rank=4, window=92, precisions=_COARSE, types=codes.CAPACITY_BUILDING),
        }
    )
)


def level_of(severity: int) -> Level:
    """0..100 as people read it."""
    return next(level for level in ("high", "medium", "low") if severity >= LEVELS[level])
