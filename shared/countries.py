"""Countries (ISO 3166-1 alpha-3), regions (UN M49) and groups of countries: names in six languages, and what people write for them.

Use it through `shared/places.py`. The rule of the house: a spelling is resolved when it can mean one country only.
"Congo" and "Korea" mean two, "Lybia" is no name at all: they resolve to None and `suggest_countries` says what may
have been meant, for an error message, never to be applied silently.

Source: github.com/datasets/country-codes (PDDL); see shared/vocabulary/README.md, also for `XKX` (Kosovo).
"""

import csv
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypedDict, cast

from anyascii import anyascii
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from shared.vocabulary import DATA_FOLDER, LANGUAGES, base_language

WORLD = "001"
_COLUMN = {language: f"official_name_{'cn' if language == 'zh' else language}" for language in LANGUAGES}
# Longer than any name; bounds the work that a hostile text can cause.
_MAX_LENGTH = 200
_SIMILAR_ENOUGH = 0.86

_ARTICLES = r"the|la|le|les|l'|el|los|las"
# "El Salvador" keeps its article: without it, it is a city in Brazil.
_LEADING_ARTICLE = re.compile(r"^(?!el salvador)(?:(?:the|la|le|les|el|los|las)\s+|l')(?=\S)")
_TRAILING_ARTICLE = re.compile(rf"\s*(?:,\s*(?:{_ARTICLES})|\(\s*(?:{_ARTICLES})\s*\))\s*$")
_ABBREVIATIONS = {
    "rep": "republic",
    "dem": "democratic",
    "fed": "federation",
    "st": "saint",
    "ste": "sainte",
    "&": "and",
}
_LETTERS_ALIKE = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ё": "е"})
# With its doubled m the city, without the country: Amman and Oman are one word where the sign is left out.
_AMMAN = "عمّان"
_OF_REGION = re.compile(
    r"^(?:the\s+)?(?:region of (?:the )?|(?:la )?r[eé]gion (?:de la |du |de l'|de |d')?|(?:la )?regi[oó]n (?:de la |del |de )?|member states of (?:the )?)"
    r"|\s+(?:regions?|countries|member states|states|member countries)$",
    re.IGNORECASE,
)
# Codes that are words too. In lower case they are read as the word: "no" is not Norway.
_WORDS_NOT_CODES = frozenset(
    [
        "ad",
        "ag",
        "ai",
        "al",
        "am",
        "an",
        "and",
        "are",
        "as",
        "at",
        "au",
        "bar",
        "be",
        "by",
        "can",
        "car",
        "cod",
        "de",
        "do",
        "eau",
        "el",
        "es",
        "et",
        "gin",
        "ie",
        "il",
        "in",
        "is",
        "it",
        "jam",
        "la",
        "lie",
        "ma",
        "mar",
        "me",
        "mu",
        "my",
        "na",
        "ne",
        "no",
        "nor",
        "om",
        "opt",
        "pan",
        "par",
        "pe",
        "per",
        "pl",
        "pm",
        "ps",
        "re",
        "sa",
        "se",
        "sin",
        "si",
        "so",
        "st",
        "su",
        "sun",
        "ta",
        "td",
        "tn",
        "to",
        "ton",
        "tv",
        "uno",
        "us",
        "va",
        "ve",
        "via",
        "vu",
    ]
)


class _Region(TypedDict):
    names: dict[str, str]
    also: list[str]


class _Group(_Region):
    countries: str


class _Extra(TypedDict):
    aliases: dict[str, list[str]]
    german: dict[str, str]
    portuguese: dict[str, str]
    ambiguous: dict[str, list[str]]
    display: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Tables:
    names: Mapping[str, Mapping[str, str]]  # alpha-3 -> language -> name
    codes: Mapping[str, str]  # alpha-2 or alpha-3, upper case -> alpha-3
    spellings: Mapping[str, str]  # key -> alpha-3, only where the key means one country
    ambiguous: Mapping[str, tuple[str, ...]]  # key -> what it may mean
    regions_of: Mapping[str, tuple[str, ...]]  # alpha-3 -> M49, from the smallest region to the world
    members: Mapping[str, frozenset[str]]  # M49 or group -> alpha-3
    region_names: Mapping[str, Mapping[str, str]]
    region_spellings: Mapping[str, str]
    capitals: Mapping[str, str]  # alpha-3 -> the city's name in English


