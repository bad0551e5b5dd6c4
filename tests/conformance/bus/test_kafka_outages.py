"""What only Kafka can do to us: brokers that die, freeze and come back, and a client library that falls asleep.

Nothing here is repaired by hand: the same bus object and the same consumer go on by themselves.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from infra.native.kafka import KafkaCluster
from shared.bus.kafka.bus import KafkaBus
from shared.bus.kafka.clients import KafkaOptions
from shared.bus.kafka.logs import RateLimit
from shared.bus.port import Bus, BusUnavailable, NotOwned, Outgoing, Topic
from tests.conformance.bus.harness import (
    PATIENCE,
    eventually,
    first_times,
    next_offsets,
    numbered,
    read,
    read_all,
    values,
)

pytestmark = pytest.mark.kafka

IMPATIENT = KafkaOptions(timeout=3, session=6, stall=2)
KEYS = [f"plan_{n}" for n in range(4)]


@pytest.fixture
async def bus(kafka: KafkaCluster) -> AsyncIterator[KafkaBus]:
    made = KafkaBus(kafka.bootstrap, client_id="outages", options=IMPATIENT)
    await made.start()
    yield made
    await made.stop()


async def _publish_until_it_works(bus: Bus, records: list[Outgoing]) -> int:
    """As the relay does. Returns how often it did not."""
    failures = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await bus.publish(records)
            except BusUnavailable:
                failures += 1
                await asyncio.sleep(0.1)
            else:
                return failures


class _Follower:
    """Reads and commits for ever, as a service does, and keeps what it saw."""

    def __init__(self, bus: Bus, group: str, topic: str) -> None:
        self.consumer = bus.consumer(group, [topic])
        self.seen: list[str] = []
        self.away = 0
        self._records: list = []

    async def run(self) -> None:
        await self.consumer.start()
        while True:
            try:
                for batch in await self.consumer.fetch(timeout=0.3):
                    self._records += batch.records
                    self.seen = values(first_times(self._records))
                    await self.consumer.commit(next_offsets([batch]))
            except NotOwned:
                pass  # the group forgot a member that was silent for too long; it joins again, and reads again
            except BusUnavailable:
                self.away += 1
                await asyncio.sleep(0.1)


def _tasks_of_aiokafka() -> list[object]:
    files = [getattr(getattr(task.get_coro(), "cr_code", None), "co_filename", "") for task in asyncio.all_tasks()]
    return [file for file in files if "aiokafka" in file]


async def test_a_broker_that_goes_and_comes_back(new_kafka: Callable[[], KafkaCluster]) -> None:
    cluster = await asyncio.to_thread(new_kafka)
    bus, late = (KafkaBus(cluster.bootstrap, client_id=name, options=IMPATIENT) for name in ("early", "late"))
    await bus.start()
    await bus.create_topics([Topic("activities.v1")])
    follower = _Follower(bus, "notifications.feed", "activities.v1")
    following = asyncio.create_task(follower.run())
    sent: list[str] = []

    for go, come_back in ((cluster.kill, cluster.restart), (cluster.pause, cluster.resume)):
        before, during, after = (numbered("activities.v1", KEYS, 5, len(sent) // len(KEYS) + n) for n in (0, 5, 10))
        await _publish_until_it_works(bus, before)
        await eventually(lambda: len(follower.seen) >= len(sent) + 20)
        follower.away = 0
        await asyncio.to_thread(go)
        with pytest.raises(BusUnavailable):
            async with asyncio.timeout(PATIENCE):
                await bus.publish(during)
        with pytest.raises(BusUnavailable):
            await late.start()
        with pytest.raises(BusUnavailable):
            await late.consumer("notifications.feed", ["activities.v1"]).start()
        await eventually(lambda: follower.away > 0)  # the reader is told, too, instead of waiting in silence
        await asyncio.to_thread(come_back)
        for records in (during, after):
            await _publish_until_it_works(bus, records)
        sent.extend(values([*before, *during, *after]))
        await eventually(lambda: following.done() or set(sent) <= set(follower.seen))
        assert not following.done(), following.exception()

    await late.start()
    assert late.log_id == bus.log_id
    await late.stop()
    following.cancel()

    assert _tasks_of_aiokafka()
    await asyncio.to_thread(cluster.pause)  # a flush or a farewell to a frozen broker would never end
    async with asyncio.timeout(PATIENCE):
        await bus.stop()
    await eventually(lambda: not _tasks_of_aiokafka())
    await asyncio.to_thread(cluster.resume)

    first_seen = list(dict.fromkeys(follower.seen))
    for key in KEYS:
        assert [value for value in first_seen if value.startswith(f"{key}:")] == [f"{key}:{n}" for n in range(30)]


async def test_a_producer_out_of_sequence_is_replaced(bus: KafkaBus, topic: str) -> None:
    await bus.publish(numbered(topic, ["plan_1"], 1))
    manager = bus._producer._producer._txn_manager
    for partition in list(manager._sequence_numbers):
        manager.increment_sequence_number(partition, 1000)  # what a broker sees after it has lost something
    with pytest.raises(BusUnavailable):
        await bus.publish(numbered(topic, ["plan_1"], 1, start=1))
    await bus.publish(numbered(topic, ["plan_1"], 1, start=1))
    reader = bus.consumer(None, [topic])
    await reader.start()
    assert values(await read_all(reader, 2)) == ["plan_1:0", "plan_1:1"]
    assert bus.rebuilt == 1


async def test_a_consumer_that_fell_asleep_is_rebuilt(bus: KafkaBus, topic: str, group: str) -> None:
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    await bus.publish(numbered(topic, KEYS, 1))
    batches = await read(consumer, len(KEYS))
    await consumer.commit(next_offsets(batches))
    fetcher = consumer._client._fetcher
    for task in (fetcher._fetch_task, *fetcher._pending_tasks):
        task.cancel()  # as after some restarts of a broker: alive, assigned, reading nothing
    await asyncio.sleep(0.1)
    await bus.publish(numbered(topic, KEYS, 1, start=1))
    assert sorted(values(await read_all(consumer, len(KEYS)))) == [f"{key}:1" for key in KEYS]
    assert consumer.rebuilt == 1


async def test_a_consumer_with_nothing_to_read_is_left_alone(bus: KafkaBus, topic: str, group: str) -> None:
    consumer = bus.consumer(group, [topic])
    await consumer.start()
    await bus.publish(numbered(topic, KEYS, 1))
    await read(consumer, len(KEYS))
    for _ in range(12):
        assert await consumer.fetch(timeout=0.5) == []
    assert consumer.rebuilt == 0


async def test_the_partitions_of_a_dead_member_move_on(bus: KafkaBus, topic: str, group: str) -> None:
    dead, alive = bus.consumer(group, [topic]), bus.consumer(group, [topic])
    await dead.start()
    await alive.start()
    await eventually(lambda: len(dead.assignment()) == 3 and len(alive.assignment()) == 3)
    client = dead._client
    for task in (client._coordinator._heartbeat_task, client._coordinator._coordination_task):
        task.cancel()  # a process that is killed says no farewell
    sent = numbered(topic, [f"plan_{n}" for n in range(20)], 1)
    await bus.publish(sent)
    seen: set[str] = set()
    async with asyncio.timeout(PATIENCE):
        while len(seen) < len(sent):
            seen.update(values(record for batch in await alive.fetch(timeout=0.5) for record in batch.records))


async def test_topics_keep_everything_and_stamp_by_the_broker(bus: KafkaBus, topic: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    admin = AIOKafkaAdminClient(bootstrap_servers=bus._bootstrap)
    await admin.start()
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    await admin.close()
    settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert settings["retention.ms"] == "-1"
    assert settings["message.timestamp.type"] == "LogAppendTime"


async def test_a_topic_has_as_many_copies_as_asked(kafka: KafkaCluster) -> None:
    too_many = KafkaBus(kafka.bootstrap, client_id="outages", options=KafkaOptions(timeout=5, replication=3))
    await too_many.start()
    with pytest.raises(BusUnavailable, match="InvalidReplicationFactor"):
        await too_many.create_topics([Topic(f"t-{secrets.token_hex(4)}")])
    await too_many.stop()


def test_a_repeated_log_line_is_held_back_and_counted() -> None:
    now = 0.0
    limit = RateLimit(10.0, lambda: now)
    lines: list[str] = []

    def say(line: int, text: str) -> None:
        record = logging.LogRecord("aiokafka.conn", logging.ERROR, "conn.py", line, "%s", (text,), None)
        if limit.filter(record):
            lines.append(record.getMessage())

    for n in range(1000):
        say(7, f"Unable to connect {n}")
    say(8, "something else")
    now = 11.0
    say(7, "Unable to connect at 50 % again")
    assert lines == [
        "Unable to connect 0",
        "something else",
        "Unable to connect at 50 % again (and 999 more like it)",
    ]
