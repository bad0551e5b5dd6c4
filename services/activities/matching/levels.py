"""How alike two plans are, field by field: each function takes two arrays of packed rows, of one length or one of length 1,
and gives, per pair, an index into the field's levels.

Every function is symmetric, and missing is no evidence: the level `unknown`. A new level needs weights and a phrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from services.activities.matching import codes, features
from services.activities.matching.dating import dates
from services.activities.matching.dating import gap_days as gap_days
from services.activities.matching.picking import NAMES as NAMES
from services.activities.matching.picking import Array, Level, either, held, meets, pick, read_from_text

_TYPE_CLASS = np.array([0, *(codes.TYPE_CLASS.get(code, 100 + i) for i, code in enumerate(codes.TYPES))])
_CAPACITY = np.array([False, *(code in codes.CAPACITY_BUILDING for code in codes.TYPES)])
_RELATED = np.uint64(codes.bits_of(codes.RELATED_AUDIENCES, codes.AUDIENCES))
_ONLINE, _IN_PERSON = codes.index_of("online", codes.MODES), codes.index_of("in_person", codes.MODES)
_TIER_WORTH = np.array([0, 1, 4, 8])
_COUNTED = ("edition", "phase", "module")
_OWN_WORD = 3
"""The tier of a title's own words, which do not survive translation; concepts (tiers 1 and 2) do."""


def _city(one: Array, other: Array) -> Array:
    known = (one["cities"][:, 0] != 0) & (other["cities"][:, 0] != 0)
    return pick(
        "city",
        (~known, "unknown"),
        (meets(one["cities"], other["cities"]), "same"),
        (read_from_text(features.CITIES_UNSURE, one, other), "other in the text"),
        default="other",
    )


def _count(bits: Array) -> Array:
    return np.bitwise_count(bits).astype(np.int64).sum(axis=-1)


def _country(one: Array, other: Array) -> Array:
    """Where it is held; a posting that gives no venue says it in its title or text, perhaps. Where the owner is at home speaks
    for a likeness only: a donor trains people elsewhere."""

    def place(rows: Array) -> tuple[Array, Array]:
        venue: Array = rows["venue_countries"]
        given: Array = np.any(venue, axis=1)
        return given, np.where(given[:, None], venue, rows["mentions"])

    (told_a, a), (told_b, b) = place(one), place(other)
    told: Array = told_a & told_b
    shared: Array = np.any(a & b, axis=1)
    known: Array = np.any(a, axis=1) & np.any(b, axis=1)
    region = _stands_in(features.COUNTRIES_OF_REGION, one, told_a) | _stands_in(
        features.COUNTRIES_OF_REGION, other, told_b
    )
    mild = _stands_in(features.COUNTRIES_FOR_ONLY, one, told_a) | _stands_in(features.COUNTRIES_FOR_ONLY, other, told_b)
    return pick(
        "country",
        (~known, "unknown"),
        (shared & told, "same"),
        (shared & region, "in the region"),
        (shared, "in the text"),
        (mild, "unknown"),
        (told, "other"),
        default="other in the text",
    )


def _stands_in(flag: int, rows: Array, given: Array) -> Array:
    """Whether what stands in for the countries of a text is what is compared."""
    return ~given & ((rows["flags"] & flag) != 0)


def _region(one: Array, other: Array) -> Array:
    """A region that both speak of, wherever in it the activity is."""
    return pick("region", (meets(one["regions"], other["regions"]), "same"), default="unknown")


def _beneficiaries(one: Array, other: Array) -> Array:
    a, b = one["beneficiaries"], other["beneficiaries"]
    shared, union = _count(a & b), _count(a | b)
    assumed = (one["flags"] & features.BENEFICIARY_FROM_VENUE, other["flags"] & features.BENEFICIARY_FROM_VENUE)
    return pick(
        "beneficiaries",
        (~a.any(axis=1) | ~b.any(axis=1) | ((assumed[0] != 0) & (assumed[1] != 0)), "unknown"),
        (((assumed[0] != 0) | (assumed[1] != 0)) & (shared > 0), "assumed"),
        ((assumed[0] != 0) | (assumed[1] != 0), "assumed other"),
        (2 * shared >= union, "same"),
        (shared > 0, "some"),
        default="other",
    )


def _translated(one: Array, other: Array) -> Array:
    return (one["language"] != 0) & (other["language"] != 0) & (one["language"] != other["language"])


