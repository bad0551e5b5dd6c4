"""Request and response bodies. Sizes are bounded here; codes, countries and dates are read by `domain/reading.py`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from services.activities.domain.content import MAX_LIST, MAX_NAME, MAX_TEXT, MAX_TITLE

Name = Annotated[str, StringConstraints(max_length=MAX_NAME)]
Code = Annotated[str, StringConstraints(max_length=80)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Codes = Annotated[list[Code], Field(max_length=MAX_LIST)]
Names = Annotated[list[Name], Field(max_length=MAX_LIST)]
Lines = Annotated[list[Annotated[str, StringConstraints(max_length=2000)]], Field(max_length=MAX_LIST)]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Decimals = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(max_length=40),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 40}, {"type": "number"}]}),
]
"""A decimal number, as a text (exact) or as a JSON number."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VenueBody(_Body):
    city: Name | None = None
    country: Annotated[Name | None, Field(description="ISO 3166 alpha-3, or a name in one of the six UN languages")] = (
        None
    )
    name: Name | None = None
    text: Annotated[
        Name | None,
        Field(
            description='as it was written; kept. Alone ("Gold Coast and Canberra, Australia") it is read for its places'
        ),
    ] = None


class PeriodBody(_Body):
    """When, as a line of text or as dates."""

    text: Annotated[Name | None, Field(description='as people write it: "18 - 20 July 2027"; kept as `dates_text`')] = (
        None
    )
    year: Annotated[int | None, Field(ge=1990, le=2100, description="where the text has none")] = None
    start: Annotated[
        Code | None, Field(description="instead of text: 2017-04-25, 2017-W16, 2017-05, 2017-Q2 or 2017")
    ] = None
    end: Code | None = None
    precision: Code | None = None


class PartyBody(_Body):
    organisation: Annotated[Code | None, Field(description="id or slug in the registry")] = None
    name: Name | None = None
    role: Code = "implementer"
    programme: Annotated[Name | None, Field(description="the partner's own programme, such as StAR")] = None


class FunderBody(_Body):
    organisation: Code | None = None
    name: Name | None = None
    country: Name | None = None
    amount: Annotated[Decimals | None, Field(description="decimal")] = None
    currency: Annotated[Code | None, Field(description="ISO 4217")] = None
    status: Code | None = None
    earmarked: bool | None = None


class SeriesBody(_Body):
    name: Name
    edition: Code | None = None


class IndicatorBody(_Body):
    name: Name
    period: Code | None = None
    baseline: Code | None = None
    target: Code | None = None
    actual: Code | None = None


class ProvenanceBody(_Body):
    document: Name | None = None
    date: Annotated[Code | None, Field(description="the document's own date")] = None
    seen: Annotated[Code | None, Field(description="when it was read there")] = None
    confidence: Literal["low", "medium", "high"] | None = None


