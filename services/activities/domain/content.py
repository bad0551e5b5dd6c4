"""What a plan says. `read` turns plain JSON into a Content, and finds everything that is wrong with it at once.

Fields are those of the two source documents (dates with their precision and the text they came from, several places,
funders and partners with roles, audience and count, outcomes, provenance ...) in the terms of docs/reference/plans.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from shared.countries import country_name, is_region, resolve_country, resolve_region, suggest_countries
from shared.periods import Period, PeriodError, parse_period
from shared.problem import FieldError
from shared.vocabulary import VOCABULARIES

MAX_TITLE, MAX_TEXT, MAX_NAME, MAX_LIST = 500, 20_000, 300, 100
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
_CURRENCY = re.compile(r"^[A-Z]{3}$")


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
    """A partner named on the plan: an organisation of the registry, or only a name."""

    organisation: str | None
    name: str | None
    role: str


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
    """Where the plan was read, and how sure one is of it: document, its date, low | medium | high."""

    document: str | None = None
    date: str | None = None
    confidence: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """One version's content. Countries are alpha-3, regions M49, codes of `shared.vocabulary`, organisations ids."""

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
    institutions: tuple[str, ...] = ()
    programme: str | None = None
    partners: tuple[Party, ...] = ()
    funders: tuple[Funder, ...] = ()
    description: str | None = None
    source_text: str | None = None
    outcomes: tuple[str, ...] = ()
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


@dataclass
class _Reader:
    """Collects errors; every `take` returns something usable, so that reading goes on to the next field."""

    raw: Mapping[str, Any]
    errors: list[FieldError] = field(default_factory=list[FieldError])

    def refuse(self, pointer: str, code: str, detail: str) -> None:
        self.errors.append(FieldError(pointer, code, detail))

    def code(self, pointer: str, value: str | None, vocabulary: str) -> str | None:
        known = VOCABULARIES[vocabulary].codes
        if value is not None and value not in known:
            shown = ", ".join(known) if len(known) <= 14 else "the codes of /api/v1/vocabularies"
            self.refuse(pointer, "unknown_code", f"{value[:60]!r} is not a {vocabulary.replace('_', ' ')}; use {shown}")
            return None
        return value

    def codes(self, name: str, vocabulary: str) -> tuple[str, ...]:
        values = cast(Sequence[str], self.raw.get(name) or ())
        found = [self.code(f"#/{name}/{index}", value, vocabulary) for index, value in enumerate(values)]
        return tuple(dict.fromkeys(code for code in found if code))

    def country(self, pointer: str, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        found = resolve_country(value)
        if found is None:
            near = suggest_countries(value)
            named = " or ".join(f"{country_name(code)} ({code})" for code in near)
            hint = f"; did you mean {named}?" if near else "; use its name or ISO 3166 code"
            self.refuse(pointer, "unknown_country", f"{value[:60]!r} is not a country we know{hint}")
        return found

    def regions(self) -> tuple[str, ...]:
        found: list[str] = []
        for index, value in enumerate(cast(Sequence[str], self.raw.get("beneficiary_regions") or ())):
            region = value if is_region(value) else resolve_region(value)
            if region is None:
                detail = f"{value[:60]!r} is not a region; use a UN M49 code such as 035"
                self.refuse(f"#/beneficiary_regions/{index}", "unknown_region", detail)
            else:
                found.append(region)
        return tuple(dict.fromkeys(found))

    def period(self) -> Period | None:
        try:
            return parse_period(self.raw.get("start"), self.raw.get("end"), self.raw.get("precision"))
        except PeriodError as error:
            self.refuse(f"#/{error.field}", error.code, error.detail)
            return None

    def amount(self, pointer: str, value: Any) -> str | None:
        if value is None:
            return None
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        # "1e-999999999" is a number, too; written out, it would have a billion digits
        if not amount.is_finite() or amount < 0 or amount.adjusted() > 14 or int(amount.as_tuple().exponent) < -6:
            self.refuse(
                pointer, "amount", "an amount is a number from 0 up, at most six decimals, written like 12500.00"
            )
            return None
        return format(amount, "f")


def read(raw: Mapping[str, Any]) -> Content:
    """Content from a plan's JSON, whose types are checked already (api/schemas.py). Raises Invalid with every error."""
    reader = _Reader(raw)
    title = " ".join(str(raw["title"]).split())
    if not title:
        reader.refuse("#/title", "blank", "a plan needs a title")
    content = Content(
        title=title,
        type=reader.code("#/type", raw["type"], "type") or "",
        status=reader.code("#/status", raw.get("status") or "tentative", "status") or "",
        tlp=reader.code("#/tlp", raw.get("tlp") or "AMBER", "tlp") or "",
        period=reader.period(),
        dates_text=raw.get("dates_text"),
        dates_inferred=tuple(raw.get("dates_inferred") or ()),
        venues=_venues(reader),
        beneficiary_countries=_countries(reader),
        beneficiary_regions=reader.regions(),
        audiences=reader.codes("audiences", "audience"),
        themes=reader.codes("themes", "theme"),
        level=reader.code("#/level", raw.get("level"), "level"),
        mode=reader.code("#/mode", raw.get("mode"), "mode"),
        languages=_languages(reader),
        participants_planned=raw.get("participants_planned"),
        institutions=tuple(raw.get("institutions") or ()),
        programme=raw.get("programme"),
        partners=_parties(reader),
        funders=_funders(reader),
        description=raw.get("description"),
        source_text=raw.get("source_text"),
        outcomes=tuple(raw.get("outcomes") or ()),
        indicators=tuple(Indicator(**each) for each in raw.get("indicators") or ()),
        part_of=raw.get("part_of"),
        follow_up_of=raw.get("follow_up_of"),
        series=Series(**raw["series"]) if raw.get("series") else None,
        reference=raw.get("reference"),
        url=_url(reader),
        named_people=tuple(dict.fromkeys(raw.get("named_people") or ())),
        illustrative=bool(raw.get("illustrative")),
        provenance=Provenance(**raw["provenance"]) if raw.get("provenance") else None,
        mandates=tuple(raw.get("mandates") or ()),
    )
    if reader.errors:
        raise Invalid(reader.errors)
    return content


def _venues(reader: _Reader) -> tuple[Venue, ...]:
    found: list[Venue] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("venues") or ())):
        country = reader.country(f"#/venues/{index}/country", each.get("country"))
        venue = Venue(each.get("city") or None, country, each.get("name") or None, each.get("text") or None)
        if venue != Venue():
            found.append(venue)
    return tuple(found)


