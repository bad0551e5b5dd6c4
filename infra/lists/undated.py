"""Whom a row without a date meets. In a crowded key it has no nearest rows, so it meets those that share most with it: each key
that both have counts by how rare it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOST = 300
"""Rows that one row without a date meets in this way."""
WIDEST = 20_000
"""Rows of a key at most: what more have in common tells none of them apart."""


def meetings(key: Array, row: Array, undated: Array, rank: Array) -> tuple[Array, Array]:
    """(one, other), each pair both ways round: every undated row with the `MOST` that share most with it.

    key, row: what each row says, a pair a line. rank: an order of rows by what they say, which breaks ties.
    """
    size = len(rank)
    order = np.argsort(key, kind="stable")
    key, row = key[order], row[order]
    opens = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[opens, len(key)])
    stretch = np.repeat(np.arange(len(opens)), lengths)
    worth = np.log2(size / np.maximum(lengths, 1)).astype(np.float32)
    useful = (lengths > 1) & (lengths <= WIDEST)
    mine = np.isin(row, undated) & useful[stretch]
    of_row, of_stretch = row[mine], stretch[mine]
    by_row = np.argsort(of_row, kind="stable")
    of_row, of_stretch = of_row[by_row], of_stretch[by_row]
    bounds = np.searchsorted(of_row, np.r_[undated, size])
    ones: list[Array] = []
    others: list[Array] = []
    for at, one in enumerate(undated):
        stretches = of_stretch[bounds[at] : np.searchsorted(of_row, one, side="right")]
        if not len(stretches):
            continue
        shared = np.concatenate([row[opens[each] : opens[each] + lengths[each]] for each in stretches])
        votes = np.bincount(shared, np.repeat(worth[stretches], lengths[stretches]), minlength=size)
        votes[one] = 0
        met = np.flatnonzero(votes)
        if len(met) > MOST:
            met = met[_best(votes[met], rank[met])]
        ones.append(np.full(len(met), one))
        others.append(met)
    if not ones:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    one, other = np.concatenate(ones), np.concatenate(others)
    return np.r_[one, other], np.r_[other, one]


def _best(votes: Array, rank: Array) -> Array:
    """Places of the `MOST` highest; only those that can be among them are put in order."""
    values = votes.round(3)
    least = np.partition(values, len(values) - MOST)[len(values) - MOST]
    near = np.flatnonzero(values >= least)
    return near[np.lexsort((rank[near], -values[near]))[:MOST]]
