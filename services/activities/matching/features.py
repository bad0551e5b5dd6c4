"""A plan's text as one packed row of integers: made once per version, stored beside the plan, compared for ever after.

Names are hashed with a hash that is the same on every machine; codes are bits (see `codes`). Dates are whole intervals
in days: "October 2017" is 1 to 31 October with precision month.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, cast

import numpy as np

from services.activities.matching import codes, concepts, days, named, towns, words
from services.activities.matching.plan_text import PlanText as PlanText
from services.activities.matching.plan_text import interval as interval
from services.activities.matching.sites import site_key
from shared import places

FORMAT = 6
"""First byte of every packed row. A row of another format is refused, so the caller extracts the plan again."""

ROW: np.dtype[Any] = np.dtype(
    [
        ("format", "u1"),
        ("type", "u1"),
        ("status", "u1"),
        ("level", "u1"),
        ("mode", "u1"),
        ("precision", "u1"),
        ("language", "u1"),
        ("flags", "<u2"),
        ("plan_version", "<u4"),
        ("start", "<i4"),
        ("end", "<i4"),
        ("year", "<u2"),
        ("season", "<u2"),
        ("edition", "<u2"),
        ("phase", "<u2"),
        ("module", "<u2"),
        ("plan", "<u8"),
        ("partner", "<u8"),
        ("programme", "<u8"),
        ("reference", "<u8"),
        ("part_of", "<u8"),
        ("follow_up_of", "<u8"),
        ("series", "<u8"),
        ("series_edition", "<u8"),
        ("themes", "<u8"),
        ("audiences", "<u8"),
        ("venue_countries", "<u8", (codes.COUNTRY_WORDS,)),
        ("beneficiaries", "<u8", (codes.COUNTRY_WORDS,)),
        ("mentions", "<u8", (codes.COUNTRY_WORDS,)),
        ("cities", "<u4", (6,)),
        ("regions", "<u4", (4,)),
        ("languages", "<u4", (4,)),
        ("partners", "<u8", (12,)),
        ("funders", "<u8", (8,)),
        ("own", "<u8", (6,)),
        ("named", "<u8", (16,)),
        ("title", "<u4", (14,)),
        ("grams", "<u8", (4,)),
        ("summary", "<u4", (14,)),
        ("said", "<u8"),
        ("sites", "<u8", (4,)),
        ("people", "<u8", (8,)),
    ]
)
_PLAN: int = cast(Any, ROW.fields)["plan"][1]
"""Where a packed row says whose it is: read without the whole, since a plan's row is opened some hundreds of times a turn."""
BENEFICIARY_FROM_VENUE = 1
BENEFICIARY_FROM_REGION = 2
THEMES_FROM_TEXT, AUDIENCES_FROM_TEXT, TYPE_FROM_TEXT, DATES_FROM_TEXT, AUDIENCES_FROM_TITLE = 8, 16, 32, 64, 128
"""Flags: the posting does not give these; they were read from its words: good for likeness, too little to rule a pair out or
to warn of an overlap."""
CITIES_UNSURE, COUNTRIES_FOR_ONLY, COUNTRIES_OF_REGION = 256, 512, 1024
"""Flags: a city that only a text names, or that nobody knows (it may be a house); `mentions` holds all the countries of a region;
or it rules nothing out, for a region is named beside them, or it is where the owner is at home, for want of better."""
CUT = 4
"""Flag: the plan named more than a column holds (cities, partners, words)."""


_DAY = codes.PRECISIONS.index("day") + 1


