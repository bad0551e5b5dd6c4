"""A bus for one process: publishing, reading and waking over a `Storage`. `MemoryBus` and `SqliteBus` are made of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from shared.bus.local.groups import Group
from shared.bus.local.storage import Placed, Storage, partition_of
from shared.bus.port import (
    MAX_VALUE_BYTES,
    Batch,
    BusUnavailable,
    Delivered,
    NotOwned,
    OnRevoke,
    Outgoing,
    RecordTooLarge,
    Topic,
    TopicPartition,
    UnknownTopic,
)
from shared.clock import Clock

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 30.0
"""How long a rebalance waits for one member's `on_revoke`; then its partitions move all the same."""


class LocalBus:
    """Implements `Bus`. One object per log and process: it alone knows when something was appended."""

    def __init__(self, storage: Storage, clock: Clock, *, drain: float = DRAIN_SECONDS) -> None:
        self._storage, self._clock, self._drain = storage, clock, drain
        self._log_id: str | None = None
        self._partitions: dict[str, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._groups: dict[str, Group] = {}
        self._consumers: set[LocalConsumer] = set()
        self._appends: set[asyncio.Task[None]] = set()

    @property
    def log_id(self) -> str:
        if self._log_id is None:
            raise RuntimeError("the bus has not been started")
        return self._log_id

    async def start(self) -> None:
        if self._log_id is None:
            log_id = await self._storage.open()
            await self._refresh()
            self._log_id = log_id

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        await self._storage.create(topics)
        await self._refresh()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        placed = [(self._place(record), record) for record in records]
        if not placed:
            return
        if self._log_id is None:
            raise BusUnavailable("the bus has been stopped")
        # Shielded: a caller that goes away must not leave records in the log of which no reader is told.
        task = asyncio.create_task(self._append(placed))
        self._appends.add(task)
        task.add_done_callback(self._appends.discard)
        await asyncio.shield(task)

    def consumer(
        self, group: str | None, topics: Sequence[str], *, on_revoke: OnRevoke | None = None
    ) -> "LocalConsumer":
        return LocalConsumer(self, self._storage, group, topics, on_revoke, self._drain)

    async def stop(self) -> None:
        """Ends the consumers that still run, then closes the storage."""
        for consumer in list(self._consumers):
            await consumer.stop()
        await asyncio.gather(*(group.close() for group in self._groups.values()))
        self._groups.clear()
        await asyncio.gather(*self._appends, return_exceptions=True)
        self._log_id = None
        await self._storage.close()

    def _place(self, record: Outgoing) -> TopicPartition:
        if len(record.value) > MAX_VALUE_BYTES:
            raise RecordTooLarge(f"{record.topic} {record.key}: {len(record.value)} bytes, at most {MAX_VALUE_BYTES}")
        partitions = self._partitions.get(record.topic)
        if partitions is None:
            raise UnknownTopic(record.topic)
        return TopicPartition(record.topic, partition_of(record.key, partitions))

    async def _append(self, placed: Sequence[Placed]) -> None:
        ends = await self._storage.append(placed, self._clock.now())
        self._ends.update(ends)
        for consumer in self._consumers:
            consumer.wake()

    async def _refresh(self) -> None:
        self._partitions.update(await self._storage.topics())
        self._ends.update(await self._storage.ends())

    # What the consumers ask of their bus.

    def enter(self, consumer: "LocalConsumer", group: str | None) -> Group | None:
        """UnknownTopic where one of its topics does not exist."""
        if self._log_id is None:
            raise BusUnavailable("the bus has not been started")
        for topic in consumer.topics:
            if topic not in self._partitions:
                raise UnknownTopic(topic)
        self._consumers.add(consumer)
        if group is None:
            return None
        if group not in self._groups:
            self._groups[group] = Group(group, lambda tps: self._positions(group, tps), self.partitions)
        return self._groups[group]

    def exit(self, consumer: "LocalConsumer") -> None:
        self._consumers.discard(consumer)

    def partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions[topic])]

    def end(self, tp: TopicPartition) -> int:
        return self._ends[tp]

    async def _positions(self, group: str, tps: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict(await self._storage.begins(tps)) | dict(await self._storage.committed(group))


class LocalConsumer:
    """Implements `Consumer`, and `Member` towards its group."""

    def __init__(
        self,
        bus: LocalBus,
        storage: Storage,
        group: str | None,
        topics: Sequence[str],
        on_revoke: OnRevoke | None,
        drain: float,
    ) -> None:
        self.topics = frozenset(topics)
        self._bus, self._storage, self._group_name, self._drain = bus, storage, group, drain
        self._on_revoke = on_revoke
        self._group: Group | None = None
        self._running = False
        self._revoking = False
        self._wake = asyncio.Event()
        self._generations = 0
        self._owned: dict[TopicPartition, int] = {}  # partition -> generation; a dict keeps the turn of the partitions
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        if not self._running:
            self._group = self._bus.enter(self, self._group_name)
            self._running = True
            if self._group is None:
                self.take(await self._storage.begins(self._all()))
        if self._group:
            await self._group.join(self)

    async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
        self._check_running()
        deadline = asyncio.get_running_loop().time() + timeout
        await asyncio.sleep(0)  # a full log must not keep everybody else from running
        while self._running:
            self._wake.clear()
            if self._group and self._group.failed:
                await self._group.settled()
            batches = await self._read(max_records)
            if batches:
                return batches
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()
            except TimeoutError:
                break
        return []

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._group_name is None:
            raise RuntimeError("a reader without a group has nowhere to commit to")
        self._check_owned(offsets)
        await self._storage.commit(self._group_name, offsets)

    def owns(self, batch: Batch) -> bool:
        return self._owned.get(batch.tp) == batch.generation

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._owned)

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._settled()
        self._check_owned(offsets)
        for tp, offset in offsets.items():
            self._own(tp, offset)
        self.wake()

    async def seek_to_time(self, instant: datetime) -> None:
        await self._settled()
        await self.seek({tp: await self._storage.first_at(tp, instant) for tp in list(self._owned)})

    async def begins(self) -> Mapping[TopicPartition, int]:
        await self._settled()
        return await self._storage.begins(list(self._owned))

    async def ends(self) -> Mapping[TopicPartition, int]:
        await self._settled()
        return {tp: self._bus.end(tp) for tp in self._owned}

    async def stop(self) -> None:
        if not self._running:
            return
        self._running = False
        self._owned.clear()
        self._positions.clear()
        self._bus.exit(self)
        if self._group:
            self._group.leave(self)
        self.wake()

    # What the bus and the group ask of their consumers.

    def wake(self) -> None:
        self._wake.set()

    async def revoke(self) -> None:
        if not self._owned:
            return
        self._revoking = True
        try:
            if self._on_revoke:
                async with asyncio.timeout(self._drain):
                    await self._on_revoke(frozenset(self._owned))
        except Exception as error:
            # Whatever it did not finish will be read again by the next owner.
            log.warning("bus.revoke_failed", group=self._group_name, error=type(error).__name__)
        finally:
            self._revoking = False
            self._owned.clear()
            self._positions.clear()

    def take(self, positions: Mapping[TopicPartition, int]) -> None:
        for tp, offset in positions.items():
            self._own(tp, offset)
        self.wake()

    def _own(self, tp: TopicPartition, offset: int) -> None:
        self._generations += 1
        self._owned[tp], self._positions[tp] = self._generations, offset

    async def _read(self, limit: int) -> list[Batch]:
        if self._revoking:
            return []
        found: list[tuple[TopicPartition, int, Sequence[Delivered]]] = []
        for tp, generation in list(self._owned.items()):
            position = self._positions.get(tp)
            if limit and position is not None and position < self._bus.end(tp):
                records = await self._storage.read(tp, position, limit)
                found.append((tp, generation, records))
                limit -= len(records)
        # Only now, in one step: a caller who cancels while we read has neither got the records nor passed them.
        batches = [
            Batch(tp, tuple(records), generation)
            for tp, generation, records in found
            if records and self._owned.get(tp) == generation
        ]
        for batch in batches:
            self._positions[batch.tp] = batch.records[-1].offset + 1
            # Whoever was served goes to the end of the queue, so that a busy partition cannot starve the others.
            self._owned[batch.tp] = self._owned.pop(batch.tp)
        return batches

    def _all(self) -> list[TopicPartition]:
        return [tp for topic in sorted(self.topics) for tp in self._bus.partitions(topic)]

    async def _settled(self) -> None:
        self._check_running()
        if self._group:
            await self._group.settled()

    def _check_running(self) -> None:
        if not self._running:
            raise RuntimeError("the consumer does not run: start() first, and never after stop()")

    def _check_owned(self, offsets: Mapping[TopicPartition, int]) -> None:
        lost = [f"{tp.topic}/{tp.partition}" for tp in offsets if tp not in self._owned]
        if lost:
            raise NotOwned(", ".join(lost))
