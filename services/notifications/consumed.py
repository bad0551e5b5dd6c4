"""What notifications reads of other services' events: tolerant models that name what is used and ignore the rest.

`tests/contract` holds them against the schemas that the producers publish.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notifications import domain
from shared.cloudevent import Event, MalformedEvent
from shared.filters import Columns
from shared.visibility import RED, Facts

ACTIVITIES, ACTIVITIES_SOURCE = "activities.v1", "/services/activities"
FAMILIES = ("plan", "alert", "decision", "activity")
"""Families of events that the feed shows. Others are ignored and counted: nobody here knows who may see them."""


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


M = TypeVar("M", bound=_Tolerant)


class FactsIn(_Tolerant):
    label: Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
    owner: str
    poster: str | None = None
    named_partners: frozenset[str] = frozenset()
    named_people: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    draft: bool = False


class ColumnsIn(_Tolerant):
    countries: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    type: str | None = None
    status: str | None = None
    mode: str | None = None
    partners: frozenset[str] = frozenset()
    start: date | None = None
    end: date | None = None


class PlanIn(_Tolerant):
    """`columns` is absent for RED plans."""

    id: str = Field(max_length=64)
    facts: FactsIn
    columns: ColumnsIn | None = None


class SideIn(_Tolerant):
    plan: str = Field(max_length=64)
    version: int
    partner: str | None = Field(None, max_length=64)
    group: int = 0
    first_for: frozenset[str] | None = None


class SidedIn(_Tolerant):
    """Decisions and activities."""

    id: str = Field(max_length=64)
    sides: list[SideIn] = Field(max_length=2000)  # more do not fit into a message


class DecisionIn(SidedIn):
    """by: who decided, an opaque id."""

    alert: str = Field(max_length=64)
    by: str = Field(max_length=64)


class AlertIn(SidedIn):
    kind: str = Field(max_length=20)
    status: str = Field(max_length=20)
    overlap_kind: str | None = Field(None, max_length=20)
    band: str | None = Field(None, max_length=20)
    severity: str | None = Field(None, max_length=20)


def facts_of(stored: Mapping[str, Any]) -> Facts:
    return Facts(**FactsIn.model_validate(stored).model_dump())


def columns_of(stored: Mapping[str, Any] | None) -> Columns:
    """Columns that nothing passes but the empty filter, where there are none."""
    return Columns(**ColumnsIn.model_validate(stored).model_dump()) if stored else Columns()


def columns_to_json(columns: ColumnsIn) -> dict[str, Any]:
    """For storing; sorted, so that equal columns are equal texts."""
    found = columns.model_dump(mode="json")
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


HIDDEN: Mapping[str, Any] = {"label": RED, "owner": ""}
"""Facts of a plan whose latest state could not be read: nobody sees it until a later event can be."""


def plan_in(event: Event) -> PlanIn:
    return _read(PlanIn, event)


def sides_in(event: Event) -> tuple[domain.Side, ...]:
    return _sides(_read(SidedIn, event).sides)


def decision_in(event: Event) -> DecisionIn:
    return _read(DecisionIn, event)


def alert_in(event: Event) -> domain.Alert:
    """The alert as this event tells it, as if it had just been raised."""
    found = _read(AlertIn, event)
    return domain.Alert(
        id=event.subject,
        version=event.sequence,
        status=found.status,
        kind=found.kind,
        sides=_sides(found.sides),
        opened_at=event.time,
        updated_at=event.time,
        raised_version=event.sequence,
        raised_at=event.time,
        overlap_kind=found.overlap_kind,
        band=found.band,
        severity=found.severity,
    )


def _sides(sides: Sequence[SideIn]) -> tuple[domain.Side, ...]:
    return tuple(domain.Side(side.plan, side.version, side.partner, side.group, side.first_for) for side in sides)


def _read(model: type[M], event: Event) -> M:
    try:
        found = model.model_validate(dict(event.data))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors()[:5])
        raise MalformedEvent(f"{event.name}: {wrong}") from None
    if getattr(found, "id", event.subject) != event.subject:
        raise MalformedEvent(f"{event.name}: data.id is not the subject")
    return found
