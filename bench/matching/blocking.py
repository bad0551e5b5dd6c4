"""Candidate pairs, simple and exhaustive: what could be the same by date and place, so that the scorer alone is measured.

The product's own candidates are bounded and indexed; here every pair is looked at, which is good for 10,000 plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching.features import PlanText, interval
from shared import places

GAP = 62
"""Days that may lie between two postings of one activity; a posting without a date is near all others."""

Array = npt.NDArray[Any]


def candidates(plans: Sequence[PlanText]) -> Array:
    """Index pairs (n, 2) int64, the first below the second, in order: dates not too far apart, countries not at odds.

    A plan without a date or without a country is at odds with nobody. Countries of a region count as one another's
    neighbours: the next country of a series is a candidate, and so is a venue against "West Africa".
    """
    count = len(plans)
    spans = [interval(plan.start, plan.end, plan.precision) for plan in plans]
    first = np.array([span[0].toordinal() if span else 1 for span in spans])
    last = np.array([span[1].toordinal() if span else date.max.toordinal() for span in spans])
    bits, known = _areas(plans)
    found: list[Array] = []
    for one in range(count - 1):
        rest = slice(one + 1, count)
        near = (first[rest] - last[one] <= GAP) & (first[one] - last[rest] <= GAP)
        meets = ((bits[rest] & bits[one]) != 0).any(axis=1) | ~known[rest] | (not known[one])
        others = np.flatnonzero(near & meets) + one + 1
        found.append(np.column_stack([np.full(len(others), one), others]))
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _areas(plans: Sequence[PlanText]) -> tuple[Array, Array]:
    """Per plan: bits of its sub-regions of the world, and whether it names any place."""
    regions: dict[str, int] = {}
    rows: list[set[int]] = []
    for plan in plans:
        codes = {country for _, country in plan.venues if country} | set(plan.beneficiary_countries)
        near = {places.regions_of(code)[0] for code in codes} | set(plan.beneficiary_regions)
        rows.append({regions.setdefault(region, len(regions)) for region in near})
    bits = np.zeros((len(plans), (len(regions) + 63) // 64 or 1), np.uint64)
    for at, row in enumerate(rows):
        for region in row:
            bits[at, region // 64] |= np.uint64(1) << np.uint64(region % 64)
    return bits, np.array([bool(row) for row in rows])
