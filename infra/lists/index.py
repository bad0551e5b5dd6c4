"""Which pairs of rows are worth scoring: found in memory, by keys that two rows share, under a budget.

A key is something that a row says: a country, a city, a rare word, two words of a title, a word in a country, an
organisation in a country, a whole title, a reference. The rows of a key stand in the order of their days. Where they are
few, each meets each. Where they are many, a row meets the nearest ones on either side, and what is left out is counted.

Both rules look the same from either row, so a pair is found from both or from neither; and they depend on what the rows
say, not on where they stand in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.lists import keys
from infra.lists.undated import meetings

Array = npt.NDArray[Any]

IN_FULL = 1500
"""Lists of up to so many rows together: every row meets every other, nothing is left out."""
STEP = 45
"""Days between the entries of a long or coarse row: "2026" stands under nine days of its year."""
MOST_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """`few`: a key with up to so many rows is compared in full. `near`: otherwise, so many rows on either side in the
    order of days. `days`: and no further apart than this (0: any)."""

    name: str
    few: int
    near: int
    days: int = 0


KINDS = (
    Kind("country and days", few=100, near=100, days=45),
    Kind("city", few=100, near=20),
    Kind("rare word", few=60, near=16),
    Kind("two words of the title", few=60, near=16),
    Kind("word and country", few=60, near=16),
    Kind("organisation and country", few=60, near=16),
    Kind("whole title", few=100, near=40),
    Kind("reference", few=100, near=20),
    Kind("first day", few=80, near=20),
    Kind("want of a country, and days", few=60, near=100, days=10),
    Kind("theme and country", few=60, near=12),
    Kind("audience and country", few=60, near=12),
    Kind("theme, audience and country", few=60, near=8),
    Kind("theme and city", few=60, near=8),
    Kind("audience and city", few=60, near=8),
    Kind("organisation and theme", few=60, near=8),
    Kind("organisation and audience", few=60, near=8),
    Kind("theme and days", few=60, near=12, days=10),
    Kind("audience and days", few=60, near=12, days=10),
    Kind("theme, country and season", few=60, near=40, days=95),
    Kind("venue", few=100, near=20),
    Kind("trainer", few=100, near=20),
)


@dataclass(frozen=True)
class Cut:
    """`rows` of the lists shared a key of this kind with more rows than the budget lets them meet."""

    kind: str
    rows: int


class Index:
    """Built once, saved as plain arrays and opened by every process. `size` rows; `all_pairs`: small enough for all."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self._a = arrays
        self.size = len(arrays["files"])
        self.all_pairs = self.size <= int(arrays["in_full"][0])

    @classmethod
    def build(
        cls, rows: Array, said: Array, files: Array, *, overlaps: bool = False, in_full: int | None = None
    ) -> Index:
        """`rows` are packed features, `said` a key of each row's content, `files` the number of its file."""
        in_full = IN_FULL if in_full is None else in_full
        arrays: dict[str, Array] = {"files": np.asarray(files), "in_full": np.array([in_full])}
        if len(rows) > in_full:
            arrays |= _entries(rows, np.asarray(said), overlaps)
        return cls(arrays)

    def save(self, folder: Path) -> None:
        for name, array in self._a.items():
            np.save(folder / f"index-{name}.npy", array)

    @classmethod
    def open(cls, folder: Path) -> Index:
        return cls({path.stem[6:]: np.load(path, mmap_mode="r") for path in sorted(folder.glob("index-*.npy"))})

    def pairs(self, first: int, last: int, *, across: bool = False, both: bool = False) -> tuple[Array, Array]:
        """The pairs (a, b), a < b, with a in `first` <= a < `last`, in order. `across`: of different files only. `both`: with
        every b that a meets, so that each pair stands twice in all."""
        one, other = self._in_full(first, last, both) if self.all_pairs else self._near(first, last, both)
        if across:
            kept = self._a["files"][one] != self._a["files"][other]
            one, other = one[kept], other[kept]
        return one, other

    def cuts(self) -> list[Cut]:
        """What the budget left out, by kind; none where everything was compared."""
        if self.all_pairs:
            return []
        return [Cut(kind.name, int(n)) for kind, n in zip(KINDS, self._a["cut_rows"], strict=True) if n]

    def capped(self, index: int) -> tuple[str, ...]:
        """The kinds of key under which this row met the nearest only."""
        bits = 0 if self.all_pairs else int(self._a["cut_bits"][index])
        return tuple(kind.name for bit, kind in enumerate(KINDS) if bits >> bit & 1)

    def _in_full(self, first: int, last: int, both: bool) -> tuple[Array, Array]:
        if both:
            one = np.repeat(np.arange(first, last), self.size)
            other = np.tile(np.arange(self.size), last - first)
            return one[one != other], other[one != other]
        counts = self.size - 1 - np.arange(first, last)
        one = np.repeat(np.arange(first, last), counts)
        return one, one + 1 + keys.ragged(counts)

    def _near(self, first: int, last: int, both: bool) -> tuple[Array, Array]:
        a = self._a
        start, end = int(a["of_row"][first]), int(a["of_row"][last])
        places = np.asarray(a["place"][start:end])
        counts = a["after"][places] - a["before"][places]
        found = np.repeat(a["before"][places], counts) + keys.ragged(counts)
        here = np.repeat(places, counts)
        one, other = a["row"][here].astype(np.int64), a["row"][found].astype(np.int64)
        kept = other != one if both else other > one
        one, other, here, found = one[kept], other[kept], here[kept], found[kept]
        window = a["window"][here]
        day, its = a["day"][here], a["day"][found]
        kept = (window == 0) | (np.abs(day - its) <= window)
        # in a crowded key, a row without a date has no nearest ones
        kept &= (a["few"][here] != 0) | ((day != 0) & (its != 0))
        start, end = int(a["undated_of_row"][first]), int(a["undated_of_row"][last])
        more, met = a["undated_row"][start:end].astype(np.int64), a["undated_met"][start:end].astype(np.int64)
        wanted = met != more if both else met > more
        found = np.r_[one[kept] * self.size + other[kept], more[wanted] * self.size + met[wanted]]
        once = np.unique(found)
        return once // self.size, once % self.size


