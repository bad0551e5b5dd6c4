"""What the levels of likeness are made with: their names, and how one of them is picked pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching.weights import SHIPPED

Array = npt.NDArray[Any]
Level = Callable[[Array, Array], Array]

NAMES: Mapping[str, tuple[str, ...]] = {field: tuple(levels) for field, levels in SHIPPED.fields.items()}
"""The levels of each field, in the order of their indexes. Another table of weights must name the same ones."""


def pick(field: str, *cases: tuple[Array, str], default: str) -> Array:
    """The first case that holds, pair by pair. (`np.select` does this, at ten times the cost for a handful of rows.)"""
    names = NAMES[field]
    size = np.broadcast_shapes(*(np.shape(when) for when, _ in cases))
    found = np.full(size, names.index(default), np.uint8)
    for when, name in reversed(cases):
        np.copyto(found, names.index(name), where=when)
    return found


def held(values: Array, rows: Array) -> Array:
    """Which values stand in the row of their pair: bool, in the shape of `values` pair by pair. 0 is empty, and in no row.

    One plan is held against hundreds: then its few values are looked for in a whole column at once.
    """
    if len(rows) == 1:
        return np.isin(values, rows[0]) & (values != 0)
    if len(values) == 1:
        turned = np.ascontiguousarray(rows.T)
        nowhere = np.zeros(len(rows), bool)
        return np.stack([(turned == value).any(axis=0) if value else nowhere for value in values[0]], axis=1)
    return (values[:, :, None] == rows[:, None, :]).any(axis=2) & (values != 0)


def meets(one: Array, other: Array) -> Array:
    """Whether two columns of values (0 is empty) share one, per pair."""
    found: Array = held(one, other)
    return np.any(found, axis=1)


def read_from_text(flag: int, one: Array, other: Array) -> Array:
    """Whether one side does not give a field, and its words had to do."""
    return ((one["flags"] | other["flags"]) & flag) != 0
