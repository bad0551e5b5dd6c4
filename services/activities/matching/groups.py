"""Pairs -> groups of plans that are one activity: mean-link, so that a chain of likenesses does not become one heap.

The mean of the scores between two sides must be above 0, no pair across may be ruled out, and two postings of one
partner meet only if they are the same activity in-house. Same input in any order: same groups.
Source of the rule: connected components made a group of 145 where mean-link made 74, at equal quality otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

    @property
    def strongest(self) -> Match | None:
        """The edge to explain the group by: the best between two partners, else the best in-house one."""
        return min(self.edges, key=lambda edge: (edge.in_house, -edge.score, edge.pair), default=None)

    @property
    def alerting(self) -> bool:
        """Whether the group is a duplicate that two or more partners should hear of."""
        return len(self.partners) > 1


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

    clusters = _united(ids, linked, apart)
    while step := _best_step(clusters, scores, apart, linked, owners):
        left, right = step
        clusters = sorted([*(c for c in clusters if c not in (left, right)), tuple(sorted(left + right))])
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


def _best_step(
    clusters: Sequence[tuple[str, ...]],
    scores: Mapping[Pair, int],
    apart: set[Pair],
    linked: set[Pair],
    owners: Mapping[str, str],
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The two clusters with the highest mean score above 0 that may be one. Ties go to the smaller ids."""
    best: tuple[float, tuple[str, ...], tuple[str, ...]] | None = None
    for left, right in combinations(clusters, 2):
        across = [_pair(a, b) for a, b in product(left, right)]
        if not any(pair in scores for pair in across) or any(pair in apart for pair in across):
            continue
        if any(owners[a] == owners[b] and (a, b) not in scores and (a, b) not in linked for a, b in across):
            continue
        if len({owners[plan] for plan in left + right}) > MAX_PARTNERS:
            continue
        mean = sum(scores.get(pair, MISSING) for pair in across) / len(across)
        if mean > 0 and (best is None or mean > best[0]):
            best = (mean, left, right)
    return best and best[1:]


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
