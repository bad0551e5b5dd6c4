"""The small port behind the local buses: where the log, the topics and the committed offsets are kept."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.bus.port import Delivered, Outgoing, Topic, TopicPartition

Placed = tuple[TopicPartition, Outgoing]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Storage(Protocol):
    """What a local log keeps. Calls take effect in the order in which they are made.

    All of them raise BusUnavailable when the storage fails; then nothing of the call has been kept.
    """

    async def open(self) -> str:
        """Open, or make, the log; returns its id."""
        ...

    async def close(self) -> None: ...

    async def create(self, topics: Sequence[Topic]) -> None:
        """ValueError where one exists with another number of partitions; then none is created."""
        ...

    async def topics(self) -> Mapping[str, int]:
        """Partitions per topic."""
        ...

    async def append(self, records: Sequence[Placed], at: datetime) -> Mapping[TopicPartition, int]:
        """Append all or none, durably; returns the new end of each partition that grew."""
        ...

    async def read(self, tp: TopicPartition, offset: int, limit: int) -> Sequence[Delivered]: ...

    async def begins(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]: ...

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The next offset of every partition of every topic."""
        ...

    async def first_at(self, tp: TopicPartition, instant: datetime) -> int:
        """The first offset appended at or after `instant`; the end where there is none."""
        ...

    async def committed(self, group: str) -> Mapping[TopicPartition, int]: ...

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same in every process and for ever (Python's own hash is neither)."""
    return zlib.crc32(key.encode()) % partitions


def to_millis(instant: datetime) -> int:
    """Milliseconds since 1970, rounded down: the resolution of a Kafka log, hence of ours."""
    return (instant - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    return _EPOCH + millis * _MILLISECOND
