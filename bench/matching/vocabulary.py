"""The hand-made tables in `data/`: places, topics, audiences, forms, organisations, and the sentences of six languages.

Phrases are written by hand in each language, not word by word from one of them: two partners who describe one training
choose their words independently, and so do these tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TypeVar

LANGUAGES = ("en", "fr", "es", "ru", "ar", "zh")
_DATA = Path(__file__).parent / "data"
# Zipf's exponent: the first country of `places.txt` has about 6 % of all activities, as in lists of the field
_ZIPF = 0.7
_FR_AU = frozenset(
    [
        "KEN",
        "THA",
        "SEN",
        "MAR",
        "NGA",
        "GHA",
        "MEX",
        "KAZ",
        "VNM",
        "CRI",
        "PER",
        "KHM",
        "NPL",
        "BEN",
        "BFA",
        "CMR",
        "RWA",
        "BWA",
        "MNE",
        "BLR",
        "TJK",
        "LAO",
        "PRY",
        "HND",
        "GTM",
        "PAN",
        "CHL",
        "BRA",
        "BGD",
        "LBN",
        "QAT",
        "SLV",
        "KGZ",
    ]
)
_FR_AUX = frozenset(["PHL", "FJI", "MDV", "ARE", "NLD", "USA"])
_FR_A = frozenset(["MUS", "LKA", "SGP", "TON"])

Names = Mapping[str, tuple[str, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class City:
    names: Names


@dataclass(frozen=True)
class Country:
    """`within`: "in Kenya", as a headline has it."""

    code: str
    region: str
    languages: tuple[str, ...]
    names: Names
    within: Mapping[str, str]
    demonym: str
    cities: tuple[City, ...]
    weight: float


@dataclass(frozen=True)
class Region:
    key: str
    m49: str
    names: Names


@dataclass(frozen=True)
class Audience:
    code: str
    weight: float
    names: Names


@dataclass(frozen=True)
class Form:
    code: str
    weight: float
    days: tuple[int, int]
    names: Names


@dataclass(frozen=True)
class Topic:
    """`names` stand after "on", with an article where the language wants one; `dative` stands after the Russian "по"."""

    key: str
    weight: float
    themes: tuple[str, ...]
    audiences: tuple[str, ...]
    names: Names
    dative: tuple[str, ...]


@dataclass(frozen=True)
class Organisation:
    key: str
    kind: str
    weight: float
    regions: tuple[str, ...]
    languages: tuple[str, ...]
    short: Names
    long: Names

    def works_in(self, region: str) -> bool:
        return "*" in self.regions or region in self.regions


@dataclass(frozen=True)
class Programme:
    name: str
    owner: str
    regions: tuple[str, ...]
    donors: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    countries: Mapping[str, Country]
    regions: Mapping[str, Region]
    audiences: Mapping[str, Audience]
    forms: Mapping[str, Form]
    topics: Mapping[str, Topic]
    organisations: Mapping[str, Organisation]
    programmes: tuple[Programme, ...]
    titles: Mapping[tuple[str, str], tuple[str, ...]]
    """(language, style) -> templates."""
    sentences: Mapping[tuple[str, str], tuple[str, ...]]
    """(language, part) -> templates."""
    brands: tuple[tuple[str, str, str], ...]
    """(form, topic, name)."""
    venues: tuple[str, ...]
    hosts: tuple[str, ...]

    def in_region(self, region: str) -> list[Country]:
        return [country for country in self.countries.values() if country.region == region]


def chosen(random: Random, among: Sequence[T], weights: Sequence[float] | None = None) -> T:
    """One of them, by weight. Raises IndexError without any."""
    return random.choices(among, weights)[0] if weights else random.choice(among)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """All tables, read once."""
    titles, sentences = dict[tuple[str, str], tuple[str, ...]](), dict[tuple[str, str], tuple[str, ...]]()
    for file, table in (("titles", titles), ("texts", sentences)):
        for language, kind, template in _rows(file, 3):
            table[language, kind] = (*table.get((language, kind), ()), template)
    places = list(_rows("places", 6))
    return Vocabulary(
        countries={row[0]: _country(row, rank) for rank, row in enumerate(places)},
        regions={r[0]: Region(r[0], r[1], _names(r[2:])) for r in _rows("regions", 8)},
        audiences={r[0]: Audience(r[0], float(r[1]), _names(r[2:])) for r in _rows("audiences", 8)},
        forms={r[0]: Form(r[0], float(r[1]), _days(r[2]), _names(r[3:])) for r in _rows("forms", 9)},
        topics={row[0]: _topic(row) for row in _rows("topics", 10)},
        organisations={row[0]: _organisation(row) for row in _rows("organisations", 7)},
        programmes=tuple(Programme(r[0], r[1], _words(r[2]), _words(r[3])) for r in _rows("programmes", 4)),
        titles=titles,
        sentences=sentences,
        brands=tuple((r[0], r[1], r[2]) for r in _rows("brands", 3)),
        venues=tuple(name for kind, name in _rows("venues", 2) if kind == "venue"),
        hosts=tuple(name for kind, name in _rows("venues", 2) if kind == "host"),
    )


def _rows(file: str, columns: int) -> Iterator[list[str]]:
    for line in (_DATA / f"{file}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) != columns:
                raise ValueError(f"{file}.txt: {len(cells)} columns and not {columns}: {line[:60]}")
            yield cells


def _list(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _days(text: str) -> tuple[int, int]:
    least, _, most = text.partition("-")
    return int(least), int(most)


def _names(cells: Sequence[str]) -> Names:
    return {language: _list(cell) for language, cell in zip(LANGUAGES, cells, strict=True)}


def _by_language(cell: str) -> Names:
    """ "en, other ; fr ; es ; ru ; ar ; zh": a language without an own name says it as English does."""
    cells = [part.strip() for part in cell.split(";")]
    return {
        language: _list(cells[i]) if i < len(cells) and cells[i] else _list(cells[0])
        for i, language in enumerate(LANGUAGES)
    }


def _country(row: list[str], rank: int) -> Country:
    code, region, languages, names, demonym, cities = row
    written = {language: list(values) for language, values in _by_language(names).items()}
    russian, french = written["ru"], written["fr"][0]
    written["ru"] = russian[:1]
    article = "aux" if code in _FR_AUX else "à" if code in _FR_A else "au" if code in _FR_AU else "en"
    within = {
        "en": f"in {written['en'][-1]}",
        "fr": f"{article} {french}",
        "es": f"en {written['es'][0]}",
        "ru": russian[1] if len(russian) > 1 else f"в {russian[0]}",
        "ar": f"في {written['ar'][0]}",
        "zh": f"在{written['zh'][0]}",
    }
    return Country(
        code=code,
        region=region,
        languages=_words(languages),
        names={language: tuple(values) for language, values in written.items()},
        within=within,
        demonym=demonym,
        cities=tuple(City(_by_language(city)) for city in cities.split(" / ")),
        weight=(rank + 1) ** -_ZIPF,
    )


def _topic(row: list[str]) -> Topic:
    names = dict(_names(row[4:]))
    pairs = [name.partition(" = ") for name in names["ru"]]
    names["ru"] = tuple(nominative for nominative, _, _ in pairs)
    return Topic(row[0], float(row[1]), _words(row[2]), _words(row[3]), names, tuple(dative for _, _, dative in pairs))


def _organisation(row: list[str]) -> Organisation:
    # a long name may hold a comma: "U.S. Department of Justice, Office of ..."
    long = [part.strip() for part in row[6].split(";")]
    return Organisation(
        key=row[0],
        kind=row[1],
        weight=float(row[2]),
        regions=_words(row[3]),
        languages=_words(row[4]),
        short=_by_language(row[5]),
        long={language: (name,) for language, name in zip(LANGUAGES, long, strict=True)},
    )


@lru_cache(maxsize=64)
def speciality(organisation: str) -> frozenset[str]:
    """Topics that an organisation mostly works on."""
    return next(
        (frozenset(_words(topics)) for key, topics in _rows("specialities", 2) if key == organisation), frozenset()
    )


@lru_cache(maxsize=1)
def parts_of_names() -> Mapping[str, tuple[str, ...]]:
    """What invented names are made of."""
    return {part: _words(words) for part, words in _rows("invented", 2)}
