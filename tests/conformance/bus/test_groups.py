"""Consumer groups: who gets what, where they go on, and that only an explicit commit counts."""

import asyncio

import pytest

from shared.bus.port import Bus, Topic
from tests.conformance.bus.harness import (
    PATIENCE,
    Journal,
    Member,
    eventually,
    next_offsets,
    numbered,
    per_key,
    read,
    read_all,
    read_nothing,
    values,
)
from tests.faults.bus import Crash, FaultyBus

KEYS = [f"plan_{n}" for n in range(12)]


async def test_members_of_a_group_share_the_records(bus: Bus, topic: str, group: str) -> None:
    journal = Journal()
    members = [await Member(name, bus, group, topic, journal).join() for name in ("a", "b")]
    await eventually(lambda: all(len(member.consumer.assignment()) == 3 for member in members))
    sent = numbered(topic, KEYS, 20)
    await bus.publish(sent)
    await eventually(lambda: len(journal.entries) >= len(sent))
    for member in members:
        await member.leave()
    assert per_key(journal.records) == per_key(sent), "lost, repeated or out of order"
    assert journal.of("a")
    assert journal.of("b")


async def test_every_group_gets_everything(bus: Bus, topic: str, group: str) -> None:
    sent = numbered(topic, KEYS, 5)
    await bus.publish(sent)
    for name in (f"{group}-1", f"{group}-2"):
        consumer = bus.consumer(name, [topic])
        await consumer.start()
        batches = await read(consumer, len(sent))
        assert per_key(record for batch in batches for record in batch.records) == per_key(sent)
        await consumer.commit(next_offsets(batches))