def _likeness(one: Array, other: Array, column: str) -> tuple[Array, Array, Array]:
    """Weighted Jaccard of two word columns (rare words weigh more), the shared weight, and whether both have words.

    Between two languages only concepts count: the words of one are not in the other.
    """
    a, b = one[column], other[column]
    across = _translated(one, other)[:, None]
    worth = np.where(across & ((a & 3) == _OWN_WORD), 0, _TIER_WORTH[a & 3])
    others = np.where(across & ((b & 3) == _OWN_WORD), 0, _TIER_WORTH[b & 3])
    shared, mine, theirs = (held(b, a) * others).sum(axis=1), worth.sum(axis=1), others.sum(axis=1)
    return shared / np.maximum(mine + theirs - shared, 1), shared, (mine > 0) & (theirs > 0)


def _title(one: Array, other: Array) -> Array:
    part, shared, known = _likeness(one, other, "title")
    across = _translated(one, other)
    telling = shared >= 16  # "Cybercrime training" twice proves little
    return pick(
        "title",
        (~known, "unknown"),
        (across & (part >= 0.6) & (shared >= 5), "translated"),
        (across & (shared > 1), "translated in part"),
        (across, "unknown"),
        ((part >= 0.8) & telling, "same"),
        ((part >= 0.55) & telling, "close"),
        ((part >= 0.35) & (shared >= 12), "like"),
        (part >= 0.8, "same few words"),
        (part >= 0.18, "some"),
        (shared > 1, "few"),
        default="none",
    )


def _spelling(one: Array, other: Array) -> Array:
    """The letters of the two titles, words and spaces apart: compounds, typos, and words that two languages share."""
    mine, theirs = _count(one["grams"]), _count(other["grams"])
    alike = 2 * _count(one["grams"] & other["grams"]) / np.maximum(mine + theirs, 1)
    return pick(
        "spelling",
        ((mine < 2) | (theirs < 2), "unknown"),
        (alike >= 0.9, "same"),
        (alike >= 0.7, "close"),
        (alike >= 0.5, "like"),
        (alike >= 0.3, "some"),
        (_translated(one, other), "unknown"),
        default="other",
    )


def _told(one: Array, other: Array) -> Array:
    """The worth of title words that the other's title does not have, but its description does."""
    words = one["title"]
    elsewhere = held(words, other["summary"]) & ~held(words, other["title"])
    return np.where(elsewhere, _TIER_WORTH[words & 3], 0).sum(axis=1)


def _summary(one: Array, other: Array) -> Array:
    """Descriptions, and what one's description says of the other's title."""
    part, shared, known = _likeness(one, other, "summary")
    told = np.maximum(_told(one, other), _told(other, one))
    return pick(
        "summary",
        ((part >= 0.3) & (shared >= 24), "like"),
        (told >= 8, "told"),
        (~known, "unknown"),
        ((part >= 0.12) & (shared >= 12), "some"),
        default="few",
    )


def _type(one: Array, other: Array) -> Array:
    known = (one["type"] != 0) & (other["type"] != 0)
    kin = _TYPE_CLASS[one["type"]] == _TYPE_CLASS[other["type"]]
    # one joint engagement is a law drafting mission to one partner and a training to the other; a conference is neither
    mixed = _CAPACITY[one["type"]] & _CAPACITY[other["type"]]
    return pick(
        "type",
        (~known, "unknown"),
        (one["type"] == other["type"], "same"),
        (kin, "kin"),
        (mixed, "mixed"),
        (read_from_text(features.TYPE_FROM_TEXT, one, other), "other in the text"),
        default="other",
    )


def _audience(one: Array, other: Array) -> Array:
    a, b = one["audiences"], other["audiences"]
    kin = ((a & _RELATED) != 0) & ((b & _RELATED) != 0)
    return pick(
        "audience",
        ((a == 0) | (b == 0), "unknown"),
        (a == b, "same"),
        ((a & b) != 0, "some"),
        (kin, "kin"),
        (_described(one) | _described(other), "other in the text"),
        (read_from_text(features.AUDIENCES_FROM_TEXT, one, other), "other in the title"),
        default="other",
    )


def _described(rows: Array) -> Array:
    """Whether only the description tells the audience: it speaks of others besides."""
    return (
        rows["flags"] & (features.AUDIENCES_FROM_TEXT | features.AUDIENCES_FROM_TITLE)
    ) == features.AUDIENCES_FROM_TEXT


def _themes(one: Array, other: Array) -> Array:
    a, b = one["themes"], other["themes"]
    return pick(
        "themes",
        ((a == 0) | (b == 0), "unknown"),
        (a == b, "same"),
        ((a & b) != 0, "some"),
        (read_from_text(features.THEMES_FROM_TEXT, one, other), "other in the text"),
        default="other",
    )


