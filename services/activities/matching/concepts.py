"""What the words of this field mean in eight languages: the phrase table that titles and descriptions are read with.

Data: `concepts.json` (types, audiences, subjects, modes, levels, months, ordinals, words that carry no evidence), our own;
organisations, countries, regions and cities come from `shared`. Built once per process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.demonyms import add_places
from shared.lexicon import Lexicon, phrases, plain_of
from shared.organisation_names import add_organisations

# What belongs to a subject although an audience's phrase swallows it: "training for digital forensic examiners".
_SUBJECT_OF_AUDIENCE = {"forensic_examiners": "forensics"}
_SECTIONS = ("type", "audience", "mode", "level")


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """`concepts.json` as it is."""
    return json.loads((Path(__file__).parent / "concepts.json").read_text("utf-8"))


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
