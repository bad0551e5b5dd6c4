"""Holds what was told against what may be told: a leak is a plan's word or id, or an alert's id, before the wrong eyes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.access.channels import CALENDAR, HELD, Route, Told, documents, read
from tests.access.rules import Allowed, allowed
from tests.access.world import Viewer, World


@dataclass
class Verdict:
    """decisions: (viewer, question or subject, plan) that were judged; permitted: of these, those that may be told.

    found: what was told, by channel and viewer; asked: the subjects that were asked for. For the opposite question: does
    everybody get what is theirs?
    """

    decisions: int = 0
    permitted: int = 0
    leaks: list[str] = field(default_factory=list)
    found: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    asked: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)


async def judge(world: World, viewers: Iterable[Viewer], routes: Iterable[Route], *, every: int = 1) -> Verdict:
    """Ask every route as every viewer; of subjects one of `every`."""
    verdict, routes = Verdict(), list(routes)
    for viewer in viewers:
        may = allowed(world, viewer)
        for route in routes:
            async for told in read(world, route, viewer, every=every):
                weigh(world, viewer, may, told, verdict)
    return verdict


def weigh(world: World, viewer: Viewer, may: Allowed, told: Told, verdict: Verdict) -> None:
    """One answer. What the viewer asked by name (a subject, a filter) is known to them already: there the words count."""
    seen, alerts = (may.bulk, may.bulk_alerts) if told.bulk else (may.plans, may.alerts)
    text, gone = _without_gone(told)
    found = verdict.found.setdefault((told.channel, viewer.name), set())
    verdict.statuses[told.answer.status_code] += 1
    if told.subject:
        verdict.asked.setdefault((told.channel, viewer.name), set()).add(told.subject)
    touched = _touched(world, told)
    for plan in world.plans:
        if plan.id in touched:
            verdict.decisions += 1
            verdict.permitted += plan.id in seen
        asked = told.subject == plan.id or plan.id in told.asked
        tells = plan.word in text or (plan.id in text and not asked)
        if tells and plan.id not in seen:
            verdict.leaks.append(
                f"{told.channel} {told.subject} tells {viewer.name} of {plan.label} plan {plan.number} ({plan.owner})"
            )
        if plan.id in gone - may.once - seen:
            verdict.leaks.append(f"{told.channel} tells {viewer.name} that {plan.label} plan {plan.number} has gone")
        if plan.word in text:
            found.add(plan.id)
    for alert in world.alerts:
        if alert in text and told.subject != alert:
            found.add(alert)
            if alert not in alerts:
                verdict.leaks.append(f"{told.channel} {told.subject} tells {viewer.name} of alert {alert}")
    if told.subject in world.alerts and told.answer.status_code == 200:
        found.add(told.subject)
        if told.subject not in alerts:
            verdict.leaks.append(f"{told.channel} shows {viewer.name} alert {told.subject}")
    for each in _alerts_in(told):
        explains = each.get("explanation") or each.get("sentence") or each.get("change") or each.get("probability")
        if explains and each["id"] not in may.explained:
            verdict.leaks.append(f"{told.channel} explains alert {each['id']} to {viewer.name}")


def _touched(world: World, told: Told) -> set[str]:
    """The plans that this answer decides about: the subject's own, or, of a list, all."""
    if told.subject in world.alerts:
        return set(world.alerts[told.subject].plans)
    if told.subject in world.decisions:
        return set(world.alerts[world.decisions[told.subject]].plans)
    if told.subject in world.activities:
        return set(world.activities[told.subject])
    if told.subject:
        return {told.subject}
    return {plan.id for plan in world.plans}


def _without_gone(told: Told) -> tuple[str, frozenset[str]]:
    """The text, and the subjects of which it says nothing but that they have gone: who saw them may know that."""
    if not told.bulk or told.answer.status_code != 200 or HELD in told.channel or CALENDAR in told.channel:
        return told.text, frozenset()
    kept, gone = [], set[str]()
    for event in documents(told.text):
        if event["data"].get("gone"):
            gone.add(event["subject"])
            assert set(event["data"]) == {"id", "version", "gone"}, event
        else:
            kept.append(str(event))
    rest = "" if told.text.lstrip().startswith(("id:", "retry:", ":", "event:")) else told.text.split("\n", 1)[0]
    return rest + "\n".join(kept), frozenset(gone)


def _alerts_in(told: Told) -> Iterator[Mapping[str, Any]]:
    if "/alerts" not in told.channel or told.answer.status_code != 200:
        return
    body = told.answer.json()
    yield from body.get("data", [body])
