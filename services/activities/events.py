"""The facts this service publishes on `activities.v1`; contracts are generated from these models.

Plan events carry full state, so a consumer may drop any `sequence` at or below the last it applied. Alert, decision and
activity events carry ids and sides, each side droppable. A RED plan's events carry ids and its label. No person's name
or address is in any of them: people are opaque ids.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Code = Annotated[str, StringConstraints(max_length=80)]
"""A code of /api/v1/vocabularies. Vocabularies grow: readers expect codes that they do not know."""
Country = Annotated[str, Field(max_length=80, description="ISO 3166-1 alpha-3")]

MAX_SIDES = 2000
"""More do not fit into a message of 256 kB."""


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    version: int = Field(ge=1, description="also the event's `sequence`")


class FactsOut(BaseModel):
    """Who may see the plan (shared/visibility.py)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"] = Field(description="TLP 2.0")
    owner: Id = Field(description="organisation id")
    poster: Id | None = Field(description="person id")
    named_partners: list[Id] = Field(description="organisation ids")
    named_people: list[Id] = Field(description="person ids; RED plans only")
    countries: list[Country] = Field(description="where it takes place and whom it benefits; none for a RED plan")
    themes: list[Code]
    draft: bool


class ColumnsOut(BaseModel):
    """What the plan can be filtered by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    countries: list[Country]
    themes: list[Code]
    audiences: list[Code]
    type: Code
    status: Code
    mode: Code | None
    partners: list[Id] = Field(description="the owner and those named on the plan")
    start: date | None
    end: date | None


class PlanOut(BaseModel):
    """The plan as the API shows it: these fields, and all that its partner stated (docs/reference/plans.md)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Id
    version: int = Field(ge=1)
    owner: Id
    posted_by: Id
    claimed: bool = Field(description="false while a coordinator's posting waits for its partner")
    activity: Id = Field(description="the activity that this plan is, alone or with others")
    checked: str = Field(description="how far it could be compared with others; a plan without a date is not checked")
    created_at: datetime
    updated_at: datetime
    title: str
    type: Code
    status: Code
    tlp: Code
    start: date | None
    end: date | None
    precision: Code | None = Field(description="day, week, month, quarter or year")


class PlanFact(_Fact):
    """A plan's full state after what has happened to it. `plan` and `columns` are absent for TLP:RED."""

    facts: FactsOut
    plan: PlanOut | None = None
    columns: ColumnsOut | None = None


class Side(BaseModel):
    """One plan of several, at the version that was looked at. Readers who may not see it get the event without it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: Id
    version: int = Field(ge=1)
    partner: Id
    group: int = Field(
        0, ge=0, le=1, description="of an overlap: which of its two activities the plan is a posting of; 0 elsewhere"
    )
    first_for: list[Id] | None = Field(
        None, description="of an alert: partners who first meet the plan by it; only these may be told of it blind"
    )


class AlertFact(_Fact):
    """An alert's full state: what kind, how sure, how grave, and between which plans. No plan content."""

    kind: Annotated[str, Field(max_length=20, description="duplicate or overlap")]
    overlap_kind: Annotated[str, StringConstraints(max_length=20)] | None
    status: Annotated[str, Field(max_length=20, description="open, snoozed, escalated, waiting, decided or closed")]
    band: Annotated[str, StringConstraints(max_length=20)] | None
    severity: Annotated[str, StringConstraints(max_length=20)] | None
    reason: str | None = Field(description="why it changed, as a code")
    sides: list[Side] = Field(max_length=MAX_SIDES)


class DecisionFact(_Fact):
    """`by` is an opaque person id; the reason that was typed stays in this service, because people write names."""

    alert: Id
    verdict: Code = Field(description="link, distinct, ask_to_move, snooze or escalate")
    by: str = Field(description="person id, or the service")
    fingerprint: str = Field(description="of what was decided on")
    sides: list[Side] = Field(max_length=MAX_SIDES)
    activity: Id | None = Field(description="the joint activity, after a link")
    reversed: bool


class ActivityFact(_Fact):
    """The plans that are one activity now; after `activity.dissolved`, those that were."""

    sides: list[Side] = Field(max_length=MAX_SIDES)


class WeightsFact(_Fact):
    """Other weights are in force; `id` is the table's version. Open alerts are scored again after it."""

    digest: str = Field(description="of the table's content")
    by: str = Field(description="person id")


EVENTS: Mapping[str, type[BaseModel]] = {
    **dict.fromkeys(
        (
            "plan.posted",
            "plan.amended",
            "plan.relabelled",
            "plan.confirmed",
            "plan.completed",
            "plan.postponed",
            "plan.cancelled",
            "plan.claimed",
        ),
        PlanFact,
    ),
    **dict.fromkeys(("alert.opened", "alert.updated", "alert.closed", "alert.reopened"), AlertFact),
    **dict.fromkeys(("decision.made", "decision.reversed"), DecisionFact),
    "weights.installed": WeightsFact,
    **dict.fromkeys(("activity.formed", "activity.changed", "activity.dissolved"), ActivityFact),
}
PLAN_EVENTS = tuple(name for name in EVENTS if name.startswith("plan."))
