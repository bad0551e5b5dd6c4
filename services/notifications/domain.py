"""Positions in the feed, the names a stream asks for, and when an alert waits in somebody's inbox. Pure.

A *lane* is one partition of a topic. A *position* is a vector: lane -> next offset. It is the only cursor: rows of one
lane become visible in offset order (the projector locks the lane's position), rows of different lanes do not.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.visibility import AlertSight, Concern, Facts, Outcome, Principal, concern, contact, sight_of_alert
from shared.visibility import Contact as Whom

Lane = tuple[str, int]
Position = Mapping[Lane, int]

_PATTERN = re.compile(r"^[a-z_]+(\.[a-z_]+)?$|^[a-z_]+\.\*$|^\*$")


def furthest(one: Position, other: Position) -> dict[Lane, int]:
    """Per lane, the greater offset: a position never goes back."""
    found = dict(one)
    for lane, offset in other.items():
        if offset > found.get(lane, 0):
            found[lane] = offset
    return found


def reaches(position: Position, other: Position) -> bool:
    """Whether `position` is at or behind `other` in no lane, i.e. everything before `other` lies before it too."""
    return all(position.get(lane, 0) >= offset for lane, offset in other.items())


_BREAKS = str.maketrans({char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"})


def one_line(document: Mapping[str, Any]) -> str:
    """JSON without anything that somebody's reader of lines takes for the end of one (also U+0085, U+2028, U+2029)."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).translate(_BREAKS)


class NotAPattern(ValueError):
    """Not an event name, nor `plan.*`."""


@dataclass(frozen=True, slots=True)
class Names:
    """Event names asked for: `plan.posted`, `plan.*`, `*`. Nothing asked for is everything."""

    exact: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Names":
        """Raises NotAPattern, whose text is the offending part."""
        exact: set[str] = set()
        families: set[str] = set()
        for pattern in patterns:
            if not _PATTERN.match(pattern):
                raise NotAPattern(pattern)
            if pattern == "*":
                return cls()
            if pattern.endswith(".*"):
                families.add(pattern[:-2])
            else:
                exact.add(pattern)
        return cls(frozenset(exact), frozenset(families))

    def match(self, name: str) -> bool:
        if not self.exact and not self.families:
            return True
        return name in self.exact or name.partition(".")[0] in self.families


# -- alerts as they lie in inboxes


@dataclass(frozen=True, slots=True)
class Side:
    """One plan of an alert, a decision or an activity, at the version it was judged on. `group`: of an overlap, which of
    its two activities the plan is a posting of; `first_for`: partners who first met the plan by this alert, None for all."""

    plan: str
    version: int
    partner: str | None = None
    group: int = 0
    first_for: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """The present state of an alert, from its events.

    raised_version, raised_at   the last time it asked for attention (`advance`)
    told_version                the last version that was news: raised, or decided on
    decided_by, decided_at      the last decision on it that stands: by whom (an id), when
    """

    id: str
    version: int
    status: str
    kind: str
    sides: tuple[Side, ...]
    opened_at: datetime
    updated_at: datetime
    raised_version: int
    raised_at: datetime
    overlap_kind: str | None = None
    band: str | None = None
    severity: str | None = None
    told_version: int = 0
    decided_by: str | None = None
    decided_at: datetime | None = None

    @property
    def plans(self) -> frozenset[str]:
        return frozenset(side.plan for side in self.sides)


def advance(before: Alert | None, now: Alert, name: str) -> Alert:
    """The alert after an event `name`; `now` is what the event says, as if it had just been raised.

    | event                                                                     | raised | news | in an inbox (`state_of`)     |
    |---------------------------------------------------------------------------|--------|------|------------------------------|
    | opened, re-opened; open again after waiting, snooze or escalation         | yes    | yes  | unread, for everybody        |
    | updated: other plans, kind, severity or band, while it is not over        | yes    | yes  | unread, for everybody        |
    | decided, or put off (waiting, snoozed, escalated)                         | no     | yes  | unread once; done for who decided, and for who was done with it |
    | closed: nobody is asked any more                                          | no     | no   | done                         |
    | anything else (another sentence, a plan's new version)                    | no     | no   | as it was                    |
    """
    if before is None:
        return replace(now, told_version=now.version)
    now = replace(now, opened_at=before.opened_at, decided_by=before.decided_by, decided_at=before.decided_at)
    again = name in ("alert.opened", "alert.reopened") or (now.status == "open" and before.status != "open")
    if again or (now.status not in OVER and _asks(now) != _asks(before)):
        return replace(now, told_version=now.version)
    news = now.status != before.status and now.status != "closed"
    return replace(
        now,
        raised_version=before.raised_version,
        raised_at=before.raised_at,
        told_version=now.version if news else before.told_version,
    )