def _entries(rows: Array, said: Array, overlaps: bool) -> dict[str, Array]:
    """The entries of all keys, sorted by key, day and content, with the stretch of neighbours of each."""
    n = len(rows)
    key, row, kind = keys.every(rows, overlaps)
    key, row, kind = _shared_only(key, row, kind)
    rank = np.empty(n, np.int64)
    rank[np.lexsort((said, rows["start"]))] = np.arange(n)
    undated = _undated(key, row, rows["start"] == 0, rank)
    key, row, kind, day = _by_day(rows, key, row, kind)
    order = np.lexsort((rank[row], day, key))
    key, row, kind, day = key[order], row[order], kind[order], day[order]
    size = len(key)
    opens = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if size else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[opens, size])
    begin, length = np.repeat(opens, lengths), np.repeat(lengths, lengths)
    near = np.array([each.near for each in KINDS])[kind]
    few = length <= np.array([each.few for each in KINDS])[kind]
    place = np.arange(size)
    before = np.where(few, begin, np.maximum(place - near, begin))
    after = np.where(few, begin + length, np.minimum(place + near + 1, begin + length))
    window = np.where(few, 0, np.array([each.days for each in KINDS])[kind])
    cut_bits = _cut(n, row, kind, day, few, place, near, begin, length, window)
    by_row = np.argsort(row, kind="stable")
    return {
        "row": row.astype(np.int32),
        "day": day.astype(np.int32),
        "few": few.astype(np.uint8),
        "before": before.astype(np.int32),
        "after": after.astype(np.int32),
        "window": window.astype(np.int16),
        "place": by_row.astype(np.int32),
        "of_row": np.searchsorted(row[by_row], np.arange(n + 1)).astype(np.int64),
        **undated,
        "cut_bits": cut_bits,
        "cut_rows": np.array([int((cut_bits >> bit & 1).sum()) for bit in range(len(KINDS))]),
    }


def _cut(
    n: int,
    row: Array,
    kind: Array,
    day: Array,
    few: Array,
    place: Array,
    near: Array,
    begin: Array,
    length: Array,
    window: Array,
) -> Array:
    """Per row, a bit for each kind of key under which somebody stood further off than the budget reaches."""
    bits = np.zeros(n, np.int64)
    lost = ~few & (day == 0)
    for step in (-1, 1):
        beyond = place + step * (near + 1)
        there = (beyond >= begin) & (beyond < begin + length) & ~few
        reach = np.where(there, beyond, 0)
        lost |= there & ((window == 0) | (np.abs(day[reach] - day) <= window))
    np.bitwise_or.at(bits, row[lost], 1 << kind[lost])
    return bits


def _undated(key: Array, row: Array, without: Array, rank: Array) -> dict[str, Array]:
    """Whom rows without a date meet beside their neighbours in the keys, by row."""
    one, other = meetings(key, row, np.flatnonzero(without), rank)
    order = np.lexsort((other, one))
    return {
        "undated_row": one[order].astype(np.int32),
        "undated_met": other[order].astype(np.int32),
        "undated_of_row": np.searchsorted(one[order], np.arange(len(without) + 1)).astype(np.int64),
    }


def _shared_only(key: Array, row: Array, kind: Array) -> tuple[Array, Array, Array]:
    """Without keys that only one row has: most of them."""
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    kept = counts[inverse] > 1
    return key[kept], row[kept], kind[kept]


def _by_day(rows: Array, key: Array, row: Array, kind: Array) -> tuple[Array, Array, Array, Array]:
    """Each entry under the day that its row starts, and every `STEP` days until it ends."""
    start, end = rows["start"].astype(np.int64), rows["end"].astype(np.int64)
    counts = np.minimum((end - start) // STEP + 1, MOST_ENTRIES)[row]
    steps = keys.ragged(counts)
    key, row, kind = (np.repeat(column, counts) for column in (key, row, kind))
    return key, row, kind, np.where(start[row] == 0, 0, start[row] + steps * STEP)


def blocks(size: int, length: int) -> Iterator[tuple[int, int]]:
    """Stretches of rows, the same whatever the number of processes."""
    for first in range(0, size, length):
        yield first, min(first + length, size)
