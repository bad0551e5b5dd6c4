"""The alerts of an ordinary year: 40 partners, 1,500 plans; what a coordinator would have to decide, by kind."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np

from bench.matching.activities import Activity
from bench.matching.figures import AT
from bench.matching.generator import Corpus
from bench.matching.quality import Key, Say, Scored
from bench.matching.vocabulary import vocabulary
from services.activities.matching import overlaps

CERTAIN = 0.95
MOST = 0.03
"""Alerts to decide, as a share of the plans."""


def alerts(scores: Scored, rules: overlaps.Rules = overlaps.RULES) -> dict[str, list[tuple[str, ...]]]:
    """Alerts by kind, each as its postings: one for each group of postings of one activity, one for each two activities that
    collide (their strongest pair).

    Postings are grouped as pairs chain; the product's own grouping is stricter, so this is the upper bound.
    """
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    chance = dict(zip(scores.pairs, scores.same, strict=True))
    together = {pair for pair in scores.pairs if chance[pair] >= AT}
    kin = together | {pair for pair, series in zip(scores.pairs, scores.series, strict=True) if series >= AT}
    group = _groups(together)
    members: dict[str, list[str]] = defaultdict(list)
    for reference, head in group.items():
        members[head].append(reference)
    for postings in members.values():
        least = min(chance.get(pair, 1.0) for pair in combinations(sorted(postings), 2))
        found[f"duplicate, {'certain' if least >= CERTAIN else 'to confirm'}"].append(tuple(sorted(postings)))
    strongest: dict[Key, tuple[overlaps.Overlap, Key]] = {}
    for a, b in _colliding(scores, kin):
        collision = overlaps.overlap(scores.features[a], scores.features[b], rules)
        heads = sorted((group.get(a, a), group.get(b, b)))
        key = (heads[0], heads[1])
        if (
            collision
            and collision.asked
            and heads[0] != heads[1]
            and (key not in strongest or collision.order < strongest[key][0].order)
        ):
            strongest[key] = collision, (a, b)
    for one, pair in strongest.values():
        found[f"overlap, {one.kind}, {one.level}"].append(pair)
    return found


def report(scores: Scored, corpus: Corpus, say: Say, rules: overlaps.Rules = overlaps.RULES) -> None:
    """The table of alerts by kind, how many of them are right, and their sum against the 3 % that a coordinator can bear;
    beside it what there was to tell, for an alert that is right is a load too."""
    plans, found, year = len(scores.rows), alerts(scores, rules), Happened(corpus)
    for kind, groups in sorted(found.items()):
        right = sum(year.is_so(kind, group) for group in groups)
        say(f"  {kind:34}{len(groups):7,}{len(groups) / plans:9.2%} of plans, right {right:5,}")
    total = sum(map(len, found.values()))
    say(f"  {'all':34}{total:7,}{total / plans:9.2%} of plans (at most {MOST:.0%} to decide)")
    for kind, count in year.counts(rules).items():
        say(f"  {'there was: ' + kind:34}{count:7,}{count / plans:9.2%} of plans")


class Happened:
    """What went on in a generated year, whatever was posted of it."""

    def __init__(self, corpus: Corpus) -> None:
        self.activity = {one.reference: corpus.activities[one.activity] for one in corpus.postings}
        self.topics = vocabulary().topics
        self.owners: dict[str, set[str]] = defaultdict(set)
        for one in corpus.postings:
            self.owners[one.activity].add(one.organisation)

    def is_so(self, kind: str, postings: tuple[str, ...]) -> bool:
        """Whether an alert tells the truth: one activity; or two, of other partners and of no series, that do collide."""
        happened = [self.activity[reference] for reference in postings]
        if kind.startswith("duplicate"):
            return len({one.key for one in happened}) == 1
        one, other = happened
        return self._collides(kind.split(", ")[1], one, other, overlaps.RULES)

    def counts(self, rules: overlaps.Rules) -> dict[str, int]:
        """Activities that several partners posted, and pairs of activities that collide, by kind."""
        every = sorted({one.key: one for one in self.activity.values()}.values(), key=lambda one: one.key)
        found = {"activities told by several": sum(len(owners) > 1 for owners in self.owners.values())}
        for kind in rules.by_kind:
            pairs = combinations(every, 2)
            found[f"overlap, {kind}"] = sum(self._collides(kind, a, b, rules) for a, b in pairs)
        return found

    def _collides(self, kind: str, a: Activity, b: Activity, rules: overlaps.Rules) -> bool:
        rule = rules.by_kind.get(kind)  # pyright: ignore[reportArgumentType, reportCallIssue]
        if rule is None or a.country != b.country or a.series == b.series or a.regional or b.regional:
            return False
        if self.owners[a.key] & self.owners[b.key] or (rule.types and not {a.form, b.form} <= rule.types):
            return False
        if max(a.start, b.start).toordinal() - min(a.end, b.end).toordinal() > rule.window:
            return False
        shared = {
            "audience": bool(set(a.audiences) & set(b.audiences)),
            "effort": bool(set(self.topics[a.topic].themes) & set(self.topics[b.topic].themes)),
        }
        return shared.get(kind, False)  # nobody in a generated year has a venue, trainers or money of theirs


def _colliding(scores: Scored, without: set[Key]) -> list[Key]:
    names = list(scores.features)
    at = {name: index for index, name in enumerate(names)}
    packed = np.concatenate([np.atleast_1d(scores.features[name].row) for name in names])
    found: list[Key] = []
    for begin in range(0, len(scores.pairs), 20_000):
        part = scores.pairs[begin : begin + 20_000]
        left, right = (packed[[at[pair[side]] for pair in part]] for side in (0, 1))
        for index in np.flatnonzero(overlaps.judge(left, right).kind >= 0):
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
