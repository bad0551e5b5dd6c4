"""What the outbox suite works on: aggregates with versions, writers that race, and consumers that count effects.

One service's tables in miniature. `aggregate` is what writers lock and count up, `aside` is the table that half of them
write first (which is what makes PostgreSQL hand out transaction ids and sequence numbers in another order than locks),
`state` and `effect` are what a consumer makes of the events: the newest version seen, and one row for each effect.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import Column, Integer, MetaData, String, Table, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.dispatch import Dispatcher, Subscription
from shared.bus.memory import MemoryBus
from shared.bus.port import Bus, Delivered, Outgoing, Topic
from shared.clock import SystemClock
from shared.cloudevent import Event, event_type, from_delivered
from shared.db import AutoInt, Database, insert
from shared.ids import Uuid7Ids
from shared.kernel import NAMING, Kernel
from shared.leases import RELAY, Leases, Term
from shared.outbox import Relay, store

TOPIC = "toys.v1"
CONSUMER = "toys.shelf"
PATIENCE = 60.0
"""Seconds until a test gives up on what must happen. Never a promise of speed."""

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
aggregate = Table(
    "aggregate", metadata, Column("key", String(64), primary_key=True), Column("version", Integer, nullable=False)
)
aside = Table("aside", metadata, Column("id", AutoInt, primary_key=True), Column("writer", Integer, nullable=False))
state = Table(
    "state", metadata, Column("key", String(64), primary_key=True), Column("version", Integer, nullable=False)
)
effect = Table(
    "effect",
    metadata,
    Column("id", AutoInt, primary_key=True),
    Column("event_id", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("version", Integer, nullable=False),
)

clock, ids = SystemClock(), Uuid7Ids()


@dataclass
class House:
    """One service's database; `replica` opens another pool on it, as another process would."""

    url: str
    db: Database
    bus: MemoryBus
    opened: list[Database] = field(default_factory=list)

    def replica(self) -> Database:
        # SQLite belongs to one process, and within it to one write connection: there is no other replica to play
        made = self.db if self.db.is_sqlite else Database(self.url, pool_size=3)
        if made is not self.db:
            self.opened.append(made)
        return made

    def leases(self, holder: str, *, ttl: float = 30.0, db: Database | None = None) -> Leases:
        return Leases(db or self.db, kernel.lease, holder, clock, ttl=ttl)

    def relay(self, bus: Bus, leases: Leases, *, db: Database | None = None, batch: int = 2000) -> Relay:
        return Relay(db or self.db, kernel.outbox, leases, bus, clock, batch=batch, poll=0.02)

    async def lead(self, leases: Leases) -> Term:
        """Wait for the office: as long as another one's time lasts."""
        async with asyncio.timeout(PATIENCE):
            while (term := await leases.acquire(RELAY)) is None:
                await asyncio.sleep(0.05)
        return term

    async def unpublished(self) -> int:
        async with self.db.read() as session:
            found = await session.execute(select(func.count()).where(kernel.outbox.c.published_at.is_(None)))
            return int(found.scalar_one())

    async def versions(self) -> dict[str, int]:
        """The truth: what was committed, per key."""
        async with self.db.read() as session:
            return {row.key: row.version for row in await session.execute(select(aggregate))}

    async def log(self) -> list[Delivered]:
        """Everything on the log, per partition in order."""
        reader = self.bus.consumer(None, [TOPIC])
        await reader.start()
        left = sum((await reader.ends()).values())
        found: list[Delivered] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < left:
                for batch in await reader.fetch(timeout=0.2, max_records=10_000):
                    found += batch.records
        await reader.stop()
        return found


async def emptied(url: str) -> str:
    """The same PostgreSQL database without its tables: much quicker than a new one for each test."""
    db = Database(url, pool_size=1)
    async with db.engine.begin() as connection:
        await connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        await connection.exec_driver_sql("CREATE SCHEMA public")
    await db.dispose()
    return url


async def make_house(url: str) -> House:
    db = Database(url, pool_size=20)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    bus = MemoryBus()
    await bus.start()
    await bus.create_topics([Topic(TOPIC), Topic(f"{TOPIC}.dlq.{CONSUMER}", 1)])
    return House(url, db, bus)


async def close(house: House) -> None:
    await house.bus.stop()
    for db in (house.db, *house.opened):
        await db.dispose()


def toy_event(key: str, version: int) -> Event:
    return Event(
        id=ids.new("evt"),
        source="/services/toys",
        type=event_type("toy.changed"),
        subject=key,
        sequence=version,
        time=clock.now(),
        data={"version": version},
    )


# Writers.


