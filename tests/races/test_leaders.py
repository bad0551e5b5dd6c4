"""The matching lane passes from one replica to another, and the log is read again: nothing is lost, nothing told twice."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from services.activities.consumers import MATCHER
from services.activities.orm import MatchRow, kernel
from services.activities.uow.unit import TOPIC
from shared.bus.memory import MemoryBus
from shared.bus.port import Delivered
from shared.leases import MATCHING, Term
from shared.reader import SERVICE
from tests.races.harness import PATIENCE, Outcome, outcome, race_all, stored_alerts
from tests.support.activities import Service, running

pytestmark = pytest.mark.timeout(600)
PAIRS = 40


async def lease(service: Service) -> Any:
    async with service.db.read(SERVICE) as session:
        return (await session.execute(select(kernel.lease).where(kernel.lease.c.role == MATCHING))).first()


async def leads(service: Service) -> None:
    """Wait until this replica, alone so far, holds the lane."""
    while (row := await lease(service)) is None or not row.holder:
        await asyncio.sleep(0.05)


async def test_the_leader_leaves_while_plans_are_posted(postgres_url: str) -> None:
    bus = MemoryBus()
    async with AsyncExitStack() as stays, AsyncExitStack() as leaves:
        first = await leaves.enter_async_context(running(postgres_url, bus=bus))
        await leads(first)
        second = await stays.enter_async_context(running(postgres_url, bus=bus, migrate=False))
        pairs = await race_all([first, second], PAIRS // 2, 2, at_once=10)
        racing = asyncio.create_task(race_all([second], PAIRS // 2, 2, at_once=5, first=PAIRS))
        await leaves.aclose()
        pairs += await racing
        await second.settled(PATIENCE)
        assert (await lease(second)).epoch > 1
        assert await outcome(second, pairs) == Outcome()


async def test_a_leader_that_sleeps_through_its_lease_changes_nothing_afterwards(postgres_url: str) -> None:
    """It does not notice: it goes on consuming, until its next transaction finds another epoch."""
    bus = MemoryBus()
    async with running(postgres_url, bus=bus, lease_ttl=1.0) as sleepy:
        await leads(sleepy)
        leases = sleepy.app.state.runtime.leases
        renew = leases.renew

        async def forget(term: Term) -> None:
            await (asyncio.Event().wait() if term.role == MATCHING else renew(term))

        leases.renew = forget
        async with running(postgres_url, bus=bus, migrate=False, lease_ttl=1.0) as fresh:
            pairs = await race_all([sleepy, fresh], PAIRS, 2, at_once=10)
            while (await lease(fresh)).epoch < 2:
                await asyncio.sleep(0.1)
            pairs += await race_all([sleepy, fresh], PAIRS // 2, 2, at_once=10, first=PAIRS)
            await fresh.settled(PATIENCE)
            assert await outcome(fresh, pairs) == Outcome()


async def plan_events(service: Service) -> list[Delivered]:
    consumer = service.app.state.runtime.bus.consumer(None, [TOPIC])
    await consumer.start()
    found: list[Delivered] = []
    while batches := await consumer.fetch(timeout=0.2, max_records=5000):
        found += [delivered for batch in batches for delivered in batch.records if delivered.key.startswith("plan_")]
    await consumer.stop()
    return found


async def state(service: Service) -> tuple[Any, ...]:
    async with service.db.read(SERVICE) as session:
        facts = (await session.execute(select(func.count()).select_from(kernel.outbox))).scalar_one()
        matches = (await session.execute(select(MatchRow.a, MatchRow.b, MatchRow.score))).all()
    alerts = [(row.id, row.version, row.status, row.groups) for row in await stored_alerts(service)]
    return facts, sorted(tuple(row) for row in matches), sorted(alerts)


async def test_reading_the_log_again_from_its_beginning_changes_nothing(services: list[Service]) -> None:
    service = services[0]
    pairs = await race_all(services, 15, 2)
    groups = pairs + await race_all(services, 10, 3, first=20)
    await service.settled(PATIENCE)
    before, events = await state(service), await plan_events(service)
    assert len(events) == 60
    matcher = service.app.state.runtime.dispatchers[MATCHER]
    matcher.fence = None  # whoever leads now, a repeat enters the lane like a retried dead letter
    assert [await matcher.apply(delivered) for delivered in events] == [False] * len(events)
    assert await state(service) == before

    async with service.db.write(SERVICE) as session:
        await session.execute(delete(kernel.inbox))
        await session.execute(delete(kernel.applied))
    assert all([await matcher.apply(delivered) for delivered in events])
    assert await state(service) == before
    assert await outcome(service, groups) == Outcome()