def _level(one: Array, other: Array) -> Array:
    unknown = (one["level"] == 0) | (other["level"] == 0)
    return pick("level", (unknown, "unknown"), (one["level"] == other["level"], "same"), default="other")


def _mode(one: Array, other: Array) -> Array:
    a, b = one["mode"], other["mode"]
    apart = ((a == _ONLINE) & (b == _IN_PERSON)) | ((a == _IN_PERSON) & (b == _ONLINE))
    return pick("mode", (apart, "other"), ((a == _ONLINE) & (b == _ONLINE), "both online"), default="unknown")


def _language(one: Array, other: Array) -> Array:
    """The languages that the course is given in (not those that its postings are written in)."""
    known = (one["languages"][:, 0] != 0) & (other["languages"][:, 0] != 0)
    shared = meets(one["languages"], other["languages"])
    return pick("language", (~known, "unknown"), (shared, "shared"), default="other")


def _named(one: Array, other: Array) -> Array:
    """Whether a posting names the other's partner, by its id in the registry or by a name in its text."""
    apart = one["partner"] != other["partner"]
    sides = [
        (theirs["partner"][:, None] == mine[column]).any(axis=1)
        for mine, theirs in ((one, other), (other, one))
        for column in ("partners", "funders")
    ]
    names = sides[0] | sides[1] | meets(one["named"], other["own"])
    named = sides[2] | sides[3] | meets(other["named"], one["own"])
    third = meets(one["named"], other["named"])
    return pick(
        "named",
        (apart & names & named, "both"),
        (apart & (names | named) & third, "one and a third"),
        (apart & (names | named), "one"),
        (apart & third, "a third"),
        default="unknown",
    )


def _same(field: str, column: str) -> Level:
    def level(one: Array, other: Array) -> Array:
        return pick(field, ((one[column] != 0) & (one[column] == other[column]), "same"), default="unknown")

    return level


def _ordinal(one: Array, other: Array) -> Array:
    pairs = [(one[column], other[column]) for column in _COUNTED]
    both = [(a != 0) & (b != 0) for a, b in pairs]
    apart = either([known & (a != b) for known, (a, b) in zip(both, pairs, strict=True)])
    # "the first of its kind" says one of two, and the other need not
    counted = [(a, b) if column != "edition" else (np.where(a == 1, 0, a), np.where(b == 1, 0, b))
               for column, (a, b) in zip(_COUNTED, pairs, strict=True)]  # fmt: skip
    one_only = either([((a != 0) != (b != 0)) & ~known for known, (a, b) in zip(both, counted, strict=True)])
    same = either(both)
    return pick("ordinal", (apart, "other"), (same, "same"), (one_only, "one"), default="unknown")


def _year(one: Array, other: Array) -> Array:
    apart = (one["year"] != 0) & (other["year"] != 0) & (one["year"] != other["year"])
    return pick("year", (apart, "other"), default="unknown")


def _in_house(one: Array, other: Array) -> Array:
    apart = one["partner"] != other["partner"]
    programme = one["programme"] != other["programme"]
    return pick("in_house", (apart, "other partner"), (programme, "other programme"), default="same programme")


def _refers(field: str) -> Level:
    def level(one: Array, other: Array) -> Array:
        return pick(field, ((one[field] == other["plan"]) | (other[field] == one["plan"]), "yes"), default="no")

    return level


def _next_edition(one: Array, other: Array) -> Array:
    same = (one["series"] != 0) & (one["series"] == other["series"])
    known = (one["series_edition"] != 0) & (other["series_edition"] != 0)
    apart = same & known & (one["series_edition"] != other["series_edition"])
    return pick("next_edition", (apart, "yes"), default="no")


LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "dates": dates,
        "city": _city,
        "country": _country,
        "region": _region,
        "beneficiaries": _beneficiaries,
        "title": _title,
        "spelling": _spelling,
        "summary": _summary,
        "type": _type,
        "audience": _audience,
        "themes": _themes,
        "level": _level,
        "mode": _mode,
        "language": _language,
        "named": _named,
        "reference": _same("reference", "reference"),
        "series": _same("series", "series"),
        "ordinal": _ordinal,
        "year": _year,
        "in_house": _in_house,
        "part_of": _refers("part_of"),
        "follow_up_of": _refers("follow_up_of"),
        "next_edition": _next_edition,
    }
)
"""In the order in which an explanation tells them."""
