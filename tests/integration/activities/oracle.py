"""The live alerts that there ought to be: computed from scratch from the present plans and the decisions that stand, over
all pairs, without candidates, components, stored matches or history."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from services.activities.matching import groups, overlaps
from services.activities.matching.engine import Match, compare, match
from services.activities.matching.features import Features
from services.activities.matching.table import FeatureTable
from tests.integration.activities.play import Alerts, Pair, Verdict


def live_alerts(plans: Mapping[str, Features], red: set[str], verdicts: Sequence[Verdict]) -> Alerts:
    """plans: features by id, of every plan. verdicts: those that stand, oldest first."""
    edges = _edges(plans)
    linked, apart_by_people, no_overlap = _said(plans, verdicts)
    apart = apart_by_people | groups.never_pairs(list(plans.values()))
    owners = {plan: str(one.partner) for plan, one in plans.items()}
    shown = sorted(plans.keys() - red)
    clusters = groups.group(shown, edges.values(), linked, apart, {plan: owners[plan] for plan in shown})

    duplicates = {
        frozenset(cluster.plans)
        for cluster in clusters
        if len(cluster.plans) > 1 and not _settled(cluster.plans, owners, linked)
    }
    duplicates |= {
        frozenset(pair)
        for pair in edges
        if red & set(pair) and owners[pair[0]] != owners[pair[1]] and pair not in apart and pair not in linked
    }
    conflicts = set[tuple[frozenset[frozenset[str]], str]]()
    for left, right in combinations(clusters, 2):
        across = {(min(a, b), max(a, b)) for a, b in product(left.plans, right.plans)}
        found = overlaps.between([plans[a] for a in left.plans], [plans[b] for b in right.plans])
        if found and found.asked and not across & (no_overlap | apart_by_people):
            conflicts.add((frozenset({frozenset(left.plans), frozenset(right.plans)}), found.kind))
    return Alerts(frozenset(duplicates), frozenset(conflicts))


def _edges(plans: Mapping[str, Features]) -> dict[Pair, Match]:
    found = [one for a, b in combinations(sorted(plans), 2) for one in match(plans[a], FeatureTable.of([plans[b]]))]
    return {one.pair: one for one in found}


def _said(plans: Mapping[str, Features], verdicts: Sequence[Verdict]) -> tuple[set[Pair], set[Pair], set[Pair]]:
    """Of several decisions on a pair the newest; a `distinct` as long as what it was said of has not changed."""
    newest: dict[tuple[str, Pair], tuple[str, str]] = {}
    for each in verdicts:
        newest |= {(each.kind, pair): (each.verdict, print_) for pair, print_ in each.prints.items()}
    linked, apart, no_overlap = set[Pair](), set[Pair](), set[Pair]()
    for (kind, (a, b)), (verdict, print_) in newest.items():
        if verdict == "link":
            if plans[a].matchable and plans[b].matchable:
                linked.add((a, b))
        elif compare(plans[a], plans[b]).fingerprint == print_:
            (apart if kind == "duplicate" else no_overlap).add((a, b))
    return linked, apart, no_overlap


def _settled(plans: Sequence[str], owners: Mapping[str, str], linked: set[Pair]) -> bool:
    """Whether people have linked everything between partners already, directly or by way of others."""
    home = {plan: {plan} for plan in plans}
    for a, b in linked:
        if a in home and b in home and home[a] is not home[b]:
            joined = home[a] | home[b]
            home |= dict.fromkeys(joined, joined)
    pairs = list(combinations(plans, 2))
    asked = [(a, b) for a, b in pairs if owners[a] != owners[b]] or pairs
    return all(home[a] is home[b] for a, b in asked)
