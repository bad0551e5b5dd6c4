"""Which plans are compared with one: each thing that two may share leads from one to the other, and what is cut is what says
least. (The databases are held against the same rule in tests/integration/activities/test_nearby.py.)"""

import sys
from datetime import date, timedelta
from typing import Any

import pytest

from services.activities.matching import candidates
from services.activities.matching.candidates import Kind
from services.activities.matching.features import Features
from tests.support.living import Living
from tests.unit.activities.matching_plans import features

START = date(2026, 3, 9)
BARE: dict[str, Any] = {
    "venues": (), "beneficiary_countries": (), "audiences": (), "themes": (), "description": "",
}  # fmt: skip
ALONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reference": ({"title": "One", "reference": "R-17"}, {"title": "Two", "reference": "R-17", "start": date(2029, 1, 1), "end": date(2029, 1, 2)}),
    "rare": ({"title": "Zanzibar wombats"}, {"title": "Pelicans and wombats"}),
    "organiser": ({"title": "One", "names": ("UNODC",)}, {"title": "Two", "named": ("UNODC",)}),
    "named": ({"title": "One", "named": ("UNODC",)}, {"title": "Two", "named": ("UNODC",)}),
    "trainer": ({"title": "One", "people": ("per_1",)}, {"title": "Two", "people": ("per_1",)}),
    "site": ({"title": "One", "sites": (("UN Office", "Gigiri", "KEN"),)}, {"title": "Two", "sites": (("UN Office", "Gigiri", "KEN"),)}),
    "city": ({"title": "One", "venues": (("Gigiri", None),)}, {"title": "Two", "venues": (("Gigiri", None),)}),
    "country": ({"title": "One", "venues": ((None, "KEN"),), "beneficiary_countries": ("UGA",)}, {"title": "Two", "venues": ((None, "KEN"),), "beneficiary_countries": ("PER",)}),
    "word": ({"title": "Cryptocurrency"}, {"title": "On cryptocurrency"}),
}  # fmt: skip


def pair(kind: str) -> tuple[Features, Features]:
    mine, theirs = ALONE[kind]
    return features(**(BARE | mine)), features("plan_b", "org_b", **(BARE | theirs))


def nearby(asking: Features, *stored: Features) -> list[str]:
    living = Living()
    for one in stored:
        living.put(one)
    return living.near(asking).plans


def leads(kind: str) -> None:
    one, other = pair(kind)
    assert nearby(one, other) == ["plan_b"]
    assert nearby(other, one) == ["plan_a"]
    apart = features("plan_c", "org_c", **(BARE | {"title": "Three"}))
    assert nearby(one, apart) == []


@pytest.mark.parametrize("kind", ALONE)
def test_what_two_plans_have_in_common_leads_from_either_to_the_other(kind: str) -> None:
    leads(kind)


def shared_for(column: str) -> None:
    """An audience or a theme leads to a plan of the same country that the country alone no longer leads to."""
    said: dict[str, Any] = {column: ("judges",) if column == "audiences" else ("darknet",)}
    asked, others = (features(name, title="X", **(BARE | {"beneficiary_countries": ("KEN",)} | more))
                     for name, more in (("plan_a", said), ("plan_b", {})))  # fmt: skip
    living = Living()
    living.put(features("plan_c", "org_c", title="Y", **(BARE | {"beneficiary_countries": ("KEN",)} | said)))
    assert living.near(asked, meeting=True).meeting == ["plan_c"]
    assert living.near(others, meeting=True).meeting == []


@pytest.mark.parametrize("column", ["audiences", "themes"])
def test_who_and_what_it_is_for_leads_to_what_may_collide(column: str) -> None:
    shared_for(column)


def test_the_window_of_an_overlap_widens_the_days_that_are_read() -> None:
    later = START + timedelta(85)
    season = features("plan_b", "org_b", title="X", start=later, end=later)
    assert nearby(features(), season) == ["plan_b"]
    assert nearby(features(), crowd(1, 85)[0]) == []


