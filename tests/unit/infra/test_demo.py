"""The demo's own check of itself: nothing missing, nothing too many, each in its band."""

from typing import Any

from convene import Alert, Organisation

from infra.demo.load import Registry, differences, read

EXPECTED = read("expected.json")
PLANS = {str(entry["key"]): f"plan_{number}" for number, entry in enumerate(read("plans.json")["plans"])}


def alerts() -> list[Alert]:
    """Exactly what is expected."""
    found = [
        alert(f"a{number}", "duplicate", each["plans"], band=each["bands"][0])
        for number, each in enumerate(EXPECTED["duplicates"])
    ]
    return found + [
        alert(f"o{number}", "overlap", [plan for side in each["sides"] for plan in side], overlap_kind=each["kind"])
        for number, each in enumerate(EXPECTED["overlaps"])
    ]


def alert(name: str, kind: str, plans: list[str], **fields: Any) -> Alert:
    sides = [{"plan": PLANS[key]} for key in plans]
    return Alert({"id": name, "version": 1, "kind": kind, "sides": sides, "overlap_kind": None, **fields})


def test_what_is_expected_is_no_difference() -> None:
    assert differences(EXPECTED, alerts(), PLANS) == []
    assert len(alerts()) == 7


def test_every_kind_of_difference_is_said() -> None:
    found = alerts()
    assert "no duplicate alert for A1-unodc, A1-world-bank" in differences(EXPECTED, found[1:], PLANS)
    assert "no effort overlap" in differences(EXPECTED, found[:-1], PLANS)[0]
    odd = alert("x", "duplicate", ["A1-unodc", "I3-coe"], band="likely")
    assert differences(EXPECTED, [*found, odd], PLANS) == ["an alert too many: duplicate A1-unodc, I3-coe"]
    found[0]["band"] = "probable"
    assert "probable, expected certain or likely" in differences(EXPECTED, found, PLANS)[0]


def test_a_group_that_grew_is_not_the_group_that_is_expected() -> None:
    found = alerts()
    found[0]["sides"] = [*found[0]["sides"], {"plan": "plan_stranger"}]
    assert len(differences(EXPECTED, found, PLANS)) == 2


def test_partners_are_found_by_what_people_call_them() -> None:
    registry = Registry(
        [
            Organisation({"id": "o1", "slug": "th-amlo", "name": "Anti-Money Laundering Office", "acronym": "AMLO"}),
            Organisation({"id": "o2", "slug": "asean-secretariat", "name": "x", "aliases": [{"text": "ASEAN"}]}),
        ]
    )
    assert (registry.slug("amlo"), registry.slug("asean"), registry.slug("th-amlo")) == (
        "th-amlo",
        "asean-secretariat",
        "th-amlo",
    )


def test_plans_are_posted_after_what_they_refer_to() -> None:
    seen: set[str] = set()
    for entry in read("plans.json")["plans"]:
        for name in ("part_of", "follow_up_of"):
            assert entry["body"].get(name) in {None, *seen}
        seen.add(entry["key"])