class PlanBody(_Body):
    """A plan as its partner states it. Only title and type are required; what is not known is left out, not guessed."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TITLE)]
    type: Code
    status: Code | None = None
    start: Annotated[Code | None, Field(description="2017-04-25, 2017-W16, 2017-05, 2017-Q2 or 2017")] = None
    end: Code | None = None
    precision: Annotated[
        Code | None, Field(description="day, week, month, quarter or year; by the form of the dates")
    ] = None
    period: Annotated[PeriodBody | None, Field(description="instead of start, end and precision")] = None
    dates_text: Annotated[Name | None, Field(description="the dates as they were written; kept, not read")] = None
    dates_inferred: Codes | None = None
    venues: Annotated[list[VenueBody] | None, Field(max_length=20)] = None
    beneficiary_countries: Annotated[list[Name] | None, Field(max_length=250)] = None
    beneficiary_regions: Codes | None = None
    audiences: Codes | None = None
    themes: Codes | None = None
    level: Code | None = None
    mode: Code | None = None
    languages: Codes | None = None
    participants_planned: Annotated[int | None, Field(ge=0, le=10_000_000)] = None
    participants_actual: Annotated[int | None, Field(ge=0, le=10_000_000, description="who came")] = None
    institutions: Names | None = None
    programme: Name | None = None
    partners: Annotated[list[PartyBody] | None, Field(max_length=MAX_LIST)] = None
    funders: Annotated[list[FunderBody] | None, Field(max_length=MAX_LIST)] = None
    description: Text | None = None
    source_text: Text | None = None
    outcomes: Annotated[Lines | None, Field(description="what people are to be able to do afterwards")] = None
    results: Annotated[Lines | None, Field(description="what came of it")] = None
    indicators: Annotated[list[IndicatorBody] | None, Field(max_length=MAX_LIST)] = None
    part_of: Code | None = None
    follow_up_of: Code | None = None
    series: SeriesBody | None = None
    reference: Name | None = None
    url: Annotated[str | None, Field(max_length=2000)] = None
    tlp: Annotated[Code | None, Field(description="CLEAR, GREEN, AMBER (default), AMBER+STRICT or RED")] = None
    named_people: Codes | None = None
    illustrative: bool | None = None
    provenance: ProvenanceBody | None = None
    mandates: Names | None = None
    trainers: Annotated[Codes | None, Field(description="person ids: who teaches, speaks or mentors")] = None


class NewPlanBody(PlanBody):
    organisation: Annotated[Code | None, Field(description="whose plan it is, where the poster belongs to several")] = (
        None
    )
    on_behalf_of: Annotated[Code | None, Field(description="the partner for whom a coordinator posts")] = None


class PlanPatch(BaseModel):
    """A merge patch (RFC 7396): the fields to change, null to remove."""

    model_config = ConfigDict(extra="allow")


class PlanOut(BaseModel):
    """A plan: the fields of PlanBody with full dates, and what Convene adds. Ids of people (`posted_by`, `named_people`,
    `trainers`)
    are there for the plan's owner, coordinators in scope and administrators alone."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: int
    owner: str
    posted_by: str | None = None
    claimed: bool
    activity: str
    checked: str
    title: str
    type: str
    status: str
    tlp: str


class PlanPage(BaseModel):
    data: list[PlanOut]
    next_cursor: str | None


class HistoryOut(BaseModel):
    data: list[dict[str, Any]]


class SimilarOut(BaseModel):
    """Likely the same (data), likely to collide (overlaps), and how far the plan could be checked at all."""

    data: list[dict[str, Any]]
    overlaps: list[dict[str, Any]] = Field(
        description="the strongest twenty; `asked`: it would be an alert, else it is nearby"
    )
    overlaps_total: int = Field(description="how many there are in all, among the plans that you may see")
    checked: str
    capped: bool


class SeenBy(BaseModel):
    """Who would see the plan with one label."""

    tlp: str
    everybody: bool = Field(description="without signing in; then the rest is empty")
    every_partner: bool = Field(description="everybody who belongs to any partner")
    partners: list[str] = Field(
        description="organisation ids: the owner, and those named on the plan; all, with `every_partner`"
    )
    coordinators: list[str] = Field(description="for each coordinator who would see it, what is looked after")
    people: int = Field(description="RED: how many see it by their own names, you among them")


class SightOut(BaseModel):
    """For each label, in the order of TLP."""

    data: list[SeenBy]


class AlertPage(BaseModel):
    data: list[dict[str, Any]]
    next_cursor: str | None


class DecisionBody(_Body):
    verdict: Literal["link", "distinct", "ask_to_move", "snooze", "escalate"]
    plans: Annotated[
        list[Code], Field(max_length=MAX_LIST, description="part of the alert; all of it where empty")
    ] = []
    reason: Annotated[str | None, Field(max_length=2000)] = None
    until: Annotated[datetime | None, Field(description="snooze only")] = None


class ReversalBody(_Body):
    reason: Annotated[str | None, Field(max_length=2000)] = None


class DecisionOut(BaseModel):
    """`made_by` and `reversed_by` (ids) are there for colleagues of theirs, coordinators in scope and administrators."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: int
    alert: str
    verdict: str
    activity: str | None
    reversed: bool


class ActivityOut(BaseModel):
    id: str
    version: int
    joint: bool
    plans: list[str]
    owners: list[str]
    fields: dict[str, dict[str, Any]]


class ActivityPage(BaseModel):
    data: list[dict[str, Any]]
    next_cursor: str | None
