"""What rows say that leads from one to another: keys, each with the row that has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching import codes

Array = npt.NDArray[Any]

(
    COUNTRY,
    CITY,
    WORD,
    WORDS,
    WORD_COUNTRY,
    ORGANISATION,
    TITLE,
    REFERENCE,
    DAY,
    NOWHERE,
    *CROSSED,
    EFFORT,
    SITE,
    PERSON,
) = range(22)
"""Numbers of the kinds of key, as `index.KINDS` has them."""
MOST_COUNTRIES = 12
"""Countries of a row that lead to others; a row for half the world is found by its words."""


def every(rows: Array, overlaps: bool) -> tuple[Array, Array, Array]:
    """(key, row, number of the kind of key) of everything that rows say; themes only where overlaps are asked for."""
    countries = _countries(rows)
    words = _Words(rows)
    found: list[tuple[int, Array, Array]] = [(COUNTRY, *countries)]
    found.append((CITY, *_column(rows["cities"])))
    found.append((WORD, *words.rare()))
    found.append((WORDS, *words.pairs()))
    found.append((WORD_COUNTRY, *_crossed(words.telling(), countries)))
    found.append((ORGANISATION, *_crossed(_organisations(rows), countries)))
    found.append((TITLE, *words.titles()))
    found.append((REFERENCE, *_column(rows["reference"][:, None])))
    exact = (rows["start"] != 0) & (rows["precision"] == codes.index_of("day", codes.PRECISIONS))
    found.append((DAY, *_column(np.where(exact, rows["start"], 0)[:, None])))
    found.append((NOWHERE, *_column(np.bincount(countries[1], minlength=len(rows))[:, None] == 0)))
    themes, audiences, cities = (
        _bits(rows["themes"][:, None]),
        _bits(rows["audiences"][:, None]),
        _column(rows["cities"]),
    )
    by_theme, organisations = _crossed(themes, countries), _organisations(rows)
    crossed = (
        by_theme,
        _crossed(audiences, countries),
        _crossed(audiences, by_theme),
        _crossed(themes, cities),
        _crossed(audiences, cities),
        _crossed(organisations, themes),
        _crossed(organisations, audiences),
        themes,
        audiences,
    )
    found += [(kind, *pair) for kind, pair in zip(CROSSED, crossed, strict=True)]
    if overlaps:
        found.append((EFFORT, *by_theme))
        found.append((SITE, *_column(rows["sites"])))
        found.append((PERSON, *_column(rows["people"])))
    key = np.concatenate([_mixed(np.full(len(values), kind, np.uint64), values) for kind, values, _ in found])
    row = np.concatenate([row for _, _, row in found]).astype(np.int64)
    return key, row, np.concatenate([np.full(len(values), kind) for kind, values, _ in found])


def _countries(rows: Array) -> tuple[Array, Array]:
    """Where it takes place, for whom, and which countries the text names."""
    columns = [name for name in ("venue_countries", "beneficiaries", "mentions") if name in (rows.dtype.names or ())]
    either = np.bitwise_or.reduce([rows[name] for name in columns])
    many = np.bitwise_count(either).sum(axis=1) > MOST_COUNTRIES
    return _bits(np.where(many[:, None], rows["venue_countries"], either))


def _bits(words: Array) -> tuple[Array, Array]:
    """The set bits of unsigned columns: (number of the bit, row)."""
    raw = np.ascontiguousarray(words.astype("<u8")).view(np.uint8).reshape(len(words), -1)
    row, bit = np.nonzero(np.unpackbits(raw, axis=1, bitorder="little"))
    return bit.astype(np.uint64), row


def _column(values: Array) -> tuple[Array, Array]:
    row, at = np.nonzero(values)
    return values[row, at].astype(np.uint64), row


def _organisations(rows: Array) -> tuple[Array, Array]:
    """Owners and those whom others name. An owner that nobody names would lead from its own plans to its own plans."""
    named = [rows["partners"], rows["funders"]]
    named += [rows["named"]] if "named" in (rows.dtype.names or ()) else []
    theirs, of_theirs = _column(np.concatenate(named, axis=1))
    own = [rows["partner"][:, None]]
    own += [rows["own"]] if "own" in (rows.dtype.names or ()) else []
    owner, of_owner = _column(np.concatenate(own, axis=1))
    kept = np.isin(owner, theirs)
    return _once(np.r_[theirs, owner[kept]], np.r_[of_theirs, of_owner[kept]])


def _once(key: Array, row: Array) -> tuple[Array, Array]:
    both = np.unique(np.stack([row.astype(np.uint64), key], axis=1), axis=0)
    return both[:, 1], both[:, 0].astype(np.int64)


def _mixed(one: Array, other: Array) -> Array:
    """One 64-bit key of two: a multiply and a fold, the same everywhere."""
    with np.errstate(over="ignore"):
        mixed = (one + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9) ^ other
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(32))


def _crossed(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
    """Every left key of a row with every right key of it."""
    (one, row), (other, its) = left, right
    order = np.argsort(its, kind="stable")
    other, its = other[order], its[order]
    from_, to = np.searchsorted(its, row), np.searchsorted(its, row, side="right")
    counts = to - from_
    at = np.repeat(from_, counts) + ragged(counts)
    return _mixed(np.repeat(one, counts), other[at]), np.repeat(row, counts)


class _Words:
    """The words of titles and descriptions with how many rows have each. The two lowest bits tell a form ("course") from a
    subject and a word of its own."""

    MOST_RARE = 6
    PAIRED = 5

    def __init__(self, rows: Array) -> None:
        self._size = len(rows)
        title, of_title = _column(rows["title"])
        summary, of_summary = _column(rows["summary"])
        self._titles = title, of_title
        word, row = _once(np.r_[title, summary], np.r_[of_title, of_summary])
        self._all = word, row
        self._known, counts = np.unique(word, return_counts=True)
        self._counts = counts

    def _often(self, word: Array) -> Array:
        return self._counts[np.searchsorted(self._known, word)]

    def rare(self) -> tuple[Array, Array]:
        """Words that few rows have: a property of the word, so that either row of a pair finds the other."""
        word, row = self._all
        kept = self._often(word) <= max(60, self._size // 200)
        return word[kept], row[kept]

    def telling(self) -> tuple[Array, Array]:
        """The rarest words of each row that say more than its form."""
        word, row = self._all
        kept = (word & np.uint64(3)) > 1
        return _first_of_each(word[kept], row[kept], self._often(word[kept]), self.MOST_RARE)

    def pairs(self) -> tuple[Array, Array]:
        """Two by two, the rarest words of each title."""
        word, row = self._titles
        kept = (word & np.uint64(3)) > 1
        word, row = _first_of_each(word[kept], row[kept], self._often(word[kept]), self.PAIRED)
        order = np.lexsort((word, row))
        word, row = word[order], row[order]
        keys: list[Array] = []
        rows: list[Array] = []
        for step in range(1, self.PAIRED):
            same = row[step:] == row[:-step]
            keys.append(_mixed(word[:-step][same], word[step:][same]))
            rows.append(row[step:][same])
        return np.concatenate(keys), np.concatenate(rows)

    def titles(self) -> tuple[Array, Array]:
        """All words of a title as one key."""
        word, row = self._titles
        order = np.lexsort((word, row))
        word, row = word[order], row[order]
        if not len(word):
            return word, row
        opens = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
        return np.bitwise_xor.reduceat(_mixed(word, word), opens), row[opens]


def _first_of_each(word: Array, row: Array, rank: Array, most: int) -> tuple[Array, Array]:
    """The `most` lowest in rank of each row; ties by the word."""
    order = np.lexsort((word, rank, row))
    word, row = word[order], row[order]
    opens = np.searchsorted(row, row)
    kept = np.arange(len(row)) - opens < most
    return word[kept], row[kept]


def ragged(counts: Array) -> Array:
    """0, 1, .. c - 1 for each count c, in one array."""
    total = int(counts.sum())
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(total) - starts
