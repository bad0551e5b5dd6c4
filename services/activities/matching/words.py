"""A title's own words: what is left once all that is evidence of its own is pulled out, in any of eight languages.

Why pull it out: a city in both title and venue would count twice (measured: false alarms), and "Phase II" or "17th"
is the one word that tells a sibling from a duplicate. So forms ("workshop"), audiences, places, organisations, dates,
ordinals and words without evidence ("regional", "capacity building") are no words here; subjects are (`c:evidence`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from services.activities.matching import concepts, named
from services.activities.matching.language import language_of
from services.activities.matching.ordinals import ordinal, pull_numbered
from shared.lexicon import (
    Lexicon,
    Span,
    normal,
    phrases,
    plain_of,
    read,
    stem_of,
    tokens_of,
)
from shared.organisation_names import add_name
from shared.places import canonical_city, fold

TITLE, TEXT = 1_000, 20_000
"""Characters that are read of a title and of a description; the rest of a longer one is not."""

_YEAR = re.compile(r"^(?:19|20)\d\d$")
_COMMON = {"c:cybercrime", "c:cyber", "c:investigation", "c:forensics", "c:evidence", "c:crypto", "c:laundering", "c:legislation",
    "c:csea", "c:cooperation", "c:crime", "c:expertgroup", "c:malware", "c:policy", "c:awareness"}  # fmt: skip
_LONE = {"may", "march"}
"""Words that name a month only with a capital: "may be held"."""


@dataclass(frozen=True)
class TitleParts:
    """A text taken apart. `words` are subjects (`c:`) or stems, sorted; what is absent, or said in two ways, is None or empty.

    Codes are vocabulary codes, `countries` alpha-3, `regions` UN M49, `cities` canonical, `organisations` keys of
    `named.organisation_key`, `months` 1 to 12, `language` one of ar, de, en, es, fr, pt, ru, zh.
    """

    words: tuple[str, ...]
    audiences: frozenset[str] = frozenset()
    year: int | None = None
    edition: int | None = None
    phase: int | None = None
    module: int | None = None
    types: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    mode: str | None = None
    level: str | None = None
    language: str | None = None
    countries: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    cities: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    months: frozenset[int] = frozenset()


@dataclass
class _Found:
    facts: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    numbers: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    words: set[str] = field(default_factory=set[str])

    def say(self, kind: str, value: str) -> None:
        self.facts.setdefault(kind, set()).add(value)

    def count(self, kind: str, value: int) -> None:
        self.numbers.setdefault(kind, set()).add(value)

    def of(self, kind: str) -> frozenset[str]:
        return frozenset(self.facts.get(kind, ()))

    def only(self, kind: str) -> int | None:
        """The number of a kind if the text has one; "modules 3 and 4" has none."""
        values = self.numbers.get(kind, set())
        return next(iter(values)) if len(values) == 1 else None


def tier(word: str) -> int:
    """How rare a word is in this field: 2 a common subject ("cybercrime"), 3 a rarer one or the title's own word. (1 was
    for forms, which are no words any more.)"""
    return 2 if word in _COMMON else 3


def stems(text: str) -> list[str]:
    """Words of a text in order, by their stems, small words too."""
    return [token.stem for token in tokens_of(text) if token.stem]


def take_apart(
    title: str, cities: Iterable[str] = (), countries: Mapping[str, str] | None = None, names: Iterable[str] = ()
) -> TitleParts:
    """Split a title into its own words and what is evidence of its own.

    `cities` and `countries` (alpha-3 -> name) are the plan's, `names` are organisation names and acronyms; they are
    found in the title besides all that are known anyway.
    """
    own = Lexicon(concepts.small_words())
    for city in cities:
        if city := city.strip():
            own.add(city, ("city", canonical_city(city)), whole=True)
    for code, name in (countries or {}).items():
        own.add(name, ("country", code))
    return _read(title[:TITLE], own, names, frozenset(countries or ()))


def read_text(text: str, names: Iterable[str] = ()) -> TitleParts:
    """The same for a running text: a mode counts only beside a form ("online workshop"), for texts speak of "online" a lot."""
    found = _read(text[:TEXT], Lexicon(concepts.small_words()), names, frozenset(), running=True)
    return replace(found, words=tuple(word for word in found.words if len(word) > 3))


def own_words(text: str) -> tuple[str, ...]:
    """Distinct subjects and stems of a running text (a description), short ones left out."""
    return read_text(text).words


def _read(
    text: str, own: Lexicon, names: Iterable[str], countries: frozenset[str], running: bool = False
) -> TitleParts:
    for name in names:
        if key := named.organisation_key(name):
            add_name(own, name, ("organisation", key))
    found = _Found()
    plain = pull_numbered(normal(text), found.count)
    tokens = tokens_of(plain, concepts.small_words())
    spans = list(read(tokens, own, concepts.lexicon()))
    countries |= named.countries_in(spans)
    spans = [named.without_codes_of(span, countries) for span in spans]
    at = 0
    while at < len(spans):
        at += ordinal(spans, at, found.count) or _phrase(spans, at, found, running)
    if not plain.isascii():
        found.words |= _chinese_words(spans)
    subjects = found.of("word")
    themes = found.of("theme")
    if "c:investigation" in subjects and subjects & {"c:cybercrime", "c:cyber"}:
        themes |= {"cybercrime_investigation"}
    types, modes, levels = found.of("type"), found.of("mode"), found.of("level")
    if "e_learning" in types:
        modes |= {"online"}
    return TitleParts(
        words=tuple(sorted(subjects | found.words)),
        audiences=found.of("audience"),
        year=found.only("year"),
        edition=found.only("edition"),
        phase=found.only("phase"),
        module=found.only("module"),
        types=types,
        themes=themes,
        mode=next(iter(modes)) if len(modes) == 1 else "hybrid" if modes else None,
        level=next(iter(levels)) if len(levels) == 1 else None,
        language=language_of(text),
        countries=found.of("country"),
        regions=found.of("region"),
        cities=found.of("city"),
        organisations=found.of("organisation"),
        months=frozenset(found.numbers.get("month", ())),
    )


def _phrase(spans: Sequence[Span], at: int, found: _Found, running: bool) -> int:
    """Takes what one span says, ordinals aside."""
    span = spans[at]
    for kind, value in span.facts or ():
        if kind == "month":
            text = span.tokens[0].text
            if text not in _LONE and plain_of(text) in _months():
                found.count("month", int(value))
        elif kind == "mode" and running:
            near = spans[max(at - 2, 0) : at + 3]
            if any(fact[0] == "type" for other in near for fact in other.facts or ()):
                found.say(kind, value)
        elif kind not in ("ordinal", "counted", "drop", "no_country"):
            found.say(kind, value)
    if span.facts is None:
        _own_word(span, found)
    return 1


@lru_cache(maxsize=1)
def _months() -> frozenset[str]:
    """Names of months as they are, for "marches" has the stem of one."""
    lines = concepts.tables()["month"].values()
    return frozenset(plain_of(name.split()[0].strip(".")) for line in lines for name in phrases(line))


def _own_word(span: Span, found: _Found) -> None:
    token = span.tokens[0]
    if not token.stem or token.stop or "\u3400" <= token.text[0] <= "\u9fff":
        return
    if _YEAR.match(token.stem):
        found.count("year", int(token.stem))
    else:
        if key := named.acronym(token):  # perhaps nobody's name ("PHP"), so it stays a word too
            found.say("organisation", key)
        word = token.stem if token.stem.isascii() else stem_of(fold(token.stem).replace(" ", ""))
        if len(word) > 1 and not (word.isdigit() and len(word) < 3) and not word[0].isdigit():
            found.words.add(word)


def _chinese_words(spans: Sequence[Span]) -> set[str]:
    """Pairs of neighbouring characters that no phrase took; a lone one says nothing."""
    unknown: Callable[[Span], bool] = lambda span: (  # noqa: E731
        span.facts is None and not span.tokens[0].stop and "\u3400" <= span.tokens[0].text[0] <= "\u9fff"
    )
    return {a.tokens[0].text + b.tokens[0].text for a, b in pairwise(spans) if unknown(a) and unknown(b)}
