"""Which stored plans to fetch for one plan: pure descriptions of rows and ranges. The caller does the reading, `ranking` says
which of the plans that came are the best.

One table, plan_key(key, day, plan): a plan leaves a row for each thing that two postings of one activity tend to
share (a country, a city, a rare word, a partner, its own reference ...) on each of its days, and asks for the same keys
around its own days; so either of two plans finds the other, whichever was posted first. Every range has a limit, and the
whole has one: what is cut is what shares least, then what lies farthest in time, never what was stored last.

A range over starts would miss a plan that started long ago and still runs, so a long plan leaves one row per `STEP` days;
every day that it covers is at most `STEP` - 1 days after one of its rows. A plan without a date leaves its rows on day
`UNDATED`, asks for every day, newest first, and is asked for by everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from services.activities.matching import codes
from services.activities.matching.features import CUT, Features
from services.activities.matching.overlap_rules import RULES, Rules
from services.activities.matching.overlap_rules import Kind as Overlapping
from services.activities.matching.overlaps import checked
from services.activities.matching.table import FeatureTable

STEP = 45
DUPLICATE_DAYS = 45
"""How far apart the dates of two postings of one activity may be typed."""
MAX_ROWS_OF_A_PLAN = 2000
"""Rows in `plan_key`; the world for three years is cut, and the plan says so."""
MAX_RANGES = 400
"""Ranges that one plan may ask for."""
MAX_CANDIDATES = 300
"""Plans that one plan is compared with."""
ENOUGH = 8
"""Worth below which a plan that was cut and cannot overlap is not missed: less never made a match. Else the cut is told."""
RARITY = ((2, 6), (4, 5), (8, 4), (16, 3), (32, 2), (64, 1))
"""(rows, worth): what a key is worth more when a scan finds so few rows of it."""
NEARNESS = ((1, 4), (3, 3), (7, 2), (21, 1))
"""(days, worth): what a plan is worth more for so few days between the two."""
UNDATED, LAST_DAY = 0, date.max.toordinal()
"""Days are ordinals (1 is 1 January of year 1); 0 is no day."""


@dataclass(frozen=True)
class Kind:
    """A kind of key.

    rows     most rows to read for all keys of the kind together, on each side of the plan's middle day
    worth    what sharing one says for being compared at all
    misses   days within which a row that was cut is missed, and told; what says little by itself is cut in silence
    meets    kinds of overlap that plans which share one may have; their windows count as well
    """

    rows: int
    worth: int
    misses: int
    meets: tuple[Overlapping, ...] = ()

    def window(self, rules: Rules) -> int:
        """Days within which plans that share such a key may overlap."""
        return max((rules.by_kind[each].window for each in self.meets if rules.by_kind[each].on), default=0)


KINDS = MappingProxyType(
    {
        # in this order they fill MAX_ROWS_OF_A_PLAN and MAX_RANGES
        "reference": Kind(rows=50, worth=20, misses=0),
        "rare": Kind(rows=600, worth=4, misses=DUPLICATE_DAYS),
        "organiser": Kind(rows=200, worth=3, misses=7),
        "named": Kind(rows=200, worth=3, misses=7),
        "trainer": Kind(rows=100, worth=3, misses=0, meets=("people",)),
        "site": Kind(rows=100, worth=3, misses=0, meets=("venue",)),
        "city": Kind(rows=200, worth=3, misses=7),
        "country": Kind(rows=300, worth=1, misses=0),
        "audience": Kind(rows=300, worth=2, misses=0, meets=("audience",)),
        "theme": Kind(rows=600, worth=2, misses=0, meets=("funding", "effort")),
        "word": Kind(rows=300, worth=1, misses=0),
    }
)


class Row(NamedTuple):
    """What a plan leaves in plan_key (its id is the caller's to add). `key`: signed 64 bits."""

    key: int
    day: int


class Range(NamedTuple):
    """Rows of `key` with first <= day <= last, nearest to `middle`: at most `most` from it on and `most` before it. A cut
    nearer than `misses` days to the middle is told."""

    key: int
    first: int
    middle: int
    last: int
    most: int
    worth: int
    misses: int
    meets: bool


@dataclass(frozen=True)
class Rows:
    """The rows of one plan. `capped`: it is wider than its rows can say."""

    rows: tuple[Row, ...]
    capped: bool


@dataclass(frozen=True)
class Ranges:
    """The bounded ranges to read for one plan. `capped`: the plan itself was cut, so the answer may be incomplete."""

    ranges: tuple[Range, ...]
    capped: bool


@dataclass(frozen=True)
class Chosen:
    """The stored plans to compare with, those that share most first. `capped`: the budget cut something, so say so on what
    comes of it.

    `meeting`: those that may overlap as well; plans that only share words of the title can match, but never collide.
    """

    table: FeatureTable
    capped: bool
    meeting: tuple[str, ...] = ()

    @property
    def plan_ids(self) -> tuple[str, ...]:
        return self.table.ids


def rows(features: Features) -> Rows:
    """The rows that a plan leaves; none for drafts, postponed and cancelled plans."""
    if not features.compared:
        return Rows((), False)
    days = _anchors(features)
    left: dict[Row, None] = {}
    for kind, value in _left(features):
        left |= dict.fromkeys(Row(key_of(kind, value), day) for day in ((UNDATED,) if kind == "reference" else days))
    found = tuple(left)
    return Rows(found[:MAX_ROWS_OF_A_PLAN], len(found) > MAX_ROWS_OF_A_PLAN or _cut(features))


def ranges(features: Features, rules: Rules = RULES, *, meeting: bool = False) -> Ranges:
    """The ranges that hold every stored plan which can match or overlap this one (up to the limits).

    meeting: only those that can overlap it.
    """
    if not features.compared or (meeting and not checked(features)):
        return Ranges((), False)
    by_kind: dict[str, list[str]] = {}
    for kind, value in _asked(features):
        if KINDS[kind].meets or not meeting:
            by_kind.setdefault(kind, []).append(value)
    found: list[Range] = []
    half = (features.dates[1] - features.dates[0]).days // 2 if features.dates else 0
    for kind, what in KINDS.items():
        values = by_kind.get(kind, [])
        most = max(what.rows // max(len(values), 1), 10)
        misses = max(what.misses, what.window(rules)) + half
        rest = most, what.worth, misses, bool(what.meets)
        spans = _spans(features, kind, rules, meeting)
        found += [Range(key_of(kind, value), *span, *rest) for value in values for span in spans]
    return Ranges(tuple(found[:MAX_RANGES]), _cut(features) or len(found) > MAX_RANGES)


def _left(features: Features) -> Iterator[tuple[str, str]]:
    """(kind, value) of every key that a plan is found by."""
    row = features.row
    if row["reference"]:
        yield "reference", str(row["reference"])
    yield from (("rare", str(word)) for word in row["title"] if word & 3 == 3)
    yield from (("organiser", str(one)) for one in row["own"] if one)
    yield from (("named", str(one)) for one in row["named"] if one)
    yield from (("trainer", str(one)) for one in row["people"] if one)
    yield from (("site", str(one)) for one in row["sites"] if one)
    yield from (("city", str(one)) for one in row["cities"] if one)
    yield from (("country", one) for one in _countries(features))
    yield from (("audience", f"{c} {each}") for c in features.beneficiaries for each in features.audiences)
    yield from (("theme", f"{c} {each}") for c in features.beneficiaries for each in features.themes)
    # of the title's other words forms ("course") lead nowhere
    yield from (("word", str(word)) for word in row["title"] if word & 3 == 2)


def _asked(features: Features) -> Iterator[tuple[str, str]]:
    """(kind, value) of every key that a plan looks for: its own, but for organisations. Who is named here may have posted
    the other plan, or be named there too; who posts here may be named there. All else of one poster is its own business."""
    row = features.row
    yield from ((kind, value) for kind, value in _left(features) if kind not in ("organiser", "named"))
    yield from (("organiser", str(one)) for one in row["named"] if one)
    yield from (("named", str(one)) for one in (*row["named"], *row["own"]) if one)


def _spans(features: Features, kind: str, rules: Rules, meeting: bool) -> list[tuple[int, int, int]]:
    """(first, middle, last) days to read for a kind of key."""
    undated = (UNDATED, UNDATED, UNDATED)
    if kind == "reference":
        return [undated]
    if features.dates is None:
        return [undated, (UNDATED + 1, LAST_DAY, LAST_DAY)]
    first, last = (day.toordinal() for day in features.dates)
    within = max(KINDS[kind].window(rules), DUPLICATE_DAYS)
    # the table holds a row up to STEP - 1 days before the day that matters
    near = max(first - within - STEP + 1, UNDATED + 1), _look_from(first, last), min(last + within, LAST_DAY)
    return [near] if meeting else [near, undated]


def _look_from(first: int, last: int) -> int:
    """The day to look outward from: the first one of a course, where another posting of it has its row; the middle of what
    is long or not known to the day."""
    return first if last - first < 14 else (first + last) // 2


def key_of(kind: str, value: str) -> int:
    """A signed 64-bit number, as the databases keep it."""
    return codes.signed64(f"{kind} {value}")


def _anchors(features: Features) -> Iterable[int]:
    if features.dates is None:
        return (UNDATED,)
    first, last = features.dates
    return range(first.toordinal(), last.toordinal() + 1, STEP)


def _countries(features: Features) -> tuple[str, ...]:
    return tuple(sorted({*features.venue_countries, *features.beneficiaries}))


def _cut(features: Features) -> bool:
    return bool(features.row["flags"] & CUT)
