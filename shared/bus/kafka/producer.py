"""Publishing to Kafka: everything at once, in order per key, in bounded time.

An idempotent aiokafka producer never gives a batch up, so a send can hang for as long as a broker is away, and after
`OutOfOrderSequenceNumber` every further one fails until somebody builds a new producer. Hence the rule: whatever goes
wrong, and whatever takes too long, the producer is thrown away, the caller is told BusUnavailable ("may be in the log"),
and the next publish builds a new one.
"""

# pyright: reportMissingTypeStubs=false

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from shared.bus.kafka.clients import KafkaOptions, discard_producer, make_producer, require_topics, stop_producer
from shared.bus.port import MAX_VALUE_BYTES, BusUnavailable, Outgoing, RecordTooLarge, UnknownTopic

log = structlog.get_logger(__name__)


class KafkaProducer:
    """The sending half of a `KafkaBus`. `rebuilt` counts the producers that had to be thrown away."""

    def __init__(self, bootstrap: str, client_id: str, options: KafkaOptions) -> None:
        self._bootstrap, self._client_id, self._options = bootstrap, client_id, options
        self._producer: Any = None
        self._building = asyncio.Lock()
        self._farewells: set[asyncio.Task[None]] = set()
        self.rebuilt = 0

    async def connect(self) -> None:
        """Raises BusUnavailable."""
        await self._sending([])

    async def publish(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            if len(record.value) > MAX_VALUE_BYTES:
                raise RecordTooLarge(
                    f"{record.topic} {record.key}: {len(record.value)} bytes, at most {MAX_VALUE_BYTES}"
                )
        if records:
            await self._sending(records)

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
        if self._farewells:
            await asyncio.gather(*self._farewells, return_exceptions=True)

    async def _sending(self, records: Sequence[Outgoing]) -> None:
        producer: Any = None
        try:
            async with asyncio.timeout(self._options.timeout):
                producer = await self._ready()
                await self._send(producer, records)
        except (MessageSizeTooLargeError, UnknownTopicOrPartitionError) as error:
            # Both were looked for beforehand: key and headers are enormous, or the topic has just been deleted.
            self._abandon(producer)
            kind = RecordTooLarge if isinstance(error, MessageSizeTooLargeError) else UnknownTopic
            raise kind(str(error)) from error
        except (TimeoutError, KafkaError, OSError) as error:
            self._abandon(producer)
            raise BusUnavailable(f"publish: {type(error).__name__} {error}".rstrip()) from error

    async def _send(self, producer: Any, records: Sequence[Outgoing]) -> None:
        await require_topics(producer.client, {record.topic for record in records})
        sent: list[Any] = []
        try:
            # Appended to their partitions' batches in order; aiokafka has one batch of a partition in flight at a time.
            for record in records:
                headers = list(record.headers)
                sent.append(await producer.send(record.topic, record.value, key=record.key.encode(), headers=headers))
            if sent:
                # Not gather(): on a timeout it would cancel the futures, which aiokafka still has to resolve.
                done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            for future in sent:
                future.add_done_callback(_notice)

    async def _ready(self) -> Any:
        async with self._building:
            if self._producer is None:
                producer = make_producer(self._bootstrap, self._client_id, self._options)
                try:
                    await producer.start()
                except BaseException:
                    self._bid_farewell(producer)
                    raise
                self._producer = producer
            return self._producer

    def _abandon(self, producer: Any) -> None:
        """Several publishes may fail on one producer: the first of them puts it aside."""
        if producer is not None and self._producer is producer:
            self._producer = None
            self.rebuilt += 1
            log.warning("kafka.producer_abandoned", rebuilt=self.rebuilt)
            self._bid_farewell(producer)

    def _bid_farewell(self, producer: Any) -> None:
        task = asyncio.create_task(discard_producer(producer))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)


def _notice(future: Any) -> None:
    """The failures after the first are no news; unless looked at, each would be logged as never retrieved."""
    if not future.cancelled():
        future.exception()
