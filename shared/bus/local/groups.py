"""Who reads which partition, for consumers of one process. Eager, as Kafka's classic groups are: all let go, all take.

A rebalance runs in a task of its own, never in the call that caused it: a member that joins must not wait for the
present record of another, and one that leaves must not wait at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from shared.bus.port import BusUnavailable, TopicPartition

log = structlog.get_logger(__name__)

Positions = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
Partitions = Callable[[str], Sequence[TopicPartition]]


class Member(Protocol):
    """What a group asks of its consumers."""

    @property
    def topics(self) -> frozenset[str]: ...

    async def revoke(self) -> None:
        """Finish the record in hand and let go of everything; returns when it has, in bounded time. Never raises."""
        ...

    def take(self, positions: Mapping[TopicPartition, int]) -> None:
        """These partitions are yours; read on from these offsets."""
        ...


class Group:
    """One consumer group. `positions` gives where to read on, `partitions` lists those of a topic."""

    def __init__(self, name: str, positions: Positions, partitions: Partitions) -> None:
        self.name = name
        self._positions, self._partitions = positions, partitions
        self._members: list[Member] = []
        self._changed = False
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._failure: BusUnavailable | None = None

    async def join(self, member: Member) -> None:
        """Returns when the partitions have been dealt out anew."""
        if member not in self._members:
            self._members.append(member)
        self._rebalance()
        await self.settled()

    def leave(self, member: Member) -> None:
        """Without waiting for anybody; what the member held must not be read on by it."""
        if member in self._members:
            self._members.remove(member)
            self._rebalance()

    async def settled(self) -> None:
        """Wait until nobody's partitions are on the move. BusUnavailable where dealing them out failed."""
        if self._failure:
            self._rebalance()
        await self._settled.wait()
        if self._failure:
            raise self._failure

    @property
    def failed(self) -> bool:
        return self._failure is not None

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _rebalance(self) -> None:
        self._changed, self._failure = True, None
        self._settled.clear()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"rebalance {self.name}")

    async def _run(self) -> None:
        try:
            while self._changed:
                self._changed = False
                # Everybody lets go before anybody takes, so that no record is in two hands.
                await asyncio.gather(*(member.revoke() for member in self._members))
                shares = self._shares()
                positions = await self._positions([tp for tps in shares for tp in tps])
                if self._changed:
                    continue  # somebody came or went meanwhile
                for member, tps in zip(self._members, shares, strict=True):
                    member.take({tp: positions[tp] for tp in tps})
        except BusUnavailable as error:
            log.warning("bus.rebalance_failed", group=self.name, error=str(error))
            self._failure = error
        finally:
            self._settled.set()

    def _shares(self) -> list[list[TopicPartition]]:
        """Deal the partitions out in turn, each topic among the members that read it; one share per member."""
        shares: list[list[TopicPartition]] = [[] for _ in self._members]
        dealt = 0
        for topic in sorted({topic for member in self._members for topic in member.topics}):
            readers = [n for n, member in enumerate(self._members) if topic in member.topics]
            for tp in self._partitions(topic):
                shares[readers[dealt % len(readers)]].append(tp)
                dealt += 1
        return shares
