"""Reads a text of any script against a table of phrases, in one pass from left to right, the longest phrase first.

A word is looked up in up to three forms, so that one table serves all its phrases: by its stem ("следователей" and
"следователи"), as it is (names of places, which a stem would confuse: Guyana and Guyane), and in capitals (acronyms:
"FIRST" is no ordinal). Chinese has no spaces, so each of its characters is a word. Time grows with the length alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from shared.places import fold

Fact = tuple[str, str]
"""What a phrase says: a kind ("theme", "country", "ordinal", ...) and its value."""

_SHORT_TEXT = 60
LONGEST = 24
"""Words of a phrase at most; Chinese counts characters."""

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+|[;|()\[\]{{}}•·\n。；：（）、؛!?¿¡؟]|[.:](?=\s|$)")
_DOTTED = re.compile(r"\b(?:[A-Z]\.){2,}(?:[A-Z]\b)?")
_E_WORD = re.compile(r"\b([eE])[-‐‑–](?=[a-zA-Z]{4})")
_GERMAN_ORDINAL = re.compile(r"\b(\d{1,2})\.\s+(?=(?:Auflage|Ausgabe|Phase|Modul|Runde|Teil|Staffel)\b)")
_INVISIBLE = re.compile(r"[\u064b-\u065f\u0670\u0640\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad\ud800-\udfff]")
_ARABIC_ALIKE = str.maketrans("أإآٱىةؤئکی", "اااايهويكي")
_ARABIC_ARTICLE = re.compile(r"^(?:وال|بال|كال|فال|ولل|لل|ال)(?=\w{3})")
_ARABIC_BEFORE = re.compile(r"^[لب](?=\w{4})|^و(?=\w{5})")
_ARABIC_AFTER = re.compile(r"(?<=\w{3})(?:ات|ون|ين|ان|يه|ه|ي)$")
_RUSSIAN_AFTER = re.compile(
    r"(?<=\w{4})(?:иями|ями|ами|ией|иям|иях|ием|ыми|ими|ого|его|ому|ему|ия|ие|ию|ий|ии|ая|яя|ое|ее|ые|ую|юю|ый|ой|ей|ом"
    r"|ем|ым|им|ых|их|ам|ям|ах|ях|ов|ев|[аяоеыиуюьй])$"
)
_RUSSIAN_NAME_AFTER = re.compile(
    r"(?<=\w{3})(?:ыми|ими|ого|его|ому|ая|ое|ые|ую|ый|ой|ей|ом|ем|ам|ям|ах|ях|ых|их|ов|[аяоеыиуюьй])$"
)
_SHORT = {"rep": "republic", "dem": "democratic", "fed": "federation", "st": "saint", "ste": "sainte"}


class Token(NamedTuple):
    """A word as written, the keys it is looked up by, and its stem; a barrier (";") has none of them. `shouted`: all the
    text is in capitals, so that these say nothing."""

    text: str
    stem: str
    keys: tuple[str, ...]
    stop: bool
    shouted: bool = False


class Span(NamedTuple):
    """Tokens that are one phrase (`facts`), or one token that is none (`facts` None)."""

    facts: tuple[Fact, ...] | None
    tokens: Sequence[Token]


@dataclass
class _Node:
    after: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    facts: tuple[Fact, ...] | None = None


class Lexicon:
    """Phrases and what they say. The same phrase may be added twice: its facts add up."""

    def __init__(self, stop: frozenset[str] = frozenset()) -> None:
        self.root = _Node()
        self.stop = stop

    def add(self, phrase: str, *facts: Fact, form: str = "stem", whole: bool = False) -> None:
        """`form` is "stem", "name" (as it is; in Latin letters with a capital) or "capitals"; `whole` keeps small words."""
        tokens = [token for token in tokens_of(phrase, self.stop) if token.stem]
        if not whole and form != "capitals":
            tokens = [token for token in tokens if not token.stop] or tokens
        if not 0 < len(tokens) <= LONGEST:
            return
        node = self.root
        for token in tokens:
            key = {"stem": token.stem, "name": "=" + _exact(token.text), "capitals": "^" + token.text}[form]
            node = node.after.setdefault(key, _Node())
        node.facts = tuple(dict.fromkeys((*(node.facts or ()), *facts)))

    def entries(self) -> Iterator[_Node]:
        """All phrases, to put right what several of them claim."""
        todo = [self.root]
        while todo:
            node = todo.pop()
            todo += node.after.values()
            if node.facts is not None:
                yield node


def normal(text: str) -> str:
    """NFKC without marks that print nothing, dots of acronyms and typographic apostrophes; case is kept."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'")
    if "." in text:
        text = _DOTTED.sub(lambda found: found[0].replace(".", ""), text)
        text = _GERMAN_ORDINAL.sub(r"\1te ", text)
    return _E_WORD.sub(r"\1", text)


