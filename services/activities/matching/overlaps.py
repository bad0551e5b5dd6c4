"""Conflicts between two different activities: rules first, no probability of anything (rules and windows: `overlap_rules`).

people     one trainer, speaker or mentor is to be at both, on days that meet
audience   the same people of one country are called twice on days that meet or nearly
venue      one building for both, on days that meet
funding    one funder pays two partners for the same theme in the same country and period
effort     the same country gets the same theme twice within months

Plans of one activity, of one partner, and plans that refer to one another (part of, follow-up, the same series) never
collide. What a posting does not say in a field of its own but in its words (`features.*_FROM_TEXT`) warns of nothing: a
shared audience that was read so is told as nearby, a theme not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from services.activities.matching import codes, overlap_words
from services.activities.matching.features import AUDIENCES_FROM_TEXT, DATES_FROM_TEXT, ROW, Features
from services.activities.matching.overlap_evidence import Array, Evidence, told
from services.activities.matching.overlap_rules import RULES, Kind, Level, Rule, Rules, level_of
from services.activities.matching.table import FeatureTable

MOST = 20
"""Conflicts of one plan that are listed; the others are counted."""
_SLACK = 7
"""Days by which two postings of one activity may differ and still speak of the same: with the window of `audience`, twice as
many are fewer than the days around a plan in which it is looked for."""


@dataclass(frozen=True)
class Overlap:
    """A conflict of two plans, `a` < `b`.

    severity  0..100, a sum (`_POINTS`); asked: whether it is an alert, else it is only told as nearby
    why       one sentence; codes are those that both plans share
    """

    kind: Kind
    one: Features
    other: Features
    severity: int
    asked: bool
    rank: int

    @property
    def a(self) -> str:
        return self.one.plan_id

    @property
    def b(self) -> str:
        return self.other.plan_id

    @cached_property
    def why(self) -> str:
        return overlap_words.why(self.kind, self.one, self.other)

    @property
    def days_apart(self) -> int:
        """0 when they share a day."""
        return overlap_words.days_apart(self.one, self.other)

    @property
    def countries(self) -> tuple[str, ...]:
        return overlap_words.shared("beneficiaries", self.one, self.other)

    @property
    def audiences(self) -> tuple[str, ...]:
        return overlap_words.shared("audiences", self.one, self.other)

    @property
    def themes(self) -> tuple[str, ...]:
        return overlap_words.shared("themes", self.one, self.other)

    @property
    def level(self) -> Level:
        return level_of(self.severity)

    @property
    def order(self) -> tuple[bool, int, int, str, str]:
        """Which conflict of two activities is told: what is asked, then the stronger kind, then severity, then ids."""
        return not self.asked, self.rank, -self.severity, self.a, self.b


class Judged(NamedTuple):
    """Per pair: the number of the kind in `Rules.by_kind` (-1: no conflict), severity, and whether it is an alert."""

    kind: Array
    severity: Array
    asked: Array

    def overlap(self, at: int, one: Features, other: Features, rules: Rules = RULES) -> Overlap:
        """The conflict of the pair at a place, where there is one."""
        a, b = (one, other) if one.plan_id < other.plan_id else (other, one)
        name = list(rules.by_kind)[int(self.kind[at])]
        return Overlap(name, a, b, int(self.severity[at]), bool(self.asked[at]), rules.by_kind[name].rank)

    def strength(self, rules: Rules = RULES) -> Array:
        """Per pair a number that is lower where the conflict is stronger: what is asked, then severity, then the kind."""
        ranks = np.array([rule.rank for rule in rules.by_kind.values()])
        return ~self.asked * 10_000 - self.severity.astype(np.int64) * 10 + ranks[self.kind]


class Ranked(NamedTuple):
    """The strongest conflicts of one plan (what is asked, then by severity, kind and ids), and how many in all."""

    top: tuple[Overlap, ...]
    total: int


def _closeness(it: Evidence, rule: Rule) -> Array:
    """10 on days that meet, 0 at the end of the window."""
    return 10 * (rule.window - it.apart) // max(rule.window, 1) if rule.window else np.full(len(it.apart), 10)


def _for_the_same(it: Evidence) -> Array:
    return 25 * ((it.audiences > 0) & ~it.guessed)


def _most(counts: Array, most: int) -> Array:
    return np.minimum(counts, most)


_HOLDS: Mapping[Kind, Callable[[Evidence], Array]] = MappingProxyType(
    {
        "people": lambda it: it.people > 0,
        "audience": lambda it: it.countries & (it.audiences > 0),
        "venue": lambda it: it.sites > 0,
        "funding": lambda it: it.countries & (it.themes > 0) & (it.funders > 0),
        "effort": lambda it: it.countries & (it.themes > 0),
    }
)
"""What must be shared, beside the days."""
_REGION = 15
"""Off where one names a region: of its many countries this one may not be meant."""
_POINTS: Mapping[Kind, Callable[[Evidence, Rule], Array]] = MappingProxyType(
    {
        "people": lambda it, rule: 65 + 5 * _most(it.people, 3) + 5 * _most(it.days, 3),
        "audience": lambda it, rule: (
            np.where(it.apart == 0, 45, 30)
            + 5 * _most(it.audiences, 3)
            + 10 * _most(it.themes, 2)
            + 20 * it.city
            - _REGION * it.regional
        ),
        "venue": lambda it, rule: 40 + 5 * _most(it.days, 3) + 5 * _most(it.themes, 2) + 5 * (it.audiences > 0),
        "funding": lambda it, rule: 10 * _most(it.funders, 2) + _absorbed(it, rule),
        "effort": lambda it, rule: 10 + _absorbed(it, rule),
    }
)
"""Severity, a sum for every kind."""


def _absorbed(it: Evidence, rule: Rule) -> Array:
    shared = 5 * _most(it.themes, 3) + _for_the_same(it) + 5 * it.city
    return _closeness(it, rule) + shared - _REGION * it.regional


def checked(features: Features) -> bool:
    """Whether overlaps can be told at all: not without a date, not with only a year, not for a draft or cancelled plan."""
    given = features.dates is not None and not features.row["flags"] & DATES_FROM_TEXT
    return features.matchable and given and features.precision != "year"


def judge(one: Array, other: Array, rules: Rules = RULES) -> Judged:
    """The conflict of each pair of two arrays of packed rows, of one length or one of length 1; symmetric.

    Of several the first that is asked, the stronger kind first (`Rule.rank`).
    """
    size, it = max(len(one), len(other)), Evidence(one, other)
    kind, severity, asked = np.full(size, -1, np.int8), np.zeros(size, np.int16), np.zeros(size, bool)
    possible = told(one) & told(other) & it.strangers & (it.apart <= rules.widest)
    # from the weakest on, so that what is stronger is written over it, and what is asked over what is not
    ordered = sorted(enumerate(rules.by_kind.items()), key=lambda each: -each[1][1].rank)
    for number, (name, rule) in ordered if possible.any() else ():
        here = possible & (it.apart <= rule.window) & _fit(rule, one) & _fit(rule, other)
        if not (rule.on and here.any()):
            continue
        here = here & _HOLDS[name](it)
        points = np.clip(_POINTS[name](it, rule), 0, 100)
        ask = here & (points >= rule.least) & ~(it.guessed & (name == "audience"))
        here = here & (ask | ~asked)
        np.copyto(kind, number, where=here)
        np.copyto(severity, points, where=here, casting="unsafe")
        asked |= ask
    return Judged(kind, severity, asked)


def overlap(one: Features, other: Features, rules: Rules = RULES) -> Overlap | None:
    """The conflict of two plans of different activities, or None."""
    return next((found for _, found in _found([(one, other)], rules)), None)


def between(left: Sequence[Features], right: Sequence[Features], rules: Rules = RULES) -> Overlap | None:
    """The one conflict of two activities, or None: `around` for a single other one."""
    return around(left, {"": right}, rules).get("")


def around(
    plans: Sequence[Features], others: Mapping[str, Sequence[Features]], rules: Rules = RULES
) -> dict[str, Overlap]:
    """The conflicts of one activity with others, by their keys, at most one each, however many postings they have: the first
    of their pairs' (`Overlap.order`). All pairs are judged in one go. For whom an activity is, any of its postings may say.

    None where any pair across is related (part of, follow-up, series), or where the two share a plan.
    """
    mine = _for_whom(plans, rules)
    pairs = [(key, a, b) for key, theirs in others.items() for a, b in product(mine, _for_whom(theirs, rules))]
    if not pairs:
        return {}
    it = Evidence(*_columns([(a, b) for _, a, b in pairs]))
    barred = {pairs[at][0] for at in np.flatnonzero(it.related | (it.one["plan"] == it.other["plan"]))}
    kept = [pair for pair in pairs if pair[0] not in barred]
    best: dict[str, Overlap] = {}
    for at, found in _found([(a, b) for _, a, b in kept], rules):
        key = kept[at][0]
        best[key] = min(best.get(key, found), found, key=lambda each: each.order)
    return best


def _for_whom(plans: Sequence[Features], rules: Rules) -> Sequence[Features]:
    """Postings of one activity, each with the audiences that it or another posting gives in its field. Another one may say as
    long as it speaks of the same days and countries: whoever meets the two then finds that one too, by its own keys
    (candidates.py), whichever side has its turn last.
    """
    if len(plans) < 2:
        return plans
    rows = np.frombuffer(b"".join(one.packed for one in plans), ROW)
    read, audiences = (rows["flags"] & AUDIENCES_FROM_TEXT) != 0, rows["audiences"]
    if not read.any() and (audiences == audiences[0]).all():
        return plans
    slack = _SLACK if rules.by_kind["audience"].window <= 31 else 0
    start, end, whom = rows["start"], rows["end"], rows["beneficiaries"]
    # row by row: which others speak for it
    lends = (told(rows) & ~read & (audiences != 0))[None, :]
    lends = lends & (start[None, :] <= start[:, None] + slack) & (end[None, :] >= end[:, None] - slack)
    lends &= ~(whom[:, None, :] & ~whom[None, :, :]).any(axis=2)
    rows, lent = rows.copy(), lends.any(axis=1)
    together = np.bitwise_or.reduce(np.where(lends, audiences[None, :], 0), axis=1)
    rows["audiences"] = np.where(lent, together, audiences)
    rows["flags"] &= np.where(lent, np.uint16(0xFFFF ^ AUDIENCES_FROM_TEXT), np.uint16(0xFFFF))
    return [Features(one.plan_id, rows[at].tobytes()) for at, one in enumerate(plans)]


def ranked(features: Features, others: FeatureTable, rules: Rules = RULES, most: int = MOST) -> Ranked:
    """The strongest conflicts of one plan with others (its own activity left out by the caller), and how many in all."""
    if not len(others):
        return Ranked((), 0)
    judged = judge(np.frombuffer(features.packed, ROW), others.rows, rules)
    at = np.flatnonzero(judged.kind >= 0).tolist()
    found = [judged.overlap(each, features, others.at(each), rules) for each in at]
    found.sort(key=lambda each: (not each.asked, -each.severity, each.rank, each.a, each.b))
    return Ranked(tuple(found[:most]), len(found))


def _columns(pairs: Sequence[tuple[Features, Features]]) -> tuple[Array, Array]:
    one, other = (np.frombuffer(b"".join(pair[side].packed for pair in pairs), ROW) for side in (0, 1))
    return one, other


def _found(pairs: Sequence[tuple[Features, Features]], rules: Rules) -> Iterator[tuple[int, Overlap]]:
    """Each pair that collides, by its place in the list."""
    if not pairs:
        return
    judged = judge(*_columns(pairs), rules)
    for at in map(int, np.flatnonzero(judged.kind >= 0)):
        yield at, judged.overlap(at, *pairs[at], rules)


def _fit(rule: Rule, rows: Array) -> Array:
    """Whether dates are good enough for the rule, and the type is one of its."""
    fits = _among(codes.PRECISIONS, rule.precisions)[rows["precision"]]
    return fits if rule.types is None else fits & _among(codes.TYPES, rule.types)[rows["type"]]


@lru_cache(maxsize=32)
def _among(vocabulary: tuple[str, ...], chosen: frozenset[str]) -> Array:
    """By a code's number: whether it is one of these. (`np.isin` does this, at ten times the cost for a few rows.)"""
    return np.array([False, *(code in chosen for code in vocabulary)])
