"""A name of an organisation taken apart: its words, its countries, its acronyms, and the keys it is found by.

Names and words that are known in several languages come out as one word ("ONUDC" and "UNODC" as `@unodc`, "ministère" and
"министерство" as `#ministry`), so that a likeness of words is also one across languages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from shared.demonyms import add_places
from shared.lexicon import Lexicon, Span, Token, phrases, plain_of, read, tokens_of
from shared.organisation_names import add_organisations, organisations
from shared.places import countries_of_region, fold

MAX_LENGTH = 500
LONGEST_KEY = 100
KEYS = "2026.1"
"""Version of what `keys_of` makes. A change of it, or of the tables it reads by, is a new one: names are indexed again."""
_MOST_WORDS = 40
"""Longer than any name; bounds the work that a hostile one can cause. Of Chinese, characters."""
_SHORTEST_SKELETON = 5
_PARTS = re.compile(r"\s+[-–—]\s+|\s-(?=\w)|[/*|;]|[()\[\]]")
_IN_BRACKETS = re.compile(r"[(\[]\s*([^\W\d_][\w.&-]{1,11})\s*[)\]]")
_VOWELS = re.compile(r"(?<!^)[aeiouyhw]+")
_DOUBLE = re.compile(r"(.)\1+")
_SOUNDS = str.maketrans({"z": "s", "c": "k", "q": "k"})
_ENDINGS = (
    ("isation", "ization"),
    ("isational", "izational"),
    ("our", "or"),
    ("entr", "enter"),
    ("ogramm", "ogram"),
    ("efenc", "efens"),
)
# Words that carry nothing, and the forms in which law puts an organisation.
_SMALL = frozenset(
    plain_of(word)
    for word in """a an and at by for from in of on the to with s de des du d la le les l et en au aux pour sur par dans del los las
    el y e para por da do das dos der die das den dem und für im zum zur von di il lo della delle per i и по в на для за 的 和 و في من
    inc ltd llc llp plc gmbh ggmbh ev corp co ngo sa sarl bv asbl ong onlus stichting""".split()  # noqa: SIM905
)


class Word(NamedTuple):
    """`key` is what words are compared by; `plain` how it was written, in small letters without accents; "" for a word that
    stands for a phrase in several languages."""

    key: str
    plain: str


@dataclass(frozen=True, slots=True)
class Reading:
    """letters    the whole in small letters without anything between them
    words      in order, without small words, legal forms and countries
    countries  alpha-3, named as such or by an adjective ("Danish")
    acronyms   folded: what stands in capitals or alone in brackets; of a text of one word, that word
    shouted    short words of a text all in capitals: any of them may be an acronym
    first      words as they are written, for initials: "united", "nations", "office", "on", "drugs", ...
    places     those of them that name countries
    """

    letters: str
    words: tuple[Word, ...]
    countries: frozenset[str]
    acronyms: frozenset[str]
    shouted: frozenset[str]
    first: tuple[str, ...]
    places: frozenset[str]


@lru_cache(maxsize=2)
def _lexicon(known: bool) -> Lexicon:
    found = Lexicon(_SMALL)
    add_places(found)
    for code in countries_of_region("001"):
        found.add(code, ("country", code), form="capitals")
    if known:
        add_organisations(found)
    for word, line in organisations()["words"].items():
        for phrase in phrases(line) if word else ():
            found.add(phrase, ("word", word))
    return found


@lru_cache(maxsize=8192)
def read_name(text: str, known: bool = True) -> Reading:
    """The text as a name. Any text is one; an empty Reading has no letters. known: with names that are known in several
    languages as one word each; without, "Japan International Cooperation Agency" is still of Japan."""
    text = text[:MAX_LENGTH]
    tokens = [token for token in tokens_of(text, _SMALL) if token.stem][:_MOST_WORDS]
    words: list[Word] = []
    countries: set[str] = set()
    places: set[str] = set()
    for span in read(tokens, _lexicon(known)):
        found = list(_words_of(span, countries))
        words += found
        if not found:
            places |= {_letters(token.text) for token in span.tokens}
    acronyms = short_names(text) | {_letters(token.text) for token in tokens if _is_acronym(token)}
    every = tuple(_letters(token.text) for token in tokens)
    # what only says the rest again is no word of its own: "Wajir South Development Association (WASDA)"
    again = {short for short in acronyms if stands_for(short, [word for word in every if word != short], places)}
    return Reading(
        letters="".join(every),
        words=tuple(word for word in words if word.plain not in again),
        countries=frozenset(countries),
        acronyms=acronyms - {""},
        shouted=frozenset(word for word in every if 2 < len(word) < 8) if tokens and tokens[0].shouted else frozenset(),
        first=every,
        places=frozenset(places),
    )


def short_names(text: str) -> frozenset[str]:
    """What a name says to be short for it: a word alone in brackets, or the whole where it is one word. Folded."""
    whole = text.strip()
    short = {_letters(found) for found in _IN_BRACKETS.findall(text)}
    return frozenset(short | ({_letters(whole)} if whole.replace("-", "").isalnum() else set())) - {""}


def parts_of(text: str) -> list[str]:
    """What stands between dashes, slashes and brackets: people write two names of one organisation in one cell. Not the whole."""
    parts = [part.strip(" ,.") for part in _PARTS.split(text[:MAX_LENGTH])]
    return [part for part in dict.fromkeys(parts) if len(part) > 2] if len(parts) > 1 else []


def stands_for(acronym: str, words: Sequence[str], places: Collection[str] = (), whole: bool = False) -> bool:
    """Whether the acronym is made of the beginnings of the words, in order: "wasda" of Wajir South Development Association.
    The first word begins it; besides the small ones those that name countries may be left out, and one word in four (not
    where the `whole` is wanted)."""
    abroad = [word for word in words if word not in places]
    return any(_stands_for(acronym, tuple(some), 0 if whole else 1) for some in (words, abroad))


def _stands_for(acronym: str, words: tuple[str, ...], spare: int) -> bool:
    telling = sum(word not in _SMALL for word in words)
    if not 2 <= len(acronym) <= 12 or telling < 2 or acronym[0] != words[0][:1]:
        return False
    return _made_of(acronym, words, spare * telling // 4)


def _made_of(rest: str, words: tuple[str, ...], spare: int) -> bool:
    if not rest:
        return sum(word not in _SMALL for word in words) <= spare
    if not words:
        return False
    word = words[0]
    for length in range(min(4, len(word), len(rest)), 0, -1):
        if rest.startswith(word[:length]) and _made_of(rest[length:], words[1:], spare):
            return True
    return (word in _SMALL or spare > 0) and _made_of(rest, words[1:], spare - (word not in _SMALL))


def initials(reading: Reading) -> str:
    """The first letters of its words but small ones."""
    return "".join(word[0] for word in reading.first if word and word not in _SMALL)


def skeleton(plain: str) -> str:
    """What most slips of the pen leave of a word: its first letter and its consonants, doubled ones once."""
    return _DOUBLE.sub(r"\1", _VOWELS.sub("", plain.translate(_SOUNDS)))


def keys_of(text: str) -> frozenset[str]:
    """What the name is found by: its words, how they sound, its acronyms and initials, its countries, all its letters at once."""
    reading, plain = read_name(text), read_name(text, known=False)
    words = {*reading.words, *plain.words}
    keys = {word.key for word in words}
    keys |= {f"~{skeleton(word.plain)}" for word in words if len(word.plain) >= _SHORTEST_SKELETON}
    keys |= {f"={acronym}" for acronym in reading.acronyms}
    if len(short := initials(reading)) > 1:
        keys.add(f"={short}")
    keys |= {f"+{country}" for country in reading.countries | plain.countries}
    if reading.letters:
        keys.add(f".{skeleton(reading.letters)}")
    return frozenset(key[:LONGEST_KEY] for key in keys)


def _words_of(span: Span, countries: set[str]) -> Iterator[Word]:
    for kind, value in span.facts or ():
        if kind == "organisation":
            yield Word(f"@{value}", "")
            return  # a programme's own key stands first
        if kind == "country":
            countries.add(value)
            return
        if kind in ("word", "region", "city"):
            yield Word(f"#{value}", "")
            return
    for token in span.tokens:
        if token.stem and not token.stop:
            yield Word(_spelt(token.stem), _letters(token.text))


def _is_acronym(token: Token) -> bool:
    capitals = sum(letter.isupper() for letter in token.text)
    return not token.shouted and 2 <= len(token.text) <= 10 and capitals > 1 and token.text.isalpha()


def _spelt(stem: str) -> str:
    """One spelling on both sides of the Atlantic: organisation, labour, centre, programme."""
    for ending, other in _ENDINGS:
        if stem.endswith(ending) and len(stem) > len(ending) + 1:
            return stem[: -len(ending)] + other
    return stem


def _letters(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalnum())
