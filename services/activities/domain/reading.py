"""A plan's content from what was sent: codes, countries, dates and places are understood, or every mistake is named.

Types and sizes are checked before, in `api/schemas.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from services.activities.domain.content import (
    Content,
    Funder,
    Indicator,
    Invalid,
    Party,
    Provenance,
    Series,
    Venue,
)
from shared.countries import country_name, is_region, resolve_country, resolve_region, suggest_countries
from shared.periods import FIRST_YEAR, LAST_YEAR, Period, PeriodError, parse_period, parse_period_text
from shared.places import known_countries_of_city, split_place, written_city
from shared.problem import FieldError
from shared.vocabulary import VOCABULARIES

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SAID_OF_LINE = {
    "not_understood": "is not a date that we understand; write 18 - 20 July 2027, July 2027, or start and end",
    "ambiguous": "may be read in two ways; write the month as a word",
    "not_a_date": "is in no calendar",
    "out_of_range": f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}",
    "end_before_start": "ends before it starts",
}


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
                detail = f"{value[:60]!r} is not a region; use a UN M49 code such as 035, or a group such as ASEAN"
                self.refuse(f"#/beneficiary_regions/{index}", "unknown_region", detail)
            else:
                found.append(region)
        return tuple(dict.fromkeys(found))

    def dates(self, today: date) -> tuple[Period | None, str | None, tuple[str, ...]]:
        """The period, the line that it was written as, and what did not stand in that line."""
        given = cast(Mapping[str, Any], self.raw.get("period") or {})
        written, inferred = self.raw.get("dates_text"), tuple(self.raw.get("dates_inferred") or ())
        pointer = "#/period" if given else "#"
        if given and any(self.raw.get(name) for name in ("start", "end", "precision")):
            self.refuse("#/period", "twice", "say when in `period`, or in start, end and precision, not in both")
        if given.get("text"):
            if any(given.get(name) for name in ("start", "end", "precision")):
                self.refuse("#/period/text", "twice", "say when as a text, or as start and end, not in both")
            period, found = self._period_of_line(given["text"], given.get("year"), today)
            return period, written or given["text"], inferred or found
        if given.get("year") is not None:
            self.refuse("#/period/year", "no_text", "a year completes a text; there is none")
        fields = given or self.raw
        try:
            return parse_period(fields.get("start"), fields.get("end"), fields.get("precision")), written, inferred
        except PeriodError as error:
            self.refuse(f"{pointer}/{error.field}", error.code, error.detail)
            return None, written, inferred

    def _period_of_line(self, line: str, year: int | None, today: date) -> tuple[Period | None, tuple[str, ...]]:
        """A line as people write it. A year that is not in it is asked for, not guessed."""
        parsed = parse_period_text(line)
        if parsed.problem == "no_year":
            if year is None:
                meant = _next_year_of(line, today)
                if meant:
                    self.refuse("#/period/text", "no_year", f"{line[:60]!r} has no year; if you mean {meant}, write it")
                else:
                    self.refuse("#/period/text", "not_a_date", f"{line[:60]!r} is in no calendar")
                return None, ()
            parsed = parse_period_text(line, year)
        elif year is not None and parsed.period and year not in (parsed.period.start.year, parsed.period.end.year):
            self.refuse("#/period/year", "year", f"the text says {parsed.period.start.year}, not {year}")
        if parsed.period is None:
            code = parsed.problem or "not_understood"
            self.refuse(
                "#/period/text", code, f"{line[:60]!r} {_SAID_OF_LINE.get(code, _SAID_OF_LINE['not_understood'])}"
            )
        return parsed.period, tuple(sorted(parsed.inferred))

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


def read(raw: Mapping[str, Any], today: date) -> Content:
    """Content from a plan's JSON, whose types are checked already (api/schemas.py). Raises Invalid with every error.

    today: only to say which year a line without one would mean; none is ever filled in.
    """
    reader = _Reader(raw)
    period, dates_text, dates_inferred = reader.dates(today)
    title = " ".join(str(raw["title"]).split())
    if not title:
        reader.refuse("#/title", "blank", "a plan needs a title")
    content = Content(
        title=title,
        type=reader.code("#/type", raw["type"], "type") or "",
        status=reader.code("#/status", raw.get("status") or "tentative", "status") or "",
        tlp=reader.code("#/tlp", raw.get("tlp") or "AMBER", "tlp") or "",
        period=period,
        dates_text=dates_text,
        dates_inferred=dates_inferred,
        venues=_venues(reader),
        beneficiary_countries=_countries(reader),
        beneficiary_regions=reader.regions(),
        audiences=reader.codes("audiences", "audience"),
        themes=reader.codes("themes", "theme"),
        level=reader.code("#/level", raw.get("level"), "level"),
        mode=reader.code("#/mode", raw.get("mode"), "mode"),
        languages=_languages(reader),
        participants_planned=raw.get("participants_planned"),
        participants_actual=raw.get("participants_actual"),
        institutions=tuple(raw.get("institutions") or ()),
        programme=raw.get("programme"),
        partners=_parties(reader),
        funders=_funders(reader),
        description=raw.get("description"),
        source_text=raw.get("source_text"),
        outcomes=tuple(raw.get("outcomes") or ()),
        results=tuple(raw.get("results") or ()),
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
        trainers=tuple(dict.fromkeys(raw.get("trainers") or ())),
    )
    if reader.errors:
        raise Invalid(reader.errors)
    return content


def _next_year_of(line: str, today: date) -> int | None:
    """The year in which the line's days come next."""
    for year in range(today.year, today.year + 9):  # 29 February
        found = parse_period_text(line, year).period
        if found and found.end >= today:
            return found.start.year
    return None


