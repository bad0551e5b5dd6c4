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


def meets(one: Array, other: Array) -> Array:
    """Whether two columns of values (0 is empty) share one, per pair."""
    return ((one[:, :, None] == other[:, None, :]) & (one != 0)[:, :, None]).any(axis=(1, 2))


def read_from_text(flag: int, one: Array, other: Array) -> Array:
    """Whether one side does not give a field, and its words had to do."""
    return ((one["flags"] | other["flags"]) & flag) != 0
