"""The bus in memory: for tests, and for whoever needs no history. What it holds ends with the object."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared.bus.local.bus import DRAIN_SECONDS, LocalBus
from shared.bus.local.storage import Placed, from_millis, to_millis
from shared.bus.port import Delivered, Topic, TopicPartition
from shared.clock import Clock, SystemClock
from shared.ids import Ids, Uuid7Ids


class MemoryBus(LocalBus):
    """A log in lists. Behaves as the other adapters do, except that a new object is a new, empty log."""

    def __init__(self, *, clock: Clock | None = None, ids: Ids | None = None, drain: float = DRAIN_SECONDS) -> None:
        clock = clock or SystemClock()
        super().__init__(MemoryStorage((ids or Uuid7Ids(clock)).new("log")), clock, drain=drain)


class MemoryStorage:
    """Implements `Storage`."""

    def __init__(self, log_id: str) -> None:
        self._log_id = log_id
        self._topics: dict[str, int] = {}
        self._log: dict[TopicPartition, list[Delivered]] = {}
        self._committed: dict[str, dict[TopicPartition, int]] = {}

    async def open(self) -> str:
        return self._log_id

    async def close(self) -> None:
        return None

    async def create(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            there = self._topics.get(topic.name, topic.partitions)
            if there != topic.partitions:
                raise ValueError(f"{topic.name} has {there} partitions, not {topic.partitions}")
        for topic in topics:
            self._topics[topic.name] = topic.partitions
            for number in range(topic.partitions):
                self._log.setdefault(TopicPartition(topic.name, number), [])

    async def topics(self) -> Mapping[str, int]:
        return self._topics

    async def append(self, records: Sequence[Placed], at: datetime) -> Mapping[TopicPartition, int]:
        time = from_millis(to_millis(at))
        for tp, record in records:
            lane = self._log[tp]
            lane.append(
                Delivered(
                    tp.topic, tp.partition, len(lane), time, record.key, bytes(record.value), tuple(record.headers)
                )
            )
        return {tp: len(self._log[tp]) for tp, _ in records}

    async def read(self, tp: TopicPartition, offset: int, limit: int) -> Sequence[Delivered]:
        return self._log[tp][max(offset, 0) : max(offset, 0) + limit]

    async def begins(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def ends(self) -> Mapping[TopicPartition, int]:
        return {tp: len(lane) for tp, lane in self._log.items()}

    async def first_at(self, tp: TopicPartition, instant: datetime) -> int:
        threshold = from_millis(to_millis(instant))
        lane = self._log[tp]
        return next((record.offset for record in lane if record.time >= threshold), len(lane))

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        return self._committed.get(group, {})

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        self._committed.setdefault(group, {}).update(offsets)
