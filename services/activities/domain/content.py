"""What a plan says, and how it is stored. `domain/reading.py` makes it of what people and machines send.

Fields are those of the two source documents (dates with their precision and the text they came from, several places,
funders and partners with roles, audience and count, outcomes, provenance ...) in the terms of docs/reference/plans.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from shared.periods import Period
from shared.problem import FieldError

MAX_TITLE, MAX_TEXT, MAX_NAME, MAX_LIST = 500, 20_000, 300, 100


class Invalid(Exception):
    """The plan cannot be taken as it is: one entry per field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Venue:
    """Where it takes place. `text` is what was written ("Vientianne Lao PDR"), kept as it was."""

    city: str | None = None
    country: str | None = None
    name: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A partner named on the plan: an organisation of the registry, or only a name.

    programme is the partner's own under which it takes part ("as part of the StAR"), not the plan's.
    """

    organisation: str | None
    name: str | None
    role: str
    programme: str | None = None


@dataclass(frozen=True, slots=True)
class Funder:
    """Who pays: organisation or name, amount as a decimal text in `currency` (ISO 4217)."""

    organisation: str | None = None
    name: str | None = None
    country: str | None = None
    amount: str | None = None
    currency: str | None = None
    status: str | None = None
    earmarked: bool | None = None


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    edition: str | None = None


@dataclass(frozen=True, slots=True)
class Indicator:
    name: str
    period: str | None = None
    baseline: str | None = None
    target: str | None = None
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the plan was read, and how sure one is of it: document, its date, the day it was seen, low | medium | high."""

    document: str | None = None
    date: str | None = None
    seen: str | None = None
    confidence: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """One version's content. Countries are alpha-3, regions M49, codes of `shared.vocabulary`, organisations ids.

    `trainers` (who teaches, speaks or mentors) and `named_people` (for whom a RED plan is) are ids of people.
    """

    title: str
    type: str
    status: str = "tentative"
    tlp: str = "AMBER"
    period: Period | None = None
    dates_text: str | None = None
    dates_inferred: tuple[str, ...] = ()
    venues: tuple[Venue, ...] = ()
    beneficiary_countries: tuple[str, ...] = ()
    beneficiary_regions: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    level: str | None = None
    mode: str | None = None
    languages: tuple[str, ...] = ()
    participants_planned: int | None = None
    participants_actual: int | None = None
    institutions: tuple[str, ...] = ()
    programme: str | None = None
    partners: tuple[Party, ...] = ()
    funders: tuple[Funder, ...] = ()
    description: str | None = None
    source_text: str | None = None
    outcomes: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    part_of: str | None = None
    follow_up_of: str | None = None
    series: Series | None = None
    reference: str | None = None
    url: str | None = None
    named_people: tuple[str, ...] = ()
    illustrative: bool = False
    provenance: Provenance | None = None
    mandates: tuple[str, ...] = ()
    trainers: tuple[str, ...] = ()


def to_json(content: Content) -> dict[str, Any]:
    """The content as API and events show it: `period` as start, end (full dates) and precision. `read` takes it back."""
    document: dict[str, Any] = {}
    for name in Content.__slots__:
        value = getattr(content, name)
        if name == "period":
            document["start"] = content.period.start.isoformat() if content.period else None
            document["end"] = content.period.end.isoformat() if content.period else None
            document["precision"] = content.period.precision if content.period else None
        else:
            document[name] = _plain(value)
    return document


def from_json(document: Mapping[str, Any]) -> Content:
    """Content as stored by `to_json`: trusted, so that codes retired since do not make old versions unreadable."""
    start, end = document.get("start"), document.get("end")
    period = (
        Period(date.fromisoformat(start), date.fromisoformat(end), document.get("precision") or "day")
        if start and end
        else None
    )
    values = {name: document[name] for name in Content.__slots__ if name != "period" and name in document}
    built: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    built |= {
        "period": period,
        "venues": tuple(Venue(**each) for each in document.get("venues") or ()),
        "partners": tuple(Party(**each) for each in document.get("partners") or ()),
        "funders": tuple(Funder(**each) for each in document.get("funders") or ()),
        "indicators": tuple(Indicator(**each) for each in document.get("indicators") or ()),
        "series": Series(**document["series"]) if document.get("series") else None,
        "provenance": Provenance(**document["provenance"]) if document.get("provenance") else None,
    }
    return Content(**built)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in cast(tuple[Any, ...], value)]
    if hasattr(value, "__slots__") and not isinstance(value, str | int):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value
