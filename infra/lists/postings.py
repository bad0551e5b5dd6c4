"""A row of cells as what a plan says. Only the title is needed; what is not understood is counted and left out, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from infra.lists import cells as reading
from infra.lists import days
from infra.lists.rows import Row
from services.activities.matching import named, towns
from services.activities.matching.features import PlanText
from services.activities.matching.sites import person_key
from shared import places
from shared.periods import Period, parse_period


@dataclass(frozen=True, slots=True)
class Posting:
    """One row of a list, understood. `file` and `number` say where it stands; dates as ISO text so that it can be stored."""

    file: int
    number: int
    sheet: str
    organisation: str
    reference: str
    title: str
    start: str
    end: str
    precision: str
    places: tuple[tuple[str, str], ...]
    beneficiaries: tuple[str, ...]
    mode: str
    type: str
    audiences: tuple[str, ...]
    themes: tuple[str, ...]
    partners: tuple[str, ...]
    funders: tuple[str, ...]
    description: str
    languages: tuple[str, ...]
    place_text: str
    sites: tuple[tuple[str, str, str], ...] = ()
    trainers: tuple[str, ...] = ()

    @property
    def period(self) -> Period | None:
        return parse_period(self.start, self.end, self.precision) if self.start else None

    @property
    def when(self) -> str:
        return days.written(self.period)

    @property
    def said(self) -> str:
        """A stable key of everything that the row says: ties are broken by it, so that the order of rows decides nothing."""
        told = (
            self.organisation,
            self.reference,
            self.title,
            self.start,
            self.end,
            *map(str, self.places),
            self.description,
        )
        return blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @property
    def plan_id(self) -> str:
        """By content first, so that an explanation names two rows in one order however they stand in their files."""
        return f"{self.said}-{self.file}-{self.sheet}-{self.number}"

    def as_json(self) -> str:
        return json.dumps([getattr(self, name) for name in self.__slots__], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Posting:
        return cls(*(_frozen(value) for value in json.loads(text)))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, cast(list[Any], value))) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Understood:
    """A posting; `notes` are sentences about what was left out of it, `ignored` names what is counted: (field, value)."""

    posting: Posting
    notes: tuple[str, ...]
    ignored: tuple[str, ...]


def understand(row: Row, file: int, order: days.Order | None) -> Understood | str:
    """The posting of a row, or the sentence that says why there is none."""
    cells = row.cells
    title = reading.text_of(cells.get("title"))
    if not title:
        return "has no title"
    notes: list[str] = []
    ignored = list(row.unknown)
    when = days.read(reading.text_of(cells.get("start")), reading.text_of(cells.get("end")), order)
    if when.problem:
        notes.append(f"{when.problem}; matched without a date")
    venues = list(reading.venues_of(cells, ignored))
    beneficiaries = [place.country for place in reading.places_of(cells.get("beneficiary_countries")) if place.country]
    posting = Posting(
        file=file,
        number=row.number,
        sheet=row.sheet,
        organisation=reading.text_of(cells.get("organisation")),
        reference=reading.text_of(cells.get("reference")),
        title=title,
        start=when.period.start.isoformat() if when.period else "",
        end=when.period.end.isoformat() if when.period else "",
        precision=when.period.precision if when.period else "",
        places=tuple(dict.fromkeys(town for place in venues for town in _towns(place))),
        beneficiaries=tuple(dict.fromkeys(beneficiaries)),
        mode=reading.mode_of(reading.text_of(cells.get("mode")), ignored) or reading.mode_of_places(venues),
        type=next(iter(reading.codes_of("type", cells.get("type"), "types", ignored)), ""),
        audiences=reading.codes_of("audience", cells.get("audiences"), "audiences", ignored),
        themes=reading.codes_of("theme", cells.get("themes"), "themes", ignored),
        partners=tuple(reading.several(cells.get("partners"), reading.COMMAS)),
        funders=tuple(reading.several(cells.get("funders"), reading.COMMAS)),
        description=reading.text_of(cells.get("description")),
        languages=tuple(reading.several(cells.get("language"), reading.COMMAS)),
        place_text=reading.told_places(venues),
        sites=tuple(dict.fromkeys(reading.sites_of(cells))),
        trainers=tuple(dict.fromkeys(reading.people_of(cells.get("trainers")))),
    )
    return Understood(posting, tuple(notes), tuple(ignored))


def _towns(place: places.Place) -> Iterator[tuple[str, str]]:
    """(town, country) of a place; where it was not understood, the towns that we know and that it names: "Hofburg, Vienna"."""
    if place.city or place.country:
        yield places.written_city(place) or "", place.country or ""
    else:
        yield from ((town, "") for town in towns.towns(place.text, None) if places.known_countries_of_city(town))


def plan_text(posting: Posting) -> PlanText:
    """What the engine compares. A row without an organisation is nobody's in particular: no two such rows are one owner's."""
    period = posting.period
    owner = _organisation(posting.organisation) or f"row {posting.plan_id}"
    return PlanText(
        plan_id=posting.plan_id,
        version=1,
        partner=owner,
        type=posting.type or None,
        status="confirmed",
        title=posting.title,
        description=posting.description,
        start=period.start if period else None,
        end=period.end if period else None,
        precision=period.precision if period else None,
        venues=tuple((city or None, country or None) for city, country in posting.places),
        beneficiary_countries=posting.beneficiaries,
        audiences=posting.audiences,
        themes=posting.themes,
        mode=posting.mode or None,
        languages=posting.languages,
        partners=tuple(_organisation(name) for name in posting.partners),
        funders=tuple(_organisation(name) for name in posting.funders),
        names=tuple(filter(None, (posting.organisation,))),
        named=(*posting.partners, *posting.funders),
        sites=tuple((name, city or None, country or None) for name, city, country in posting.sites),
        people=tuple(filter(None, map(person_key, posting.trainers))),
    )


def _organisation(name: str) -> str:
    """One id for all names of an organisation; a name that is no words is its own."""
    return named.organisation_key(name) or name
