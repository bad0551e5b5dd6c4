"""Which alerts there should be, held against those there are: pure, so that the outcome depends on the state alone.

An alert keeps its id as long as it is about the same thing: a duplicate while two of its plans stay together, an overlap
while both of its activities are still on their side. Nothing is written when nothing changed that people read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

LIVE = frozenset({"open", "waiting", "snoozed", "escalated"})
"""Statuses in which an alert still waits for somebody; the others are `decided` and `closed`."""

SEVERE, NOTABLE = 70, 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """An alert that the present plans, decisions and weights call for.

    groups   the activities it is between: one for a duplicate, two for an overlap; each a sorted tuple of plan ids
    settled  people have decided all of it already: nobody is to be asked (again)
    private  between a RED plan and one other: it never takes over an alert that others see
    texts    sentence, change, explanation: shown only to those with full sight of all sides
    """

    kind: str
    groups: tuple[tuple[str, ...], ...]
    versions: Mapping[str, int]
    fingerprint: str
    settled: bool = False
    private: bool = False
    overlap_kind: str | None = None
    band: str | None = None
    probability: float | None = None
    severity: int | None = None
    capped: bool = False
    texts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def plans(self) -> frozenset[str]:
        return frozenset(plan for group in self.groups for plan in group)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as stored."""

    id: str
    version: int
    status: str
    wanted: Wanted
    reason: str | None = None

    @property
    def live(self) -> bool:
        return self.status in LIVE


class Action(StrEnum):
    OPEN = "alert.opened"
    UPDATE = "alert.updated"
    CLOSE = "alert.closed"
    REOPEN = "alert.reopened"
    REFRESH = "refresh"
    """Store what is new (a probability, a version), tell nobody."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with one alert. For OPEN, `alert.id` is empty: the caller gives ids."""

    action: Action
    alert: Alert


def severity_level(severity: int | None) -> str | None:
    if severity is None:
        return None
    return "high" if severity >= SEVERE else "medium" if severity >= NOTABLE else "low"


def reconcile(
    wanted: Sequence[Wanted],
    existing: Sequence[Alert],
    decided: Iterable[frozenset[str]],
    alive: frozenset[str],
    *,
    reversal: bool = False,
) -> list[Step]:
    """The steps from what there is to what there should be, in canonical order.

    decided   pairs of plans that a decision holds apart; alive: plans that can have alerts at all
    reversal  a decision was just taken back: that is why a decided alert opens again
    """
    apart = set(decided)
    steps: list[Step] = []
    free = sorted(existing, key=lambda alert: (not alert.live, alert.id))
    for want in sorted(wanted, key=lambda each: (each.private, each.kind, each.groups)):
        found = _same_thing(want, free)
        if found:
            free.remove(found)
        step = _towards(want, found, reversal)
        if step:
            steps.append(step)
    for alert in free:
        if alert.live:
            steps.append(Step(Action.CLOSE, _closed(alert, apart, alive)))
    return steps


def _same_thing(want: Wanted, free: Sequence[Alert]) -> Alert | None:
    """The stored alert that is about the same thing: live before decided before closed, most in common, oldest."""
    candidates = [(alert, _common(want, alert.wanted)) for alert in free if alert.wanted.kind == want.kind]
    rank = {"decided": 1, "closed": 2}
    best = min(
        ((rank.get(alert.status, 0), -common, alert.id, alert) for alert, common in candidates if common),
        default=None,
        key=lambda each: each[:3],
    )
    return best[3] if best else None


def _common(want: Wanted, held: Wanted) -> int:
    if want.kind == "duplicate":
        shared = len(want.plans & held.plans)
        return shared if shared >= 2 else 0
    (left, right), (a, b) = (tuple(map(frozenset, each.groups)) for each in (want, held))
    straight = len(left & a) * bool(right & b) + len(right & b) * bool(left & a)
    crossed = len(left & b) * bool(right & a) + len(right & a) * bool(left & b)
    return max(straight, crossed)


def _towards(want: Wanted, found: Alert | None, reversal: bool) -> Step | None:
    if found is None:
        return None if want.settled else Step(Action.OPEN, Alert("", 1, "open", want))
    held = replace(found, wanted=want)
    if want.settled:
        return Step(Action.CLOSE, replace(held, status="decided", reason="decided")) if found.live else None
    if not found.live:
        return Step(Action.REOPEN, replace(held, status="open", reason=_why_again(want, found, reversal)))
    if want == replace(found.wanted, private=want.private):
        return None
    if _reads(want) == _reads(found.wanted):
        return Step(Action.REFRESH, held)
    # somebody who snoozed three plans has not snoozed the fourth
    grown = not want.plans <= found.wanted.plans
    return Step(Action.UPDATE, replace(held, status="open" if grown else found.status, reason="changed"))


def _reads(want: Wanted) -> tuple[Any, ...]:
    """What people read of an alert; only a change in this is worth an event."""
    return want.groups, want.overlap_kind, want.band, severity_level(want.severity), want.texts.get("sentence")


def _why_again(want: Wanted, found: Alert, reversal: bool) -> str:
    if reversal and found.status == "decided":
        return "reversed"
    if not want.plans <= found.wanted.plans:
        return "another posting"
    return "changed since it was decided" if found.status == "decided" else "collides again"


def _closed(alert: Alert, apart: set[frozenset[str]], alive: frozenset[str]) -> Alert:
    left = alert.wanted.plans & alive
    if len(left) < 2:
        return replace(alert, status="closed", reason="withdrawn")
    if alert.wanted.kind == "duplicate":
        pairs = {frozenset((a, b)) for a in left for b in left if a < b}
    else:
        one, other = alert.wanted.groups
        pairs = {frozenset((a, b)) for a in one for b in other}
    if pairs and pairs & apart:
        return replace(alert, status="decided", reason="decided")
    return replace(
        alert, status="closed", reason="no longer alike" if alert.wanted.kind == "duplicate" else "no longer collides"
    )
