"""Candidate pairs: the same from either side, the same whatever the order of rows, and every cut is told."""

import random
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from infra.lists import index as module
from infra.lists import undated
from infra.lists.index import KINDS, Index
from services.activities.matching.codes import hash64
from services.activities.matching.features import ROW, PlanText, extract

WORDS = [
    "cryptocurrency",
    "forensics",
    "malware",
    "darknet",
    "legislation",
    "mobile",
    "evidence",
    "network",
    "banking",
    "seizure",
]
COUNTRIES = ["KEN", "UGA", "THA", "LAO", "FRA", None]


def plans(count: int, seed: int) -> list[PlanText]:
    random_ = random.Random(seed)
    made: list[PlanText] = []
    for number in range(count):
        start = date(2026, 1, 1) + timedelta(days=random_.randrange(400))
        dated = random_.random() > 0.2
        country = random_.choice(COUNTRIES)
        made.append(
            PlanText(
                plan_id=f"p{number}",
                version=1,
                partner=f"org{number % 7}",
                type="training",
                status="confirmed",
                title=" ".join(random_.sample(WORDS, 3)) + (f" course{random_.randrange(300)}" if number % 3 else ""),
                start=start if dated else None,
                end=start + timedelta(days=random_.choice([0, 2, 4])) if dated else None,
                precision=random_.choice(["day", "day", "month", "year"]) if dated else None,
                venues=((None, country),) if country else (),
            )
        )
    return made


def built(texts: list[PlanText], in_full: int = 0) -> Index:
    rows = np.frombuffer(b"".join(extract(text).packed for text in texts), ROW)
    said = np.array([hash64(text.plan_id) for text in texts], np.uint64)
    files = np.array([number % 2 for number in range(len(texts))], np.int32)
    return Index.build(rows, said, files, overlaps=True, in_full=in_full)


def pairs(texts: list[PlanText], made: Index, block: int = 50, *, across: bool = False) -> set[frozenset[str]]:
    found: set[frozenset[str]] = set()
    for first, last in module.blocks(len(texts), block):
        one, other = made.pairs(first, last, across=across)
        assert (one < other).all()
        assert ((one >= first) & (one < last)).all()
        assert len(set(zip(one.tolist(), other.tolist(), strict=True))) == len(one)
        found |= {frozenset((texts[a].plan_id, texts[b].plan_id)) for a, b in zip(one, other, strict=True)}
    return found


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that cuts in a list of a few hundred rows."""
    kinds = tuple(module.Kind(kind.name, few=8, near=3, days=kind.days) for kind in KINDS)
    monkeypatch.setattr(module, "KINDS", kinds)


def test_short_lists_are_compared_in_full() -> None:
    texts = plans(40, 1)
    made = built(texts, in_full=40)
    assert len(pairs(texts, made)) == 40 * 39 // 2
    assert made.cuts() == []
    assert made.capped(0) == ()


@pytest.mark.usefixtures("tight")
def test_the_order_of_rows_changes_nothing() -> None:
    texts = plans(400, 2)
    found = pairs(texts, built(texts))
    for seed in range(3):
        shuffled = texts.copy()
        random.Random(seed).shuffle(shuffled)
        made = built(shuffled)
        assert pairs(shuffled, made, block=77) == found
        assert made.cuts() == built(texts).cuts()


@pytest.mark.usefixtures("tight")
def test_either_row_finds_the_other() -> None:
    texts = plans(400, 3)
    forward = pairs(texts, built(texts))
    backward = texts[::-1]
    # a pair is given by its earlier row only, so backwards each is found from its other side
    assert pairs(backward, built(backward)) == forward
    assert 0 < len(forward) < 400 * 399 / 4


@pytest.mark.usefixtures("tight")
def test_a_cut_is_told_with_its_rows() -> None:
    texts = plans(400, 4)
    made = built(texts)
    cuts = {cut.kind: cut.rows for cut in made.cuts()}
    assert cuts["country and days"] > 100
    capped = [made.capped(number) for number in range(400)]
    assert {kind: sum(kind in each for each in capped) for kind in cuts} == cuts


def test_rows_with_one_rare_word_meet_whatever_their_dates() -> None:
    texts = plans(300, 5)
    common = {"version": 1, "type": "training", "status": "confirmed"}
    texts.append(PlanText(plan_id="a", partner="x", title="Steganography basics", **common))
    texts.append(PlanText(plan_id="b", partner="y", title="On steganography", start=date(2030, 1, 1), **common))
    assert frozenset("ab") in pairs(texts, built(texts))


def test_a_row_without_a_country_meets_those_of_its_day() -> None:
    texts = plans(300, 6)
    day = date(2031, 5, 5)
    common = {"version": 1, "type": "training", "status": "confirmed", "start": day}
    texts.append(PlanText(plan_id="a", partner="x", title="Alpha", **common))
    texts.append(PlanText(plan_id="b", partner="y", title="Omega", venues=((None, "KEN"),), **common))
    assert frozenset("ab") in pairs(texts, built(texts))


def test_a_year_meets_a_day_in_its_midst() -> None:
    texts = plans(300, 7)
    common = {"version": 1, "type": "training", "status": "confirmed", "venues": ((None, "MNG"),)}
    texts.append(PlanText(plan_id="a", partner="x", title="Alpha", start=date(2026, 1, 1), precision="year", **common))
    texts += [
        PlanText(plan_id=f"m{n}", partner="y", title=f"Word{n}", start=date(2026, 8, 1), **common) for n in range(70)
    ]
    assert frozenset({"a", "m0"}) in pairs(texts, built(texts))


def test_across_leaves_pairs_of_different_files() -> None:
    texts = plans(60, 8)
    for in_full in (0, 60):
        found = pairs(texts, built(texts, in_full), across=True)
        numbers = [sorted(int(plan_id[1:]) for plan_id in pair) for pair in found]
        assert numbers
        assert all(a % 2 != b % 2 for a, b in numbers)


def test_a_row_without_a_date_meets_those_that_share_most_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undated, "MOST", 5)
    common = {"version": 1, "type": "training", "status": "confirmed"}
    texts = [
        PlanText(
            plan_id=f"m{n:03}",
            partner=f"org{n % 9}",
            title="Course",
            start=date(2026, 1, 1) + timedelta(days=n % 300),
            venues=((("Nairobi", "Mombasa", "Kisumu")[n % 3], "KEN"),),
            themes=(("fraud", "darknet", "malware", "legislation")[n % 4],),
            audiences=("investigators",),
            **common,
        )
        for n in range(400)
    ]
    near = PlanText(
        plan_id="near", partner="x", title="Course", start=date(2026, 6, 6), venues=(("Kisumu", "KEN"),), themes=("ransomware",), audiences=("judges",), **common
    )  # fmt: skip
    without = replace(near, plan_id="without", partner="y", start=None)
    # a hundred of any two of town, theme and audience, so that no key of two parts is small either
    for name, change in (
        ("k", {"audiences": ("prosecutors",)}),
        ("l", {"themes": ("fraud",)}),
        ("o", {"venues": (("Nairobi", "KEN"),)}),
    ):
        texts += [replace(near, plan_id=f"{name}{n:03}", **change) for n in range(100)]
    found = pairs([*texts, near, without], built([*texts, near, without]))
    assert frozenset({"near", "without"}) in found
    assert sum("without" in pair for pair in found) < 300
