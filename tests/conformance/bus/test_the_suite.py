"""The suite is worth what it catches: each of these buses breaks one promise, and a test of the suite has to see it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import count

import pytest

from shared.bus.local.bus import LocalConsumer
from shared.bus.memory import MemoryBus, MemoryStorage
from shared.bus.port import Batch, Bus, Delivered, NotOwned, OnRevoke, Outgoing, Topic, TopicPartition
from tests.conformance.bus import harness, test_groups, test_publish, test_rebalance, test_replay

Test = Callable[..., Awaitable[None]]


class Mutant(MemoryBus):
    """A bus with consumers (and storage) of another kind."""

    consumers: type[LocalConsumer] = LocalConsumer
    storage: type[MemoryStorage] = MemoryStorage

    def __init__(self) -> None:
        super().__init__(drain=5)
        self._storage = self.storage("log_1")

    def consumer(self, group: str | None, topics: Sequence[str], *, on_revoke: OnRevoke | None = None) -> LocalConsumer:
        return self.consumers(self, self._storage, group, topics, on_revoke, self._drain)


class CommitsOneTooMany(Mutant):
    class storage(MemoryStorage):
        async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
            await super().commit(group, {tp: offset + 1 for tp, offset in offsets.items()})


class CommitsOneTooFew(Mutant):
    class storage(MemoryStorage):
        async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
            await super().commit(group, {tp: max(offset - 1, 0) for tp, offset in offsets.items()})


class CommitsOnFetch(Mutant):
    class consumers(LocalConsumer):
        async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
            batches = await super().fetch(timeout=timeout, max_records=max_records)
            if self._group_name:
                await self._storage.commit(self._group_name, harness.next_offsets(batches))
            return batches


class CommitsOnStop(Mutant):
    class consumers(LocalConsumer):
        async def stop(self) -> None:
            if self._running and self._group_name:
                await self._storage.commit(self._group_name, self._positions)
            await super().stop()


class OneOffsetForAllGroups(Mutant):
    class storage(MemoryStorage):
        async def committed(self, group: str) -> Mapping[TopicPartition, int]:
            return await super().committed("")

        async def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
            await super().commit("", offsets)


class HashOfEachPublisher(Mutant):
    def _place(self, record: Outgoing) -> TopicPartition:
        self._calls = getattr(self, "_calls", count())
        salt = next(self._calls) // 20  # another process, another hash
        return TopicPartition(record.topic, hash((salt, record.key)) % 6)


class RevokesAfterMoving(Mutant):
    class consumers(LocalConsumer):
        async def revoke(self) -> None:
            hook, lost = self._on_revoke, frozenset(self._owned)
            self._on_revoke = None
            await super().revoke()
            self._on_revoke = hook
            if hook and lost:
                self._late = harness.asyncio.create_task(hook(lost))


class NeverRevokes(Mutant):
    class consumers(LocalConsumer):
        async def revoke(self) -> None:
            self._on_revoke = None
            await super().revoke()


class EverybodyReadsEverything(Mutant):
    class consumers(LocalConsumer):
        def take(self, positions: Mapping[TopicPartition, int]) -> None:
            super().take({tp: positions.get(tp, 0) for tp in self._all()})


class CommitsWhatHasMoved(Mutant):
    class consumers(LocalConsumer):
        def _check_owned(self, offsets: Mapping[TopicPartition, int]) -> None:
            return


class OwnsForEver(Mutant):
    class consumers(LocalConsumer):
        def owns(self, batch: Batch) -> bool:
            return batch.tp in self._owned


class StartsAtTheEnd(Mutant):
    class storage(MemoryStorage):
        async def committed(self, group: str) -> Mapping[TopicPartition, int]:
            return {**await self.ends(), **await super().committed(group)}


class ForgetsACancelledFetch(Mutant):
    class consumers(LocalConsumer):
        async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
            batches = await super().fetch(timeout=timeout, max_records=max_records)
            await harness.asyncio.sleep(0.005)
            return batches


class PublishesByHalves(Mutant):
    async def publish(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            await super().publish([record])


class LosesHeaders(Mutant):
    class storage(MemoryStorage):
        async def read(self, tp: TopicPartition, offset: int, limit: int) -> Sequence[Delivered]:
            found = await super().read(tp, offset, limit)
            return [Delivered(*tp, r.offset, r.time, r.key, r.value, tuple(dict(r.headers).items())) for r in found]


@pytest.fixture(
    params=[
        (CommitsOneTooMany, test_groups.test_a_group_goes_on_where_it_committed),
        (CommitsOneTooFew, test_groups.test_a_group_goes_on_where_it_committed),
        (CommitsOnFetch, test_groups.test_reading_does_not_commit),
        (CommitsOnFetch, test_groups.test_a_crash_between_handler_and_commit_brings_the_records_again),
        (CommitsOnStop, test_rebalance.test_who_leaves_hands_over_at_once_and_commits_nothing),
        (OneOffsetForAllGroups, test_groups.test_every_group_gets_everything),
        (HashOfEachPublisher, test_publish.test_a_key_always_falls_into_the_same_partition),
        (HashOfEachPublisher, test_publish.test_order_is_kept_per_key),
        (RevokesAfterMoving, test_rebalance.test_on_revoke_ends_before_anybody_else_reads_on),
        (NeverRevokes, test_rebalance.test_on_revoke_ends_before_anybody_else_reads_on),
        (EverybodyReadsEverything, test_groups.test_members_of_a_group_share_the_records),
        (
            CommitsWhatHasMoved,
            test_rebalance.test_a_batch_of_a_partition_that_moved_is_not_owned_and_cannot_be_committed,
        ),
        (OwnsForEver, test_replay.test_after_a_seek_older_batches_are_not_owned),
        (StartsAtTheEnd, test_groups.test_every_group_gets_everything),
        (ForgetsACancelledFetch, test_groups.test_a_cancelled_fetch_loses_nothing),
        (PublishesByHalves, test_publish.test_an_unknown_topic_is_refused_and_nothing_else_is_published),
        (LosesHeaders, test_publish.test_keys_values_and_headers_come_back_byte_for_byte),
    ],
    ids=lambda pair: f"{pair[0].__name__}-{pair[1].__name__[5:]}",
)
def mutant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[type[Mutant], Test]:
    monkeypatch.setattr(harness, "PATIENCE", 3.0)  # a mutant that loses something need not be waited for
    monkeypatch.setattr(test_rebalance, "PATIENCE", 3.0)
    return request.param


@pytest.fixture
async def bus(mutant: tuple[type[Mutant], Test]) -> AsyncIterator[Bus]:
    made = mutant[0]()
    await made.start()
    await made.create_topics([Topic("activities.v1")])
    yield made
    await made.stop()


async def test_the_suite_catches(mutant: tuple[type[Mutant], Test], bus: Bus) -> None:
    test = mutant[1]
    given = {"bus": bus, "topic": "activities.v1", "group": "activities.matching"}
    wanted = {name: given[name] for name in test.__code__.co_varnames[: test.__code__.co_argcount]}
    with pytest.raises((AssertionError, TimeoutError, NotOwned, pytest.fail.Exception)):
        await test(**wanted)


@pytest.mark.parametrize("mutant", [(Mutant, test_rebalance.test_on_revoke_ends_before_anybody_else_reads_on)])
async def test_the_suite_lets_an_honest_bus_pass(mutant: tuple[type[Mutant], Test], bus: Bus) -> None:
    await mutant[1](bus=bus, topic="activities.v1", group="activities.matching")
