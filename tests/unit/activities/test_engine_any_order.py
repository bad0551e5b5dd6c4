"""Whatever the order in which plans, edits and cancellations arrive and have their turns, matching comes to the same state: the
engine alone, so that thousands of plans can be tried (tests/integration has the real chain, for fewer)."""

import random
from collections import deque
from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from services.activities.domain.plan import Plan, text_of
from services.activities.domain.reading import read
from services.activities.matching.features import Features, extract
from tests.support.living import Living, State
from tests.support.years import Deed, plan_id, shuffled, some_year
from tests.unit.activities.matching_plans import features

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OWNERS = ("UNODC", "INTERPOL", "ITU", "World Bank")

Year = list[list[tuple[Deed, Features]]]


def read_year(plans: int, chance: random.Random) -> Year:
    """The versions that each plan has in its life, as matching reads them."""
    year: Year = []
    for deeds in some_year(plans, chance):
        body, versions = dict[str, object](), list[tuple[Deed, Features]]()
        for version, deed in enumerate(deeds, 1):
            body |= deed.body if deed.kind != "cancel" else {"status": "cancelled"}
            owner = OWNERS[deed.number % len(OWNERS)]
            plan = Plan(plan_id(deed.number), version, owner, "per_1", True, "act_1", "act_1",
                        read(body, date(2027, 1, 1)), NOW, NOW)  # fmt: skip
            versions.append((deed, extract(text_of(plan, (owner,), ()))))
        year.append(versions)
    return year


def lived(year: Year, chance: random.Random) -> tuple[State, State, int]:
    """What stands when all have had their turns, the same after a sweep, and in how many turns a candidate was missed."""
    versions = {id(deed): version for plan in year for deed, version in plan}
    living, waiting = Living(), deque[str]()
    for deed in shuffled([[deed for deed, _ in plan] for plan in year], chance):
        present = versions[id(deed)]
        living.put(present)
        waiting.append(present.plan_id)
        while len(waiting) > chance.randrange(8):
            waiting.rotate(chance.randrange(3))  # the partitions of the log are read side by side
            living.turn(waiting.popleft())
    for plan in waiting:
        living.turn(plan)
    cut, before = living.cut, living.state()
    for plan in sorted(living.plans):
        living.turn(plan)
    return before, living.state(), cut


def settled(year: Year) -> State:
    """The last versions alone, posted in the order of their ids."""
    living = Living()
    for last in sorted((plan[-1][1] for plan in year), key=lambda one: one.plan_id):
        living.put(last)
    for plan in sorted(living.plans):
        living.turn(plan)
    return living.state()


@pytest.mark.parametrize(
    ("plans", "shuffles"),
    [
        (300, 3),
        pytest.param(10_000, 20, marks=[pytest.mark.campaign, pytest.mark.timeout(4 * 3600)]),
    ],
    ids=["300", "10000"],
)
def test_any_order_of_plans_edits_and_cancellations_leaves_the_same_state(plans: int, shuffles: int) -> None:
    year = read_year(plans, random.Random(1))
    ought = settled(year)
    assert len(ought.duplicates) > plans / 50
    assert len(ought.conflicts) > plans / 50
    for number in range(shuffles):
        before, after, cut = lived(year, random.Random(number))
        differ = (
            len(before.pairs ^ ought.pairs),
            len(before.duplicates ^ ought.duplicates),
            len(before.conflicts ^ ought.conflicts),
        )
        print(f"{plans} plans, order {number}: {len(after.pairs)} pairs, {len(after.duplicates)} duplicates, "
              f"{len(after.conflicts)} conflicts; {cut} turns cut; other than after the sweep: {differ}")  # fmt: skip
        assert after == ought
        assert before == ought or cut, "without a cut the order never shows"


def test_what_one_posting_alone_says_of_an_activity_has_the_same_weight_in_every_order() -> None:
    """Two activities, each posted with days and without, that would meet only by what the posting without days says."""
    undated = {"start": None, "end": None}
    plans = [
        features("plan_a", "org_a", title="Network intrusion for police", audiences=("investigators",), **undated),
        features("plan_b", "org_b", title="Network intrusion for courts", audiences=("investigators", "cert")),
        features(
            "plan_c",
            "org_c",
            title="Child protection online",
            themes=("osint",),
            audiences=("cert", "judges"),
            **undated,
        ),
        features("plan_d", "org_d", title="Child protection online", themes=("osint",), audiences=("judges",)),
    ]
    found = set[State]()
    for order in permutations(plans):
        living = Living()
        for one in order:
            living.put(one)
        for one in order:
            living.turn(one.plan_id)
        found.add(living.state())
    assert len(found) == 1
    state = found.pop()
    assert {plans for plans, *_ in state.duplicates} == {("plan_a", "plan_b"), ("plan_c", "plan_d")}
