"""How running text names countries and regions: names, adjectives ("népalais", "украинских"), and what only looks so.

Fields are resolved by `shared/countries.py`; this is for titles and descriptions. What may mean two countries
("Dominican", "Congo") or none ("Gulf of Guinea", "American", "in French") is listed too, so that nobody takes it for one.
Source: shared/vocabulary/demonyms.json, our own.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypedDict, cast

from shared.countries import fold, resolve_country, written_names
from shared.lexicon import Lexicon
from shared.places import known_cities
from shared.vocabulary import DATA_FOLDER

# Names and codes that in running text are mostly something else: RSA the cipher, "كل ما هو مالي" (financial), "того" (that).
_SOMETHING_ELSE = frozenset(
    [
        "RSA",
        "Island",
        "Réunion",
        "Reunión",
        "La Réunion",
        "Reunion",
        "CAR",
        "RPC",
        "RMI",
        "BRD",
        "RCA",
        "FRG",
        "EAU",
        "مالي",
        "Того",
        "عمان",
        "中非",
        "RPDL",
        "XK",
        "BiH",
        "RCI",
    ]
)
# Words and countries that a capital does not make a city: "Male judges", "Nice work", "Guatemala".
_NO_CITY = frozenset(
    [
        "male",
        "nice",
        "rio",
        "kl",
        "antigua",
        "valencia",
        "leon",
        "granada",
        "syracuse",
        "cork",
        "salvador",
        "victoria",
        "guatemala",
    ]
)
_ARTICLE = re.compile(r"^(?:(?:the|la|le|les|el|los|las) (?!salvador)|l['’])", re.IGNORECASE)
_ARABIC_ENDINGS = ("", "ة", "ين", "ون", "ات")


class _Words(TypedDict):
    demonyms: dict[str, str]
    no_country: str
    regions: dict[str, str]


@lru_cache(maxsize=1)
def _words() -> _Words:
    return cast("_Words", json.loads((DATA_FOLDER / "demonyms.json").read_text("utf-8")))


def _split(text: str) -> Iterator[str]:
    return (word for raw in text.split(",") if (word := raw.strip()))


def country_names() -> Iterator[tuple[str, str]]:
    """(name as written, alpha-3): every name that means one country, also inside a text."""
    for written, code in written_names():
        name = _ARTICLE.sub("", written)
        if name not in _SOMETHING_ELSE and resolve_country(name) == code:
            yield name, code


def demonyms() -> Iterator[tuple[str, str]]:
    """(adjective, alpha-3), masculine singular; Arabic ones in all their endings, for their stems are short."""
    for code, names in _words()["demonyms"].items():
        for name in _split(names):
            endings = _ARABIC_ENDINGS if "\u0600" <= name[0] <= "\u06ff" and " " not in name else ("",)
            yield from ((name + ending, code) for ending in endings)


def names_of_no_country() -> Iterator[str]:
    """What holds a country's name and is none, or may be one of two."""
    return _split(_words()["no_country"])


def region_names() -> Iterator[tuple[str, str]]:
    """(name or adjective, M49 code) of regions as titles have them: "West African", "centroamericano"."""
    for code, names in _words()["regions"].items():
        yield from ((name, code) for name in _split(names))


def add_places(found: Lexicon) -> None:
    """Countries, their adjectives, regions and cities."""
    for name, code in country_names():
        found.add(name, ("country", code), form=_place_form(name), whole=True)
    for name, code in demonyms():
        # Arabic stems are too short for this, and "polish" is a verb
        exact = "\u0600" <= name[0] <= "\u06ff" or name == "polish"
        found.add(name, ("country", code), form="name" if exact else "stem", whole=True)
    for name, code in region_names():
        for form in ("stem", "name"):
            found.add(name, ("region", code), form=form, whole=True)
    for name in names_of_no_country():
        for form in ("stem", "name"):
            found.add(name, ("no_country", ""), form=form, whole=True)
    for name, city in known_cities():
        if city and fold(name) not in _NO_CITY:
            found.add(name, ("city", city), form="name", whole=True)
    for node in found.entries():
        facts = node.facts or ()
        if any(kind == "country" for kind, _ in facts):  # Guatemala and Singapore are cities too
            node.facts = tuple(fact for fact in facts if fact[0] not in ("city", "region"))


def _place_form(name: str) -> str:
    return "capitals" if name.isascii() and name.isupper() and len(name) < 5 else "name"
