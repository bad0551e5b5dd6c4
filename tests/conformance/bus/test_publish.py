"""What is published is there: complete, in order per key, unchanged, and for good."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.bus.local.storage import partition_of
from shared.bus.port import MAX_VALUE_BYTES, Bus, Outgoing, RecordTooLarge, Topic, TopicPartition, UnknownTopic
from tests.conformance.bus.harness import Features, numbered, per_key, read, read_all, read_nothing, values

KEYS = [f"plan_{n}" for n in range(20)]


async def test_order_is_kept_per_key(bus: Bus, topic: str) -> None:
    sent = numbered(topic, KEYS, 30)
    for start in range(0, len(sent), 70):
        await bus.publish(sent[start : start + 70])
    reader = bus.consumer(None, [topic])
    await reader.start()
    assert per_key(await read_all(reader, len(sent))) == per_key(sent)


async def test_a_key_always_falls_into_the_same_partition(bus: Bus, topic: str) -> None:
    for start in range(5):
        await bus.publish(numbered(topic, KEYS, 1, start))
    reader = bus.consumer(None, [topic])
    await reader.start()
    placed = {(record.key, record.partition) for record in await read_all(reader, 5 * len(KEYS))}
    assert len(placed) == len(KEYS), "some key lies in two partitions"
    assert len({partition for _, partition in placed}) > 1, "all keys lie in one partition"


async def test_a_key_falls_into_the_same_partition_whoever_publishes(features: Features, bus: Bus, topic: str) -> None:
    if not features.durable:
        pytest.skip("a log in memory has one publisher")
    await bus.publish(numbered(topic, KEYS, 1))
    await bus.stop()
    again = features.make()
    await again.start()
    await again.publish(numbered(topic, KEYS, 1, start=1))
    reader = again.consumer(None, [topic])
    await reader.start()
    placed = {(record.key, record.partition) for record in await read_all(reader, 2 * len(KEYS))}
    await again.stop()
    assert len(placed) == len(KEYS)


@pytest.mark.parametrize(("key", "partition"), [("plan_1", 1), ("plan_2", 5), ("Łódź", 3), ("", 0)])
def test_the_local_partition_of_a_key_is_for_ever(key: str, partition: int) -> None:
    """Fixed figures: a hash that changes with the process or the release would put a subject's events out of order."""
    assert partition_of(key, 6) == partition


async def test_batches_are_of_one_partition_without_gaps_and_not_larger_than_asked(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 20))
    reader = bus.consumer(None, [topic])
    await reader.start()
    read_on: dict[TopicPartition, int] = {}
    seen = 0
    while seen < 400:
        batches = await reader.fetch(timeout=5, max_records=7)
        assert 0 < sum(len(batch.records) for batch in batches) <= 7
        assert len({batch.tp for batch in batches}) == len(batches)
        for batch in batches:
            for record in batch.records:
                assert record.tp == batch.tp
                assert record.offset == read_on.get(batch.tp, 0)
                read_on[batch.tp] = record.offset + 1
                seen += 1


async def test_keys_values_and_headers_come_back_byte_for_byte(bus: Bus, topic: str) -> None:
    sent = [
        Outgoing(topic, "plan_ä→漢", bytes(range(256)), (("ce_id", b"1"), ("raw", bytes(range(256))), ("empty", b""))),
        Outgoing(topic, "plan_2", b"", (("same", b"1"), ("same", b"2"))),
        Outgoing(topic, "", b"{}"),
    ]
    await bus.publish(sent)
    reader = bus.consumer(None, [topic])
    await reader.start()
    found = await read_all(reader, 3)
    assert {(record.key, record.value, record.headers) for record in found} == {
        (record.key, record.value, record.headers) for record in sent
    }


