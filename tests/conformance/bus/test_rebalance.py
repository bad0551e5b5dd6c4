"""Members come and go while records flow: nothing is lost, and nobody reads on before the other has let go."""

import asyncio

import pytest

from shared.bus.port import Bus, NotOwned, Topic, TopicPartition
from tests.conformance.bus.harness import (
    PATIENCE,
    Journal,
    Member,
    eventually,
    first_times,
    next_offsets,
    numbered,
    per_key,
    read,
    read_all,
    read_nothing,
)

KEYS = [f"plan_{n}" for n in range(12)]


async def test_members_join_and_leave_while_records_flow(bus: Bus, topic: str, group: str) -> None:
    journal, sent = Journal(), numbered(topic, KEYS, 60)

    async def publish() -> None:
        for start in range(0, len(sent), 12):
            await bus.publish(sent[start : start + 12])
            await asyncio.sleep(0.05)

    a = await Member("a", bus, group, topic, journal, work=0.001).join()
    publishing = asyncio.create_task(publish())
    await eventually(lambda: len(journal.of("a")) > 20)
    b = await Member("b", bus, group, topic, journal, work=0.001).join()
    await eventually(lambda: len(journal.of("b")) > 20)
    await a.leave()
    seen = len(journal.of("b"))
    await eventually(lambda: len(journal.of("b")) > seen + 20)
    c = await Member("c", bus, group, topic, journal, work=0.001).join()
    await publishing
    await eventually(lambda: len(first_times(journal.records)) >= len(sent))
    await b.leave()
    await c.leave()
    assert per_key(first_times(journal.records)) == per_key(sent), "lost or out of order"
    assert journal.of("a")
    assert journal.of("b")
    assert a.revoked, "a was not asked to let go when b came"
    assert len(journal.records) - len(sent) <= len(KEYS), "a drained revoke repeats hardly anything"


async def test_on_revoke_ends_before_anybody_else_reads_on(bus: Bus, topic: str, group: str) -> None:
    sent = numbered(topic, KEYS, 10)
    await bus.publish(sent)
    asked, may_let_go = asyncio.Event(), asyncio.Event()
    lost: list[frozenset[TopicPartition]] = []
    still_owned: list[bool] = []

    async def on_revoke(partitions: frozenset[TopicPartition]) -> None:
        if not lost:
            lost.append(partitions)
            asked.set()
            await may_let_go.wait()
            still_owned.append(all(first.owns(batch) for batch in batches))
            await first.commit(next_offsets(batches))

    first = bus.consumer(group, [topic], on_revoke=on_revoke)
    await first.start()
    batches = await read(first, len(sent))

    second = bus.consumer(group, [topic])
    joining = asyncio.create_task(second.start())
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    early = asyncio.create_task(_fetch_when_started(joining, second))
    await asyncio.sleep(1)
    assert not early.done() or early.result() == [], "the second read on while the first was still at work"
    assert await first.fetch(timeout=0.1) == [], "a member that lets go is handed nothing new"
    may_let_go.set()
    await eventually(lambda: len(first.assignment()) == 3 and len(second.assignment()) == 3)
    assert await early == []
    await read_nothing(second)  # everything was committed in time
    await read_nothing(first)
    assert lost == [frozenset(TopicPartition(topic, n) for n in range(6))]
    assert still_owned == [True], "while it drains, a member still owns what it has in hand"
    assert not any(first.owns(batch) for batch in batches)


async def test_a_batch_of_a_partition_that_moved_is_not_owned_and_cannot_be_committed(
    bus: Bus, topic: str, group: str
) -> None:
    sent = numbered(topic, KEYS, 5)
    await bus.publish(sent)
    first, second = bus.consumer(group, [topic]), bus.consumer(group, [topic])
    await first.start()
    batches = await read(first, len(sent))
    assert all(first.owns(batch) for batch in batches)
    await second.start()
    await eventually(lambda: len(first.assignment()) == 3 and len(second.assignment()) == 3)
    assert not any(first.owns(batch) for batch in batches)
    moved = [batch for batch in batches if batch.tp not in first.assignment()]
    assert moved
    with pytest.raises(NotOwned):
        await first.commit(next_offsets(moved))
    again = {record.tp for record in await read_all(second, sum(len(batch.records) for batch in moved))}
    assert again == {batch.tp for batch in moved}


async def test_who_leaves_hands_over_at_once_and_commits_nothing(bus: Bus, topic: str, group: str) -> None:
    revoked: list[object] = []

    async def on_revoke(partitions: frozenset[TopicPartition]) -> None:
        revoked.append(partitions)

    sent = numbered(topic, KEYS, 5)
    await bus.publish(sent)
    first = bus.consumer(group, [topic], on_revoke=on_revoke)
    await first.start()
    batches = await read(first, len(sent))
    await first.stop()
    assert revoked == [], "who stops has drained already"
    assert not any(first.owns(batch) for batch in batches)
    with pytest.raises(NotOwned):
        await first.commit(next_offsets(batches))
    second = bus.consumer(group, [topic])
    await second.start()
    assert per_key(await read_all(second, len(sent))) == per_key(sent)


async def test_an_on_revoke_that_fails_does_not_hold_the_group(bus: Bus, topic: str, group: str) -> None:
    async def on_revoke(partitions: frozenset[TopicPartition]) -> None:
        raise OSError("the database has gone")

    first = bus.consumer(group, [topic], on_revoke=on_revoke)
    await first.start()
    await eventually(lambda: len(first.assignment()) == 6)
    second = bus.consumer(group, [topic])
    await second.start()
    await eventually(lambda: len(first.assignment()) == 3 and len(second.assignment()) == 3)


async def test_spare_members_wait_and_take_over(bus: Bus, topic: str, group: str) -> None:
    narrow = f"{topic}.dlq"
    await bus.create_topics([Topic(narrow, 1)])
    first, spare = bus.consumer(group, [narrow]), bus.consumer(group, [narrow])
    await asyncio.gather(first.start(), spare.start())
    await eventually(lambda: len(first.assignment()) + len(spare.assignment()) == 1)
    if spare.assignment():
        first, spare = spare, first
    assert await spare.fetch(timeout=0.1) == []
    await first.stop()
    await eventually(lambda: len(spare.assignment()) == 1)


async def _fetch_when_started(joining: "asyncio.Task[None]", consumer: object) -> object:
    await joining
    return await consumer.fetch(timeout=0.5)
