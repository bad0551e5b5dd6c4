"""Overlaps in lists: each row's strongest and how many, as the rules say of it against all others."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.lists import index, pairing
from infra.lists.pairing import Options, Run
from infra.lists.scoring import Explainer, likely
from infra.lists.tables import open_table
from services.activities.matching.features import Features
from services.activities.matching.overlaps import MOST, ranked
from services.activities.matching.sieve import Side
from services.activities.matching.table import FeatureTable
from tests.unit.infra.lists.running import Convene, found, lines


def crowd(count: int, seed: int) -> list[dict[str, Any]]:
    """Many partners, two countries, one month: most rows collide with more than are listed."""
    rng = random.Random(seed)
    subjects = [
        "Steganography",
        "Payment cards",
        "Drones",
        "Satellite links",
        "Vehicle systems",
        "Dark markets",
        "Botnets",
    ]
    return [
        {
            "reference": f"r{number}",
            "organisation": f"Partner {rng.randrange(12)}",
            "title": f"{rng.choice(subjects)} {rng.randrange(1000)}",
            "city": rng.choice(["Nairobi", "Mombasa", "Kisumu"]),
            "country": "Kenya",
            "type": rng.choice(["training", "conference", "workshop"]),
            "start": f"2026-05-{rng.randrange(1, 29):02}",
            "audiences": rng.choice(["judges", "investigators; prosecutors", "prosecutors"]),
            "themes": rng.choice(["darknet", "fraud; malware", "fraud"]),
            "trainers": rng.choice(["", "", "Maria Silva", "Silva, Maria; John Doe"]),
        }
        for number in range(count)
    ]


@pytest.mark.parametrize(("in_full", "seed"), [(1000, 1), (0, 2)], ids=["all pairs", "by keys"])
def test_the_strongest_of_each_row_are_told_once_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_full: int, seed: int
) -> None:
    monkeypatch.setattr(index, "IN_FULL", in_full)
    monkeypatch.setattr(index, "KINDS", tuple(index.Kind(kind.name, few=500, near=9) for kind in index.KINDS))
    monkeypatch.setattr(pairing, "CHUNK", 17)
    path = lines(tmp_path / "crowd.jsonl", crowd(70, seed))
    (tmp_path / "room").mkdir()
    with Run([open_table(path)], Options(overlaps=True, processes=1), tmp_path / "room") as run:
        told = [(each.a, each.b) for each in run if each.kind == "overlap"]
    every = [Features(run.posting(at).plan_id, run.shelf.rows[at].tobytes()) for at in range(len(run.shelf))]
    at = {one.plan_id: number for number, one in enumerate(every)}
    wanted: set[tuple[int, int]] = set()
    crowded: list[tuple[int, int]] = []
    for number, one in enumerate(every):
        mine = np.full(len(every), number)
        theirs = np.arange(len(every))
        priors = Explainer(run.shelf).priors(mine, theirs)
        alike, _, _ = likely(Side(run.shelf.rows, mine), Side(run.shelf.rows, theirs), 0.5, priors)
        others = [other for place, other in enumerate(every) if place not in {number, *alike.tolist()}]
        best = ranked(one, FeatureTable.of(others))
        wanted |= {(min(at[x.a], at[x.b]), max(at[x.a], at[x.b])) for x in best.top}
        crowded += [(number, best.total)] if best.total > MOST else []
    assert len(told) == len(set(told))
    assert set(told) == wanted
    assert run.summary.crowded == crowded
    assert len(crowded) > 20


def test_what_is_not_listed_is_said(convene: Convene, tmp_path: Path) -> None:
    _, out, err = convene(lines(tmp_path / "crowd.jsonl", crowd(70, 3)), "--json", "--overlaps")
    assert "the strongest 20 are told, and" in err
    assert {pair["overlap_kind"] for pair in found(out) if pair["kind"] == "overlap"} >= {
        "people",
        "audience",
        "effort",
    }
