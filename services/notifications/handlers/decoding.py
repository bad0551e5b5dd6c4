"""A record of the log as the projection takes it: an event with what its family carries, or why it is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.notifications.consumed import FAMILIES, alert_in, columns_to_json, decision_in, plan_in, sides_in
from services.notifications.domain import Alert, Side
from shared.bus.port import Delivered
from shared.cloudevent import Event, MalformedEvent, from_delivered
from shared.visibility import Facts


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan event says of who may see the plan, and what it can be filtered by."""

    facts: Facts
    columns: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Decided:
    """Which alert was decided on, and by whom (an opaque id): it is not news for them."""

    alert: str
    by: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A record as decoded: an event with what its family carries, or the reason why it is none."""

    delivered: Delivered
    event: Event | None = None
    plan: Plan | None = None
    alert: Alert | None = None
    decided: Decided | None = None
    sides: tuple[Side, ...] = ()
    error: MalformedEvent | None = None

    @property
    def offset(self) -> int:
        return self.delivered.offset


def decode(delivered: Delivered) -> Fact:
    """Never raises: what cannot be read carries its error, what the feed does not show has no content."""
    try:
        event = from_delivered(delivered)
        family = event.name.partition(".")[0]
        if family not in FAMILIES:
            return Fact(delivered, event)
        if family == "plan":
            found = plan_in(event)
            columns = columns_to_json(found.columns) if found.columns else None
            return Fact(delivered, event, plan=Plan(Facts(**found.facts.model_dump()), columns))
        if family == "alert":
            alert_ = alert_in(event)
            return Fact(delivered, event, alert=alert_, sides=alert_.sides)
        sides = sides_in(event)
        if event.name == "decision.made":
            made = decision_in(event)
            return Fact(delivered, event, decided=Decided(made.alert, made.by), sides=sides)
        return Fact(delivered, event, sides=sides)
    except MalformedEvent as error:
        return Fact(delivered, error=error)
