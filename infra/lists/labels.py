"""By which reference a row is called: its own where that tells it apart, else with its organisation, its file, its number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from infra.lists.postings import Posting
from services.activities.matching.codes import hash64

WAYS = 4


def keys_of(posting: Posting) -> tuple[int, ...]:
    """The ways to call a row, plainest first, as hashes; 0 where the row lacks what it takes."""
    if not posting.reference:
        return (0,) * WAYS
    file, organisation, reference = str(posting.file), posting.organisation, posting.reference
    ways = ((reference,), (organisation, reference), (file, reference), (file, organisation, reference))
    return tuple(0 if organisation in way and not organisation else hash64("\0".join(way)) for way in ways)


class Labels:
    """Made from the keys of all rows, an array of `WAYS` columns in input order. No two rows have one label."""

    def __init__(self, keys: npt.NDArray[Any], files: list[str]) -> None:
        self._files = files
        self._way = np.full(len(keys), WAYS, np.int8)
        for way in reversed(range(WAYS)):
            column = keys[:, way]
            _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
            self._way[(counts[inverse] == 1) & (column != 0)] = way
        self.twice = int((self._way[keys[:, 0] != 0] == WAYS).sum())
        """Rows whose reference stands twice in one file for one organisation."""

    def of(self, index: int, posting: Posting) -> str:
        """`A-7`, `UNODC/A-7`, `plans.csv: A-7`, `plans.csv: UNODC/A-7`, else `plans.csv: row 12`."""
        file = self._files[posting.file]
        match int(self._way[index]):
            case 0:
                return posting.reference
            case 1:
                return f"{posting.organisation}/{posting.reference}"
            case 2:
                return f"{file}: {posting.reference}"
            case 3:
                return f"{file}: {posting.organisation}/{posting.reference}"
            case _:
                return f"{file}: {place(posting.sheet, posting.number)}"


def place(sheet: str, number: int) -> str:
    """Where a row stands in its file, as people find it."""
    return f"sheet {sheet}, row {number}" if sheet else f"row {number}"
