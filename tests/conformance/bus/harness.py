"""What the suite needs of an adapter (`Features`), and readers to watch it with."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shared.bus.port import Batch, Bus, Consumer, Delivered, NotOwned, Outgoing, TopicPartition

PATIENCE = 60.0
"""Seconds until a test gives up on what must happen. Never a promise of speed: a slow machine passes, too."""


@dataclass(frozen=True)
class Features:
    """An adapter as the suite sees it.

    make     a new, unstarted bus object on the one log of this test
    other    a new, unstarted bus object on another log, or None where the suite cannot have one
    durable  what one object has published is there for the next one
    """

    make: Callable[[], Bus]
    other: Callable[[], Bus] | None
    durable: bool


def numbered(topic: str, keys: Iterable[str], count: int, start: int = 0) -> list[Outgoing]:
    """`count` records for each key, in turn; the values are `key:number`, so that order and loss can be seen."""
    keys = list(keys)
    return [Outgoing(topic, key, f"{key}:{n}".encode()) for n in range(start, start + count) for key in keys]


def values(records: Iterable[Delivered | Outgoing]) -> list[str]:
    return [record.value.decode() for record in records]


def per_key(records: Iterable[Delivered | Outgoing]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record.key].append(record.value.decode())
    return dict(found)


def first_times(records: Iterable[Delivered]) -> list[Delivered]:
    """Without the repeats, which at-least-once allows."""
    seen: dict[tuple[TopicPartition, int], Delivered] = {}
    for record in records:
        seen.setdefault((record.tp, record.offset), record)
    return list(seen.values())


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


async def read(consumer: Consumer, count: int, *, max_records: int = 500) -> list[Batch]:
    """Fetch until `count` records have come, without committing. AssertionError where they do not come."""
    batches: list[Batch] = []
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while (got := sum(len(batch.records) for batch in batches)) < count:
        assert asyncio.get_running_loop().time() < deadline, f"{got} of {count} records came"
        batches += await consumer.fetch(timeout=0.5, max_records=max_records)
    return batches


async def read_all(consumer: Consumer, count: int) -> list[Delivered]:
    return [record for batch in await read(consumer, count) for record in batch.records]


async def read_nothing(consumer: Consumer) -> None:
    """Several fetches, so that what is merely slow would have come."""
    for _ in range(3):
        assert await consumer.fetch(timeout=0.15) == []


def next_offsets(batches: Iterable[Batch]) -> dict[TopicPartition, int]:
    """What to commit when all of this is done."""
    return {batch.tp: batch.records[-1].offset + 1 for batch in batches}


@dataclass
class Journal:
    """Who handled what, over all members, in order."""

    entries: list[tuple[str, Delivered]] = field(default_factory=list)

    @property
    def records(self) -> list[Delivered]:
        return [record for _, record in self.entries]

    def of(self, member: str) -> list[Delivered]:
        return [record for name, record in self.entries if name == member]


class Member:
    """A member of a group that works as a service does: record by record, commit per batch, drain on revoke."""

    def __init__(self, name: str, bus: Bus, group: str, topic: str, journal: Journal, *, work: float = 0.0) -> None:
        self.name, self._journal, self._work = name, journal, work
        self.revoked: list[frozenset[TopicPartition]] = []
        self.consumer = bus.consumer(group, [topic], on_revoke=self._drain)
        self._in_hand = asyncio.Lock()
        self._next: dict[TopicPartition, int] = {}
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def join(self) -> "Member":
        await self.consumer.start()
        self._task = asyncio.create_task(self._run())
        return self

    async def leave(self) -> None:
        self._leaving.set()
        assert self._task is not None
        await self._task
        await self.consumer.stop()

    async def _run(self) -> None:
        while not self._leaving.is_set():
            for batch in await self.consumer.fetch(timeout=0.2, max_records=20):
                for record in batch.records:
                    async with self._in_hand:
                        if self._leaving.is_set() or not self.consumer.owns(batch):
                            break
                        self._journal.entries.append((self.name, record))
                        await asyncio.sleep(self._work)
                        self._next[record.tp] = record.offset + 1
                await self._commit()

    async def _drain(self, lost: frozenset[TopicPartition]) -> None:
        self.revoked.append(lost)
        async with self._in_hand:
            await self._commit()

    async def _commit(self) -> None:
        offsets, self._next = self._next, {}
        if offsets:
            with contextlib.suppress(NotOwned):  # the next owner reads it again
                await self.consumer.commit(offsets)