def _venues(reader: _Reader) -> tuple[Venue, ...]:
    """Places by their parts; or, where there is only a text, those that it names, each with the whole line."""
    found: list[Venue] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("venues") or ())):
        country = reader.country(f"#/venues/{index}/country", each.get("country"))
        venue = Venue(each.get("city") or None, country, each.get("name") or None, each.get("text") or None)
        if venue.text and venue == Venue(text=venue.text):
            found += _places_of_line(reader, f"#/venues/{index}/text", venue.text)
        elif venue != Venue():
            found.append(venue)
    return tuple(found)


def _places_of_line(reader: _Reader, pointer: str, line: str) -> list[Venue]:
    places = split_place(line)
    if not places:
        reader.refuse(pointer, "not_understood", f"{line[:60]!r} names no place")
    for place in places:
        if place.country is None:
            near = [country_name(code) for code in sorted(known_countries_of_city(place.city or ""))]
            hint = (
                f"do you mean {written_city(place)}, {near[0]}?"
                if len(near) == 1
                else "write City, Country, or leave it out"
            )
            reader.refuse(pointer, "unknown_place", f"{place.text[:60]!r} names no country that we know; {hint}")
    return [Venue(written_city(place), place.country, None, line) for place in places]


def _countries(reader: _Reader) -> tuple[str, ...]:
    values = cast(Sequence[str], reader.raw.get("beneficiary_countries") or ())
    found = [reader.country(f"#/beneficiary_countries/{index}", value) for index, value in enumerate(values)]
    return tuple(dict.fromkeys(country for country in found if country))


def _languages(reader: _Reader) -> tuple[str, ...]:
    values = cast(Sequence[str], reader.raw.get("languages") or ())
    for index, value in enumerate(values):
        if not _LANGUAGE.fullmatch(value):
            reader.refuse(f"#/languages/{index}", "language", f"{value[:40]!r} is not a BCP 47 tag such as en or pt-BR")
    return tuple(dict.fromkeys(values))


def _parties(reader: _Reader) -> tuple[Party, ...]:
    found: list[Party] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("partners") or ())):
        pointer = f"#/partners/{index}"
        role = reader.code(f"{pointer}/role", each.get("role") or "implementer", "partner_role") or ""
        if not each.get("organisation") and not each.get("name"):
            reader.refuse(pointer, "missing", "name a partner by organisation or by name")
        found.append(Party(each.get("organisation"), each.get("name"), role, each.get("programme")))
    return tuple(found)


def _funders(reader: _Reader) -> tuple[Funder, ...]:
    found: list[Funder] = []
    for index, each in enumerate(cast(Sequence[Mapping[str, Any]], reader.raw.get("funders") or ())):
        pointer = f"#/funders/{index}"
        if not each.get("organisation") and not each.get("name") and not each.get("country"):
            reader.refuse(pointer, "missing", "name a funder by organisation, name or country")
        currency = each.get("currency")
        if currency is not None and not _CURRENCY.fullmatch(currency):
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
    if url and not re.fullmatch(r"https?://[^\s\x00-\x1f\x7f<>\"']+", url):
        reader.refuse("#/url", "url", "a web address starts with https:// or http://")
    return url or None
