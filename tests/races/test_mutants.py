"""The faults that the lane and the order of writing are there for, planted: the suite beside this one must see them.

Planted in the test by patching the product, on two replicas and PostgreSQL: SQLite has one writer, where nothing races.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from services.activities import consumers
from services.activities.domain.plan import Plan
from services.activities.matching.features import Features
from services.activities.uow.unit import SOURCE, ActivitiesUnit
from shared.leases import MATCHING, Leases, Term
from tests.races.harness import PATIENCE, Outcome, body, collide_all, move_away_all, outcome, race_all, replicas
from tests.support.activities import NORA, Service

pytestmark = pytest.mark.timeout(600)
ROUNDS, TURNS = 8, 12
LEAD = Leases.lead


@pytest.fixture
def no_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both replicas match at once: nobody is elected, nobody locks the lane's row."""
    lead, fence, enter = Leases.lead, Leases.fence, Leases.enter

    async def lead_at_once(self: Leases, role: str, work: Callable[[Term], Awaitable[None]], stop: Any) -> None:
        await (work(Term(role, 0)) if role == MATCHING else lead(self, role, work, stop))

    async def no_fence(self: Leases, session: Any, term: Term) -> None:
        await (fence(self, session, term) if term.role != MATCHING else unlocked())

    async def no_entrance(self: Leases, session: Any, role: str) -> None:
        await (enter(self, session, role) if role != MATCHING else unlocked())

    async def unlocked() -> None:
        return None

    monkeypatch.setattr(Leases, "lead", lead_at_once)
    monkeypatch.setattr(Leases, "fence", no_fence)
    monkeypatch.setattr(Leases, "enter", no_entrance)


@pytest.fixture
def features_in_the_matching_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A post leaves nothing for others to find; its own match writes that, just before it looks for others."""
    write, rematch = ActivitiesUnit._write_rows_of, consumers.rematch

    async def write_later(self: ActivitiesUnit, plan: Plan, features: Features, *, again: bool = True) -> None:
        if self.actor == SOURCE:
            await write(self, plan, features, again=again)

    async def write_and_rematch(plan_id: str, uow: ActivitiesUnit) -> None:
        plan = await uow.plan(plan_id)
        assert plan
        await uow._write_rows_of(plan, (await uow.features([plan_id]))[plan_id])
        await rematch(plan_id, uow)

    monkeypatch.setattr(ActivitiesUnit, "_write_rows_of", write_later)
    monkeypatch.setattr(consumers, "rematch", write_and_rematch)


@pytest.fixture(autouse=True)
def wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matching transaction waits before its commit until another one is as far (half a second at most): where two
    can be in flight together, they are. Where the lane holds, each one waits for nobody."""
    rematch, barrier = consumers.rematch, asyncio.Barrier(2)

    async def rematch_together(plan_id: str, uow: ActivitiesUnit) -> None:
        await rematch(plan_id, uow)
        with suppress(TimeoutError, asyncio.BrokenBarrierError):
            await asyncio.wait_for(barrier.wait(), 0.5)

    monkeypatch.setattr(consumers, "rematch", rematch_together)


@asynccontextmanager
async def two(url: str) -> AsyncGenerator[list[Service]]:
    """Two replicas that both match, where nothing forbids it (drafts make work for the consumer, and nothing else)."""
    async with replicas(url, 2) as services:
        if Leases.lead is not LEAD:
            matchers = [service.app.state.runtime.dispatchers[consumers.MATCHER] for service in services]
            while not all(matcher.progress.applied for matcher in matchers):
                await services[0].post(NORA, body(0, status="draft"))
                await asyncio.sleep(0.2)
        yield services


async def raced(services: list[Service], first: int) -> Outcome:
    pairs = await race_all(services, ROUNDS, 2, at_once=1, first=first)
    await services[0].settled(PATIENCE)
    return await outcome(services[0], pairs)


async def collided(services: list[Service], first: int) -> Outcome:
    pairs = await collide_all(services, ROUNDS, at_once=1, first=first)
    await services[0].settled(PATIENCE)
    return await outcome(services[0], pairs)


async def left_open(services: list[Service], first: int) -> list[dict[str, int]]:
    return await move_away_all(services, ROUNDS, at_once=1, first=first, lag=0.1)


async def seen(race: Callable[[list[Service], int], Awaitable[Any]], what: Callable[[Any], Any], url: str) -> bool:
    """Whether `what` goes wrong in one of TURNS turns of `race`; half of all pairs fall to one and the same replica."""
    async with two(url) as services:
        for turn in range(TURNS):
            if what(await race(services, turn * ROUNDS)):
                return True
    return False


async def test_with_nothing_planted_all_is_well(postgres_url: str) -> None:
    """The control, under the very load of the tests below."""
    async with two(postgres_url) as services:
        assert await raced(services, 0) == Outcome()
        assert await collided(services, ROUNDS) == Outcome()
        assert await left_open(services, 50) == []


@pytest.mark.usefixtures("no_lane")
async def test_without_the_lane_a_plan_that_moved_away_keeps_its_alert(postgres_url: str) -> None:
    """The twin is matched with what the plan was, while the plan is matched with nobody: the alert stays for ever."""
    assert await seen(left_open, bool, postgres_url)


@pytest.mark.usefixtures("no_lane")
async def test_without_the_lane_a_collision_is_told_twice(postgres_url: str) -> None:
    assert await seen(collided, lambda found: found.split, postgres_url)


@pytest.mark.usefixtures("no_lane", "features_in_the_matching_transaction")
async def test_with_features_written_by_the_matching_transaction_pairs_are_lost(postgres_url: str) -> None:
    """As it was measured before the design was chosen: each of two transactions looks before the other has committed."""
    assert await seen(raced, lambda found: found.lost, postgres_url)


@pytest.mark.usefixtures("no_lane")
async def test_with_features_written_by_the_post_no_pair_is_lost_even_without_the_lane(postgres_url: str) -> None:
    """The guards are two, and this is the other one alone: what is lost above is lost for where the features are written."""
    async with two(postgres_url) as services:
        assert (await raced(services, 0)).lost == []