def test_a_plan_that_started_long_ago_and_still_runs_is_found() -> None:
    said: dict[str, Any] = BARE | {"title": "X", "venues": (("Nairobi", "KEN"),), "beneficiary_countries": ("KEN",)}
    running = features("plan_b", "org_b", **said, start=START - timedelta(300), end=START - timedelta(40))
    assert nearby(features(), running) == ["plan_b"]
    assert nearby(running, features("plan_a")) == ["plan_a"]


def few(rows: int, misses: int = 0) -> dict[str, Kind]:
    return {name: Kind(rows, kind.worth, misses, kind.meets) for name, kind in candidates.KINDS.items()}


def crowd(count: int, days: int, **changes: Any) -> list[Features]:
    """Plans of one country so many days away that share little else."""
    day = START + timedelta(days)
    return [features(f"plan_{days}_{number:02}", "org_c", **(BARE | {"title": f"Crowd {number}", "beneficiary_countries": ("KEN",), "start": day, "end": day} | changes))
            for number in range(count)]  # fmt: skip


def test_a_cut_takes_what_is_farthest_in_time_on_either_side() -> None:
    asking = features("plan_x", **(BARE | {"title": "X", "beneficiary_countries": ("KEN",)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "KINDS", few(10))
        found = nearby(asking, *crowd(30, -40), *crowd(30, 40), *crowd(1, -3), *crowd(1, 3))
    assert {"plan_3_00", "plan_-3_00"} <= set(found)
    assert len(found) == 22  # ten of each side, and one more that says there was more


def test_a_cut_near_the_plan_is_told_and_one_far_away_is_not() -> None:
    asking = features("plan_x", **(BARE | {"title": "X", "beneficiary_countries": ("KEN",)}))
    living = Living()
    for one in crowd(30, 20):
        living.put(one)
    for misses, told in ((30, True), (5, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(candidates, "KINDS", few(10, misses))
            assert living.near(asking).capped == told


def test_what_is_rare_comes_before_what_is_common() -> None:
    rare = features(
        "plan_z",
        "org_b",
        **(BARE | {"title": "Two", "named": ("ITU",), "start": START + timedelta(30), "end": START + timedelta(30)}),
    )
    asking = features("plan_x", **(BARE | {"title": "X", "named": ("ITU",), "beneficiary_countries": ("KEN",)}))
    common = crowd(70, 2)
    assert nearby(asking, rare, *common)[0] == "plan_z"


def test_of_equals_the_nearer_in_time_comes_first_and_weighs_more_than_little_that_is_shared() -> None:
    asking = features("plan_x", **(BARE | {"title": "X", "named": ("ITU",), "beneficiary_countries": ("KEN",)}))
    [far] = crowd(1, 30, named=("ITU",))
    [near] = crowd(1, 0)
    with pytest.MonkeyPatch.context() as patch:
        for module in (candidates, sys.modules[Living.__module__]):
            patch.setattr(module, "RARITY", ())
        assert nearby(asking, far, near) == [near.plan_id, far.plan_id]


def test_of_too_many_those_that_share_most_are_kept_and_a_cut_is_told_where_one_is_missed() -> None:
    asking = features("plan_x", **(BARE | {"title": "X", "beneficiary_countries": ("KEN",), "audiences": ("judges",)}))
    living = Living()
    for one in (*crowd(6, 2), *crowd(1, 20, audiences=("judges",))):
        living.put(one)
    with pytest.MonkeyPatch.context() as patch:
        for module in (candidates, sys.modules[Living.__module__]):
            patch.setattr(module, "MAX_CANDIDATES", 3)
            patch.setattr(module, "ENOUGH", 100)
        found = living.near(asking)
        assert found.plans[0] == "plan_20_00"
        assert (len(found.plans), found.capped) == (3, False)
        for module in (candidates, sys.modules[Living.__module__]):
            patch.setattr(module, "ENOUGH", 1)
        assert living.near(asking).capped
