"""Reading the past again: from an offset, from a time, from the beginning."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.bus.port import Bus, NotOwned, TopicPartition
from tests.conformance.bus.harness import numbered, per_key, read, read_all, read_nothing, values

KEYS = [f"plan_{n}" for n in range(12)]


async def test_replay_from_an_offset(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 10))
    reader = bus.consumer(None, [topic])
    await reader.start()
    everything = await read_all(reader, 120)
    ends = await reader.ends()
    await reader.seek({tp: end - 3 for tp, end in ends.items() if end})
    again = await read_all(reader, 3 * sum(1 for end in ends.values() if end))
    assert sorted(values(again)) == sorted(
        record.value.decode() for record in everything if record.offset >= ends[record.tp] - 3
    )
    await read_nothing(reader)


async def test_replay_from_the_beginning_gives_the_same_records(bus: Bus, topic: str, group: str) -> None:
    sent = numbered(topic, KEYS, 10)
    await bus.publish(sent)
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    batches = await read(consumer, len(sent))
    await consumer.commit({batch.tp: batch.records[-1].offset + 1 for batch in batches})
    await consumer.seek(await consumer.begins())
    again = await read_all(consumer, len(sent))
    assert sorted(again, key=_place) == sorted((r for batch in batches for r in batch.records), key=_place)
    assert per_key(again) == per_key(sent)


async def test_after_a_seek_older_batches_are_not_owned(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 5))
    reader = bus.consumer(None, [topic])
    await reader.start()
    batches = await read(reader, 60)
    sought, *others = batches
    await reader.seek({sought.tp: 0})
    assert not reader.owns(sought)
    assert all(reader.owns(batch) for batch in others if batch.tp != sought.tp)


async def test_replay_from_a_time(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 5))
    await asyncio.sleep(0.05)
    instant = datetime.now(UTC)
    await asyncio.sleep(0.05)
    await bus.publish(numbered(topic, KEYS, 5, start=5))
    reader = bus.consumer(None, [topic])
    await reader.start()
    await read_all(reader, 120)
    await reader.seek_to_time(instant)
    assert per_key(await read_all(reader, 60)) == {key: [f"{key}:{n}" for n in range(5, 10)] for key in KEYS}
    await read_nothing(reader)


async def test_a_records_own_time_leads_back_to_it(bus: Bus, topic: str) -> None:
    for n in range(4):
        await bus.publish(numbered(topic, ["plan_1"], 1, start=n))
        await asyncio.sleep(0.01)
    reader = bus.consumer(None, [topic])
    await reader.start()
    third = (await read_all(reader, 4))[2]
    await reader.seek_to_time(third.time)
    assert values(await read_all(reader, 2)) == ["plan_1:2", "plan_1:3"]


async def test_from_a_time_to_come_only_news_is_read(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, KEYS, 5))
    reader = bus.consumer(None, [topic])
    await reader.start()
    await reader.seek_to_time(datetime.now(UTC) + timedelta(hours=1))
    await read_nothing(reader)
    await bus.publish(numbered(topic, ["plan_1"], 1, start=5))
    assert values(await read_all(reader, 1)) == ["plan_1:5"]


async def test_begins_and_ends(bus: Bus, topic: str, group: str) -> None:
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    every = [TopicPartition(topic, n) for n in range(6)]
    assert await consumer.begins() == await consumer.ends() == dict.fromkeys(every, 0)
    await bus.publish(numbered(topic, KEYS, 5))
    batches = await read(consumer, 60)
    last = {batch.tp: batch.records[-1].offset for batch in batches}
    assert await consumer.begins() == dict.fromkeys(every, 0)
    assert await consumer.ends() == {tp: last.get(tp, -1) + 1 for tp in every}


async def test_only_what_is_assigned_can_be_sought(bus: Bus, topic: str) -> None:
    reader = bus.consumer(None, [topic])
    await reader.start()
    with pytest.raises(NotOwned):
        await reader.seek({TopicPartition(topic, 6): 0})


def _place(record: object) -> tuple[int, int]:
    return record.partition, record.offset