@dataclass(frozen=True)
class Features:
    """One plan's packed row and its id. Equal when both are; `row` gives the columns by name.

    What is read from the row is kept: one plan is held against hundreds of neighbours.
    """

    plan_id: str
    packed: bytes

    @cached_property
    def row(self) -> Any:
        """The columns of `ROW`, read-only."""
        return np.frombuffer(self.packed, ROW)[0]

    @cached_property
    def version(self) -> int:
        return int(self.row["plan_version"])

    @cached_property
    def partner(self) -> int:
        """Hash of the owner organisation's id."""
        return int(self.row["partner"])

    @cached_property
    def dates(self) -> tuple[date, date] | None:
        """First and last possible day, or None without a date."""
        row = self.row
        return (date.fromordinal(int(row["start"])), date.fromordinal(int(row["end"]))) if row["start"] else None

    @cached_property
    def precision(self) -> str | None:
        return codes.PRECISIONS[int(self.row["precision"]) - 1] if self.row["precision"] else None

    @cached_property
    def type(self) -> str | None:
        return codes.TYPES[int(self.row["type"]) - 1] if self.row["type"] else None

    @cached_property
    def status(self) -> str:
        return codes.STATUSES[int(self.row["status"]) - 1]

    @property
    def matchable(self) -> bool:
        """Drafts are nobody's business yet and a cancelled plan collides with nothing."""
        return self.status not in codes.UNMATCHED_STATUSES

    @property
    def compared(self) -> bool:
        """Whether it is held against others now: a postponed plan waits for its new dates."""
        return self.status not in codes.UNCOMPARED_STATUSES

    @cached_property
    def themes(self) -> tuple[str, ...]:
        return codes.codes_of(int(self.row["themes"]), codes.THEMES)

    @cached_property
    def audiences(self) -> tuple[str, ...]:
        return codes.codes_of(int(self.row["audiences"]), codes.AUDIENCES)

    @cached_property
    def venue_countries(self) -> tuple[str, ...]:
        return codes.countries_in(self.row["venue_countries"])

    @cached_property
    def beneficiaries(self) -> tuple[str, ...]:
        """Alpha-3 codes: named, from a region, or (nothing named) the venue's country."""
        return codes.countries_in(self.row["beneficiaries"])


def extract(plan: PlanText) -> Features:
    """The packed row of a plan. Raises ValueError for a code outside its vocabulary or an end before its start."""
    row = np.zeros(1, ROW)
    row["format"] = FORMAT
    row["status"] = codes.index_of(plan.status, codes.STATUSES)
    row["level"] = codes.index_of(plan.level, codes.LEVELS)
    row["plan_version"] = plan.version
    row["plan"] = codes.hash64(plan.plan_id)
    row["partner"] = codes.hash64(plan.partner)
    row["programme"] = _name(plan.programme)
    row["reference"] = _name(plan.reference)
    row["part_of"] = codes.hash64(plan.part_of) if plan.part_of else 0
    row["follow_up_of"] = codes.hash64(plan.follow_up_of) if plan.follow_up_of else 0
    row["series"] = _name(plan.series)
    row["series_edition"] = _name(plan.edition)
    row["said"] = codes.hash64(repr([getattr(plan, name) for name in DECIDED_ON]))
    _dates(row, plan)
    _places(row, plan)
    _texts(row, plan)
    _fill(row, "languages", (codes.hash32(language.casefold()) for language in plan.languages))
    _fill(row, "partners", (codes.hash64(organisation) for organisation in plan.partners))
    _fill(row, "funders", (codes.hash64(organisation) for organisation in plan.funders))
    _fill(row, "sites", filter(None, (site_key(*site) for site in plan.sites)))
    _fill(row, "people", (codes.hash64(person) for person in plan.people))
    return Features(plan.plan_id, row.tobytes())


DECIDED_ON = (
    "title", "type", "start", "end", "precision", "venues", "beneficiary_countries", "beneficiary_regions", "audiences",
    "themes", "mode", "series", "edition", "part_of", "follow_up_of", "funders", "sites", "people",
)  # fmt: skip
"""What people look at when they call two plans the same or distinct. Another description, status or partner asks nobody again,
and neither does another release that reads the same words differently."""


def build_tables() -> None:
    """Build what texts are read by: a second, once a process. At start, or the first post pays for it."""
    words.take_apart("Workshop")
    named.organisation_key("UNODC")
    named.organisations_in("UNODC")


def pack(features: Features) -> bytes:
    """The bytes to store beside the plan: `ROW.itemsize` of them, format byte first."""
    return features.packed


