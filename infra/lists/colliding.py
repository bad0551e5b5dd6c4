"""What each row of the lists collides with: the strongest few, and how many in all. Every row is held against all that it
meets, before and after it in the lists, so each pair is found from both of its rows and told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from infra.lists.index import Index
from infra.lists.scoring import Explainer, likely
from infra.lists.shelf import Shelf
from services.activities.matching import overlaps
from services.activities.matching.sieve import Side

Order = tuple[int, int, int]
"""What the conflicts of a row are listed by: strength, a key of what the other row says, its place."""


class Listed(NamedTuple):
    """A pair of rows, `a` before `b`, how strong its conflict is, and what is told of it."""

    a: int
    b: int
    strength: int
    told: dict[str, Any]


@dataclass(frozen=True)
class Colliding:
    """What one row collides with: the strongest, `total` in all, and by what the last one listed is ordered."""

    row: int
    total: int
    listed: list[Listed]
    last: Order


def collisions(
    shelf: Shelf, index: Index, explainer: Explainer, block: tuple[int, int], *, across: bool, same: float, slice_: int
) -> Iterator[Colliding]:
    """Row by row of a block. Pairs that are one activity or one series with probability `same` do not collide."""
    one, other = index.pairs(*block, across=across, both=True)
    hits: list[npt.NDArray[Any]] = []
    judgements: list[overlaps.Judged] = []
    for at in range(0, len(one), slice_):
        left, right = (Side(shelf.rows, side[at : at + slice_]) for side in (one, other))
        judged = overlaps.judge(left.as_array, right.as_array)
        found = np.flatnonzero(judged.kind >= 0)
        priors = explainer.priors(one[at : at + slice_][found], other[at : at + slice_][found])
        alike, _, _ = likely(left.only(found), right.only(found), same, priors)
        found = np.delete(found, alike)
        hits.append(found + at)
        judgements.append(overlaps.Judged(*(column[found] for column in judged)))
    if not hits:
        return
    where = np.concatenate(hits)
    judged = overlaps.Judged(*(np.concatenate(columns) for columns in zip(*judgements, strict=True)))
    a, b, strength = one[where], other[where], judged.strength()
    order = np.lexsort((b, shelf.said[b], strength, a))
    for places in np.split(order, np.flatnonzero(np.diff(a[order])) + 1) if len(order) else ():
        row, listed = int(a[places[0]]), list[Listed]()
        for at in map(int, places[: overlaps.MOST]):
            x, y = sorted((row, int(b[at])))
            listed.append(Listed(x, y, int(strength[at]), explainer.overlap(judged, at, x, y)))
        last = int(b[places[: overlaps.MOST][-1]])
        yield Colliding(row, len(places), listed, (listed[-1].strength, int(shelf.said[last]), last))


class Once:
    """Keeps a pair that both of its rows list from being told twice. What each crowded row listed last is remembered."""

    def __init__(self, shelf: Shelf) -> None:
        self._said = shelf.said
        self._last: dict[int, Order] = {}

    def told(self, each: Colliding) -> Iterator[Listed]:
        """The conflicts of a row that none before it has listed. Rows come in order."""
        if each.total > overlaps.MOST:
            self._last[each.row] = each.last
        for found in each.listed:
            other = found.a + found.b - each.row
            mine = (found.strength, int(self._said[each.row]), each.row)
            if other > each.row or (other in self._last and mine > self._last[other]):
                yield found
