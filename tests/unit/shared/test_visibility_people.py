"""Whose ids are told: to whom, and that nothing else is touched."""

from typing import Any

import pytest

from shared.visibility import GREEN, PUBLIC, RED, Facts, Outcome, Principal, Scope
from shared.visibility_people import shown_to, with_people

FACTS = Facts(GREEN, "org_owner", poster="per_poster", countries=frozenset({"KEN"}))
KENYA, FRANCE = Scope(countries=frozenset({"KEN"})), Scope(countries=frozenset({"FRA"}))
PLAN = {"id": "plan_1", "owner": "org_owner", "plan": {"posted_by": "per_poster", "named_people": ["per_a"], "by": 0}}


def somebody(*roles: str, partner: str = "org_other", scope: Scope = FRANCE, person: str = "per_me") -> Principal:
    return Principal(person, frozenset({partner}), frozenset(roles), scope=scope)


READERS: dict[str, tuple[Principal, bool]] = {
    "public": (PUBLIC, False),
    "another partner's focal point": (somebody("focal_point"), False),
    "reader": (somebody("reader"), False),
    "coordinator elsewhere": (somebody("coordinator"), False),
    "a scope without the role": (somebody("focal_point", scope=KENYA), False),
    "coordinator in scope": (somebody("coordinator", scope=KENYA), True),
    "administrator": (somebody("administrator"), True),
    "of the owner": (somebody("reader", partner="org_owner"), True),
    "the poster, for another partner": (somebody("coordinator", person="per_poster"), True),
}


@pytest.mark.parametrize("reader", READERS)
def test_of_a_plan(reader: str) -> None:
    principal, told = READERS[reader]
    shown = shown_to(PLAN, Outcome.FULL, principal, [FACTS], owner="org_owner")
    assert shown == (PLAN if told else {**PLAN, "plan": {}})
    assert shown_to(PLAN, Outcome.BLIND, principal, [FACTS], owner="org_owner") == {**PLAN, "plan": {}}


def test_nobody_is_the_poster_of_a_plan_without_one() -> None:
    shown = shown_to(PLAN, Outcome.FULL, PUBLIC, [Facts(GREEN, "org_owner")], owner="org_owner")
    assert "per_poster" not in str(shown)


@pytest.mark.parametrize(
    ("principal", "told"),
    [
        (somebody("focal_point", partner="org_owner"), set()),  # it is no side's, but the coordinator's own decision
        (somebody("focal_point", person="per_poster"), set()),
        (somebody("focal_point", partner="org_a"), {"made_by"}),
        (somebody("focal_point", person="per_b"), {"reversed_by"}),
        (somebody("coordinator", scope=KENYA), {"made_by", "reversed_by"}),
    ],
)
def test_of_a_decision(principal: Principal, told: set[str]) -> None:
    decision: dict[str, Any] = {"id": "dec_1", "made_by": "per_a", "reversed_by": "per_b"}
    acting = {"per_a": {"org_a"}, "per_b": set[str]()}
    elsewhere = Facts(RED, "org_owner", poster="per_poster")
    shown = shown_to(decision, Outcome.FULL, principal, [elsewhere, FACTS], acting=acting)
    assert shown == {name: value for name, value in decision.items() if name == "id" or name in told}


def test_of_a_list_those_are_left_whom_one_may_know() -> None:
    shown = shown_to({"named_people": ["per_a", "per_me"]}, Outcome.FULL, somebody(), [FACTS], acting={"per_me": ()})
    assert shown == {"named_people": ["per_me"]}


def test_people_are_left_out_at_any_depth_of_lists_too() -> None:
    document = {"id": "x", "rows": [{"by": "per_1", "at": 1}, {"deeper": [{"actor": "per_2"}]}]}
    assert with_people(document, frozenset({"per_2"})) == {
        "id": "x",
        "rows": [{"at": 1}, {"deeper": [{"actor": "per_2"}]}],
    }
