"""The projector when something fails: one poison event, everything, the database; on the log in memory and on Kafka."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.consumers import feed as consumer
from services.notifications.consumers.feed import Projector
from services.notifications.orm import feed
from shared.bus.factory import make_bus
from shared.bus.parking import RetryPolicy, TooManyParked, dead_letter_topic
from shared.bus.port import Bus, Delivered, Topic
from shared.clock import SystemClock
from shared.cloudevent import Event, to_outgoing
from shared.db import Database
from shared.reader import SERVICE, Reader
from tests.support.notifications import plan_fact
from tests.support.schema import migrate_database

PATIENCE = 60.0
QUICK = RetryPolicy(first_wait=0.001, longest_wait=0.01)


class FaultyDatabase(Database):
    """A database that refuses every connection while it is `away`."""

    away = False
    refused = 0

    @asynccontextmanager
    async def write(self, reader: Reader | None = None) -> AsyncGenerator[AsyncSession]:
        self._refuse()
        async with super().write(reader) as session:
            yield session

    @asynccontextmanager
    async def read(self, reader: Reader | None = None) -> AsyncGenerator[AsyncSession]:
        self._refuse()
        async with super().read(reader) as session:
            yield session

    def _refuse(self) -> None:
        if self.away:
            self.refused += 1
            raise ConnectionRefusedError


@dataclass
class Feed:
    """A log of one partition, whose topic and group are this test's own, and the feed it is projected into.

    `poison`: subjects whose projection fails.
    """

    bus: Bus
    db: FaultyDatabase
    topic: str
    group: str
    poison: set[str] = field(default_factory=set[str])

    async def publish(self, *events: Event) -> None:
        await self.bus.publish([to_outgoing(self.topic, event) for event in events])

    async def shown(self) -> list[str]:
        async with self.db.read(SERVICE) as session:
            rows = await session.execute(select(feed.c.subject).order_by(feed.c.id))
            return [row.subject for row in rows]

    async def parked(self) -> list[Delivered]:
        reader = self.bus.consumer(None, [dead_letter_topic(self.topic, self.group)])
        await reader.start()
        try:
            found: list[Delivered] = []
            async with asyncio.timeout(PATIENCE):
                while len(found) < sum((await reader.ends()).values()):
                    found += [each for batch in await reader.fetch(timeout=0.5) for each in batch.records]
            return found
        finally:
            await reader.stop()

    def projector(self, policy: RetryPolicy = QUICK) -> Projector:
        return Projector(self.bus, self.db, SystemClock(), policy=policy)


@asynccontextmanager
async def running(projector: Projector) -> AsyncGenerator[Projector]:
    stop = asyncio.Event()
    task = asyncio.create_task(projector.run(stop))
    try:
        yield projector
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


@pytest.fixture(
    params=[
        "memory-sqlite",
        pytest.param("kafka-postgres", marks=[pytest.mark.kafka, pytest.mark.postgres]),
    ]
)
async def log(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    own, kafka = secrets.token_hex(4), request.param.startswith("kafka")
    topic, group = f"activities-{own}.v1", f"notifications.feed-{own}"
    bus_url = f"kafka://{request.getfixturevalue('kafka').bootstrap}" if kafka else "memory://"
    database_url = (
        request.getfixturevalue("postgres_url") if kafka else f"sqlite+aiosqlite:///{tmp_path}/notifications.db"
    )
    await migrate_database(database_url, "notifications")
    db = FaultyDatabase(database_url)
    bus = make_bus(bus_url, client_id="projector")
    await bus.start()
    await bus.create_topics([Topic(topic, 1), Topic(dead_letter_topic(topic, group), 1)])
    made = Feed(bus, db, topic, group)
    project = consumer.project

    async def stumbling(session: AsyncSession, log_id: str, lane: Any, facts: Any, **how: Any) -> Any:
        done = await project(session, log_id, lane, facts, **how)
        if any(fact.event and fact.event.subject in made.poison for fact in facts):
            raise ValueError("it has written, and must not have")
        return done

    monkeypatch.setattr(consumer, "project", stumbling)
    monkeypatch.setattr(consumer, "TOPICS", (topic,))
    monkeypatch.setattr(consumer, "CONSUMER", group)
    yield made
    await bus.stop()
    await db.dispose()


async def test_a_poison_event_amid_a_batch_is_parked_and_the_others_flow(log: Feed) -> None:
    plans = [f"plan_{n}" for n in range(40)]
    await log.publish(*(plan_fact(plan) for plan in plans))
    log.poison = {"plan_23"}
    others = [plan for plan in plans if plan not in log.poison]
    async with running(log.projector()) as projector:
        await until(lambda: projector.progress.projected == len(others))
        assert (projector.progress.parked, projector.progress.stopped) == (1, None)
        (letter,) = await log.parked()
        notes = {name: value.decode() for name, value in letter.headers}
        assert letter.key == "plan_23"
        assert notes["convene_origin"] == f"{log.topic}:0:23"
        assert (notes["convene_consumer"], notes["convene_attempts"]) == (log.group, "5")
        assert notes["convene_first_failure"] <= notes["convene_last_failure"]
        assert await log.shown() == others

        # after the fix: once, and behind all that was read; and never over newer state
        log.poison.clear()
        assert await projector.apply(letter)
        assert not await projector.apply(letter)
        assert await log.shown() == [*others, "plan_23"]


async def test_a_late_retry_is_dropped_by_its_sequence(log: Feed) -> None:
    log.poison = {"plan_1"}
    await log.publish(plan_fact("plan_1"))
    async with running(log.projector()) as projector:
        await until(lambda: projector.progress.parked == 1)
        log.poison.clear()
        await log.publish(plan_fact("plan_1", 2, "plan.amended"))
        await until(lambda: projector.progress.projected == 1)
        (letter,) = await log.parked()
        assert not await projector.apply(letter)
    assert await log.shown() == ["plan_1"]


@pytest.mark.parametrize(
    ("every", "policy", "reason"),
    [
        (1, RetryPolicy(attempts=2, first_wait=0.001, longest_wait=0.002, run=4), "4 messages in a row"),
        (
            4,
            RetryPolicy(attempts=2, first_wait=0.001, longest_wait=0.002, run=20, window=12, ratio=0.5),
            "of the last 12 messages",
        ),
    ],
    ids=["all-of-them", "three-of-four"],
)
async def test_a_projector_that_would_park_nearly_everything_stops_and_skips_nothing(
    log: Feed, every: int, policy: RetryPolicy, reason: str
) -> None:
    plans = [f"plan_{n}" for n in range(30)]
    log.poison = {plan for n, plan in enumerate(plans) if n % every or every == 1}
    await log.publish(*(plan_fact(plan) for plan in plans))
    projector = log.projector(policy)
    with pytest.raises(TooManyParked, match=reason):
        await asyncio.wait_for(projector.run(asyncio.Event()), PATIENCE)
    assert reason in str(projector.progress.stopped)
    parked = {letter.key for letter in await log.parked()}
    assert len(parked) < 12
    # the release is mended: it goes on behind the last one that was parked
    log.poison.clear()
    async with running(log.projector()) as mended:
        await until(lambda: mended.progress.projected + projector.progress.projected + len(parked) == len(plans))
    assert set(await log.shown()) == set(plans) - parked


async def test_a_database_that_is_away_is_waited_for_and_nothing_is_parked(log: Feed) -> None:
    log.db.away = True
    await log.publish(*(plan_fact(f"plan_{n}") for n in range(5)))
    async with running(log.projector(RetryPolicy(attempts=2, run=2))) as projector:
        await until(lambda: log.db.refused >= 2)  # away at the start
        log.db.away = False
        await until(lambda: projector.progress.projected == 5)
        log.db.away, log.db.refused = True, 0
        await log.publish(*(plan_fact(f"plan_{n}") for n in range(5, 15)))
        await until(lambda: log.db.refused >= 4)  # away while there is something to do
        assert projector.progress.projected == 5
        log.db.away = False
        await until(lambda: projector.progress.projected == 15)
        assert (projector.progress.parked, projector.progress.stopped) == (0, None)
    assert await log.shown() == [f"plan_{n}" for n in range(15)]
    assert await log.parked() == []
