"""What matching makes of plans that come and change, kept in memory: the rules of `matching/` alone, with no service, database
or decision. Each turn does what the lane does (handlers/lane.py), in as few words as it can be said."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from services.activities.matching import candidates, groups, overlaps
from services.activities.matching.candidates import ENOUGH, MAX_CANDIDATES, NEARNESS, RARITY
from services.activities.matching.engine import Match, match
from services.activities.matching.features import Features
from services.activities.matching.table import FeatureTable

Group = tuple[str, ...]


class Near(NamedTuple):
    """The plans to compare with, best first, those that can overlap, and whether one that is missed was cut."""

    plans: list[str]
    meeting: list[str]
    capped: bool


@dataclass(frozen=True)
class State:
    """What stands: scored pairs, duplicates with what they say, conflicts with theirs."""

    pairs: frozenset[tuple[str, str, int, str]]
    duplicates: frozenset[tuple[Group, str | None, float | None]]
    conflicts: frozenset[tuple[Group, Group, str, int]]


@dataclass
class Living:
    """`put` stores a plan's present version, `turn` matches it; between the two others may come. RED plans have no part."""

    plans: dict[str, Features] = field(default_factory=dict[str, Features])
    keys: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    pairs: dict[str, dict[str, Match]] = field(default_factory=lambda: defaultdict(dict))
    home: dict[str, Group] = field(default_factory=dict[str, Group])
    duplicates: dict[Group, tuple[str | None, float | None]] = field(default_factory=dict)
    conflicts: dict[tuple[Group, Group], tuple[str, int]] = field(default_factory=dict)
    of_plan: dict[str, set[tuple[Group, Group]]] = field(default_factory=lambda: defaultdict(set))
    cut: int = 0
    """Turns in which a candidate was missed."""

    def put(self, one: Features) -> None:
        if before := self.plans.get(one.plan_id):
            for key, day in candidates.rows(before).rows:
                self.keys[key].remove((day, one.plan_id))
        self.plans[one.plan_id] = one
        self.home.setdefault(one.plan_id, (one.plan_id,))
        for key, day in candidates.rows(one).rows:
            insort(self.keys[key], (day, one.plan_id))

    def near(self, asking: Features, *, meeting: bool = False) -> Near:
        """The rule of candidates.py: outward from the middle day, then by what is shared, by nearness, by id."""
        asked = candidates.ranges(asking, meeting=meeting)
        worth, far, meets, cut = dict[str, int](), dict[str, int](), set[str](), asked.capped
        for one in asked.ranges:
            rows = self.keys.get(one.key, [])
            first, middle, last = (
                bisect_left(rows, (one.first, "")), bisect_left(rows, (one.middle, "")), bisect_right(rows, (one.last, "~")),
            )  # fmt: skip
            later = rows[middle : min(last, middle + one.most + 1)]
            earlier = rows[max(first, middle - one.most - 1) : middle]
            for side, edge in ((later, -1), (earlier, 0)):
                cut = cut or (len(side) > one.most and abs(side[edge][0] - one.middle) <= one.misses)
            kept = later + earlier
            share = one.worth + next((more for most, more in RARITY if len(kept) <= most), 0)
            for plan in {plan for _, plan in kept}:
                worth[plan] = worth.get(plan, 0) + share
            if one.meets:
                meets.update(plan for _, plan in kept)
            for day, plan in kept:
                far[plan] = min(far.get(plan, 10**9), abs(day - one.middle))
        for plan, days in far.items():
            worth[plan] += next((more for most, more in NEARNESS if days <= most), 0)
        order = sorted(worth.keys() - {asking.plan_id}, key=lambda plan: (-worth[plan], far[plan], plan))
        best, rest = order[:MAX_CANDIDATES], order[MAX_CANDIDATES:]
        capped = cut or any(plan in meets or worth[plan] >= ENOUGH for plan in rest)
        return Near(best, [plan for plan in best if plan in meets], capped)

    def turn(self, plan: str) -> None:
        """Match one plan at its present version, then settle all that it touches."""
        mine, near = self.plans[plan], self.near(self.plans[plan])
        self.cut += near.capped
        before = self.pairs.pop(plan, {})
        for other in before:
            del self.pairs[other][plan]
        for one in match(mine, FeatureTable.of(self.plans[each] for each in sorted(near.plans))):
            self.pairs[one.a][one.b] = self.pairs[one.b][one.a] = one
        self._settle(self._tied({plan} | before.keys()), {plan: near.meeting})

    def state(self) -> State:
        scored = ((one.a, one.b, one.score, one.band) for each in self.pairs.values() for one in each.values())
        return State(
            frozenset(scored),
            frozenset((plans, band, chance) for plans, (band, chance) in self.duplicates.items()),
            frozenset((left, right, kind, severity) for (left, right), (kind, severity) in self.conflicts.items()),
        )

    def _tied(self, plans: set[str]) -> set[str]:
        """Everything that matches tie to these."""
        found, fresh = set[str](), set(plans)
        while fresh:
            found |= fresh
            fresh = {other for plan in fresh for other in self.pairs.get(plan, ())} - found
        return found

    def _settle(self, touched: set[str], meeting: dict[str, list[str]]) -> None:
        """Cluster again from scratch, and put what the groups call for in the place of all that concerned these plans."""
        features = {plan: self.plans[plan] for plan in sorted(touched)}
        edges = {one.pair: one for plan in touched for one in self.pairs.get(plan, {}).values()}
        apart = groups.never_pairs(list(features.values()))
        owners = {plan: str(one.partner) for plan, one in features.items()}
        clustered = groups.group(features, edges.values(), (), apart, owners)
        for plan in touched:
            self.duplicates.pop(self.home[plan], None)
            for sides in list(self.of_plan.pop(plan, ())):
                self.conflicts.pop(sides, None)
        for one in clustered:
            self.home |= dict.fromkeys(one.plans, one.plans)
            if len(one.plans) > 1:
                self.duplicates[one.plans] = one.band, one.probability
        around = {self.home[other] for plan, one in features.items() for other in
                  (meeting[plan] if plan in meeting else self.near(one, meeting=True).meeting)}  # fmt: skip
        for one in clustered:
            others = {"+".join(each): each for each in sorted(around | {other.plans for other in clustered})}
            met = overlaps.around(
                [self.plans[plan] for plan in one.plans],
                {key: [self.plans[plan] for plan in each] for key, each in others.items() if each != one.plans},
            )
            for key, found in met.items():
                left, right = sorted((one.plans, others[key]))
                if found.asked:
                    self.conflicts[left, right] = found.kind, found.severity
                    for plan in (*left, *right):
                        self.of_plan[plan].add((left, right))
