"""One filter vocabulary for lists, feeds, streams and webhooks: `country=KEN,UGA&start.gte=2017-04-01&theme=...`.

Values of one name are alternatives, names are all required; `country` and `region` name one thing, places, and are
alternatives to each other. What carries none of a filtered property does not pass.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query

from shared.places import countries_of_region, is_country, is_region
from shared.problem import FieldError, Problem
from shared.vocabulary import VOCABULARIES


@dataclass(frozen=True, slots=True)
class Columns:
    """What an entry offers to be filtered by."""

    countries: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    type: str | None = None
    status: str | None = None
    mode: str | None = None
    partners: frozenset[str] = frozenset()
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What was asked for. Empty sets and None ask for nothing."""

    countries: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    start_from: date | None = None
    start_to: date | None = None
    end_from: date | None = None
    end_to: date | None = None

    @property
    def empty(self) -> bool:
        return not any(getattr(self, each.name) for each in fields(self))

    def passes(self, columns: Columns) -> bool:
        return (
            _any(self.countries, columns.countries)
            and _any(self.themes, columns.themes)
            and _any(self.audiences, columns.audiences)
            and _one(self.types, columns.type)
            and _one(self.statuses, columns.status)
            and _one(self.modes, columns.mode)
            and _any(self.partners, columns.partners)
            and _within(columns.start, self.start_from, self.start_to)
            and _within(columns.end, self.end_from, self.end_to)
        )


def _any(asked: frozenset[str], offered: frozenset[str]) -> bool:
    return not asked or bool(asked & offered)


def _one(asked: frozenset[str], offered: str | None) -> bool:
    return not asked or offered in asked


def _within(day: date | None, first: date | None, last: date | None) -> bool:
    if first is None and last is None:
        return True
    return day is not None and (first is None or day >= first) and (last is None or day <= last)


def _codes(name: str, text: str | None, known: Iterable[str] | None) -> frozenset[str]:
    values = [part.strip() for part in (text or "").split(",") if part.strip()]
    allowed = None if known is None else frozenset(known)
    for value in values:
        if allowed is not None and value not in allowed:
            detail = f"{value[:60]!r} is not one of the codes of /api/v1/vocabularies"
            raise Problem("malformed", f"?{name}: {detail}", [FieldError(f"?{name}", "unknown_code", detail)])
    return frozenset(values)


def _countries(country: str | None, region: str | None) -> frozenset[str]:
    found: set[str] = set()
    for name, text, check in (("country", country, is_country), ("region", region, is_region)):
        for value in _codes(name, text, None):
            if not check(value):
                detail = f"{value[:60]!r} is not a known {'ISO 3166 alpha-3' if name == 'country' else 'M49'} code"
                raise Problem("malformed", f"?{name}: {detail}", [FieldError(f"?{name}", "unknown_code", detail)])
            found |= {value} if name == "country" else countries_of_region(value)
    return frozenset(found)


async def _filter_of(
    country: Annotated[str | None, Query(description="ISO 3166 alpha-3, comma separated", max_length=2000)] = None,
    region: Annotated[str | None, Query(description="M49 regions, comma separated", max_length=500)] = None,
    theme: Annotated[str | None, Query(max_length=1000)] = None,
    audience: Annotated[str | None, Query(max_length=1000)] = None,
    type: Annotated[str | None, Query(description="plan types", max_length=1000)] = None,
    status: Annotated[str | None, Query(max_length=500)] = None,
    mode: Annotated[str | None, Query(max_length=200)] = None,
    partner: Annotated[str | None, Query(description="organisation ids, comma separated", max_length=4000)] = None,
    start_from: Annotated[date | None, Query(alias="start.gte")] = None,
    start_to: Annotated[date | None, Query(alias="start.lte")] = None,
    end_from: Annotated[date | None, Query(alias="end.gte")] = None,
    end_to: Annotated[date | None, Query(alias="end.lte")] = None,
) -> Filter:
    codes: Mapping[str, Any] = {
        name: VOCABULARIES[name].codes for name in ("theme", "audience", "type", "status", "mode")
    }
    return Filter(
        countries=_countries(country, region),
        themes=_codes("theme", theme, codes["theme"]),
        audiences=_codes("audience", audience, codes["audience"]),
        types=_codes("type", type, codes["type"]),
        statuses=_codes("status", status, codes["status"]),
        modes=_codes("mode", mode, codes["mode"]),
        partners=_codes("partner", partner, None),
        start_from=start_from,
        start_to=start_to,
        end_from=end_from,
        end_to=end_to,
    )


Filtered = Annotated[Filter, Depends(_filter_of)]
"""Route parameter: the filter of the query string. Raises a 400 problem that names the parameter."""
