"""The bus: an append-only, partitioned log that several consumer groups read at their own pace.

The docstrings here are the contract. Every adapter passes `tests/conformance/bus`, and nothing may rely on more:

- **Order** holds per key (a key always falls into the same partition of a topic), not across keys.
- **At least once.** `publish` returns when the records are durable. When it raises, each of them may or may not be in
  the log, and may come again later: consumers drop repeats by event id and by `sequence`.
- **Offsets are "next".** The offset to commit is the offset of the last finished record plus one; a consumer that
  starts again resumes there. Nothing is committed implicitly, ever.
- **Groups.** Each partition is read by one member of a group at a time. When a partition is taken away, `on_revoke`
  runs first, so that the member can finish its present record and commit; afterwards `owns` is false for its batches.
- A new group starts at the beginning of the log.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

MAX_VALUE_BYTES = 256 * 1024
"""Largest value of one record. The outbox refuses more, so that no event can wedge the relay."""


class BusUnavailable(Exception):
    """The log cannot be reached now; nothing is known about what was being sent. Try again later."""


class RecordTooLarge(ValueError):
    """A value exceeds MAX_VALUE_BYTES. Trying again will not help."""


class UnknownTopic(LookupError):
    """The topic was never created: topics are created explicitly, never by the first record."""


class NotOwned(Exception):
    """The partition has moved to another member of the group; what was to be committed will be read again there."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create. Partitions are never changed afterwards: growth is a new topic version."""

    name: str
    partitions: int = 6


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish. `key` decides the partition, and with it the order."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """A record as read: where it lies, when it was appended, and what it holds."""

    topic: str
    partition: int
    offset: int
    time: datetime
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def tp(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, in offset order. `generation` tells a stale batch from a fresh one."""

    tp: TopicPartition
    records: tuple[Delivered, ...]
    generation: int = field(default=0, compare=False)


OnRevoke = Callable[[frozenset[TopicPartition]], Awaitable[None]]


class Consumer(Protocol):
    """One member of a group (or, with group None, a reader of its own that commits nothing)."""

    async def start(self) -> None:
        """Join. Raises BusUnavailable when the log cannot be reached."""
        ...

    async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
        """Up to `max_records` records, at most one batch per partition; an empty list after `timeout` seconds.

        Reading on does not commit. Raises BusUnavailable when the log has gone; calling again is how one recovers.
        """
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store next offsets durably. Raises NotOwned when one of the partitions has moved meanwhile."""
        ...

    def owns(self, batch: Batch) -> bool:
        """Whether the batch's partition is still this member's, without a break since it was fetched."""
        ...

    def assignment(self) -> frozenset[TopicPartition]: ...

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets; batches fetched before are no longer owned."""
        ...

    async def seek_to_time(self, instant: datetime) -> None:
        """Read on, in every assigned partition, from the first record appended at or after `instant`."""
        ...

    async def begins(self) -> Mapping[TopicPartition, int]:
        """The first offset still kept, per assigned partition."""
        ...

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The offset the next record will get, per assigned partition."""
        ...

    async def stop(self) -> None:
        """Leave the group at once (without commit), so that the others go on in a second, not in a timeout."""
        ...


class Bus(Protocol):
    """The log. One object per process; consumers are made from it."""

    @property
    def log_id(self) -> str:
        """Names this very log: offsets of another one (a new cluster, another data folder) mean nothing here."""
        ...

    async def start(self) -> None: ...

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        """Make sure that they exist. One that exists with another number of partitions is an error."""
        ...

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Append; returns when all are durable. Order of the sequence is kept per key.

        Raises BusUnavailable (some may be in the log), RecordTooLarge or UnknownTopic (none is).
        """
        ...

    def consumer(self, group: str | None, topics: Sequence[str], *, on_revoke: OnRevoke | None = None) -> Consumer: ...

    async def stop(self) -> None: ...
