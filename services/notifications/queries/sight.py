"""What one principal sees of one row of the feed: decided on the present facts, encoded once per way of seeing it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opentelemetry.trace import SpanKind

from services.notifications.consumed import ACTIVITIES_SOURCE
from services.notifications.domain import Contact, Lane, Names, Side, one_line, see, sorted_sides
from services.notifications.uow import Known, facts_for
from shared.cloudevent import Event, event_type, to_structured
from shared.filters import Columns, Filter
from shared.telemetry import exported, mark
from shared.visibility import PARTLY, RED, Facts, Outcome, Principal, followed, in_bulk
from shared.visibility import sight as sight_of
from shared.visibility_people import People, people_told, with_people

_TRACKS = ("correlationid", "causationid", "traceparent", "partner", "tlp")
"""Attributes that lead to other events, or to the plans behind a hidden side."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asked for: event names, a filter over plans, and events from an instant on."""

    names: Names = field(default_factory=Names)
    filter: Filter = field(default_factory=Filter)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Then:
    """What decided on an event when it happened: of a plan its facts, of an alert its sides and the facts of each.

    facts   by plan; a plan that was RED, or of which nothing is known any more, has none
    """

    facts: Mapping[str, Facts]
    sides: tuple[Side, ...] = ()

    def seen_by(self, principal: Principal) -> bool:
        if not self.sides:
            return any(in_bulk(principal, facts) for facts in self.facts.values())
        sight = see(principal, self.sides, self.facts, bulk=True)
        return sight is not None and not sight.blind


@dataclass(frozen=True, slots=True)
class Way:
    """One way of seeing an event. Equal ways give equal bytes.

    sides     the plans shown; None for the event of a plan
    whole     nothing is hidden; blind: nothing is shown but that something overlaps, and whom to call
    people    whose ids are shown; None for everybody's
    gone      nothing is shown but that its subject is not for this reader any more
    """

    sides: frozenset[str] | None = None
    whole: bool = True
    blind: bool = False
    people: People = None
    contacts: tuple[Contact, ...] = ()
    gone: bool = False


