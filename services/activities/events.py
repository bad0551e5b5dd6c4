"""The facts this service publishes on `activities.v1`; contracts are generated from these models.

Plan events carry full state, so a consumer may drop any `sequence` at or below the last it applied. Alert, decision and
activity events carry ids and sides, each side droppable. A RED plan's events carry ids and its label. No person's name
or address is in any of them: people are opaque ids.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: int = Field(ge=1)


class FactsOut(BaseModel):
    """Who may see the plan (shared/visibility.py)."""

    label: str
    owner: str
    poster: str | None
    named_partners: list[str]
    named_people: list[str]
    countries: list[str]
    themes: list[str]
    draft: bool


class ColumnsOut(BaseModel):
    """What the plan can be filtered by."""

    countries: list[str]
    themes: list[str]
    audiences: list[str]
    type: str
    status: str
    mode: str | None
    partners: list[str]
    start: str | None
    end: str | None


class PlanFact(_Fact):
    """`plan` (the API's representation) and `columns` are absent for TLP:RED."""

    facts: FactsOut
    plan: dict[str, Any] | None = None
    columns: ColumnsOut | None = None


class Side(BaseModel):
    plan: str
    version: int
    partner: str


class AlertFact(_Fact):
    kind: str
    overlap_kind: str | None
    status: str
    band: str | None
    severity: str | None
    reason: str | None
    sides: list[Side]


class DecisionFact(_Fact):
    """`by` is an opaque person id; the reason that was typed stays in this service, because people write names."""

    alert: str
    verdict: str
    by: str
    fingerprint: str
    sides: list[Side]
    activity: str | None
    reversed: bool


class ActivityFact(_Fact):
    """The plans that are one activity now; after `activity.dissolved`, those that were."""

    sides: list[Side]


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
    **dict.fromkeys(("activity.formed", "activity.changed", "activity.dissolved"), ActivityFact),
}
PLAN_EVENTS = tuple(name for name in EVENTS if name.startswith("plan."))
