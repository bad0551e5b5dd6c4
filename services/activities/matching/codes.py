"""Codes as small integers: the bit of a country, theme or audience in a packed row.

The order of the lists *is* the packed format. Append at the end, never sort, never remove: a row that was packed
yesterday must say the same tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from shared.vocabulary import VOCABULARIES

# ISO 3166-1 alpha-3, frozen here so that a new release of the country table cannot move a bit.
_FROZEN = """
ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM
BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR
CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB
GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA
JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA
MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR
NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS
SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON
TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE XKX
"""
COUNTRIES: tuple[str, ...] = tuple(_FROZEN.split())
COUNTRY_BIT = {code: bit for bit, code in enumerate(COUNTRIES)}
COUNTRY_WORDS = 4
"""64-bit words that hold a set of countries: room for 256."""

THEMES = tuple(VOCABULARIES["theme"].codes)
AUDIENCES = tuple(VOCABULARIES["audience"].codes)
TYPES = tuple(VOCABULARIES["type"].codes)
STATUSES = tuple(VOCABULARIES["status"].codes)
LEVELS = tuple(VOCABULARIES["level"].codes)
MODES = tuple(VOCABULARIES["mode"].codes)
LANGUAGES = ("ar", "en", "es", "fr", "ru", "zh", "pt", "de")
"""Languages that texts are read in."""
PRECISIONS = ("day", "week", "month", "quarter", "year")

TYPE_CLASS = {
    "training": 1, "workshop": 1, "train_the_trainer": 1, "exercise": 1, "e_learning": 1, "study_visit": 1,
    "conference": 2, "meeting": 2,
    "briefing": 3, "awareness": 3,
    "mentoring": 4,
    "assessment": 5,
    "legislative_support": 6, "policy_analysis": 6,
}  # fmt: skip
"""Types that people mix up when they post the same event share a class."""

CAPACITY_BUILDING = frozenset(
    {"training", "workshop", "train_the_trainer", "mentoring", "assessment", "legislative_support",
     "study_visit", "exercise", "e_learning"}
)  # fmt: skip
"""Types whose effort a country can absorb only so much of. Gatherings and one-off talks are outside."""

UNMATCHED_STATUSES = frozenset({"draft", "cancelled"})
UNCOMPARED_STATUSES = UNMATCHED_STATUSES | {"postponed"}
"""A postponed plan's days no longer hold. What people linked it to stays; it is compared again when it has new dates."""
RELATED_AUDIENCES = frozenset({"investigators", "forensic_examiners", "financial_intelligence", "cert"})
"""Desks of one law enforcement house: two partners often name the same people by different ones of these."""


def hash64(text: str) -> int:
    """Stable 64-bit hash, never 0 (0 means "not given"). Python's own hash() changes with each process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def signed64(text: str) -> int:
    """`hash64` as databases keep 64 bits: signed."""
    found = hash64(text)
    return found - (1 << 64) if found >> 63 else found


@lru_cache(maxsize=65536)
def hash32(text: str) -> int:
    """The low half of `hash64`, never 0."""
    return hash64(text) & 0xFFFFFFFF or 1


def bits_of(codes: Iterable[str], order: tuple[str, ...]) -> int:
    """Set of vocabulary codes as an integer. Raises ValueError for a code outside the vocabulary."""
    bits = 0
    for code in codes:
        bits |= 1 << order.index(code)
    return bits


def codes_of(bits: int, order: tuple[str, ...]) -> tuple[str, ...]:
    """The inverse of `bits_of`, in vocabulary order."""
    return tuple(code for bit, code in enumerate(order) if bits >> bit & 1)


def country_words(codes: Iterable[str]) -> tuple[int, ...]:
    """Set of alpha-3 codes as `COUNTRY_WORDS` 64-bit integers. Raises ValueError for an unknown code."""
    words = [0] * COUNTRY_WORDS
    for code in codes:
        if code not in COUNTRY_BIT:
            raise ValueError(f"unknown country {code!r}")
        words[COUNTRY_BIT[code] // 64] |= 1 << COUNTRY_BIT[code] % 64
    return tuple(words)


def countries_in(words: Iterable[int]) -> tuple[str, ...]:
    """The inverse of `country_words`, alphabetical."""
    bits = sum(int(word) << 64 * i for i, word in enumerate(words))
    found: list[str] = []
    while bits:  # bit by set bit: most plans name one country of 256
        lowest = bits & -bits
        found.append(COUNTRIES[lowest.bit_length() - 1])
        bits ^= lowest
    return tuple(sorted(found))


def index_of(code: str | None, order: tuple[str, ...]) -> int:
    """Position + 1 of a code in its vocabulary; 0 when not given. Raises ValueError for an unknown code."""
    return 0 if code is None else order.index(code) + 1
