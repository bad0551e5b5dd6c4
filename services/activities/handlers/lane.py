"""The matching lane: a plan changed, so bring matches, clusters and alerts to what the present state calls for.

Everything here runs in one lane per service (DESIGN 3): the transaction's first statement locked the lane's lease row, so
no two of these interleave, and every row is read after that, at its present version, whatever the event said. The result
is a function of the present plans, verdicts and weights: the touched component is clustered again from scratch.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from itertools import combinations
from typing import Any

from sqlalchemy import delete, or_
from sqlmodel import col

from services.activities.domain.alerts import Wanted
from services.activities.handlers.alerts import settle_alerts
from services.activities.handlers.component import Component, Pair
from services.activities.matching import groups, overlap_words, overlaps
from services.activities.matching.candidates import Chosen
from services.activities.matching.engine import Match, fingerprint, match
from services.activities.matching.explain import explain
from services.activities.matching.features import Features
from services.activities.matching.groups import Group
from services.activities.orm import MatchRow
from services.activities.uow.unit import ActivitiesUnit

FEW = 50
"""Pairs that are grouped in less time than it takes to hand them to a thread."""


async def rematch(plan_id: str, uow: ActivitiesUnit) -> None:
    """Match one plan at its present version, then settle everything it touches."""
    features = (await uow.features([plan_id])).get(plan_id)
    if features is None:
        return
    before = await uow.match_rows([plan_id])
    chosen = await uow.candidates_of(features)
    found = match(features, chosen.table, await uow.weights())  # a millisecond: a thread would cost as much
    await _store_matches(plan_id, before, found, uow)
    await uow.had_its_turn(plan_id, features.version)
    around = {each for row in before for each in (row.a, row.b)} | {each for one in found for each in one.pair}
    await settle({plan_id}, uow, around, {plan_id: chosen})


async def settle(
    seeds: set[str],
    uow: ActivitiesUnit,
    around: Iterable[str] = (),
    chosen: Mapping[str, Chosen] | None = None,
    *,
    reversal: bool = False,
) -> None:
    """Cluster the component of these plans anew, and hold the alerts there should be against those there are.

    around: plans that the seeds were tied to until now. chosen: candidates by plan, where they have been read in this
    transaction already. reversal: a decision was taken back.
    """
    chosen = chosen or {}
    state = await Component.of(seeds, set(around), uow)
    capped = state.capped or any(each.capped for each in chosen.values())
    shown = sorted(state.plans - state.red)
    given = shown, list(state.edges.values()), state.linked, state.apart, {key: state.partner(key) for key in shown}
    # many on a thread, so that streams and the lease's renewal go on meanwhile; for a few the thread would cost the most
    clustered = groups.group(*given) if len(state.edges) <= FEW else await asyncio.to_thread(groups.group, *given)
    await uow.store_clusters(
        [*((group.key, group.plans) for group in clustered), *((key, (key,)) for key in sorted(state.red))]
    )
    wanted = [_duplicate(group, state, capped) for group in clustered if len(group.plans) > 1]
    wanted += [_private(pair, state, capped) for pair in sorted(state.edges) if _concerns_red(pair, state)]
    between, neighbours = await _overlaps(clustered, state, chosen, uow)
    await settle_alerts(
        [*wanted, *between],
        state.plans | neighbours,
        touching=state.plans,
        decided=state.held_apart,
        alive=frozenset(key for key, one in state.everybody.items() if one.matchable),
        uow=uow,
        reversal=reversal,
    )


def _duplicate(group: Group, state: Component, capped: bool) -> Wanted:
    across = _across(group.plans, state.features)
    united = groups.group(group.plans, (), state.linked, (), {})
    home = {plan: one.key for one in united for plan in one.plans}
    edges = sorted(
        (edge for edge in group.edges if edge.in_house == group.in_house), key=lambda edge: (-edge.score, edge.pair)
    )
    # the alert is as sure as its weakest member's best link, so that link speaks for it
    speaking = next((edge for edge in edges if edge.probability == group.probability), None)
    texts = _texts(edges, speaking)
    return Wanted(
        kind="duplicate",
        groups=(group.plans,),
        versions={plan: state.features[plan].version for plan in group.plans},
        fingerprint=fingerprint_now((group.plans,), state.features),
        settled=all(home[a] == home[b] for a, b in across),
        band=group.band,
        probability=round(group.probability, 4) if group.probability is not None else None,
        capped=capped,
        texts=texts,
    )


def _concerns_red(pair: Pair, state: Component) -> bool:
    """A RED plan is in no group and in no overlap: each of its matches is an alert of that pair alone, so that nobody
    who is not named sees an alert, a side, a count or a change because of it."""
    a, b = pair
    return (
        bool(state.red & set(pair))
        and set(pair) <= state.plans
        and pair not in state.apart
        and state.partner(a) != state.partner(b)
    )


def _private(pair: Pair, state: Component, capped: bool) -> Wanted:
    edge = state.edges[pair]
    return Wanted(
        kind="duplicate",
        groups=(pair,),
        versions={plan: state.features[plan].version for plan in pair},
        fingerprint=_prints_of([pair], state.features),
        settled=pair in state.linked,
        private=True,
        band=edge.band,
        probability=round(edge.probability, 4),
        capped=capped,
        texts=_texts([edge], edge),
    )


async def _overlaps(
    clustered: Sequence[Group], state: Component, chosen: Mapping[str, Chosen], uow: ActivitiesUnit
) -> tuple[list[Wanted], set[str]]:
    """Overlaps of the touched activities with their neighbours, and the plans of those neighbours."""
    around: set[str] = set()
    for plan in sorted(state.features):
        near = chosen.get(plan) or await uow.candidates_of(state.features[plan], meeting=True)
        around.update(near.meeting)
    outside = around - state.plans
    homes = await uow.activities_around(outside) if outside else {}
    state.meet(await uow.seen(plan for plans in homes.values() for plan in plans))
    activities = {group.key: group.plans for group in clustered} | homes
    found: list[Wanted] = []
    done: set[frozenset[str]] = set()
    for group in clustered:
        others: dict[str, tuple[str, ...]] = {}
        for key, plans in sorted(activities.items()):
            couple = frozenset((group.key, key))
            if key != group.key and couple not in done and not _seen_apart(group.plans, plans, state):
                others[key] = plans
            done.add(couple)
        met = overlaps.around(
            [state.everybody[plan] for plan in group.plans],
            {key: [state.everybody[plan] for plan in plans] for key, plans in others.items()},
            uow.rules,
        )
        for key, one in met.items():
            if one.asked and not _may_be_one(group.plans, others[key], state):
                found.append(_overlap(one, group.plans, others[key], state))
    return found, set(state.neighbours)


def _pairs(left: Sequence[str], right: Sequence[str]) -> set[Pair]:
    return {(min(a, b), max(a, b)) for a in left for b in right}


def _seen_apart(left: Sequence[str], right: Sequence[str], state: Component) -> bool:
    """Who called two plans distinct has seen that they meet: that is not asked again under another name."""
    return bool(_pairs(left, right) & (state.no_overlap | state.apart_by_people))


def _may_be_one(left: Sequence[str], right: Sequence[str], state: Component) -> bool:
    """A plan that was committed a moment ago is seen here before its own turn in the lane. If it may be the same activity,
    that question comes first: else an overlap would open now and close again when its turn comes."""
    pairs = {pair for pair in _pairs(left, right) if state.waiting & set(pair)}
    return any(state.may_be_one(pair) for pair in pairs - state.edges.keys() - state.apart)


def _overlap(one: overlaps.Overlap, left: tuple[str, ...], right: tuple[str, ...], state: Component) -> Wanted:
    everybody = state.everybody
    first, second = sorted((left, right))
    return Wanted(
        kind="overlap",
        groups=(first, second),
        versions={plan: everybody[plan].version for plan in (*first, *second)},
        fingerprint=fingerprint_now((first, second), everybody),
        overlap_kind=one.kind,
        severity=one.severity,
        texts={
            "sentence": one.why,
            "change": overlap_words.CHANGES[one.kind],
            "pairs": [],
        },
    )


def _texts(edges: Sequence[Match], speaking: Match | None) -> dict[str, Any]:
    """One pair's sentence for the whole, and each pair's table, the strongest first."""
    if not edges:
        return {"sentence": "Linked by decision.", "change": "", "pairs": []}
    explained = [(edge, explain(edge)) for edge in edges]
    words = next((words for edge, words in explained if edge is speaking), explained[0][1])
    sentence, change = words.sentence, words.change
    pairs = [
        {
            "a": edge.a,
            "b": edge.b,
            "probability": round(edge.probability, 4),
            "band": edge.band,
            "sentence": said.sentence,
            "change": said.change,
            "prior": edge.prior,
            "contributions": [asdict(row) for row in edge.contributions],
            "weights": edge.weights_version,
        }
        for edge, said in explained
    ]
    return {"sentence": sentence, "change": change, "pairs": pairs}


def fingerprint_now(groups_: Sequence[Sequence[str]], features: Mapping[str, Features]) -> str:
    """What an alert between these groups is about, as its plans are at this moment."""
    if len(groups_) == 1:
        across = _across(groups_[0], features)
    else:
        across = [(min(a, b), max(a, b)) for a in groups_[0] for b in groups_[1]]
    return _prints_of(across, features)


def _across(plans: Sequence[str], features: Mapping[str, Features]) -> list[Pair]:
    """The pairs that a duplicate asks about: those of two partners, or, where one partner posted all of it, each pair."""
    pairs = list(combinations(sorted(plans), 2))
    return [(a, b) for a, b in pairs if features[a].partner != features[b].partner] or pairs


def _prints_of(pairs: Iterable[Pair], features: Mapping[str, Features]) -> str:
    """What a decision on these pairs is about: one digest over the pairs' own fingerprints."""
    digest = blake2b(digest_size=16)
    for a, b in sorted(pairs):
        digest.update(fingerprint(features[a], features[b]).encode())
    return digest.hexdigest()


async def _store_matches(plan_id: str, before: Sequence[MatchRow], found: Sequence[Match], uow: ActivitiesUnit) -> None:
    if before:
        either = or_(col(MatchRow.a) == plan_id, col(MatchRow.b) == plan_id)
        await uow.session.execute(delete(MatchRow).where(either))
    for one in found:
        uow.session.add(
            MatchRow(a=one.a, b=one.b, score=one.score, band=one.band, in_house=one.in_house, document=asdict(one))
        )
    await uow.session.flush()
