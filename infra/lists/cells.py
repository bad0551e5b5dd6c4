"""Cells as the engine's terms: text, lists, places, codes of the vocabularies. What is not understood is named in `ignored`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from services.activities.matching import words
from shared import places
from shared.vocabulary import VOCABULARIES

_MOST = 20_000
"""Characters read of one cell: bounds the work of one row."""
_LISTED = re.compile(r"[;\n\r|،、；]+")
COMMAS = re.compile(r"[,;\n\r|،、；，]+")
_MODES = {
    "in_person": "in person, face to face, onsite, on site, physical, classroom, présentiel, en persona, präsenz, очный, 线下",
    "online": "on line, virtual, remote, webinar, distance learning, à distance, virtuel, virtuelle, a distancia, дистанционно, 线上",
    "hybrid": "hybride, híbrida, blended, mixed, mixte, mixto, гибридный, 线上线下",
}
_PRIVATE = re.compile("[\ud800-\udfff\x00]")


def text_of(value: Any) -> str:
    """One cell as text: lists joined, what prints nothing dropped, bounded."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, map(text_of, cast(list[Any], value))))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _PRIVATE.sub("", str(value)[:_MOST]).strip()


def several(value: Any, separator: re.Pattern[str] = _LISTED) -> Iterator[str]:
    """The values of a cell that may hold several; the elements of a JSON list are taken as they are."""
    each = map(text_of, cast(list[Any], value)) if isinstance(value, list) else separator.split(text_of(value))
    yield from dict.fromkeys(part.strip() for part in each if part.strip())


def venues_of(cells: Mapping[str, Any], ignored: list[str]) -> Iterator[places.Place]:
    """From `places` (objects or lines) and from `place`, `city` and `country` beside it."""
    listed = cells.get("places")
    for each in cast(list[Any], listed) if isinstance(listed, list) else [listed]:
        if isinstance(each, dict):
            flat = {str(name).casefold(): value for name, value in cast(dict[Any, Any], each).items()}
            yield from _flat(text_of(flat.get("city")), text_of(flat.get("country")), ignored)
            yield from _split(text_of(flat.get("place") or flat.get("name")))
        else:
            yield from _split(text_of(each))
    place, city, country = (text_of(cells.get(name)) for name in ("place", "city", "country"))
    if place and not city:
        yield from _somewhere(place, country, ignored)
    else:
        yield from _flat(city, country, ignored)


def _somewhere(place: str, country: str, ignored: list[str]) -> Iterator[places.Place]:
    """A line such as "Conference centre, Nairobi", with the country in a column of its own or not."""
    named = list(_flat("", country, ignored))
    found = _split(place)
    if len(named) == 1 and not any(one.country for one in found):
        found = _split(f"{place}, {places.country_name(named[0].country)}") if named[0].country else found
    yield from found
    shown = {one.country for one in found}
    yield from (one for one in named if one.country not in shown)


@lru_cache(maxsize=16384)
def _split(text: str, country: str | None = None) -> tuple[places.Place, ...]:
    """The same places stand in row after row."""
    return tuple(places.split_place(text, country))


def _flat(city: str, country: str, ignored: list[str]) -> Iterator[places.Place]:
    """`city` may hold the country too, and several; a column of countries may name several."""
    named = _split(country)
    if country and not any(place.country for place in named):
        ignored.append("country not understood")
    countries = [place.country for place in named if place.country]
    if not city:
        yield from named
        return
    inside = _split(city, countries[0] if len(countries) == 1 else None)
    if len(countries) != 1:
        yield from inside
        shown = {place.country for place in inside}
        yield from (place for place in named if place.country not in shown)
        return
    for place in inside:
        # "Dallas, TX" with the country beside it is the city before the comma
        name = place.city if "," not in place.text else places.canonical_city(place.text.partition(",")[0])
        yield places.Place(name, place.country or countries[0], place.text)


