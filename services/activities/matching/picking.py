"""What the levels of likeness are made with: their names, and how one of them is picked pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching.weights import SHIPPED

Array = npt.NDArray[Any]
Level = Callable[[Array, Array], Array]

NAMES: Mapping[str, tuple[str, ...]] = {field: tuple(levels) for field, levels in SHIPPED.fields.items()}
"""The levels of each field, in the order of their indexes. Another table of weights must name the same ones."""
_NUMBERS = {field: {name: np.uint8(number) for number, name in enumerate(levels)} for field, levels in NAMES.items()}


def pick(field: str, *cases: tuple[Array, str], default: str) -> Array:
    """The first case that holds, pair by pair. (`np.select` does this, at ten times the cost for a handful of rows.)"""
    numbers = _NUMBERS[field]
    found = np.empty(max(len(when) for when, _ in cases), np.uint8)
    found.fill(numbers[default])
    for when, name in reversed(cases):
        np.copyto(found, numbers[name], where=when)
    return found


def held(values: Array, rows: Array) -> Array:
    """Which values stand in the row of their pair: bool, in the shape of `values` pair by pair. 0 is empty, and in no row.

    One plan is held against hundreds: then its few values are looked for in a whole column at once.
    """
    if len(rows) == 1:
        found = np.zeros(values.shape, bool)
        for value in rows[0].tolist():
            if value:
                found |= values == value
        return found
    if len(values) == 1:
        found = np.zeros((len(rows), values.shape[1]), bool)
        turned = np.ascontiguousarray(rows.T)
        for at, value in enumerate(values[0].tolist()):
            if value:
                found[:, at] = (turned == value).any(axis=0)
        return found
    return (values[:, :, None] == rows[:, None, :]).any(axis=2) & (values != 0)


def meets(one: Array, other: Array) -> Array:
    """Whether two columns of values (0 is empty) share one, per pair."""
    found: Array = held(one, other)
    return np.any(found, axis=1)


def either(cases: Sequence[Array]) -> Array:
    """Where any of a few columns of truths holds. (`np.any` over a list makes one array of them first.)"""
    found: Array = cases[0]
    for one in cases[1:]:
        found = found | one
    return found


def read_from_text(flag: int, one: Array, other: Array) -> Array:
    """Whether one side does not give a field, and its words had to do."""
    return ((one["flags"] | other["flags"]) & flag) != 0