async def test_the_largest_value_passes_and_one_byte_more_does_not(bus: Bus, topic: str) -> None:
    largest = Outgoing(topic, "plan_1", b"x" * MAX_VALUE_BYTES, (("ce_id", b"1" * 500),))
    await bus.publish([largest, largest])
    with pytest.raises(RecordTooLarge):
        await bus.publish([*numbered(topic, KEYS, 1), Outgoing(topic, "plan_1", b"x" * (MAX_VALUE_BYTES + 1))])
    reader = bus.consumer(None, [topic])
    await reader.start()
    assert [len(record.value) for record in await read_all(reader, 2)] == [MAX_VALUE_BYTES] * 2
    await read_nothing(reader)


async def test_an_unknown_topic_is_refused_and_nothing_else_is_published(bus: Bus, topic: str) -> None:
    with pytest.raises(UnknownTopic):
        await bus.publish([*numbered(topic, KEYS, 1), Outgoing(topic + ".misspelt", "plan_1", b"{}")])
    with pytest.raises(UnknownTopic):
        await bus.consumer(None, [topic + ".misspelt"]).start()
    reader = bus.consumer(None, [topic])
    await reader.start()
    await read_nothing(reader)


async def test_topics_are_created_once_and_never_change_their_partitions(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 1))
    await bus.create_topics([Topic(topic), Topic(topic + ".dlq", 1)])
    with pytest.raises(ValueError, match="6 partitions"):
        await bus.create_topics([Topic(topic, 12)])
    reader = bus.consumer(None, [topic, topic + ".dlq"])
    await reader.start()
    assert len(await read_all(reader, len(KEYS))) == len(KEYS)
    assert len(reader.assignment()) == 7


async def test_records_are_stamped_when_they_are_appended(bus: Bus, topic: str) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # the log counts whole milliseconds
    await bus.publish(numbered(topic, KEYS, 1))
    after = datetime.now(UTC)
    reader = bus.consumer(None, [topic])
    await reader.start()
    for record in await read_all(reader, len(KEYS)):
        assert before <= record.time <= after
        assert record.time.utcoffset() == timedelta()


async def test_publishing_at_the_same_time_loses_and_mixes_nothing(bus: Bus, topic: str) -> None:
    await asyncio.gather(*(bus.publish(numbered(topic, [f"plan_{n}"], 25)) for n in range(12)))
    reader = bus.consumer(None, [topic])
    await reader.start()
    expected = {f"plan_{n}": [f"plan_{n}:{i}" for i in range(25)] for n in range(12)}
    assert per_key(await read_all(reader, 300)) == expected


async def test_publishing_nothing_is_no_error(bus: Bus, topic: str) -> None:
    await bus.publish([])
    reader = bus.consumer(None, [topic])
    await reader.start()
    await read_nothing(reader)


async def test_what_was_published_is_there_for_the_next_process(
    features: Features, bus: Bus, topic: str, group: str
) -> None:
    if not features.durable:
        pytest.skip("a log in memory ends with its object")
    sent = numbered(topic, KEYS, 3)
    await bus.publish(sent)
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    (first, *_) = await read(consumer, 1, max_records=1)
    await consumer.commit({first.tp: first.records[0].offset + 1})
    log_id = bus.log_id
    await bus.stop()

    again = features.make()
    await again.start()
    assert again.log_id == log_id
    await again.create_topics([Topic(topic)])
    reader, member = again.consumer(None, [topic]), again.consumer(group, [topic])
    await reader.start()
    await member.start()
    everything = values(await read_all(reader, len(sent)))
    rest = values(await read_all(member, len(sent) - 1))
    await read_nothing(member)
    await again.stop()
    assert sorted(everything) == sorted(values(sent))
    assert sorted([*rest, *values(first.records)]) == sorted(values(sent))


async def test_another_log_has_another_id(features: Features, bus: Bus) -> None:
    if features.other is None:
        pytest.skip("a second cluster costs ten seconds; its id is the cluster's own")
    other = features.other()
    await other.start()
    assert bus.log_id
    assert other.log_id != bus.log_id
    await other.stop()
