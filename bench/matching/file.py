"""`convene match` over one long list: seconds, processor seconds and memory, beside a bare comparison of titles: `python -m
bench.matching file`."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from rapidfuzz import fuzz

from bench.matching import generator
from bench.matching.quality import plans_of
from infra.processes import COMMAND
from services.activities.matching.features import PlanText

Say = Callable[[str], None]


def run(rows: int, say: Say) -> None:
    """Print what a generated list of about so many rows takes."""
    with tempfile.TemporaryDirectory(prefix="convene-bench-") as folder:
        path, found = Path(folder) / "plans.jsonl", Path(folder) / "found.jsonl"
        corpus = generator.generate(1, rows, generator.YEAR)
        generator.write(corpus, path, Path(folder) / "truth.jsonl")
        say(
            f"{len(corpus.postings):,} rows, {path.stat().st_size / 1e6:.0f} MB; the largest process's memory, all processes' CPU"
        )
        begun = time.perf_counter()
        with found.open("wb") as output:
            process = subprocess.Popen(
                [*COMMAND, "match", str(path), "--json"], stdout=output, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        if status:
            raise RuntimeError(f"convene match ended with {os.waitstatus_to_exitcode(status)}")
        with found.open("rb") as lines:
            pairs = sum(1 for _ in lines)
        say(
            f"convene match: {seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1e3:.0f} MB, {pairs:,} pairs"
        )
        plans = plans_of(corpus.rows)
        begun, before = time.perf_counter(), time.process_time()
        pairs = _bare(plans)
        taken = time.perf_counter() - begun
        say(
            f"bare, title token-sort >= 90 within one country and start: {taken:.1f} s, {time.process_time() - before:.1f} s CPU, {pairs:,} pairs"
        )


def _bare(plans: Sequence[PlanText]) -> int:
    together = defaultdict[tuple[object, object], list[str]](list)
    for plan in plans:
        for country in {country for _, country in plan.venues} | set(plan.beneficiary_countries):
            together[country, plan.start].append(plan.title)
    return sum(fuzz.token_sort_ratio(a, b) >= 90 for titles in together.values() for a, b in combinations(titles, 2))
