"""What the words of this field mean in eight languages: the phrase table that titles and descriptions are read with.

Data: `concepts.json` (types, audiences, subjects, modes, levels, months, ordinals, words that carry no evidence) and
`organisations.json`, both our own; countries, regions and cities come from `shared`. Built once per process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.activities.matching.lexicon import Lexicon, phrases, plain_of, tokens_of
from shared.demonyms import country_names, demonyms, names_of_no_country, region_names
from shared.places import fold, known_cities

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
# What belongs to a subject although an audience's phrase swallows it: "training for digital forensic examiners".
_SUBJECT_OF_AUDIENCE = {"forensic_examiners": "forensics"}
_SECTIONS = ("type", "audience", "mode", "level")


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """`concepts.json` as it is."""
    return json.loads((Path(__file__).parent / "concepts.json").read_text("utf-8"))


@lru_cache(maxsize=1)
def organisations() -> dict[str, Any]:
    """`organisations.json` as it is."""
    return json.loads((Path(__file__).parent / "organisations.json").read_text("utf-8"))


@lru_cache(maxsize=1)
def small_words() -> frozenset[str]:
    """Words that carry no evidence and may stand inside any phrase, in the form in which tokens are compared."""
    return frozenset(word for line in tables()["stop"].values() for word in map(plain_of, phrases(line)))


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Every phrase that is known, with what it says."""
    found, table = Lexicon(small_words()), tables()
    for section in _SECTIONS:
        for code, lines in table[section].items():
            facts = [(section, code)]
            if section == "audience" and code in _SUBJECT_OF_AUDIENCE:
                facts += _subject(_SUBJECT_OF_AUDIENCE[code])
            for phrase in _all(lines):
                found.add(phrase, *facts, *_compounded(phrase, section), form=_form(phrase))
    for name, lines in table["subject"].items():
        for phrase in _all(lines):
            found.add(phrase, *_subject(name), form=_form(phrase))
    for phrase in _all(table["generic"]):
        found.add(phrase, ("drop", ""))
    for section in ("month", "ordinal", "counted"):
        for value, line in table[section].items():
            for phrase in phrases(line):
                found.add(phrase, (section, value))
    for phrase in phrases(table["number"]):
        found.add(phrase, ("drop", ""))
    add_places(found)
    add_organisations(found)
    return found


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


def add_organisations(found: Lexicon) -> None:
    """Names of organisations, and programmes with the organisations they belong to."""
    for names, facts in organisation_names():
        for name in names:
            add_name(found, name, *(("organisation", key) for key in facts))


def organisation_names() -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """(names, keys): an organisation has one key, a programme its own first and then its organisations'."""
    for key, line in organisations()["organisations"].items():
        yield list(phrases(line)), (key,)
    for key, entry in organisations()["programmes"].items():
        yield list(phrases(entry["names"])), (key, *entry["of"].split())


def add_name(found: Lexicon, name: str, *facts: tuple[str, str]) -> None:
    """A name in the forms in which it is safe: an acronym in capitals, a long one with one capital, a name by its stems."""
    tokens = [token.text for token in tokens_of(name) if token.stem]
    if not tokens or (len(tokens) == 1 and len(tokens[0]) < 2):
        return
    single = tokens[0] if len(tokens) == 1 else ""
    if all(len(token) > 1 and token.isupper() for token in tokens):
        found.add(name, *facts, form="capitals", whole=True)
        if len(single) >= 5 and single != "FIRST":
            found.add(name, *facts, form="name", whole=True)
    elif single and single.isascii():
        found.add(name, *facts, form="name", whole=True)
    else:
        found.add(name, *facts, whole=True)


def _subject(name: str) -> list[tuple[str, str]]:
    theme = tables()["subject"][name].get("theme")
    return [("word", f"c:{name}"), *([("theme", theme)] if theme else [])]


def _compounded(phrase: str, section: str) -> list[tuple[str, str]]:
    """The form that ends a German word: a "Grundlehrgang" is a level and a training."""
    forms = {"kurs": "training", "lehrgang": "training", "schulung": "training", "seminar": "workshop"}
    if section != "level" or " " in phrase:
        return []
    return [("type", code) for ending, code in forms.items() if len(phrase) > len(ending) and phrase.endswith(ending)]


def _all(lines: dict[str, str]) -> Iterator[str]:
    return (phrase for language, line in lines.items() if language != "theme" for phrase in phrases(line))


def _form(phrase: str) -> str:
    """Acronyms of the table ("AI", "CERT", "MLA") are read in capitals only; longer ones in any."""
    letters = phrase.replace("/", "").replace("-", "")
    if letters == "ToT":  # "tot" is a German word
        return "name"
    return "capitals" if letters.isalpha() and letters.isupper() and len(letters) < 5 else "stem"


def _place_form(name: str) -> str:
    return "capitals" if name.isascii() and name.isupper() and len(name) < 5 else "name"
