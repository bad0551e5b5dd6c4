"""The product's own candidates: how many pairs of one activity its bounded search brings to the scorer, and at what cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.lists.pairing import Options, Run
from infra.lists.tables import open_table

Key = tuple[str, str]


@dataclass(frozen=True)
class Searched:
    """`found` of `wanted` pairs are among the candidates; `per_row` pairs are scored for each row."""

    found: int
    wanted: int
    per_row: float
    cuts: tuple[str, ...]

    def __str__(self) -> str:
        recall = self.found / self.wanted if self.wanted else 1.0
        return f"recall {recall:.4f} ({self.found} of {self.wanted}), {self.per_row:.0f} pairs a row" + "".join(
            f"; {cut}" for cut in self.cuts
        )


def of_lists(rows: Sequence[Mapping[str, Any]], wanted: Iterable[Key], in_full: int = 0) -> Searched:
    """What `convene match` compares, where lists are too long for every pair (`in_full`: how long that is)."""
    from infra.lists import index

    before, index.IN_FULL = index.IN_FULL, in_full
    try:
        with TemporaryDirectory(prefix="convene-bench-") as folder:
            path = Path(folder) / "plans.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            with Run([open_table(path)], Options(processes=1), Path(folder)) as run:
                one, other = run.index.pairs(0, run.index.size)
                cuts = tuple(f"{cut.rows} rows cut under {cut.kind}" for cut in run.summary.cuts)
    finally:
        index.IN_FULL = before
    at = {str(row["reference"]): position for position, row in enumerate(rows)}
    scored = set(zip(one.tolist(), other.tolist(), strict=True))
    pairs = [(min(at[a], at[b]), max(at[a], at[b])) for a, b in wanted]
    return Searched(sum(pair in scored for pair in pairs), len(pairs), len(scored) / max(len(rows), 1), cuts)
