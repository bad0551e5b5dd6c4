"""The alerts of an ordinary year: 40 partners, 1,500 plans; what a coordinator would have to decide, by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np

from bench.matching.figures import AT
from bench.matching.quality import Key, Say, Scored
from infra.lists.scoring import may_overlap
from services.activities.matching import overlaps

CERTAIN = 0.95
MOST = 0.03
"""Alerts to decide, as a share of the plans."""


def alerts(scores: Scored) -> Counter[str]:
    """Alerts by kind: one for each group of postings of one activity, one for each two activities that collide.

    Postings are grouped as pairs chain; the product's own grouping is stricter, so this is the upper bound.
    """
    found: Counter[str] = Counter()
    chance = dict(zip(scores.pairs, scores.same, strict=True))
    together = {pair for pair in scores.pairs if chance[pair] >= AT}
    kin = together | {pair for pair, series in zip(scores.pairs, scores.series, strict=True) if series >= AT}
    group = _groups(together)
    members: dict[str, list[str]] = defaultdict(list)
    for reference, head in group.items():
        members[head].append(reference)
    for postings in members.values():
        least = min(chance.get(pair, 1.0) for pair in combinations(sorted(postings), 2))
        found[f"duplicate, {'certain' if least >= CERTAIN else 'to confirm'}"] += 1
    strongest: dict[Key, overlaps.Overlap] = {}
    for a, b in _colliding(scores, kin):
        collision = overlaps.overlap(scores.features[a], scores.features[b])
        heads = sorted((group.get(a, a), group.get(b, b)))
        key = (heads[0], heads[1])
        if collision and heads[0] != heads[1] and (key not in strongest or collision.order < strongest[key].order):
            strongest[key] = collision
    found.update(f"overlap, {one.kind}, {one.level}" for one in strongest.values())
    return found


def report(scores: Scored, say: Say) -> None:
    """The table of alerts by kind, and their sum against the 3 % that a coordinator can bear."""
    plans, found = len(scores.rows), alerts(scores)
    for kind, count in sorted(found.items()):
        say(f"  {kind:34}{count:7,}{count / plans:9.2%} of plans")
    total = sum(found.values())
    say(f"  {'all':34}{total:7,}{total / plans:9.2%} of plans (at most {MOST:.0%} to decide)")


def _colliding(scores: Scored, without: set[Key]) -> list[Key]:
    names = list(scores.features)
    at = {name: index for index, name in enumerate(names)}
    packed = np.concatenate([np.atleast_1d(scores.features[name].row) for name in names])
    found: list[Key] = []
    for begin in range(0, len(scores.pairs), 20_000):
        part = scores.pairs[begin : begin + 20_000]
        left, right = (packed[[at[pair[side]] for pair in part]] for side in (0, 1))
        for index in np.flatnonzero(may_overlap(left, right)):
            if part[index] not in without:
                found.append(part[index])
    return found


def _groups(pairs: set[Key]) -> dict[str, str]:
    """Reference -> the first reference of its group."""
    head: dict[str, str] = {}

    def top(one: str) -> str:
        while head.setdefault(one, one) != one:
            one = head[one]
        return one

    for a, b in sorted(pairs):
        first, second = sorted((top(a), top(b)))
        head[second] = first
    return {one: top(one) for one in sorted(head)}
