"""Places as people write them: countries, regions, cities, and lines such as "Gold Coast and Canberra, Australia".

What is not understood is kept as text and flagged by `country` or `city` being None; nothing is guessed. The tables
of countries and regions are in `shared/countries.py`, and this module gives their public names again.
"""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from rapidfuzz.distance import OSA

from shared.countries import (
    capitals,
    countries_of_region,
    country_name,
    fold,
    is_country,
    is_latin,
    is_region,
    native_key,
    regions_of,
    resolve_country,
    resolve_region,
    suggest_countries,
)
from shared.vocabulary import DATA_FOLDER

__all__ = [
    "Place",
    "canonical_city",
    "countries_of_region",
    "country_name",
    "country_of_city",
    "fold",
    "is_country",
    "is_region",
    "known_cities",
    "known_countries_of_city",
    "regions_of",
    "resolve_country",
    "resolve_region",
    "split_place",
    "suggest_countries",
    "written_city",
]

# Bounds the work that a hostile text can cause; the rest of a longer text is not read.
_MAX_LENGTH = 500
_MAX_PLACES = 20

_SEPARATOR = re.compile(r"[;؛\n\r|/、]+")
_COMMA = re.compile(r",")
_DASH = re.compile(r"\s+[-–—]\s+")
_AND = re.compile(r"\s+(?:and|et|und|y|e|и|&)\s+", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\(([^()]*)\)\s*$")
# "New Mexico" and "Lake Chad" are not cities called "New" and "Lake".
_NOT_A_CITY = frozenset(
    """new north south east west northern southern eastern western central upper lower greater little inner outer old lake
    gulf bank embassy university port fort mount san santa saint st los las el la le the of in de du della via from several
    various many regional multiple""".split()  # noqa: SIM905
)
_SMALL_WORDS = frozenset(["of", "de", "del", "la", "le", "and", "es", "el", "al"])
# Where nobody travels to.
_NOT_A_PLACE = frozenset(
    ["online", "on line", "virtual", "remote", "zoom", "tbc", "tbd", "to be confirmed", "to be determined"]
)
# Postal abbreviations of states and provinces that are ISO codes of countries too ("Wilmington, DE").
_STATES = frozenset(
    [
        "AL",
        "AR",
        "AZ",
        "CA",
        "CO",
        "DE",
        "GA",
        "ID",
        "IL",
        "IN",
        "KY",
        "LA",
        "MA",
        "MD",
        "ME",
        "MN",
        "MO",
        "MS",
        "MT",
        "NC",
        "NE",
        "NL",
        "NU",
        "PA",
        "PE",
        "SC",
        "SD",
        "SK",
        "TN",
        "VA",
    ]
)


@dataclass(frozen=True, slots=True)
class Place:
    """One place. `city` is canonical (see `canonical_city`) or None, `country` is alpha-3 or None, `text` is what was
    written. A place without a country was not understood: show it, ask, and match nothing on it."""

    city: str | None
    country: str | None
    text: str


@lru_cache(maxsize=1)
def _cities() -> tuple[Mapping[str, str], Mapping[str, frozenset[str]]]:
    """Every known spelling to its canonical city, and every canonical city to the countries that have one."""
    canonical: dict[str, str] = {}
    countries: defaultdict[str, set[str]] = defaultdict(set)
    known = cast("dict[str, dict[str, list[str]]]", json.loads((DATA_FOLDER / "cities.json").read_text("utf-8")))
    for code, cities in known.items():
        for city, aliases in cities.items():
            countries[city].add(code)
            canonical |= {_city_key(alias): city for alias in (city, *aliases)}
    for code, capital in capitals().items():
        city = canonical.setdefault(_city_key(capital), _plain(capital))
        countries[city].add(code)
    return canonical, {city: frozenset(codes) for city, codes in countries.items()}


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", fold(text).replace("'", "").replace("`", "")).split())


def _city_key(text: str) -> str:
    """Other scripts are looked up as written: 巴黎 (Paris) would be "bali" in Latin letters."""
    return _plain(text) if is_latin(text) else native_key(text)


@lru_cache(maxsize=16384)
def canonical_city(text: str, country: str | None = None) -> str:
    """The one spelling under which a city is compared: folded, without punctuation, with known misspellings and
    names in other languages put right ("Vientianne", "Kiev", "Wien" give "vientiane", "kyiv", "vienna"). A city that
    we do not know comes back folded; nothing is guessed. May be empty.

    With the `country` (alpha-3) it may be misspelt in any way that one slip of the pen makes (two from nine letters
    on), if one city alone that we know in that country is so near."""
    canonical, countries = _cities()
    plain = _plain(text)
    if (found := canonical.get(_city_key(text))) or country is None or len(plain) < 6:
        return found or plain
    slips = 2 if len(plain) > 8 else 1
    near = {
        city
        for city, where in countries.items()
        if country in where and OSA.distance(plain, city, score_cutoff=slips) <= slips
    }
    return near.pop() if len(near) == 1 else plain


def known_cities() -> Iterator[tuple[str, str]]:
    """(a spelling as we list it, canonical city), for finding cities in a text."""
    known = cast("dict[str, dict[str, list[str]]]", json.loads((DATA_FOLDER / "cities.json").read_text("utf-8")))
    for cities in known.values():
        yield from ((alias, city) for city, aliases in cities.items() for alias in (city, *aliases))
    yield from ((capital, canonical_city(capital)) for capital in capitals().values())


def known_countries_of_city(city: str) -> frozenset[str]:
    """The countries in which we know a city of this name (any spelling); mostly empty, for we know few cities. Not
    for filling in a country: "San José" and "Kingston" are in several."""
    canonical, countries = _cities()
    return countries.get(canonical.get(_city_key(city), ""), frozenset())


# Cities that we know in one country, while another of the name is as likely to be meant.
_ELSEWHERE_TOO = frozenset(
    ["alexandria", "birmingham", "cartagena", "cordoba", "georgetown", "guadalajara", "hyderabad", "kingston", "la paz",
     "salvador", "san jose", "santiago", "syracuse", "tripoli", "victoria"]
)  # fmt: skip


def country_of_city(city: str) -> str | None:
    """The one country that the name of a city, in any spelling, brings to mind; None for one that we do not know, or that
    stands in several countries. Evidence, and no more: never to fill in a field with."""
    found = known_countries_of_city(city)
    return next(iter(found)) if len(found) == 1 and canonical_city(city) not in _ELSEWHERE_TOO else None


def split_place(text: str, country: str | None = None) -> list[Place]:
    """The places that a line names, in order; [] for an empty line. With the `country` (alpha-3) that stands beside the
    line, a city of it that is also a country's name is the city: عمان is Amman in Jordan, and Oman elsewhere.

    "Gold Coast and Canberra, Australia" gives two cities with AUS, "Vientianne Lao PDR" one, "Kenya" a country
    without a city, "Bangkok" a city without a country. A country is taken from the line only, and not where it is
    doubtful: a state's abbreviation ("Atlanta, GA"), or a city that we know to be elsewhere."""
    line = unicodedata.normalize("NFKC", text[:_MAX_LENGTH]).replace("،", ",")
    if country and resolve_country(line) not in (None, country) and country in known_countries_of_city(line):
        return [Place(canonical_city(line), country, line.strip())]
    places = [place for part in _SEPARATOR.split(line) for place in _split_part(part.strip(" ,.\t"))]
    return places[:_MAX_PLACES]


def written_city(place: Place) -> str | None:
    """The place's city as it was written ("Gold Coast"); where that was misspelt, the name that we know ("Vientiane")."""
    if place.city is None:
        return None
    words = re.split(r"[\s,()]+", place.text)
    length = len(place.city.split())
    for start in range(len(words)):
        written = " ".join(words[start : start + length])
        if _plain(written) == place.city:
            return written
    return " ".join(word if word in _SMALL_WORDS else word.capitalize() for word in place.city.split())


def _split_part(part: str) -> Iterator[Place]:
    if not part:
        return
    if resolve_country(part):  # before any split, for "Bosnia and Herzegovina"
        yield Place(None, resolve_country(part), part)
        return
    if countries := _only_countries(part):
        yield from countries
        return
    front, comma, behind = part.rpartition(",")
    country = resolve_country(behind) if comma else None
    # One country for several cities: "Gold Coast and Canberra, Australia". The country may itself hold an "and":
    # "Port of Spain, Trinidad and Tobago".
    cities = _pieces(_AND, front)
    if country and len(cities) > 1 and "," not in front and not any(map(resolve_country, cities)):
        yield from (_city_in(city, country) for city in cities)
        return
    cities = _pieces(_COMMA, front)
    if country and len(cities) > 1 and all(country in known_countries_of_city(city) for city in cities):
        yield from (_city_in(city, country) for city in cities)
        return
    found = [_one_place(piece) for piece in _pieces(_AND, part)]
    if country and not all(place.country for place in found):
        yield _one_place(part)
        return
    # "Nairobi and Mombasa Kenya"; but "Nairobi, Kenya and Kampala, Uganda" has a country each.
    last = found[-1].country
    for place in found:
        lacks = last and place.country is None and place.city and "," not in place.text
        yield _city_in(place.text, last) if lacks and last else place


def _pieces(separator: re.Pattern[str], text: str) -> list[str]:
    return [piece for piece in (raw.strip(" ,.") for raw in separator.split(text)) if piece]


def _only_countries(part: str) -> list[Place]:
    """ "Kenya, Uganda and Tanzania"; [] if anything else is named, or if it may be "city, country" or a state."""
    pieces = [
        piece
        for segment in _pieces(_COMMA, part)
        for piece in ([segment] if resolve_country(segment) else _pieces(_AND, segment))
    ]
    countries = [resolve_country(piece) for piece in pieces]
    if None in countries or len(set(countries)) < len(countries) or any(map(_doubtful, pieces)):
        return []
    if any(countries[-1] in known_countries_of_city(piece) for piece in pieces):
        return []  # Amman and Oman are one word in Arabic
    return [Place(None, country, piece) for country, piece in zip(countries, pieces, strict=True)]


def _city_in(city: str, country: str) -> Place:
    """One of several cities before a country: it is there, unless we know a city of that name and only elsewhere."""
    known = known_countries_of_city(city)
    return Place(_city(city), country if not known or country in known else None, city)


def _city(text: str) -> str | None:
    """A region is no city: "West Africa" comes out as neither city nor country."""
    city = canonical_city(text)
    return None if city in _NOT_A_PLACE or resolve_region(text) else city or None


def _one_place(text: str) -> Place:
    """A text that names one place: "city", "country", "city, country", "building, city, country", "city country"."""
    if country := resolve_country(text):
        return Place(None, country, text)
    segments = _pieces(_COMMA, _DASH.sub(", ", _IN_BRACKETS.sub(r", \1", text)))
    if not segments:
        return Place(None, None, text)
    *before, last = segments
    country = resolve_country(last)
    if before and country is None and resolve_region(last):  # "Dakar, West Africa"
        return replace(_one_place(", ".join(before)), text=text)
    if country is not None:
        city = _city_among(before, country)
        if _doubtful(last) and (city is None or country not in known_countries_of_city(city)):
            country = None
        return Place(city, country, text)
    first = resolve_country(segments[0])
    if before and first and first in known_countries_of_city(last):  # "Thailand, Bangkok"
        return Place(_city(last), first, text)
    city, country = _city_and_country(last)
    if country is None and len(segments) == 1:
        city = _city(text)
    return Place(city, country, text)


def _doubtful(written: str) -> bool:
    return written.upper() in _STATES or fold(written) == "georgia"


def _city_among(segments: list[str], country: str) -> str | None:
    """Which of the parts before the country is the city: the only one, or the one that we know; else undecided."""
    if len(segments) == 1:
        return _city(segments[0])
    known = [segment for segment in segments if country in known_countries_of_city(segment)]
    return canonical_city(known[-1]) if known else None


def _city_and_country(text: str) -> tuple[str | None, str | None]:
    """A city with its country right behind it, without a comma: "Vientianne Lao PDR". The city must be one that we
    know in that country, or a single word that cannot belong to the country's name."""
    words = text.split()
    for cut in range(1, len(words)):
        city, rest = " ".join(words[:cut]), " ".join(words[cut:])
        country = resolve_country(rest)
        if country is None:
            continue
        if country in known_countries_of_city(city):
            return canonical_city(city), country
        single = cut == 1 and fold(city) not in _NOT_A_CITY | _NOT_A_PLACE and not _doubtful(rest) and len(rest) > 3
        if single and not known_countries_of_city(city):
            return canonical_city(city), country
    return None, None
