"""A bus that fails on demand: wraps any other, so that faults are injected from outside and product code has no hooks."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.bus.port import Batch, Bus, BusUnavailable, Consumer, OnRevoke, Outgoing, Topic, TopicPartition


class Crash(BaseException):
    """The process dies here. No `Exception`: code under test must not get to handle its own death."""


class FaultyBus:
    """Implements `Bus`. Each call below plans one fault; without any, it behaves as `inner` does.

    Faults of publish happen in the order in which they were planned, one for each publish. Commits and fetches are
    counted over all consumers from the moment of planning; 1 is the next one.
    """

    def __init__(self, inner: Bus) -> None:
        self.inner = inner
        self.published: list[Outgoing] = []
        """What really went into the log, in order."""
        self._publish_faults: deque[int | None] = deque()
        self._commit_faults: dict[int, str] = {}
        self._fetch_crashes: set[int] = set()
        self._commits = self._fetches = 0
        self._delays = {"publish": 0.0, "fetch": 0.0, "commit": 0.0}

    # Planning.

    def fail_before_publish(self, times: int = 1) -> None:
        """BusUnavailable, and nothing is in the log."""
        self._publish_faults.extend([0] * times)

    def publish_then_raise(self, times: int = 1) -> None:
        """BusUnavailable, and everything is in the log: the worst lie of a timeout."""
        self._publish_faults.extend([None] * times)

    def publish_some(self, count: int) -> None:
        """BusUnavailable, and the first `count` records are in the log."""
        self._publish_faults.append(count)

    def drop_commit(self, nth: int = 1) -> None:
        """The commit says yes and keeps nothing."""
        self._commit_faults[self._commits + nth] = "drop"

    def fail_commit(self, nth: int = 1) -> None:
        """The commit raises BusUnavailable and keeps nothing."""
        self._commit_faults[self._commits + nth] = "fail"

    def crash_before_commit(self, nth: int = 1) -> None:
        """`Crash` between the handler and its commit."""
        self._commit_faults[self._commits + nth] = "crash"

    def crash_after_fetch(self, nth: int = 1) -> None:
        """`Crash` between a fetch that had something and its handler."""
        self._fetch_crashes.add(self._fetches + nth)

    def delay(self, *, publish: float = 0.0, fetch: float = 0.0, commit: float = 0.0) -> None:
        """From now on each of these calls first takes so many seconds."""
        self._delays = {"publish": publish, "fetch": fetch, "commit": commit}

    # The bus.

    @property
    def log_id(self) -> str:
        return self.inner.log_id

    async def start(self) -> None:
        await self.inner.start()

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        await self.inner.create_topics(topics)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await self.pause("publish")
        if not self._publish_faults:
            await self._publish(records)
            return
        count = self._publish_faults.popleft()
        await self._publish(records[:count])
        raise BusUnavailable("planned")

    def consumer(self, group: str | None, topics: Sequence[str], *, on_revoke: OnRevoke | None = None) -> Consumer:
        return FaultyConsumer(self, self.inner.consumer(group, topics, on_revoke=on_revoke))

    async def stop(self) -> None:
        await self.inner.stop()

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        if records:
            await self.inner.publish(records)
            self.published.extend(records)

    # What the consumers ask of their bus.

    async def pause(self, what: str) -> None:
        if self._delays[what]:
            await asyncio.sleep(self._delays[what])

    def next_commit(self) -> str | None:
        self._commits += 1
        return self._commit_faults.pop(self._commits, None)

    def next_fetch_crashes(self) -> bool:
        self._fetches += 1
        return self._fetches in self._fetch_crashes


class FaultyConsumer:
    """Implements `Consumer`."""

    def __init__(self, bus: FaultyBus, inner: Consumer) -> None:
        self._bus, self.inner = bus, inner

    async def start(self) -> None:
        await self.inner.start()

    async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
        await self._bus.pause("fetch")
        batches = await self.inner.fetch(timeout=timeout, max_records=max_records)
        if batches and self._bus.next_fetch_crashes():
            raise Crash("after fetch")
        return batches

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._bus.pause("commit")
        match self._bus.next_commit():
            case None:
                await self.inner.commit(offsets)
            case "drop":
                return
            case "fail":
                raise BusUnavailable("planned")
            case _:
                raise Crash("before commit")

    def owns(self, batch: Batch) -> bool:
        return self.inner.owns(batch)

    def assignment(self) -> frozenset[TopicPartition]:
        return self.inner.assignment()

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self.inner.seek(offsets)

    async def seek_to_time(self, instant: datetime) -> None:
        await self.inner.seek_to_time(instant)

    async def begins(self) -> Mapping[TopicPartition, int]:
        return await self.inner.begins()

    async def ends(self) -> Mapping[TopicPartition, int]:
        return await self.inner.ends()

    async def stop(self) -> None:
        await self.inner.stop()