async def change(
    session: AsyncSession, key: str, count: int = 1, pause: Callable[[], Awaitable[None]] | None = None
) -> None:
    """As a handler does: lock the aggregate, count it up, store the facts; `pause` where a transaction may dawdle."""
    row = (await session.execute(select(aggregate).where(aggregate.c.key == key).with_for_update())).one()
    if pause:
        await pause()
    await session.execute(update(aggregate).where(aggregate.c.key == key).values(version=row.version + count))
    await store(session, kernel.outbox, TOPIC, [toy_event(key, row.version + n) for n in range(1, count + 1)], clock)
    if pause:
        await pause()


async def add_keys(db: Database, keys: Iterable[str]) -> None:
    async with db.write() as session:
        for key in keys:
            await session.execute(insert(session, aggregate).values(key=key, version=0).on_conflict_do_nothing())


async def write_one(house: House, key: str, count: int = 1) -> None:
    async with house.db.write() as session:
        await change(session, key, count)


async def race(house: House, keys: Sequence[str], events: int, *, writers: int = 16, delay: float = 0.005) -> None:
    """`writers` at once commit `events` events on `keys`, with random delays inside their transactions."""
    await add_keys(house.db, keys)
    left = events
    # SQLite lets one in at a time: there, many small transactions only wait for the disk
    sizes = (1, 8, 32, 64) if house.db.is_sqlite else (1, 2, 8, 32)

    async def write(number: int) -> None:
        nonlocal left
        chance = random.Random(number)

        async def dawdle() -> None:
            await asyncio.sleep(chance.random() * delay)

        while left > 0:
            count = min(left, chance.choice(sizes))
            left -= count
            async with house.db.write() as session:
                if chance.random() < 0.5:
                    await session.execute(aside.insert().values(writer=number))
                    await dawdle()
                await change(session, chance.choice(keys), count, dawdle)

    async with asyncio.TaskGroup() as group:
        for number in range(writers):
            group.create_task(write(number))


# What came of it.


@dataclass
class Account:
    """Lost, doubled and disordered events of a log, held against what was committed."""

    lost: int
    doubled: int
    disordered: int

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.disordered)


def account(seen: Iterable[tuple[str, int]], committed: dict[str, int]) -> Account:
    """seen: (key, version) in the order of appearance; committed: the last version of each key."""
    per_key: dict[str, list[int]] = defaultdict(list)
    for key, version in seen:
        per_key[key].append(version)
    lost = sum(len(set(range(1, last + 1)) - set(per_key[key])) for key, last in committed.items())
    doubled = sum(len(found) - len(set(found)) for found in per_key.values())
    disordered = sum(sum(later < earlier for earlier, later in pairwise(found)) for found in per_key.values())
    return Account(lost, doubled, disordered)


def seen_on(records: Iterable[Delivered | Outgoing]) -> list[tuple[str, int]]:
    """(key, version) of each record."""
    return [(record.key, int(dict(record.headers)["ce_sequence"])) for record in records]


# Consumers.


async def shelve(event: Event, session: AsyncSession) -> None:
    """One effect row for each event handled, and the state as the event tells it (a full state, so simply put there)."""
    await session.execute(
        effect.insert().values(event_id=event.id, key=event.subject, version=int(event.data["version"]))
    )
    statement = insert(session, state).values(key=event.subject, version=event.data["version"])
    await session.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"version": statement.excluded.version})
    )


def dispatcher(house: House) -> Dispatcher:
    return Dispatcher(Subscription(CONSUMER, (TOPIC,), {"toy.changed": shelve}), house.bus, house.db, kernel, clock)


async def consume_all(house: House) -> Dispatcher:
    """Run the consumer until it has taken everything that the log holds."""
    made, stop = dispatcher(house), asyncio.Event()
    total = len(await house.log())
    running = asyncio.create_task(made.run(stop))
    async with asyncio.timeout(PATIENCE):
        while made.progress.applied + made.progress.repeated < total and not running.done():
            await asyncio.sleep(0.02)
    stop.set()
    await running
    return made


async def effects(house: House) -> list[tuple[str, int]]:
    """(key, version) of each effect, in the order in which they were made."""
    async with house.db.read() as session:
        found = await session.execute(select(effect.c.key, effect.c.version).order_by(effect.c.id))
        return [(row.key, row.version) for row in found]


async def states(house: House) -> dict[str, int]:
    async with house.db.read() as session:
        return {row.key: row.version for row in await session.execute(select(state))}


async def expire(house: House, role: str = RELAY) -> None:
    """As if the holder had been silent for longer than its lease."""
    async with house.db.write() as session:
        await session.execute(text("UPDATE lease SET until = 1 WHERE role = :role"), {"role": role})


def versions_of(records: Iterable[Delivered]) -> list[int]:
    return [from_delivered(record).sequence for record in records]