async def test_a_group_goes_on_where_it_committed(bus: Bus, topic: str, group: str) -> None:
    await bus.publish(numbered(topic, KEYS, 10))
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    batches = await read(consumer, 120)
    middle = {batch.tp: batch.records[len(batch.records) // 2].offset for batch in batches}
    await consumer.commit(middle)
    await consumer.stop()

    successor = bus.consumer(group, [topic])
    await successor.start()
    left = 120 - sum(middle.values())
    records = await read_all(successor, left)
    await read_nothing(successor)
    assert len(records) == left
    for tp, offset in middle.items():
        found = [record.offset for record in records if record.tp == tp]
        assert found[0] == offset, "the offset to commit is the next one: no more, no less"


async def test_reading_does_not_commit(bus: Bus, topic: str, group: str) -> None:
    sent = numbered(topic, KEYS, 5)
    await bus.publish(sent)
    for _ in range(2):
        consumer = bus.consumer(group, [topic])
        await consumer.start()
        assert per_key(await read_all(consumer, len(sent))) == per_key(sent)
        await consumer.fetch(timeout=0.1)
        await consumer.stop()


async def test_a_crash_between_handler_and_commit_brings_the_records_again(bus: Bus, topic: str, group: str) -> None:
    faulty = FaultyBus(bus)
    await faulty.publish(numbered(topic, ["plan_1"], 10))
    handled: list[str] = []

    async def serve(until: str) -> None:
        consumer = faulty.consumer(group, [topic])
        await consumer.start()
        try:
            while until not in handled:
                for batch in await consumer.fetch(timeout=1, max_records=4):
                    handled.extend(values(batch.records))
                    await consumer.commit(next_offsets([batch]))
        finally:
            await consumer.stop()

    faulty.crash_before_commit(2)
    with pytest.raises(Crash):
        await serve(until="plan_1:9")
    await serve(until="plan_1:9")
    # The first batch was committed; the second was handled, but not committed, and came again.
    assert handled == [f"plan_1:{n}" for n in (0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 8, 9)]


async def test_a_commit_that_was_lost_brings_the_records_again(bus: Bus, topic: str, group: str) -> None:
    faulty = FaultyBus(bus)
    await faulty.publish(numbered(topic, ["plan_1"], 6))
    faulty.drop_commit(1)
    consumer = faulty.consumer(group, [topic])
    await consumer.start()
    batches = await read(consumer, 6)
    await consumer.commit(next_offsets(batches))
    await consumer.stop()
    successor = faulty.consumer(group, [topic])
    await successor.start()
    assert values(await read_all(successor, 6)) == [f"plan_1:{n}" for n in range(6)]


async def test_a_reader_without_a_group_reads_everything_and_leaves_no_trace(bus: Bus, topic: str) -> None:
    sent = numbered(topic, KEYS, 5)
    await bus.publish(sent)
    for _ in range(2):
        reader = bus.consumer(None, [topic])
        await reader.start()
        assert len(reader.assignment()) == 6
        batches = await read(reader, len(sent))
        assert per_key(record for batch in batches for record in batch.records) == per_key(sent)
        with pytest.raises(RuntimeError):
            await reader.commit(next_offsets(batches))
        await reader.stop()


async def test_nothing_to_read_is_an_empty_list(bus: Bus, topic: str, group: str) -> None:
    for name in (group, None):
        consumer = bus.consumer(name, [topic])
        await consumer.start()
        assert await consumer.fetch(timeout=0) == []
        assert await consumer.fetch(timeout=0.3) == []
        await consumer.stop()


async def test_a_consumer_may_be_there_before_the_first_record(bus: Bus, topic: str, group: str) -> None:
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    await read_nothing(consumer)
    waiting = asyncio.create_task(consumer.fetch(timeout=PATIENCE))
    await asyncio.sleep(0.1)
    await bus.publish(numbered(topic, ["plan_1"], 3))
    (batch,) = await waiting
    rest = await read_all(consumer, 3 - len(batch.records)) if len(batch.records) < 3 else []
    assert values([*batch.records, *rest]) == ["plan_1:0", "plan_1:1", "plan_1:2"]


async def test_a_cancelled_fetch_loses_nothing(bus: Bus, topic: str, group: str) -> None:
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    got: list[str] = []
    sent = numbered(topic, KEYS, 20)
    publishing = asyncio.create_task(_publish_slowly(bus, sent))
    for n in range(60):
        fetching = asyncio.create_task(consumer.fetch(timeout=0.05, max_records=5))
        await asyncio.sleep(0.001 * (n % 10))
        fetching.cancel()
        try:
            batches = await fetching
        except asyncio.CancelledError:
            continue
        got += [value for batch in batches for value in values(batch.records)]
    await publishing
    if len(got) < len(sent):
        got += values(await read_all(consumer, len(sent) - len(got)))
    assert sorted(got) == sorted(values(sent))


async def test_one_group_may_read_several_topics(bus: Bus, topic: str, group: str) -> None:
    other = topic.replace("activities", "partners")
    await bus.create_topics([Topic(other, 2)])
    await bus.publish([*numbered(topic, KEYS, 2), *numbered(other, KEYS, 2)])
    consumer = bus.consumer(group, [topic, other])
    await consumer.start()
    batches = await read(consumer, 48)
    assert {batch.tp.topic for batch in batches} == {topic, other}
    await consumer.commit(next_offsets(batches))
    await consumer.stop()
    successor = bus.consumer(group, [topic, other])
    await successor.start()
    await read_nothing(successor)


async def test_a_busy_partition_does_not_starve_the_others(bus: Bus, topic: str) -> None:
    await bus.publish(numbered(topic, ["plan_1"], 100))
    await bus.publish(numbered(topic, ["plan_2"], 1))
    reader = bus.consumer(None, [topic])
    await reader.start()
    for _ in range(100):
        await bus.publish(numbered(topic, ["plan_1"], 20))  # more than is read: it never runs dry
        batches = await reader.fetch(timeout=5, max_records=10)
        if any(record.key == "plan_2" for batch in batches for record in batch.records):
            return
    pytest.fail("the quiet partition was never read")


async def test_stopping_twice_or_before_starting_is_no_error(bus: Bus, topic: str, group: str) -> None:
    never = bus.consumer(group, [topic])
    await never.stop()
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    fetching = asyncio.create_task(consumer.fetch(timeout=PATIENCE))
    await asyncio.sleep(0.05)
    await consumer.stop()
    await consumer.stop()
    assert await fetching == []
    assert consumer.assignment() == frozenset()
    with pytest.raises(RuntimeError):
        await consumer.fetch(timeout=0)


async def _publish_slowly(bus: Bus, sent: list) -> None:
    for start in range(0, len(sent), 12):
        await bus.publish(sent[start : start + 12])
        await asyncio.sleep(0.01)
