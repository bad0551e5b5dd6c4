"""In which of eight languages a text is written, judged by its script and its small words; None when it does not tell.

Evidence only: two postings in different languages may be one training, so a wrong answer must be rarer than none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from services.activities.matching import concepts
from shared.lexicon import normal, phrases
from shared.places import fold

LANGUAGES = ("ar", "de", "en", "es", "fr", "pt", "ru", "zh")

_MAX_LENGTH = 2_000
_WORD = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN: tuple[str, ...] = ("de", "en", "es", "fr", "pt")
# Letters of other languages in the same script: Persian and Urdu; Ukrainian, Serbian, Kazakh, ...; Japanese and Korean.
_NOT_ARABIC = frozenset("پچژگیکٹڈڑےںۆێڵ")
_NOT_RUSSIAN = frozenset("іїєґўјљњћђџѓќѕәғқңөұүһӣӯҷҳ")
_NOT_CHINESE = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_LETTERS = {"ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt", "ß": "de", "ä": "de", "ö": "de", "ü": "de", "œ": "fr",
    "è": "fr", "ê": "fr", "û": "fr", "î": "fr", "ù": "fr"}  # fmt: skip
_ENDINGS = (("ción", "es"), ("ciones", "es"), ("dad", "es"), ("ção", "pt"), ("ções", "pt"), ("dade", "pt"), ("ité", "fr"),
    ("ités", "fr"), ("ique", "fr"), ("iques", "fr"), ("ung", "de"), ("ungen", "de"), ("keit", "de"), ("ing", "en"),
    ("ity", "en"), ("ies", "en"))  # fmt: skip
_ENOUGH, _AHEAD = 1.0, 1.5


def language_of(text: str) -> str | None:
    """One of `LANGUAGES`, or None: too little text, a mixture, a name alone, or another language."""
    text = normal(text[:_MAX_LENGTH])
    if text.isascii():
        return _latin(text)
    letters = _LETTER.findall(text)
    if not letters:
        return None
    share = {script: sum(first <= c <= last for c in letters) / len(letters) for script, first, last in _SCRIPTS}
    if share["zh"] > 0.3:  # one character is a word
        return None if _NOT_CHINESE.search(text) else "zh"
    if share["ar"] > 0.5:
        return None if _NOT_ARABIC.intersection(letters) else "ar"
    if share["ru"] > 0.5:
        return None if _NOT_RUSSIAN.intersection("".join(letters).casefold()) else "ru"
    return _latin(text)


_SCRIPTS = (("zh", "\u3400", "\u9fff"), ("ar", "\u0600", "\u06ff"), ("ru", "\u0400", "\u052f"))


def _latin(text: str) -> str | None:
    votes: dict[str, float] = dict.fromkeys(_LATIN, 0.0)
    for word in _WORD.findall(text.casefold()):
        for language, weight in _votes(word):
            votes[language] += weight
    (best, most), (_, second) = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))[:2]
    return best if most >= _ENOUGH and most >= _AHEAD * second else None


@lru_cache(maxsize=65536)
def _votes(word: str) -> tuple[tuple[str, float], ...]:
    known = _words().get(word) or _words().get(fold(word), frozenset())
    votes = [(language, 1 / len(known)) for language in sorted(known)]
    votes += [(_LETTERS[letter], 0.5) for letter in sorted(_LETTERS.keys() & set(word))]
    if len(word) > 5:
        votes += [(language, 0.5) for ending, language in _ENDINGS if word.endswith(ending)]
    return tuple(votes)


@lru_cache(maxsize=1)
def _words() -> dict[str, frozenset[str]]:
    """Small words and the field's words to the Latin languages that have them, with their accents and without."""
    found: dict[str, set[str]] = {}
    table = concepts.tables()
    lines = [table["stop"], table["generic"]]
    lines += [
        lines for section in ("type", "audience", "subject", "mode", "level") for lines in table[section].values()
    ]
    for line in lines:
        for language in _LATIN:
            for phrase in phrases(line.get(language, "")):
                for word in _WORD.findall(phrase.casefold()):
                    for form in (word, fold(word)):
                        found.setdefault(form, set()).add(language)
    return {word: frozenset(languages) for word, languages in found.items()}
