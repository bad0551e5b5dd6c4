"""Organisations of this field under one key each, whatever the language, the acronym or the order of the words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from services.activities.matching import concepts
from shared.demonyms import add_places
from shared.lexicon import Lexicon, Span, Token, phrases, read, stem_of, tokens_of
from shared.organisation_names import add_organisations, organisation_names, organisations
from shared.places import countries_of_region, fold, known_countries_of_city, resolve_country

_ACRONYM = re.compile(r"[A-Z]{3,12}|[А-Я]{3,8}")
_ROMAN = re.compile(r"[IVX]+")
_MAX_LENGTH = 500


@lru_cache(maxsize=1)
def _lexicon() -> Lexicon:
    """Names of organisations and places, and the words that organisations' names are made of."""
    found = Lexicon(concepts.small_words())
    add_places(found)
    for code in countries_of_region("001"):
        found.add(code, ("country", code), form="capitals")
    add_organisations(found)
    for word, line in organisations()["words"].items():
        for phrase in phrases(line):
            found.add(phrase, ("word", word))
            if word:
                found.add(word, ("word", word))
    return found


@lru_cache(maxsize=1)
def _by_words() -> dict[frozenset[str], str]:
    """Significant words of a known name to its key, for names in another order; None of them under two keys."""
    found: dict[frozenset[str], str] = {}
    claimed: set[frozenset[str]] = set()
    for names, keys in organisation_names():
        for name in names:
            words = frozenset(token.stem for token in tokens_of(name, concepts.small_words()) if _tells(token))
            if len(words) > 2:
                if found.get(words, keys[0]) != keys[0]:
                    claimed.add(words)
                found[words] = keys[0]
    return {words: key for words, key in found.items() if words not in claimed}


@lru_cache(maxsize=1)
def _keys() -> frozenset[str]:
    return frozenset(key for _, keys in organisation_names() for key in keys)


@lru_cache(maxsize=1)
def _owners() -> dict[str, frozenset[str]]:
    return {keys[0]: frozenset(keys[1:]) for _, keys in organisation_names() if len(keys) > 1}


@lru_cache(maxsize=8192)
def organisation_key(name: str) -> str:
    """One key for all names of an organisation: "unodc" for any known name of UNODC, with or without its acronym in
    brackets, a country office or a regional one; for an unknown organisation its significant words in the order of
    the alphabet, ministries and places in one language ("KEN justice ministry"). Empty only for a text without letters."""
    if _keys().issuperset(name.split("+")):
        return name
    tokens = tokens_of(name[:_MAX_LENGTH], concepts.small_words())
    found = _by_words().get(frozenset(token.stem for token in tokens if _tells(token)))
    if found:
        return found
    keys: list[str] = []
    words: set[str] = set()
    places: set[str] = set()
    spans = list(read(tokens, _lexicon()))
    for span in spans:
        if span.facts is None:
            words |= {_plain(token) for token in span.tokens if _tells(token)}
        for kind, value in span.facts or ():
            if kind == "organisation":
                keys.append(value)
            elif kind == "country":
                places.add(value)
            elif kind == "word" and value:
                words.add(value)
    words -= {fold(_initials(name)), ""}
    if len(places) == 1 and not keys and words <= {"government"} and all(_of_a_state(span) for span in spans):
        return f"{places.pop()} government"
    if keys or len(words) > 1:
        words.discard("government")
    if keys and not words:
        owned = {owner for key in keys for owner in _owners().get(key, ())}
        return "+".join(sorted(set(keys) - owned) or sorted(set(keys)))
    if len(words | places | set(keys)) < 2:  # "National Cyber Directorate" is not just "cyber"
        words |= {_plain(token) for token in tokens if _tells(token)} - {fold(_initials(name))}
    return " ".join(sorted(words | places | set(keys))) or " ".join(
        sorted({_plain(token) for token in tokens if token.stem} - {""})
    )


def organisations_in(text: str) -> frozenset[str]:
    """Keys of the organisations that a text names: known ones, and acronyms of three letters or more in capitals. A
    programme counts as itself and as the organisations it belongs to."""
    spans = list(read(tokens_of(text, concepts.small_words()), concepts.lexicon()))
    countries = countries_in(spans)
    found: set[str] = set()
    for span in spans:
        if span.facts is None and (key := acronym(span.tokens[0])):
            found.add(key)
        facts = without_codes_of(span, countries).facts or ()
        found |= {value for kind, value in facts if kind == "organisation"}
    return frozenset(found)


def countries_in(spans: Sequence[Span]) -> frozenset[str]:
    """Alpha-3 codes of the countries that a text names, or whose cities it names."""
    facts = [fact for span in spans for fact in span.facts or ()]
    cities = (known_countries_of_city(value) for kind, value in facts if kind == "city")
    return frozenset({value for kind, value in facts if kind == "country"}.union(*cities))


def without_codes_of(span: Span, countries: frozenset[str]) -> Span:
    """The span without its organisation where it is two capitals that are the code of one of these countries: beside
    Canberra, AU is not the African Union."""
    text = span.tokens[0].text
    if not span.facts or len(span.tokens) > 1 or len(text) > 2 or not text.isupper():
        return span
    if resolve_country(text) not in countries:
        return span
    return Span(tuple(fact for fact in span.facts if fact[0] != "organisation"), span.tokens)


def acronym(token: Token) -> str | None:
    """The key of an unknown organisation's acronym, or None: a common one ("DNS"), a numeral, a shouted or a short word."""
    text = token.text
    if token.shouted or token.stop or not _ACRONYM.fullmatch(text) or _ROMAN.fullmatch(text) or text in _not_names():
        return None
    return fold(text)


@lru_cache(maxsize=1)
def _not_names() -> frozenset[str]:
    return frozenset(organisations()["not_names"].split())


def _of_a_state(span: Span) -> bool:
    """A country alone, or its government, is how people write who pays: "Japan" is the Government of Japan."""
    facts = span.facts or ()
    return not any(map(_tells, span.tokens)) or any(
        fact[0] == "country" or fact == ("word", "government") for fact in facts
    )


def _tells(token: Token) -> bool:
    return bool(token.stem) and not token.stop


def _plain(token: Token) -> str:
    if "\u3400" <= token.stem[0] <= "\u9fff":
        return token.stem
    word = "".join(letter for letter in fold(token.stem) if letter.isalnum())
    while (stem := stem_of(word)) != word:  # a key is its own key, so nothing is left to cut off
        word = stem
    return word


def _initials(name: str) -> str:
    """The acronym in brackets, if it stands for the words before it: "National Cyber Directorate (NCD)"."""
    found = re.search(r"\(([^\W\d_]{2,10})\)", name)
    if not found:
        return ""
    letters = "".join(word[0] for word in re.findall(r"\w+", fold(name[: found.start()])))
    wanted = iter(letters)
    return found[1] if all(letter in wanted for letter in fold(found[1])) else ""