def unpack(data: bytes, plan_id: str) -> Features:
    """The inverse of `pack`. Raises ValueError for another format or the row of another plan: extract again."""
    if len(data) != ROW.itemsize or data[0] != FORMAT:
        raise ValueError(f"features of {plan_id}: not format {FORMAT}")
    if int.from_bytes(data[_PLAN : _PLAN + 8], "little") != codes.hash64(plan_id):
        raise ValueError(f"features of {plan_id}: the row of another plan")
    return Features(plan_id, bytes(data))


def _name(text: str | None) -> int:
    found = " ".join(words.stems(text or ""))
    return codes.hash64(found) if found else 0


def _fill(row: Any, column: str, values: Iterable[int]) -> None:
    """Distinct values in canonical order; what does not fit is cut, and the row says so."""
    distinct = sorted(set(values))
    room = row[column].shape[1]
    if len(distinct) > room:
        row["flags"] |= CUT
    row[column][0, : min(len(distinct), room)] = distinct[:room]


def _dates(row: Any, plan: PlanText) -> None:
    _put_dates(row, interval(plan.start, plan.end, plan.precision), plan.precision or "day")


def _put_dates(row: Any, span: tuple[date, date] | None, precision: str) -> None:
    if span:
        row["start"], row["end"] = span[0].toordinal(), span[1].toordinal()
        row["precision"] = codes.index_of(precision, codes.PRECISIONS)


def _places(row: Any, plan: PlanText) -> None:
    venues = {country for _, country in plan.venues if country}
    row["venue_countries"][0] = codes.country_words(venues)
    beneficiaries = set(plan.beneficiary_countries)
    for region in plan.beneficiary_regions:
        row["flags"] |= BENEFICIARY_FROM_REGION
        if not places.is_region(region):
            raise ValueError(f"unknown region {region!r}")
        beneficiaries.update(places.countries_of_region(region))
    if not beneficiaries:
        # a session held in Australia for South-East Asia does not benefit Australia, but one for nobody in particular does
        beneficiaries = venues
        row["flags"] |= BENEFICIARY_FROM_VENUE
    row["beneficiaries"][0] = codes.country_words(beneficiaries)
    _put_cities(row, [town for city, country in plan.venues if city for town in towns.towns(city, country)], given=True)


def _put_cities(row: Any, found: Iterable[str], *, given: bool = False) -> None:
    towns_found = list(found)
    if not (given and all(map(places.known_countries_of_city, towns_found))):
        row["flags"] |= CITIES_UNSURE
    _fill(row, "cities", map(codes.hash32, towns_found))


def _mentions(row: Any, plan: PlanText, title: words.TitleParts, told: words.TitleParts) -> None:
    """Countries that the texts, the names of towns, or else the name of the owner bring to mind."""
    of_towns = _homes(town for city, country in plan.venues if city and not country for town in towns.towns(city, None))
    owners = frozenset(country for name in plan.names for country in words.take_apart(name).countries)
    regions = title.regions or told.regions
    found: Iterable[str] = title.countries | of_towns | _homes(title.cities) or told.countries or _homes(told.cities)
    if not found and regions:
        found = [country for region in regions for country in places.countries_of_region(region)]
        row["flags"] |= COUNTRIES_OF_REGION
    elif not found and len(owners) == 1:
        found = owners
        row["flags"] |= COUNTRIES_FOR_ONLY
    elif regions and not of_towns:
        row["flags"] |= COUNTRIES_FOR_ONLY
    row["mentions"][0] = codes.country_words(found)


def _homes(cities: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(places.country_of_city, cities)))


