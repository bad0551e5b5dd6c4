"""The faults that the lane's rules are there against, planted one by one: a short life of two or three plans must see each."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.activities.commands import AmendPlan, Decide, PostPlan
from services.activities.domain.alerts import LIVE
from services.activities.handlers import decisions, plans
from services.activities.orm import AlertRow
from shared.db import Database
from shared.reader import SERVICE
from tests.integration.activities.play import COORDINATOR, Play, principal
from tests.support.activities import IVAN, NORA, TARO, training
from tests.support.mutants import Mutant, planted
from tests.support.people import Person


@dataclass
class Life:
    """What people do, each time with its turn in the lane."""

    play: Play

    async def post(self, who: Person, **changes: Any) -> dict[str, Any]:
        async with self.play.db.write(SERVICE) as session:
            uow = self.play.unit(session, who.id)
            stored = await plans.post_plan(PostPlan(self.play.validated(training(**changes))), uow, principal(who))
            await uow.flush()
        await self.play.turn(stored["id"])
        return stored

    async def amend(self, who: Person, plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
        async with self.play.db.write(SERVICE) as session:
            uow = self.play.unit(session, who.id)
            command = AmendPlan(plan["id"], plan["version"], changes)
            stored, _ = await plans.amend_plan(command, uow, principal(who), self.play.validated)
            await uow.flush()
        await self.play.turn(stored["id"])
        return stored

    async def decide(self, verdict: str) -> None:
        [alert] = await self.waiting()
        async with self.play.db.write(SERVICE) as session:
            uow = self.play.unit(session, COORDINATOR.id)
            await decisions.decide(Decide(alert.id, verdict), uow, COORDINATOR)
            await uow.flush()

    async def waiting(self) -> list[AlertRow]:
        return [row for row in await self.play.alerts() if row.status in LIVE]


@pytest.fixture
async def life(tmp_path: Path) -> AsyncGenerator[Callable[[], Awaitable[Life]]]:
    """A new one each time it is called."""
    made: list[Database] = []

    async def begin() -> Life:
        made.append(Database(f"sqlite+aiosqlite:///{tmp_path}/{len(made)}.db"))
        play = Play(made[-1], random.Random(1))
        await play.start()
        return Life(play)

    yield begin
    for db in made:
        await db.dispose()


async def called_distinct_is_not_asked_again(one: Life) -> None:
    mine = await one.post(NORA)
    await one.post(IVAN)
    await one.decide("distinct")
    assert await one.waiting() == []
    mine = await one.amend(NORA, mine, description="The same in more words.")
    assert await one.waiting() == [], "nor under another name: the two collide as well"
    await one.amend(NORA, mine, title="Cybercrime investigations and digital forensics training, first week")
    assert [alert.kind for alert in await one.waiting()] == ["duplicate"], "something else was decided on"


async def linked_plans_are_one_activity(one: Life) -> None:
    mine = await one.post(NORA)
    await one.post(IVAN)
    await one.decide("link")
    mine = await one.amend(NORA, mine, start="2027-04-26", end="2027-04-28")
    assert await one.waiting() == []
    # now nothing but the decision holds them together
    await one.amend(NORA, mine, title="Seminar on treaty law", themes=["legislation"], audiences=["investigators"])
    assert await one.waiting() == []


async def an_alert_stays_itself(one: Life) -> None:
    mine = await one.post(NORA)
    await one.post(IVAN)
    [first] = await one.waiting()
    await one.post(TARO)
    [again] = await one.waiting()
    assert (again.id, len(again.versions), again.version) == (first.id, 3, first.version + 1)
    await one.amend(NORA, mine, description="Coffee is served.")
    [still] = await one.waiting()
    assert still.versions != again.versions
    assert still.version == again.version, "nothing that people read has changed"


async def a_cut_is_told(one: Life) -> None:
    for who in (NORA, IVAN):
        await one.post(who, beneficiary_regions=["001"])
    assert [alert.capped for alert in await one.waiting()] == [True]


async def a_conflict_is_told_of_the_activity_once(one: Life) -> None:
    await one.post(NORA)
    await one.post(IVAN)
    await one.post(
        TARO, title="Seminar on treaty law", type="workshop", themes=["legislation"], audiences=["investigators"]
    )
    told = sorted((alert.kind, len(alert.versions)) for alert in await one.waiting())
    assert told == [("duplicate", 2), ("overlap", 3)]


async def what_moves_away_is_closed(one: Life) -> None:
    mine = await one.post(NORA)
    await one.post(IVAN)
    await one.amend(NORA, mine, start="2028-01-10", end="2028-01-12")
    assert await one.waiting() == []


HANDLERS, DOMAIN = "services.activities.handlers.", "services.activities.domain."
Script = Callable[[Life], Awaitable[None]]
MUTANTS: dict[str, tuple[str, str, str, Script]] = {
    "distinct does not hold": (f"{HANDLERS}component", "elif fingerprint(a, b) == row.fingerprint:", "elif False:", called_distinct_is_not_asked_again),
    "distinct holds whatever changes": (f"{HANDLERS}component", "elif fingerprint(a, b) == row.fingerprint:", "else:", called_distinct_is_not_asked_again),
    "distinct is asked under another name": (f"{HANDLERS}lane", "return bool(_pairs(left, right) & (state.no_overlap | state.apart_by_people))", "return False", called_distinct_is_not_asked_again),
    "link does not hold": (f"{HANDLERS}component", "self.linked.add(pair)", "pass", linked_plans_are_one_activity),
    "linked plans are asked about": (f"{HANDLERS}lane", "settled=all(home[a] == home[b] for a, b in across)", "settled=False", linked_plans_are_one_activity),
    "an alert loses its id": (f"{DOMAIN}alerts", "return best[3] if best else None", "return None", an_alert_stays_itself),
    "a change is not told": (f"{DOMAIN}alerts", "if _reads(want) == _reads(found.wanted):", "if True:", an_alert_stays_itself),
    "every change is told": (f"{DOMAIN}alerts", "    if want == replace(found.wanted, private=want.private):\n        return None\n    if _reads(want) == _reads(found.wanted):\n        return Step(Action.REFRESH, held)\n", "", an_alert_stays_itself),
    "a cut is not told": (f"{HANDLERS}lane", "capped = state.capped or any(each.capped for each in chosen.values())", "capped = False", a_cut_is_told),
    "each posting collides": (f"{HANDLERS}lane", "activities = {group.key: group.plans for group in clustered} | homes", "activities = {group.key: group.plans for group in clustered} | {plan: (plan,) for plan in outside}", a_conflict_is_told_of_the_activity_once),
    "what is gone stays": (f"{HANDLERS}lane", "    if before:\n        either", "    if not before:\n        either", what_moves_away_is_closed),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_seen(name: str, life: Callable[[], Awaitable[Life]]) -> None:
    module, old, new, seen_by = MUTANTS[name]
    await seen_by(await life())
    one = await life()
    with planted(Mutant(module, old, new, seen_by)), pytest.raises((AssertionError, ValueError)):
        await seen_by(one)