def fold(text: str) -> str:
    """One spelling for comparing: NFKC, casefold, every script in ASCII letters, single spaces, none at the ends.
    Punctuation stays. Characters that print nothing (controls, marks of direction, lone surrogates) are dropped."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    normal = unicodedata.normalize("NFKC", text)
    printing = "".join(" " if c.isspace() else c for c in normal if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(anyascii(printing.casefold()).lower().split())


def is_latin(text: str) -> bool:
    """Whether all its letters are Latin ones; also true without any letter."""
    return text.isascii() or all(unicodedata.name(c, "LATIN").startswith("LATIN") for c in text if c.isalpha())


def native_key(text: str) -> str:
    """Letters and digits in their own script, casefolded, without points and variants of a letter."""
    normal = unicodedata.normalize("NFKC", text).casefold().replace("ـ", "").translate(_LETTERS_ALIKE)
    return "".join(c for c in normal if c.isalnum())


def _key(text: str) -> str:
    """The form under which a spelling is looked up: without articles, accents, spaces, dots.

    Only Latin text is transliterated. Transliteration drops vowels and tones, so two names in another script could
    fall together, or on a Latin name; they are compared as written (less points and variants of a letter)."""
    if not is_latin(text):
        return native_key(text)
    folded = _LEADING_ARTICLE.sub("", _TRAILING_ARTICLE.sub("", fold(text)))
    words: list[str] = re.findall(r"[a-z0-9']+|&", folded)
    return "".join(_ABBREVIATIONS.get(word, word) for word in words).replace("'", "")


def _rows() -> Iterator[dict[str, str]]:
    with (DATA_FOLDER / "country-codes.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _aliases(extra: _Extra) -> Iterator[tuple[str, str]]:
    """What people write besides the names of the table; German and Portuguese names are only these."""
    for code, aliases in extra["aliases"].items():
        yield from ((alias, code) for alias in aliases)
    for table in (extra["german"], extra["portuguese"]):
        yield from ((name.strip(), code) for code, names in table.items() for name in names.split(","))


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    extra = cast("_Extra", json.loads((DATA_FOLDER / "country-aliases.json").read_text("utf-8")))
    groups = cast("dict[str, _Group]", json.loads((DATA_FOLDER / "groups.json").read_text("utf-8"))["groups"])
    m49 = cast("dict[str, _Region]", json.loads((DATA_FOLDER / "regions.json").read_text("utf-8")))
    regions: dict[str, _Region] = {**m49, **groups}
    names: dict[str, dict[str, str]] = {}
    codes: dict[str, str] = {}
    regions_of: dict[str, tuple[str, ...]] = {}
    capitals: dict[str, str] = {}
    claims: defaultdict[str, set[str]] = defaultdict(set)
    for row in _rows():
        code = row["ISO3166-1-Alpha-3"]
        names[code] = {language: row[column] for language, column in _COLUMN.items()}
        codes |= {code: code, row["ISO3166-1-Alpha-2"]: code}
        levels = (row["Intermediate Region Code"], row["Sub-region Code"], row["Region Code"])
        regions_of[code] = (*(level.zfill(3) for level in levels if level), WORLD)
        if row["Capital"]:
            capitals[code] = row["Capital"]
        written = {value for column, value in row.items() if "name" in column or column.startswith("UNTERM")}
        for name in written - {""} - {row["Region Name"], row["Sub-region Name"], row["Intermediate Region Name"]}:
            claims[_key(name)].add(code)
    # Kosovo: see shared/vocabulary/README.md.
    names["XKX"] = {}
    codes |= {"XKX": "XKX", "XK": "XKX"}
    regions_of["XKX"] = ("039", "150", WORLD)
    for code, display in extra["display"].items():
        names[code] |= display
        for name in display.values():
            claims[_key(name)].add(code)
    for alias, code in _aliases(extra):
        claims[_key(alias)].add(code)
    ambiguous = {key: tuple(sorted(meant)) for key, meant in claims.items() if len(meant) > 1}
    ambiguous |= {_key(text): tuple(meant) for text, meant in extra["ambiguous"].items()}
    members: defaultdict[str, set[str]] = defaultdict(set)
    for code, levels in regions_of.items():
        for region in levels:
            members[region].add(code)
    for region, group in groups.items():
        members[region].update(group["countries"].split())
    return _Tables(
        names=names,
        codes=codes,
        spellings={key: next(iter(meant)) for key, meant in claims.items() if key and key not in ambiguous},
        ambiguous=ambiguous,
        regions_of=regions_of,
        members={region: frozenset(meant) for region, meant in members.items()},
        region_names={region: found["names"] for region, found in regions.items()},
        region_spellings={
            _key(text): region
            for region, found in regions.items()
            for text in (*found["names"].values(), *found["also"])
        },
        capitals=capitals,
    )


def written_names() -> Iterator[tuple[str, str]]:
    """Every name that the tables hold for a country, as written, with its alpha-3 code; not all mean that one alone."""
    extra = cast("_Extra", json.loads((DATA_FOLDER / "country-aliases.json").read_text("utf-8")))
    for row in _rows():
        regions = {row["Region Name"], row["Sub-region Name"], row["Intermediate Region Name"]}
        written = {value for column, value in row.items() if "name" in column or column.startswith("UNTERM")}
        for name in sorted(written - regions - {""}):
            yield _TRAILING_ARTICLE.sub("", name), row["ISO3166-1-Alpha-3"]
    yield from _aliases(extra)
    for code, display in extra["display"].items():
        yield from ((name, code) for name in display.values())


def capitals() -> Mapping[str, str]:
    """Alpha-3 to the English name of the capital, where the table names one."""
    return _tables().capitals


def is_country(code: str) -> bool:
    """Whether this is a country code that we use: ISO 3166-1 alpha-3 in upper case, or XKX."""
    return code in _tables().names


def country_name(code: str, language: str = "en") -> str:
    """The name in UN usage. A language that we do not have gives English; an unknown code is a KeyError. Every name
    that this returns resolves to the same code again."""
    names = _tables().names[code]
    return names.get(base_language(language), names["en"])


def _code(text: str) -> str | None:
    """An ISO code as people write it: "KEN", "ke", ":ke:", or the flag itself."""
    if len(text) == 2 and all("\U0001f1e6" <= c <= "\U0001f1ff" for c in text):
        return _tables().codes.get("".join(chr(ord(c) - 0x1F1E6 + ord("A")) for c in text))
    if text.startswith(":") and text.endswith(":"):
        return _tables().codes.get(text[1:-1].upper())
    if not (text.isascii() and text.isalpha() and len(text) in (2, 3)):
        return None
    if text.isupper() or text.casefold() not in _WORDS_NOT_CODES:
        return _tables().codes.get(text.upper())
    return None


def resolve_country(text: str) -> str | None:
    """The alpha-3 code of the one country that the text can mean, else None.

    Takes ISO codes, flags, names and usual short forms in ar, en, es, fr, ru and zh, with or without accents,
    articles and dots, and the inverted form ("Korea, Republic of"). Never a guess: a text that may mean two
    countries ("Congo"), a region, a city, a state that is no more, or a misspelling gives None."""
    text = unicodedata.normalize("NFKC", text[:_MAX_LENGTH]).strip(" \t\r\n*.,;")
    if code := _code(text):
        return code
    if _AMMAN in text:
        return None
    tables = _tables()
    if (text.islower() or text.istitle()) and text.casefold() in _WORDS_NOT_CODES:
        return None
    key = _key(text)
    if key in tables.ambiguous:
        return None
    if key in tables.spellings:
        return tables.spellings[key]
    head, comma, tail = text.partition(",")
    if not comma:
        return None
    # "Korea, Republic of" and, as the World Bank has it, "Korea, Rep."
    turned = {tables.spellings.get(_key(f"{tail} {link} {head}")) for link in ("", "of")} - {None}
    return turned.pop() if len(turned) == 1 else None


def suggest_countries(text: str, limit: int = 3) -> list[str]:
    """Codes that the text may have meant, likeliest first, at most `limit`; empty if nothing is near. For error
    messages only: a suggestion is never applied for the user."""
    if found := resolve_country(text):
        return [found][:limit]
    tables = _tables()
    key = _key(text[:_MAX_LENGTH])
    if meant := tables.ambiguous.get(key):
        return list(meant)[:limit]
    if len(key) < 3:
        return []
    best: dict[str, float] = {}
    near = process.extract(
        key, list(tables.spellings), scorer=JaroWinkler.similarity, score_cutoff=_SIMILAR_ENOUGH, limit=None
    )
    for spelling, score, _ in near:
        code = tables.spellings[spelling]
        best[code] = max(best.get(code, 0.0), score)
    return sorted(best, key=lambda code: (-best[code], code))[:limit]


def regions_of(code: str) -> tuple[str, ...]:
    """All M49 regions of a country, from the smallest to the world: KEN gives ("014", "202", "002", "001")."""
    return _tables().regions_of[code]


def is_region(code: str) -> bool:
    """Whether this is an M49 region code with its leading zeros, "001" (world) included, or a group ("ASEAN", "MENA")."""
    return code in _tables().region_names


def region_name(code: str, language: str = "en") -> str:
    """As `country_name`, for a region or group."""
    names = _tables().region_names[code]
    return names.get(base_language(language), names["en"])


def countries_of_region(code: str) -> frozenset[str]:
    """The countries of a region of any level, or of a group; "001" gives all. An unknown region is a KeyError."""
    return _tables().members[code]


def resolve_region(text: str) -> str | None:
    """The code of the region or group that the text names ("South-East Asia", "035", "Centroamérica", "the ECOWAS region"),
    else None."""
    text = text[:_MAX_LENGTH].strip()
    if is_region(text):
        return text
    spellings = _tables().region_spellings
    return spellings.get(_key(text)) or spellings.get(_key(_OF_REGION.sub("", text)))
