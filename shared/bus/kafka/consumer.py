"""Reading from Kafka as one member of a group, and not trusting the client to stay awake.

Known of aiokafka: `commit()` without offsets commits what was merely handed out; records of a partition that has moved
can still come; a consumer can go silent for ever after a broker's restart (github.com/aio-libs/aiokafka/issues/1154).
So offsets are always explicit, each partition has a generation, and who has something to read but reads nothing is
rebuilt.
"""

# pyright: reportMissingTypeStubs=false

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError

from shared.bus.kafka.clients import KafkaOptions, bounded, make_consumer, require_topics, stop_consumer
from shared.bus.kafka.translate import delivered, ours, theirs, to_millis
from shared.bus.port import Batch, BusUnavailable, NotOwned, OnRevoke, TopicPartition

log = structlog.get_logger(__name__)

GRACE_SECONDS = 0.5
COMMIT_FAILURES = 3

Drained = tuple[dict[TopicPartition, int], Mapping[Any, Sequence[Any]]]


class KafkaConsumer:
    """Implements `Consumer`. `rebuilt` counts how often the client underneath was thrown away.

    `running` is where it enters on start and leaves on stop, so that its bus can end it.
    """

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        group: str | None,
        topics: Sequence[str],
        on_revoke: OnRevoke | None,
        options: KafkaOptions,
        running: "set[KafkaConsumer]",
    ) -> None:
        self._bootstrap, self._client_id, self._group = bootstrap, client_id, group
        self._topics, self._on_revoke, self._options = sorted(set(topics)), on_revoke, options
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._all_running = running
        self.rebuilt = 0
        self._revoking = False
        self._generations = 0
        self._owned: dict[TopicPartition, int] = {}
        self._assigned = asyncio.Event()
        self._draining: asyncio.Task[Drained] | None = None
        self._progress = 0.0  # when something was last read, or found to be read already; on the loop's clock
        self._suspected: dict[TopicPartition, int] | None = None
        self._commit_failures = 0

    async def start(self) -> None:
        """Also raises UnknownTopic. Returns when the group has dealt, or (a slow rebalance) after the time limit."""
        self._all_running.add(self)
        if self._client is None:
            await self._open()
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._assigned.wait()
        except TimeoutError:
            log.info("kafka.join_pending", group=self._group)

    async def fetch(self, *, timeout: float, max_records: int = 500) -> list[Batch]:
        self._check_running()
        if self._client is None:
            await self._open()
        drained = await self._drain(timeout, max_records) if self._client else None
        if drained is None:
            await self._watch()
            return []
        generations, records = drained
        batches = [
            Batch(tp, tuple(delivered(record) for record in found), generations[tp])
            for partition, found in records.items()
            # What was drained just before a rebalance or a seek is dropped: it will be read again by whoever should.
            if found and (tp := ours(partition)) in generations and self._owned.get(tp) == generations[tp]
        ]
        if batches:
            self._progress, self._suspected = asyncio.get_running_loop().time(), None
        else:
            await self._watch()
        return batches

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._group is None:
            raise RuntimeError("a reader without a group has nowhere to commit to")
        self._check_owned(offsets)
        client = self._client
        try:
            async with asyncio.timeout(self._options.timeout):
                await client.commit({theirs(tp): offset for tp, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            raise NotOwned(f"{self._group}: {error}") from error
        except (TimeoutError, KafkaError, OSError) as error:
            self._commit_failures += 1
            if self._commit_failures >= COMMIT_FAILURES:
                await self._throw_away(client, "commits fail")
            raise BusUnavailable(f"commit: {type(error).__name__} {error}".rstrip()) from error
        self._commit_failures = 0

    def owns(self, batch: Batch) -> bool:
        return self._owned.get(batch.tp) == batch.generation

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._owned)

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        client = await self._settled()
        self._check_owned(offsets)
        for tp, offset in offsets.items():
            client.seek(theirs(tp), offset)
            self._own(tp)

    async def seek_to_time(self, instant: datetime) -> None:
        client = await self._settled()
        wanted = {theirs(tp): to_millis(instant) for tp in self._owned}
        found = await self._ask("offsets by time", client.offsets_for_times(wanted))
        ends = await self.ends()
        # None: nothing as late as that yet, so the next record is the first one.
        await self.seek({ours(tp): hit.offset if hit else ends[ours(tp)] for tp, hit in found.items()})

    async def begins(self) -> Mapping[TopicPartition, int]:
        client = await self._settled()
        found = await self._ask("first offsets", client.beginning_offsets([theirs(tp) for tp in self._owned]))
        return {ours(tp): offset for tp, offset in found.items()}

    async def ends(self) -> Mapping[TopicPartition, int]:
        client = await self._settled()
        found = await self._ask("end offsets", client.end_offsets([theirs(tp) for tp in self._owned]))
        return {ours(tp): offset for tp, offset in found.items()}

    async def stop(self) -> None:
        self._all_running.discard(self)
        client, self._client = self._client, None
        self._let_go()
        await self._stop_draining()
        if client is not None:
            await stop_consumer(client)

    # The client underneath.

    async def _open(self) -> None:
        async with self._opening:
            if self._client is not None:
                return
            client = make_consumer(self._bootstrap, self._client_id, self._group, self._options)
            try:
                await bounded(self._options.timeout, "consumer", client.start())
                topics = await bounded(self._options.timeout, "topics", require_topics(client._client, self._topics))
            except BaseException:
                await stop_consumer(client)
                raise
            if self not in self._all_running:
                await stop_consumer(client)  # stopped while we were at it
                return
            self._client, self._commit_failures = client, 0
            self._progress, self._suspected = asyncio.get_running_loop().time(), None
            if self._group is not None:
                client.subscribe(self._topics, listener=_Listener(self, client))
                return
            every = [KafkaPartition(topic, number) for topic in self._topics for number in sorted(topics[topic])]
            client.assign(every)
            self._take(every)

    async def _throw_away(self, client: Any, reason: str) -> None:
        """The next fetch builds a new one. Nothing is drained: it is the reader itself that gives up here."""
        if client is None or self._client is not client:
            return
        self._client = None
        self.rebuilt += 1
        log.warning("kafka.consumer_abandoned", group=self._group, reason=reason, rebuilt=self.rebuilt)
        self._let_go()
        await self._stop_draining()
        await stop_consumer(client)

    async def _drain(self, timeout: float, max_records: int) -> Drained | None:
        """What has arrived, or None after `timeout`.

        `getmany` waits without limit while a rebalance runs, and must not be cancelled (it would forget that it was
        idle, by which aiokafka tells a stuck member); so it runs in a task that outlives us and is asked again.
        """
        client = self._client
        if self._draining is None:
            self._draining = asyncio.create_task(self._get_many(client, timeout, max_records))
        task = self._draining
        done, _ = await asyncio.wait({task}, timeout=timeout + GRACE_SECONDS)
        if not done:
            return None
        if self._draining is task:
            self._draining = None
        if task.cancelled() or self._revoking:
            return None
        try:
            return task.result()
        except ConsumerStoppedError:
            return None
        except (KafkaError, OSError) as error:
            await self._throw_away(client, f"{type(error).__name__} on fetch")
            raise BusUnavailable(f"fetch: {type(error).__name__} {error}".rstrip()) from error

    async def _get_many(self, client: Any, timeout: float, max_records: int) -> Drained:
        records = await client.getmany(timeout_ms=int(timeout * 1000), max_records=max_records)
        # In the same step of the loop, so that these are the generations under which the records were drained.
        return dict(self._owned), records

    async def _stop_draining(self) -> None:
        if self._draining is not None:
            task, self._draining = self._draining, None
            task.cancel()
            await asyncio.wait({task})

    async def _watch(self) -> None:
        """Nothing was read. Once it has lasted: is there nothing to read, or has the client gone to sleep?

        Raises BusUnavailable where the log itself does not answer. Ends are taken twice, half a stall apart: a record
        that is younger than the first look proves nothing.
        """
        client, silent = self._client, asyncio.get_running_loop().time() - self._progress
        if client is None or silent < self._options.stall / 2:
            return
        if not self._assigned.is_set():
            # A rebalance takes as long as the slowest member drains; beyond that the join itself is stuck.
            if silent > self._options.stall + self._options.rebalance:
                await self._throw_away(client, "never assigned")
            return
        ends = await self.ends()
        suspected, self._suspected = self._suspected, dict(ends)
        self._progress = asyncio.get_running_loop().time()
        if suspected is None:
            return
        for tp, end in suspected.items():
            if tp in self._owned and end > 0 and await self._position(client, tp) < end:
                await self._throw_away(client, "silent although there is something to read")
                return

    async def _position(self, client: Any, tp: TopicPartition) -> int:
        try:
            return await bounded(self._options.timeout / 4, "position", client.position(theirs(tp)))
        except BusUnavailable:
            return -1  # it has not even found out where to read on

    async def _settled(self) -> Any:
        """The client, with its partitions assigned."""
        self._check_running()
        if self._client is None:
            await self._open()
        await bounded(self._options.timeout, "assignment", self._assigned.wait())
        return self._client

    async def _ask(self, what: str, question: Any) -> Mapping[Any, Any]:
        return await bounded(self._options.timeout, what, question)

    # Who owns what.

    async def revoke(self, client: Any) -> None:
        """Called by aiokafka before the partitions move; they move when this returns."""
        if client is not self._client:
            return
        self._assigned.clear()
        self._revoking = True
        try:
            if self._on_revoke and self._owned:
                async with asyncio.timeout(self._options.drain):
                    await self._on_revoke(frozenset(self._owned))
        except Exception as error:
            # Whatever it did not finish will be read again by the next owner.
            log.warning("bus.revoke_failed", group=self._group, error=type(error).__name__)
        finally:
            self._revoking = False
            if client is self._client:
                self._let_go()

    def assign(self, client: Any, partitions: Sequence[Any]) -> None:
        if client is self._client:
            self._take(partitions)

    def _take(self, partitions: Sequence[Any]) -> None:
        self._let_go()
        for partition in partitions:
            self._own(ours(partition))
        self._assigned.set()
        self._progress, self._suspected = asyncio.get_running_loop().time(), None

    def _let_go(self) -> None:
        self._owned.clear()
        self._assigned.clear()

    def _own(self, tp: TopicPartition) -> None:
        self._generations += 1
        self._owned[tp] = self._generations

    def _check_running(self) -> None:
        if self not in self._all_running:
            raise RuntimeError("the consumer does not run: start() first, and never after stop()")

    def _check_owned(self, offsets: Mapping[TopicPartition, int]) -> None:
        lost = [f"{tp.topic}/{tp.partition}" for tp in offsets if tp not in self._owned]
        if lost or self._client is None:
            raise NotOwned(", ".join(lost))


class _Listener(ConsumerRebalanceListener):
    """Tells the consumer of one client's rebalances; what a client says after it was thrown away is not heard."""

    def __init__(self, consumer: KafkaConsumer, client: Any) -> None:
        self._consumer, self._client = consumer, client

    async def on_partitions_revoked(self, revoked: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        await self._consumer.revoke(self._client)

    async def on_partitions_assigned(self, assigned: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._consumer.assign(self._client, list(assigned))