def sites_of(cells: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, city, country) of the buildings that are named: "UN Office, Nairobi", a place beside its city, `name` in JSON."""
    listed = cells.get("places")
    for each in cast(list[Any], listed) if isinstance(listed, list) else []:
        if isinstance(each, dict):
            flat = {str(name).casefold(): text_of(value) for name, value in cast(dict[Any, Any], each).items()}
            yield from _site(
                flat.get("name", "") or flat.get("place", ""), flat.get("city", ""), flat.get("country", "")
            )
        else:
            yield from _site(text_of(each), "", "")
    yield from _site(*(text_of(cells.get(name)) for name in ("place", "city", "country")))


def _site(line: str, city: str, country: str) -> Iterator[tuple[str, str, str]]:
    name, _, rest = line.partition(",")
    if city:
        name, rest = line, ", ".join(filter(None, (city, country)))
    # a line may open with the town itself, and that may be one that we do not know
    town = next((place for place in _split(rest) if place.city), None) if rest.strip() else None
    if (
        town
        and name
        and not any(place.country or places.known_countries_of_city(place.city or "") for place in _split(name))
    ):
        stated = (place.country for place in _split(country) if place.country)
        yield name.strip(), places.written_city(town) or "", town.country or next(stated, "")


def people_of(value: Any) -> Iterator[str]:
    """Names as written: "Silva, Maria; Doe, John" as well as "Maria Silva, John Doe"."""
    for line in several(value):
        parts = [part.strip() for part in COMMAS.split(line) if part.strip()]
        yield from parts if all(" " in part for part in parts) else [line]


def places_of(value: Any) -> Iterator[places.Place]:
    for line in several(value):
        yield from _split(line)


def told_places(venues: Iterable[places.Place]) -> str:
    """For people: the cities as written, then their country once."""
    told: dict[str, list[str]] = {}
    for place in venues:
        name = places.country_name(place.country) if place.country else ""
        city = (places.written_city(place) or "") if place.city else "" if place.country else place.text
        told.setdefault(name, [])
        if city and city not in told[name]:
            told[name].append(city)
    return "; ".join(", ".join(filter(None, (" and ".join(cities), name))) for name, cities in told.items())


def mode_of(text: str, ignored: list[str]) -> str:
    if not text:
        return ""
    key = key_of(text)
    if code := _labels("mode").get(key) or _mode_words().get(key):
        return code
    found = words.take_apart(text)
    if code := found.mode:
        return str(code)
    ignored.append(f"mode {text[:30]!r}")
    return ""


def mode_of_places(venues: Iterable[places.Place]) -> str:
    """ "Online" in a column of cities says how, not where."""
    modes = {_labels("mode").get(key_of(place.text)) or _mode_words().get(key_of(place.text), "") for place in venues}
    return "online" if modes == {"online"} else ""


def codes_of(vocabulary: str, value: Any, attribute: str, ignored: list[str]) -> tuple[str, ...]:
    """Codes of a vocabulary from codes, labels in any language, or words that the field uses for them."""
    known, found = _labels(vocabulary), dict[str, None]()
    for text in several(value):
        parts = [text] if key_of(text) in known else [part.strip() for part in COMMAS.split(text)]
        for part in filter(None, parts):
            if code := known.get(key_of(part)):
                found[code] = None
            elif told := _told(part, attribute):
                found.update(dict.fromkeys(told))
            elif not part.isdigit():  # "25" in a column of participants is no audience
                ignored.append(f"{vocabulary} {part[:30]!r}")
    return tuple(code for code in VOCABULARIES[vocabulary].codes if code in found)


@lru_cache(maxsize=4096)
def _told(text: str, attribute: str) -> tuple[str, ...]:
    return tuple(sorted(getattr(words.take_apart(text), attribute, ())))


@lru_cache(maxsize=8)
def _labels(vocabulary: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code, labels in VOCABULARIES[vocabulary].labels.items():
        for text in (code, *labels.values()):
            found.setdefault(key_of(text), code)
    return found


@lru_cache(maxsize=1)
def _mode_words() -> Mapping[str, str]:
    return {key_of(word): code for code, listed in _MODES.items() for word in listed.split(", ")}


@lru_cache(maxsize=16384)
def key_of(text: str) -> str:
    if not places.is_latin(text):
        return places.native_key(text)
    return "".join(c for c in places.fold(text) if c.isalnum())
