"""Bare producing: aiokafka's batches filled by hand, per partition, all of them on the way at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from shared.bus.port import Outgoing

RECORDS = 500


def make(bootstrap: str) -> AIOKafkaProducer:
    """Started and stopped by the caller. The same promises as the bus: all replicas, idempotent."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=512 * 1024
    )


async def send(producer: AIOKafkaProducer, topic: str, partitions: int, messages: Sequence[Outgoing]) -> None:
    """All of them, in order per key, acknowledged."""
    open_: dict[int, Any] = {}
    acknowledged: list[Any] = []

    async def dispatch(partition: int) -> None:
        acknowledged.append(await producer.send_batch(open_.pop(partition), topic, partition=partition))

    for message in messages:
        key = message.key.encode()
        partition = (murmur2(key) & 0x7FFFFFFF) % partitions
        batch = open_.get(partition) or open_.setdefault(partition, producer.create_batch())
        headers = list(message.headers)
        if batch.append(key=key, value=message.value, timestamp=None, headers=headers) is None:
            await dispatch(partition)
            batch = open_[partition] = producer.create_batch()
            batch.append(key=key, value=message.value, timestamp=None, headers=headers)
        if batch.record_count() >= RECORDS:
            await dispatch(partition)
    for partition in list(open_):
        await dispatch(partition)
    await asyncio.gather(*acknowledged)