def tokens_of(text: str, stop: frozenset[str] = frozenset()) -> Sequence[Token]:
    """The words of a text in order."""
    return _short(text, stop) if len(text) <= _SHORT_TEXT else _tokens(text, stop)


@lru_cache(maxsize=16384)
def _short(text: str, stop: frozenset[str]) -> Sequence[Token]:
    """Names of places and organisations stand in row after row."""
    return tuple(_tokens(text, stop))


def _tokens(text: str, stop: frozenset[str]) -> list[Token]:
    text = normal(text)
    written = _TOKEN.findall(text)
    words = [word for word in written if word.isalpha() and word.isascii() and len(word) > 1]
    shouted = len(words) > 2 and sum(word.isupper() for word in words) > 0.7 * len(words)
    caseless = not any(word[0].isupper() for word in words)
    return [
        _token(word, shouted, caseless, _forms(word)[2] in stop if word[0].isalnum() else False) for word in written
    ]


def stem_of(word: str) -> str:
    """What a word shares with its plural, cases and articles; in its own script, Latin without accents."""
    return _forms(word)[0]


def plain_of(word: str) -> str:
    """A word in small letters, without accents; the form in which small words ("de", "для", "في") are known."""
    return _forms(word)[2]


def read(tokens: Sequence[Token], *lexicons: Lexicon) -> Iterator[Span]:
    """The text as spans, in order. Between phrases of one length, the first lexicon's wins."""
    roots = [lexicon.root for lexicon in lexicons if lexicon.root.after]
    at = 0
    while at < len(tokens):
        facts, end = None, at + 1
        for root in roots:
            if not root.after.keys().isdisjoint(tokens[at].keys):
                found, to = _longest(tokens, at, root)
                if found is not None and (facts is None or to > end):
                    facts, end = found, to
        yield Span(facts, tokens[at:end])
        at = end


def _longest(tokens: Sequence[Token], at: int, root: _Node) -> tuple[tuple[Fact, ...] | None, int]:
    nodes, facts, end = [root], None, at
    for i in range(at, min(len(tokens), at + LONGEST)):
        token = tokens[i]
        after: list[_Node] = []
        for node in nodes:
            for key in token.keys:
                if (found := node.after.get(key)) is not None:
                    after.append(found)
                    if found.facts is not None:
                        facts, end = found.facts, i + 1
        # a small word may stand between the words of a phrase: "abus sexuels d'enfants"
        nodes = after + nodes if token.stop and i > at else after
        if not nodes:
            break
    return facts, end


@lru_cache(maxsize=65536)
def _token(word: str, shouted: bool, caseless: bool, stop: bool) -> Token:
    if not word[0].isalnum():
        return Token(word, "", (), False)
    stem, exact, _ = _forms(word)
    keys = [stem]
    capital = word[0].isupper()
    if capital or caseless or stop or not word.isascii() or word[0].isdigit():
        keys.append("=" + exact)
    if capital and len(word) > 1 and word.isupper() and not (shouted and len(word) < 4):
        keys.append("^" + word)
    return Token(word, stem, tuple(keys), stop, shouted)


@lru_cache(maxsize=65536)
def _forms(word: str) -> tuple[str, str, str]:
    """Stem, exact form (names), and the plain form (small words) of one word."""
    if not word:  # what no transliteration knows
        return "", "", ""
    first, small = word[0], word.casefold()
    if word.isdecimal():
        number = str(int(word)) if len(word) < 10 else word
        return number, number, number
    if "\u0400" <= first <= "\u052f":
        small = small.replace("ё", "е")
        return _RUSSIAN_AFTER.sub("", small), _RUSSIAN_NAME_AFTER.sub("", small), small
    if "\u0600" <= first <= "\u06ff":
        small = small.translate(_ARABIC_ALIKE)
        exact = _ARABIC_BEFORE.sub("", _ARABIC_ARTICLE.sub("", small))
        return _ARABIC_AFTER.sub("", _ARABIC_AFTER.sub("", exact)), exact, small
    if "\u3400" <= first <= "\u9fff":
        return word, word, word
    plain = fold(small).replace(" ", "").replace("'", "")
    return _latin_stem(plain), _SHORT.get(plain, plain), plain


def _exact(word: str) -> str:
    return _forms(word)[1]


def _latin_stem(word: str) -> str:
    """One stem for the plurals and genders of six languages: electronic, électroniques, electrónicas."""
    if len(word) > 6 and word.endswith(("ischen", "ischer", "isches", "ischem")):
        return word[:-2]
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word[-1] in "aeo" and word.isalpha():
        word = word[:-1]
    if len(word) > 5 and word.endswith("qu"):
        word = word[:-2] + "c"
    return word[:-1] if len(word) > 5 and word.endswith("nn") else word


def phrases(text: str) -> Iterable[str]:
    """The phrases of a line of a table, which are written with commas between them."""
    return (phrase for raw in text.split(",") if (phrase := raw.strip()))
