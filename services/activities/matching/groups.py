"""Pairs -> groups of plans that are one activity: mean-link, so that a chain of likenesses does not become one heap.

The mean of the scores between two sides must be above 0, no pair across may be ruled out, and two postings of one
partner meet only if they are the same activity in-house. Same input in any order: same groups.
Source of the rule: connected components made a group of 145 where mean-link made 74, at equal quality otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations, product

from services.activities.matching.engine import Band, Match, compare, probability
from services.activities.matching.features import Features

MISSING = -1000
"""Score, in 1/100 bit, of a pair that no survivor speaks for."""
MAX_PARTNERS = 12
"""A "group" of more partners than this is a symptom, not an activity."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """One activity as far as the scores tell. `plans` sorted; `key` is its smallest plan id.

    `band` and `probability` are those of the weakest member's best link (`certain` and 1.0 if all were linked by people;
    None for a plan alone). `in_house`: every plan is one partner's, so it concerns that partner only. `edges` are the
    survivors inside, `similar` those that lead out of the group ("also similar to").
    """

    plans: tuple[str, ...]
    partners: tuple[str, ...]
    in_house: bool
    band: Band | None
    probability: float | None
    edges: tuple[Match, ...]
    similar: tuple[Match, ...]

    @property
    def key(self) -> str:
        return self.plans[0]


def group(
    plans: Iterable[str],
    edges: Iterable[Match],
    must_link: Iterable[Pair] = (),
    must_not_link: Iterable[Pair] = (),
    partners: Mapping[str, str] | None = None,
) -> list[Group]:
    """Every plan in exactly one group, groups in order of their key. `partners` maps plan id -> owner; a plan that is
    missing there counts as its own partner. Pairs that name a plan outside `plans` are ignored. A pair in both
    `must_link` and `must_not_link` stays apart."""
    ids = sorted(set(plans))
    owners = {plan: (partners or {}).get(plan, plan) for plan in ids}
    known = {edge.pair: edge for edge in edges if edge.a in owners and edge.b in owners}
    apart = _pairs(must_not_link, owners) | {pair for pair, edge in known.items() if edge.never}
    linked = _pairs(must_link, owners) - apart
    scores = {pair: edge.score for pair, edge in known.items()}

    clusters = _joined(_united(ids, linked, apart), scores, apart, linked, owners)
    return [_built(cluster, known, linked, owners) for cluster in clusters]


def never_pairs(features: Sequence[Features]) -> set[Pair]:
    """Pairs that a policy rules out (part of, follow-up, other edition): pass them to `group` as must-not-link.

    Survivors alone do not tell: a ruled-out pair never survives, yet a third plan could tie the two together.
    """
    linked = [one for one in features if one.row["part_of"] or one.row["follow_up_of"] or one.row["series"]]
    pairs: set[Pair] = set()
    for one, other in product(linked, features):
        if one.plan_id != other.plan_id and (found := compare(one, other)).never:
            pairs.add(found.pair)
    return pairs


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def _pairs(pairs: Iterable[Pair], owners: Mapping[str, str]) -> set[Pair]:
    return {_pair(a, b) for a, b in pairs if a != b and a in owners and b in owners}


def _united(ids: Sequence[str], linked: set[Pair], apart: set[Pair]) -> list[tuple[str, ...]]:
    """Start: everybody alone, except what people linked (and did not hold apart elsewhere)."""
    home = {plan: (plan,) for plan in ids}
    for a, b in sorted(linked):
        if home[a] != home[b] and not any(_pair(*pair) in apart for pair in product(home[a], home[b])):
            joined = tuple(sorted(home[a] + home[b]))
            home |= dict.fromkeys(joined, joined)
    return sorted(set(home.values()))


@dataclass(slots=True)
class _Tie:
    """What is between two clusters: scores of the pairs that have one, added up, and whether the two may be one."""

    total: int = 0
    scored: int = 0
    ruled_out: bool = False

    def __add__(self, other: _Tie) -> _Tie:
        return _Tie(self.total + other.total, self.scored + other.scored, self.ruled_out or other.ruled_out)


def _joined(
    clusters: Sequence[tuple[str, ...]],
    scores: Mapping[Pair, int],
    apart: set[Pair],
    linked: set[Pair],
    owners: Mapping[str, str],
) -> list[tuple[str, ...]]:
    """Join the two clusters with the highest mean score above 0, again and again. Ties go to the smaller ids.

    A cluster's name is its smallest plan. Sums of a joined cluster are sums of its parts', so a step costs a row, not a
    square.
    """
    members = {cluster[0]: cluster for cluster in clusters}
    home = {plan: cluster[0] for cluster in clusters for plan in cluster}
    ties: dict[str, dict[str, _Tie]] = {name: {} for name in members}
    for a, b in {*scores, *apart, *_of_one_partner(owners)}:
        if home[a] != home[b]:
            pair = _Tie(scores.get((a, b), 0), int((a, b) in scores))
            pair.ruled_out = (a, b) in apart or (
                owners[a] == owners[b] and (a, b) not in scores and (a, b) not in linked
            )
            both = ties[home[a]].get(home[b], _Tie()) + pair
            ties[home[a]][home[b]] = ties[home[b]][home[a]] = both
    queue: list[tuple[float, str, str, int]] = []

    def offer(left: str, right: str) -> None:
        size = len(members[left]) * len(members[right])
        tie = ties[left][right]
        mean = (tie.total + MISSING * (size - tie.scored)) / size
        if tie.scored and not tie.ruled_out and mean > 0:
            # the sizes say whether an offer is still about the clusters that it was made for
            heappush(queue, (-mean, min(left, right), max(left, right), len(members[left]) + len(members[right])))

    for left, others in ties.items():
        for right in others:
            if left < right:
                offer(left, right)
    while queue:
        _, left, right, size = heappop(queue)
        if left not in members or right not in members or len(members[left]) + len(members[right]) != size:
            continue
        joined = tuple(sorted(members[left] + members[right]))
        if len({owners[plan] for plan in joined}) > MAX_PARTNERS:
            continue
        del members[right]
        members[left] = joined
        for other, tie in ties.pop(right).items():
            ties[other].pop(right)
            if other != left:
                ties[left][other] = ties[other][left] = ties[left].get(other, _Tie()) + tie
        for other in ties[left]:
            offer(left, other)
    return sorted(members.values())


def _of_one_partner(owners: Mapping[str, str]) -> list[Pair]:
    theirs: dict[str, list[str]] = {}
    for plan, owner in owners.items():
        theirs.setdefault(owner, []).append(plan)
    return [_pair(a, b) for plans in theirs.values() for a, b in combinations(plans, 2)]


def _built(
    cluster: tuple[str, ...], known: Mapping[Pair, Match], linked: set[Pair], owners: Mapping[str, str]
) -> Group:
    inside = tuple(known[pair] for pair in combinations(cluster, 2) if pair in known)
    similar = tuple(edge for pair, edge in sorted(known.items()) if (pair[0] in cluster) != (pair[1] in cluster))
    owned = tuple(sorted({owners[plan] for plan in cluster}))
    band, likelihood = _weakest(cluster, inside, linked)
    return Group(cluster, owned, len(cluster) > 1 and len(owned) == 1, band, likelihood, inside, similar)


def _weakest(cluster: tuple[str, ...], inside: Sequence[Match], linked: set[Pair]) -> tuple[Band | None, float | None]:
    if len(cluster) == 1:
        return None, None
    weakest: Match | None = None
    for plan in cluster:
        if any(plan in pair for pair in linked if set(pair) <= set(cluster)):
            continue  # a person has said so
        best = max((edge for edge in inside if plan in edge.pair), key=lambda edge: edge.score)
        if weakest is None or best.score < weakest.score:
            weakest = best
    return (weakest.band, probability(weakest.score)) if weakest else ("certain", 1.0)