OVER = frozenset({"decided", "closed"})


def _asks(alert: Alert) -> tuple[Any, ...]:
    return alert.plans, alert.kind, alert.overlap_kind, alert.severity, alert.band


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person has done with an alert: the last version read, and the one that was done with (0: never)."""

    seen_version: int = 0
    done_version: int = 0


class State(StrEnum):
    UNREAD = "unread"
    READ = "read"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call about a plan that may not be seen: the focal point of `partner`, or the coordinator in scope."""

    kind: str
    partner: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one principal sees of the sides of an alert, a decision or an activity.

    full      the plans in full sight; explained: those are all, so that what was derived from them may be shown
    blind     shown only as "something overlaps your plan", with whom to call
    seen      what all this comes from
    """

    full: frozenset[str]
    blind: bool
    explained: bool
    seen: AlertSight
    contacts: tuple[Contact, ...] = ()


def see(principal: Principal, named: Collection[Side], known: Mapping[str, Facts], *, bulk: bool) -> Sight | None:
    """None where nothing is shown. A plan whose facts are not known is never seen: fail closed.

    bulk    for streams and lists of events; a RED side is nobody's there
    """
    groups = {side.plan: side.group for side in named}
    sides = {plan: known[plan] for plan in groups if plan in known}
    first_for = {side.plan: side.first_for for side in named if side.first_for is not None}
    found = sight_of_alert(principal, sides, bulk=bulk, groups=groups, first_for=first_for or None)
    full = found.full()
    if not found.shown:
        return None
    return Sight(
        full=full,
        blind=found.blind,
        explained=len(full) == len(groups),
        seen=found,
        contacts=_contacts(sides, found.sides) if found.blind else (),
    )


def _contacts(sides: Mapping[str, Facts], outcomes: Mapping[str, Outcome]) -> tuple[Contact, ...]:
    found: set[tuple[str, str | None]] = set()
    for plan, outcome in outcomes.items():
        if outcome is Outcome.BLIND:
            whom = contact(sides[plan])
            found.add((whom.value, sides[plan].owner if whom is Whom.FOCAL_POINT else None))
    return tuple(Contact(kind, partner) for kind, partner in sorted(found, key=lambda each: (each[0], each[1] or "")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert in one person's inbox.

    version     what a mark remembers; always 1 for a blind entry, because later edits of the hidden plan are not followed
    """

    alert: Alert
    sight: Sight
    reason: Concern
    version: int
    state: State


def entry_of(principal: Principal, alert: Alert, known: Mapping[str, Facts], marks: Marks) -> Entry | None:
    """The alert in this principal's inbox, or None where it is not theirs (`concern`)."""
    sight = see(principal, alert.sides, known, bulk=False)
    if sight is None:
        return None
    reason = concern(principal, sight.seen, known)
    if reason is None:
        return None
    version = 1 if sight.blind else alert.version
    return Entry(alert, sight, reason, version, state_of(alert, marks, str(principal.person), blind=sight.blind))


def state_of(alert: Alert, marks: Marks, person: str, *, blind: bool = False) -> State:
    """Unread, read or done, for one person: the last column of the table in `advance`.

    An alert that is over is never merely read: once it was unread as decided, it is done. A blind one is what the person
    made of it, whatever becomes of the alert, which is not theirs to see.
    """
    if blind:
        return State.DONE if marks.done_version else State.READ if marks.seen_version else State.UNREAD
    decider = alert.decided_by == person and alert.decided_at is not None and alert.decided_at >= alert.raised_at
    if marks.done_version >= alert.raised_version or decider or alert.status == "closed":
        return State.DONE
    if marks.seen_version < alert.told_version:
        return State.UNREAD
    return State.DONE if alert.status == "decided" else State.READ


def marked(entry: Entry, mark: str) -> Marks:
    """The marks after `read`, `unread` or `done`."""
    if mark == "unread":
        return Marks()
    return Marks(seen_version=entry.version, done_version=entry.version if mark == "done" else 0)


def sorted_sides(sides: Sequence[Side], shown: frozenset[str]) -> list[Side]:
    """The sides that are shown, in the event's order."""
    return [side for side in sides if side.plan in shown]
