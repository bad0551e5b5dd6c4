"""Splink on the same rows: its own blocking, EM and comparison levels, as its documentation shows them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bench.matching.figures import best_threshold
from bench.matching.marginals import Simple

Key = tuple[str, str]


class Absent(Exception):
    """Splink is not installed; the text says how to."""


def found(rows: Mapping[str, Simple], pairs: set[Key], truth: set[Key] | None) -> tuple[set[Key], float]:
    """Pairs that Splink holds for one, among the candidate pairs; at 0.5, or with `truth` at the best threshold in hindsight."""
    # it tells at length of levels that were never seen
    logging.disable(logging.CRITICAL)
    try:
        scores = {pair: chance for pair, chance in _scores(tuple(rows.items())).items() if pair in pairs}
    finally:
        logging.disable(logging.NOTSET)
    threshold = best_threshold(scores, truth)[1] if truth is not None else 0.5
    return {pair for pair, chance in scores.items() if chance >= threshold}, threshold


@lru_cache(maxsize=1)
def _scores(rows: tuple[tuple[str, Simple], ...]) -> dict[Key, float]:
    try:
        import pyarrow as pa  # type: ignore[import-not-found]
        import splink.comparison_library as cl  # type: ignore[import-not-found]
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on  # type: ignore[import-not-found]
    except ImportError as missing:
        raise Absent(f"{missing.name} is not installed (pip install -r requirements/bench.lock)") from missing
    table: Any = pa.Table.from_pylist(
        [
            {
                "unique_id": reference,
                "title": " ".join(sorted(re.findall(r"\w+", row.title))),
                "start": row.start if row.start and len(row.start) == 10 else None,
                "month": row.start[:7] if row.start and len(row.start) >= 7 and "Q" not in row.start else None,
                "country": row.country,
                "city": row.city,
            }
            for reference, row in rows
        ],
        pa.schema([(name, pa.string()) for name in ("unique_id", "title", "start", "month", "country", "city")]),
    )
    blocking = [block_on("country", "month"), block_on("city"), block_on("start"), block_on("title")]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("title", [0.95, 0.85, 0.75]),
            cl.AbsoluteDateDifferenceAtThresholds(
                "start", input_is_string=True, metrics=["day", "day", "month"], thresholds=[1, 7, 1]
            ),
            cl.ExactMatch("country").configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("city", [0.9]).configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=blocking,
    )
    api: Any = DuckDBAPI()
    linker: Any = Linker(api.register(table), settings)
    linker.training.estimate_probability_two_random_records_match([block_on("start", "city", "country")], recall=0.4)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("start", "country"), block_on("city", "month"), block_on("title")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    predicted: Any = linker.inference.predict(threshold_match_probability=0.001)
    found: dict[Key, float] = {}
    for row in predicted.as_pyarrow_table().to_pylist():
        a, b = sorted((str(row["unique_id_l"]), str(row["unique_id_r"])))
        found[a, b] = float(row["match_probability"])
    return found
