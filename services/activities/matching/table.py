"""Many plans as columns: what `engine.match` compares one plan with, in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        ids = [plan_id for plan_id, _ in pairs]
        return cls.joined(ids, b"".join(data for _, data in pairs), np.array([hash64(each) for each in ids], np.uint64))

    @classmethod
    def joined(cls, ids: Sequence[str], packed: bytes, numbers: npt.NDArray[Any]) -> FeatureTable:
        """The same from the rows of all of them, one after the other, where the number of each plan (`codes.hash64` of its id,
        signed or not) is at hand."""
        if len(packed) != len(ids) * ROW.itemsize:
            raise ValueError(f"features of {len(ids)} plans: not all are of format {FORMAT}")
        table = np.frombuffer(packed, ROW)
        for right, wrong in (
            (table["format"] == FORMAT, f"not format {FORMAT}"),
            (table["plan"] == numbers.view(np.uint64), "the row of another plan"),
        ):
            if not right.all():
                raise ValueError(f"features of {ids[int(np.argmin(right))]}: {wrong}")
        return cls(tuple(ids), table)

    @classmethod
    def of(cls, features: Iterable[Features]) -> FeatureTable:
        """Built from features at hand."""
        return cls.from_rows((one.plan_id, one.packed) for one in features)

    def only(self, plan_ids: Iterable[str]) -> FeatureTable:
        """The rows of these plans."""
        wanted = set(plan_ids)
        kept = [at for at, plan_id in enumerate(self.ids) if plan_id in wanted]
        return FeatureTable(tuple(self.ids[at] for at in kept), self.rows[kept])

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, index: int) -> Features:
        """The features of one row."""
        return Features(self.ids[index], self.rows[index].tobytes())
