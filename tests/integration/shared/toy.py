"""A toy service on the shared kernel: one subscription that counts what happened to each subject."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.dispatch import Dispatcher, Subscription
from shared.bus.factory import make_bus
from shared.bus.parking import RetryPolicy, TooManyParked, dead_letter_topic
from shared.bus.port import Bus, Delivered, Topic
from shared.clock import FixedClock
from shared.cloudevent import Event, event_type, to_outgoing
from shared.db import Database, insert
from shared.kernel import NAMING, Kernel, RegistryTables
from tests.faults.bus import Crash

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PATIENCE = 60.0
"""Seconds until what must happen counts as not happening; never a promise of speed."""

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
known = RegistryTables(metadata)
seen = Table(
    "seen",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("times", Integer, nullable=False),
)


def event(subject: str, sequence: int, name: str = "toy.made", id_: str | None = None) -> Event:
    return Event(
        id=id_ or f"evt_{name}_{subject}_{sequence}",
        source="/toys",
        type=event_type(name),
        subject=subject,
        sequence=sequence,
        time=NOW,
        data={"id": subject, "version": sequence},
    )


@dataclass
class Toy:
    """`failing`: what the handler raises, by subject, after it has written; `calls` is when it was called.

    Topic and consumer (hence group) are the toy's own: the broker is shared.
    """

    db: Database
    bus: Bus
    clock: FixedClock
    topic: str
    consumer: str
    failing: dict[str, Callable[[], BaseException | None]] = field(default_factory=dict[str, Any])
    calls: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def handle(self, found: Event, session: AsyncSession) -> None:
        self.calls.append((found.subject, found.sequence))
        row = insert(session, seen).values(subject=found.subject, sequence=found.sequence, times=1)
        await session.execute(
            row.on_conflict_do_update(
                index_elements=["subject"], set_={"sequence": found.sequence, "times": seen.c.times + 1}
            )
        )
        error = self.failing[found.subject]() if found.subject in self.failing else None
        if error:
            raise error

    @property
    def dead_letters(self) -> str:
        return dead_letter_topic(self.topic, self.consumer)

    @property
    def subscription(self) -> Subscription:
        return Subscription(self.consumer, (self.topic,), {"toy.made": self.handle, "toy.mended": self.handle})

    def dispatcher(self, bus: Bus | None = None, **policy: Any) -> Dispatcher:
        return Dispatcher(self.subscription, bus or self.bus, self.db, kernel, self.clock, policy=RetryPolicy(**policy))

    async def create_topics(self) -> None:
        await self.bus.start()
        await self.bus.create_topics([Topic(self.topic, 1), Topic(self.dead_letters, 1)])

    async def publish(self, *events: Event) -> None:
        await self.bus.publish([to_outgoing(self.topic, each) for each in events])

    async def effects(self) -> dict[str, tuple[int, int]]:
        """Subject -> (sequence, how many times something was applied to it)."""
        async with self.db.read() as session:
            return {row.subject: (row.sequence, row.times) for row in await session.execute(select(seen))}

    async def parked(self) -> list[Delivered]:
        """All that lies in the dead-letter topic, as anybody may read it there."""
        reader = self.bus.consumer(None, [self.dead_letters])
        await reader.start()
        try:
            found: list[Delivered] = []
            async with asyncio.timeout(PATIENCE):
                while len(found) < sum((await reader.ends()).values()):
                    found += [each for batch in await reader.fetch(timeout=0.5) for each in batch.records]
            return found
        finally:
            await reader.stop()


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[asyncio.Task[None]]:
    """The dispatch loop in the background; stopped, in good order, at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(dispatcher.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
        if not task.cancelled() and not isinstance(task.exception(), (TooManyParked, Crash)):
            task.result()


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for it; the limit is only there so that a failure is a failure."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)


async def make_toy(database_url: str, bus_url: str) -> Toy:
    """A toy on an empty database and any bus, which is not started yet."""
    clock, own = FixedClock(NOW), secrets.token_hex(4)
    db = Database(database_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    bus = make_bus(bus_url, client_id="toy", clock=clock)
    return Toy(db, bus, clock, f"toys-{own}.v1", f"toy.counting-{own}")
