"""The demo's own check of itself: nothing missing, nothing too many, each in its band."""

from typing import Any

from convene import Alert, Organisation

from infra.demo.load import Registry, differences, read
from services.activities.matching.engine import COVERAGE_TEXT

EXPECTED = read("expected.json")
CHECKED = {key: COVERAGE_TEXT[coverage] for key, coverage in EXPECTED["not_checked"].items()}
PLANS = {str(entry["key"]): f"plan_{number}" for number, entry in enumerate(read("plans.json")["plans"])}


def alerts() -> list[Alert]:
    """Exactly what is expected."""
    found = [
        alert(f"a{number}", "duplicate", [each["plans"]], band=each["bands"][0])
        for number, each in enumerate(EXPECTED["duplicates"])
    ]
    return found + [
        alert(f"o{number}", "overlap", each["sides"], overlap_kind=each["kind"])
        for number, each in enumerate(EXPECTED["overlaps"])
    ]


def alert(name: str, kind: str, groups: list[list[str]], **fields: Any) -> Alert:
    named = [[PLANS[key] for key in group] for group in groups]
    return Alert({"id": name, "version": 1, "kind": kind, "groups": named, "overlap_kind": None, **fields})


def test_what_is_expected_is_no_difference() -> None:
    assert differences(EXPECTED, alerts(), PLANS, CHECKED) == []
    assert len(alerts()) == 7


def test_every_kind_of_difference_is_said() -> None:
    found = alerts()
    assert "no duplicate alert for A1-unodc, A1-world-bank" in differences(EXPECTED, found[1:], PLANS, CHECKED)
    assert "no effort overlap" in differences(EXPECTED, found[:-1], PLANS, CHECKED)[0]
    odd = alert("x", "duplicate", [["A1-unodc", "I3-coe"]], band="likely")
    assert differences(EXPECTED, [*found, odd], PLANS, CHECKED) == ["an alert too many: duplicate A1-unodc, I3-coe"]
    assert len(differences(EXPECTED, [*found, found[0]], PLANS, CHECKED)) == 1  # the same alert twice
    unchecked = differences(EXPECTED, found, PLANS, CHECKED | {"A7-unodc": "checked"})
    assert unchecked == ["A7-unodc is shown as 'checked', not as 'not checked: no date'"]
    found[0]["band"] = "probable"
    assert "probable, expected certain or likely" in differences(EXPECTED, found, PLANS, CHECKED)[0]


def test_a_group_that_grew_is_not_the_group_that_is_expected() -> None:
    found = alerts()
    found[0]["groups"] = [[*found[0]["groups"][0], "plan_stranger"]]
    assert len(differences(EXPECTED, found, PLANS, CHECKED)) == 2


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
