"""Brokers that start, are killed, and come back on the same port with what they acknowledged."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.native.errors import AlreadyRunning, StartFailed
from infra.native.kafka import KafkaCluster
from infra.native.settings import kafka_environment, kafka_settings


async def _produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", retry_backoff_ms=200)
    await producer.start()
    try:
        await asyncio.wait_for(producer.send_and_wait(topic, value), 30)
    finally:
        await producer.stop()


async def _consume_one(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", retry_backoff_ms=200)
    await consumer.start()
    try:
        return (await asyncio.wait_for(consumer.getone(), 30)).value
    finally:
        await consumer.stop()


async def _create_topic(bootstrap: str, topic: str, replicas: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replicas)])
    finally:
        await admin.close()


async def test_a_killed_broker_comes_back_on_its_port_with_what_was_acknowledged(
    new_kafka: Callable[..., KafkaCluster],
):
    cluster = new_kafka()
    before = cluster.bootstrap
    await _create_topic(before, "kept", replicas=1)
    await _produce(before, "kept", b"acknowledged")

    cluster.kill()
    assert not cluster.running
    with pytest.raises(OSError, match="refused"):
        cluster.metadata()

    again = KafkaCluster(cluster.data, quick_failover=True)  # a new process would see the folder just so
    again.start()
    assert again.bootstrap == before
    assert await _consume_one(again.bootstrap, "kept") == b"acknowledged"

    pid = again.pid()
    again.restart()
    assert again.bootstrap == before
    assert again.pid() not in (None, pid)
    assert await _consume_one(again.bootstrap, "kept") == b"acknowledged"

    with pytest.raises(AlreadyRunning):
        KafkaCluster(cluster.data).start()
    assert again.metadata().brokers == {1}  # the refused start left the running broker alone

    again.pause()
    with pytest.raises(TimeoutError):
        again.metadata()
    again.resume()
    assert again.metadata().brokers == {1}

    again.pause()
    again.stop()  # a paused broker can be stopped too
    assert not again.running
    assert again.log_file().stat().st_size > 0


async def test_three_brokers_form_one_cluster_and_outlive_one_of_them(new_kafka: Callable[..., KafkaCluster]):
    cluster = new_kafka(brokers=3)
    for broker in cluster.brokers:
        assert cluster.metadata(broker).brokers == {1, 2, 3}
    await _create_topic(cluster.bootstrap, "threefold", replicas=3)
    replicas: list[tuple[int, ...]] = []
    while not replicas:  # the controller knows the topic first, the brokers a moment later
        await asyncio.sleep(0.1)
        replicas = [p.replicas for p in cluster.metadata().partitions if p.topic == "threefold"]
    assert [set(r) for r in replicas] == [{1, 2, 3}]

    cluster.kill(2)
    await _produce(cluster.bootstrap, "threefold", b"two are enough")
    assert await _consume_one(cluster.bootstrap, "threefold") == b"two are enough"

    cluster.restart(2)
    seen = cluster.metadata(2)
    assert seen.brokers == {1, 2, 3}
    assert seen.fully_replicated


def test_a_cluster_is_never_opened_with_another_number_of_brokers(tmp_path: Path):
    KafkaCluster(tmp_path / "data", brokers=3)
    with pytest.raises(Exception, match="3 brokers, not 1"):
        KafkaCluster(tmp_path / "data", brokers=1)
    with pytest.raises(ValueError, match="not 2"):
        kafka_settings(2)


def test_a_broker_that_cannot_start_says_why_and_leaves_nothing(kafka: KafkaCluster, tmp_path: Path):
    misconfigured = KafkaCluster(tmp_path / "one", extra_settings={"num.partitions": "none"})
    with pytest.raises(StartFailed, match=r"num\.partitions"):
        misconfigured.start()
    assert not misconfigured.running

    crowded_out = KafkaCluster(tmp_path / "two")
    with socket.create_server(("127.0.0.1", crowded_out.port(1))), pytest.raises(StartFailed, match="in use"):
        crowded_out.start()
    assert not crowded_out.running

    with pytest.raises(StartFailed, match="not ready after"):
        crowded_out.start(timeout=0.1)  # too short for any broker: the one that is coming up is stopped again
    assert not crowded_out.running


def test_settings_as_the_image_reads_them():
    assert kafka_environment({"log.retention.ms": "-1", "a-b_c": "x"}) == {
        "KAFKA_LOG_RETENTION_MS": "-1",
        "KAFKA_A___B__C": "x",
    }