def _countries(reader: _Reader) -> tuple[str, ...]:
    values = cast(Sequence[str], reader.raw.get("beneficiary_countries") or ())
    found = [reader.country(f"#/beneficiary_countries/{index}", value) for index, value in enumerate(values)]
    return tuple(dict.fromkeys(country for country in found if country))


def _languages(reader: _Reader) -> tuple[str, ...]:
    values = cast(Sequence[str], reader.raw.get("languages") or ())
    for index, value in enumerate(values):
        if not _LANGUAGE.match(value):
            reader.refuse(f"#/languages/{index}", "language", f"{value[:40]!r} is not a BCP 47 tag such as en or pt-BR")
    return tuple(dict.fromkeys(values))


def _parties(reader: _Reader) -> tuple[Party, ...]:
    found: list[Party] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("partners") or ())):
        pointer = f"#/partners/{index}"
        role = reader.code(f"{pointer}/role", each.get("role") or "implementer", "partner_role") or ""
        if not each.get("organisation") and not each.get("name"):
            reader.refuse(pointer, "missing", "name a partner by organisation or by name")
        found.append(Party(each.get("organisation"), each.get("name"), role))
    return tuple(found)


def _funders(reader: _Reader) -> tuple[Funder, ...]:
    found: list[Funder] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("funders") or ())):
        pointer = f"#/funders/{index}"
        if not each.get("organisation") and not each.get("name") and not each.get("country"):
            reader.refuse(pointer, "missing", "name a funder by organisation, name or country")
        currency = each.get("currency")
        if currency is not None and not _CURRENCY.match(currency):
            reader.refuse(f"{pointer}/currency", "currency", f"{currency[:20]!r} is not an ISO 4217 code such as USD")
        found.append(
            Funder(
                organisation=each.get("organisation"),
                name=each.get("name"),
                country=reader.country(f"{pointer}/country", each.get("country")),
                amount=reader.amount(f"{pointer}/amount", each.get("amount")),
                currency=currency,
                status=reader.code(f"{pointer}/status", each.get("status"), "funding_status"),
                earmarked=each.get("earmarked"),
            )
        )
    return tuple(found)


def _url(reader: _Reader) -> str | None:
    url = reader.raw.get("url")
    if url and not re.match(r"^https?://[^\s<>\"']+$", url):
        reader.refuse("#/url", "url", "a web address starts with https:// or http://")
    return url or None


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