class Shown:
    """A row of the feed, with its encodings. `document`: None where the database keeps it from its reader, who is then told of
    the event at most that its subject is gone. `plans`: those whose facts decide who sees it; `acting`: who decided, of a
    decision, with the partners they belong to; `before`, `then`: what decided on its subject just before, and then."""

    __slots__ = ("_encoded", "_parsed", "acting", "before", "columns", "document", "event_id", "label", "lane", "name",
                 "offset", "plans", "sequence", "sides", "subject", "then", "time")  # fmt: skip

    def __init__(
        self,
        *,
        lane: Lane,
        offset: int,
        name: str,
        subject: str,
        time: datetime,
        label: str | None,
        columns: tuple[Columns, ...],
        sides: tuple[Side, ...],
        document: str | None,
        event_id: str,
        sequence: int,
        acting: Mapping[str, frozenset[str]] | None = None,
        before: Then | None = None,
        then: Then | None = None,
    ) -> None:
        self.lane, self.offset, self.name, self.subject, self.time = lane, offset, name, subject, time
        self.label, self.columns, self.sides, self.document = label, columns, sides, document
        self.event_id, self.sequence = event_id, sequence
        self.acting, self.before, self.then = acting or {}, before, then
        self.plans = frozenset(side.plan for side in sides) if sides else frozenset((subject,))
        self._parsed: dict[str, Any] | None = None
        self._encoded: dict[Way, bytes] = {}

    def way(self, principal: Principal, asked: Asked, known: Mapping[str, Known]) -> Way | None:
        """How this principal sees it now; None for not at all, or not asked for."""
        if not asked.names.match(self.name) or (asked.since and self.time < asked.since):
            return None
        if self._is_gone(principal, known):
            passes = asked.filter.empty or any(asked.filter.passes(columns) for columns in self.columns)
            return _GONE if self.sides or passes else None
        if self.label == RED or self.document is None:
            return None
        if not self.sides:
            return self._way_of_plan(principal, asked, known.get(self.subject))
        sight = see(principal, self.sides, facts_for(self.sides, known), bulk=True)
        if sight is None or not followed(sight.seen, self.name):
            return None
        if not asked.filter.empty and not any(asked.filter.passes(known[plan].columns) for plan in sight.full):
            return None
        return Way(
            sides=sight.full,
            whole=sight.explained,
            blind=sight.blind,
            people=people_told(principal, Outcome.FULL, [known[plan].facts for plan in sight.full], acting=self.acting)
            if self.acting
            else None,
            contacts=sight.contacts,
        )

    def _is_gone(self, principal: Principal, known: Mapping[str, Known]) -> bool:
        """Whether this is the event with which its subject leaves the reader's sight: it was seen just before, not with
        this event, and is not seen now. So it is told once, and never to who could not see it."""
        if self.before is None or not self.before.seen_by(principal):
            return False
        if self.sides:
            sight = see(principal, self.sides, facts_for(self.sides, known), bulk=True)
            if sight is not None and not sight.blind:
                return False
            # what has closed because a side went out of sight still names that side as it was
            return self.name == "alert.closed" or not (self.then and self.then.seen_by(principal))
        now = known.get(self.subject)
        if now and sight_of(principal, now.facts) is Outcome.FULL:
            return False
        return not (self.then and self.then.seen_by(principal))

    def _way_of_plan(self, principal: Principal, asked: Asked, known: Known | None) -> Way | None:
        if known is None or not in_bulk(principal, known.facts):
            return None
        # what the plan was before counts too, so that a reader hears of a plan that leaves the filter
        if not asked.filter.empty and not any(asked.filter.passes(columns) for columns in self.columns):
            return None
        told = people_told(principal, Outcome.FULL, [known.facts], owner=known.facts.owner)
        return _PLAIN if told is None else Way(people=told)

    def content(self, way: Way) -> dict[str, Any]:
        """The structured CloudEvent as seen this way."""
        if way.gone:
            return self._gone()
        if self._parsed is None:
            self._parsed = json.loads(self.document or "{}")
        event = dict(self._parsed or {})
        data = with_people(event["data"], way.people)
        if way.sides is not None:
            if not way.whole:
                event = {name: value for name, value in event.items() if name not in _TRACKS}
            data = self._of_sides(data, way, way.sides)
        event["data"] = data
        return event

    def _gone(self) -> dict[str, Any]:
        """Made of what the row is found by: what the event says is not for this reader."""
        event = Event(
            id=self.event_id,
            source=ACTIVITIES_SOURCE,
            type=event_type(self.name),
            subject=self.subject,
            sequence=self.sequence,
            time=self.time,
            data={"id": self.subject, "version": self.sequence, "gone": True},
        )
        return to_structured(event)

    def _of_sides(self, data: Mapping[str, Any], way: Way, shown: frozenset[str]) -> dict[str, Any]:
        sides = [
            {"plan": side.plan, "version": side.version, "partner": side.partner}
            for side in sorted_sides(self.sides, shown)
        ]
        if way.blind:
            contacts = [
                {"kind": each.kind} | ({"partner": each.partner} if each.partner else {}) for each in way.contacts
            ]
            kept = {name: data[name] for name in ("id", "alert") if name in data}
            return {**kept, "blind": True, "sides": sides, "contacts": contacts}
        return {name: value for name, value in data.items() if way.whole or name in PARTLY} | {"sides": sides}

    def text(self, way: Way) -> str:
        """The event as JSON, on one line."""
        if way == _PLAIN:
            return self.document or ""
        return one_line(self.content(way))

    def trace(self) -> None:
        """A span in the event's own trace: it goes out on a stream now."""
        if exported() and self.document:
            mark(
                f"stream {self.name}",
                json.loads(self.document).get("traceparent"),
                kind=SpanKind.PRODUCER,
                attributes={
                    "event.subject": self.subject,
                    "event.partition": self.lane[1],
                    "event.offset": self.offset,
                },
            )

    def tail(self, way: Way) -> bytes:
        """The message of the event stream after its `id: <cursor>`; encoded once per way."""
        found = self._encoded.get(way)
        if found is None:
            found = self._encoded[way] = f"\nevent: {self.name}\ndata: {self.text(way)}\n\n".encode()
        return found


_PLAIN, _GONE = Way(), Way(gone=True)
