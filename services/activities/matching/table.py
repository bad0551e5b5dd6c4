"""Many plans as columns: what `engine.match` compares one plan with, in one go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.activities.matching.codes import hash64
from services.activities.matching.features import FORMAT, ROW, Features


@dataclass(frozen=True)
class FeatureTable:
    """`ids[i]` is the plan of `rows[i]`; `rows` is one array of `ROW`, a column is `rows["start"]`."""

    ids: tuple[str, ...]
    rows: npt.NDArray[Any]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, bytes]]) -> FeatureTable:
        """Built from (plan id, packed features). Raises ValueError for a row of another format or of another plan."""
        pairs = list(rows)
        for plan_id, data in pairs:
            if len(data) != ROW.itemsize or data[0] != FORMAT:
                raise ValueError(f"features of {plan_id}: not format {FORMAT}")
        ids = tuple(plan_id for plan_id, _ in pairs)
        table = np.frombuffer(b"".join(data for _, data in pairs), ROW)
        foreign = np.flatnonzero(table["plan"] != np.array([hash64(i) for i in ids], "<u8"))
        if len(foreign):
            raise ValueError(f"features of {ids[int(foreign[0])]}: the row of another plan")
        return cls(ids, table)

    @classmethod
    def of(cls, features: Iterable[Features]) -> FeatureTable:
        """Built from features at hand."""
        return cls.from_rows((one.plan_id, one.packed) for one in features)

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, index: int) -> Features:
        """The features of one row."""
        return Features(self.ids[index], self.rows[index].tobytes())