def _texts(row: Any, plan: PlanText) -> None:
    """What the title and the description say; it stands in for what the fields leave out."""
    cities = [city for city, _ in plan.venues if city]
    cities += [places.canonical_city(city) for city in cities]
    countries = {country for _, country in plan.venues if country} | set(plan.beneficiary_countries)
    names = {country: places.country_name(country) for country in sorted(countries)}
    title = words.take_apart(plan.title, cities, names, (*plan.names, *plan.named))
    told = words.read_text(plan.description, (*cities, *plan.names, *plan.named))
    row["language"] = codes.index_of(title.language or told.language, codes.LANGUAGES)
    row["audiences"] = codes.bits_of(plan.audiences or title.audiences or told.audiences, codes.AUDIENCES)
    row["themes"] = codes.bits_of(plan.themes or title.themes | told.themes, codes.THEMES)
    for given, flag in (
        (plan.themes, THEMES_FROM_TEXT),
        (plan.audiences, AUDIENCES_FROM_TEXT),
        (plan.type, TYPE_FROM_TEXT),
    ):
        row["flags"] |= 0 if given else flag
    if title.audiences and not plan.audiences:
        row["flags"] |= AUDIENCES_FROM_TITLE
    row["type"] = codes.index_of(plan.type or _only(title.types) or _only(told.types), codes.TYPES)
    row["mode"] = codes.index_of(plan.mode or title.mode, codes.MODES)
    row["year"], row["edition"] = title.year or 0, title.edition or 0
    row["phase"], row["module"] = title.phase or 0, title.module or 0
    _mentions(row, plan, title, told)
    _fill(row, "regions", map(codes.hash32, title.regions | told.regions | set(plan.beneficiary_regions)))
    own = {named.organisation_key(name) for name in plan.names} - {""}
    others = {named.organisation_key(name) for name in plan.named} | title.organisations | told.organisations
    _fill(row, "own", (codes.hash64(key) for key in own))
    _fill(row, "named", (codes.hash64(key) for key in others - own - {""}))
    _fill_words(row, "title", title.words)
    said = {stem for name in (*cities, *names.values()) for stem in words.stems(name)}
    row["grams"][0] = _grams(stem for stem in words.stems(plan.title) if stem not in said)
    if not row["cities"].any():
        _put_cities(row, title.cities or told.cities)
    if (
        row["precision"] != _DAY and plan.status != "postponed"
    ):  # the old days of a postponed plan are in its texts still
        _put_told(row, _days_told(plan, title))
    _fill_words(row, "summary", set(told.words) - set(title.words))


def _put_told(row: Any, found: days.Told | None) -> None:
    """What the texts say of the days, where no field gives any: dates, or a day of the year where the field is coarser or
    the text has no year."""
    if found and found.precision != "season" and not row["start"]:
        row["flags"] |= DATES_FROM_TEXT
        _put_dates(row, interval(found.start, found.end, found.precision), found.precision)
    elif found and found.precision in ("day", "season"):
        row["season"] = date(days.NO_YEAR, found.start.month, found.start.day).timetuple().tm_yday


def _days_told(plan: PlanText, title: words.TitleParts) -> days.Told | None:
    if found := days.told(plan.title, title.year) or days.told(plan.description, title.year):
        return found
    if title.year and len(title.months) == 1:
        first = date(title.year, next(iter(title.months)), 1)
        return days.Told(first, first, "month")
    if title.year:
        return days.Told(date(title.year, 1, 1), date(title.year, 12, 31), "year")
    return None


def _only(values: frozenset[str]) -> str | None:
    """The one value, where there is one: of two nothing is guessed."""
    return next(iter(values)) if len(values) == 1 else None


def _grams(tokens: Iterable[str]) -> list[int]:
    """The letter triples of a title written without spaces, each a bit of 256: "PyConUK" is spelled like "PyCon UK"."""
    text = "".join(token for token in tokens if token not in concepts.small_words() and not token.isdigit())
    bits = 0
    for at in range(len(text) - 2):
        bits |= 1 << codes.hash32(text[at : at + 3]) % 256
    return [bits >> 64 * word & 0xFFFF_FFFF_FFFF_FFFF for word in range(4)]


def _fill_words(row: Any, column: str, found: Iterable[str]) -> None:
    # the two lowest bits carry the tier, so that the rarity of a word travels with its hash; rare words are kept first
    hashed = {(-words.tier(word), codes.hash32(word) & ~3 | words.tier(word)) for word in found}
    room = row[column].shape[1]
    if len(hashed) > room:
        row["flags"] |= CUT
    kept = sorted(value for _, value in sorted(hashed)[:room])
    row[column][0, : len(kept)] = kept
