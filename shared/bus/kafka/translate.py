"""Between the bus contract's words and Kafka's."""

# pyright: reportMissingTypeStubs=false

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition as KafkaPartition

from shared.bus.port import Delivered, TopicPartition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def ours(partition: Any) -> TopicPartition:
    return TopicPartition(partition.topic, partition.partition)


def theirs(tp: TopicPartition) -> Any:
    return KafkaPartition(tp.topic, tp.partition)


def to_millis(instant: datetime) -> int:
    """Rounded down: Kafka's times have milliseconds, and a reader must rather see one too many than one too few."""
    return (instant - _EPOCH) // _MILLISECOND


def delivered(record: Any) -> Delivered:
    """A consumer record. What a stranger wrote without key or value comes with empty ones."""
    return Delivered(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        time=_EPOCH + record.timestamp * _MILLISECOND,
        key=(record.key or b"").decode(errors="replace"),
        value=record.value or b"",
        headers=tuple((name, value or b"") for name, value in record.headers),
    )
