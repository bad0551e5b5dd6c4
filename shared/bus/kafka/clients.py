"""How aiokafka's producers, consumers and admin clients are set up and ended: every default that had to be overruled.

Types are `Any` on purpose: aiokafka ships none. Where a private attribute is touched, it says why; the lock file pins
the version that was read.
"""

# pyright: reportMissingTypeStubs=false

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.bus.port import MAX_VALUE_BYTES, BusUnavailable, UnknownTopic
from shared.bus.security import BusSecurity

log = structlog.get_logger(__name__)

MAX_RECORD_BYTES = 2 * MAX_VALUE_BYTES
"""`max.message.bytes` of our topics: the value, and room for key, headers and a dead letter's notes."""

RETRY_BACKOFF_MS = 200  # aiokafka retries in a tight loop while a leader is gone; 100 is the least that is bearable
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """How patient we are, in seconds, and how topics are made.

    timeout            bounds every publish, commit, look-up and start
    session            a member that is silent for so long is taken for dead
    heartbeat          how often it speaks, hence how soon it hears that somebody has come or gone
    rebalance          how long the group waits for a member to let go; must exceed `drain`
    drain              how long `on_revoke` may take; then the partitions move all the same
    stall              a consumer that has something to read and reads nothing for so long is rebuilt
    replication        copies of each topic that we create; None: as the brokers have it
    security           what the brokers ask for
    group_instance_id  only where the platform gives each replica a stable name, with one consumer per group in it: a
                       static member that leaves stalls its partitions for a session (measured: 12 s instead of 1 s)
    """

    timeout: float = 10.0
    session: float = 10.0
    heartbeat: float = 1.0
    rebalance: float = 40.0
    drain: float = 30.0
    stall: float = 20.0
    replication: int | None = None
    security: BusSecurity = field(default_factory=BusSecurity)
    group_instance_id: str | None = None


def make_producer(bootstrap: str, client_id: str, options: KafkaOptions) -> Any:
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,  # the relay batches by itself; lingering costs its full time on every event of a quiet system
        # While one batch of a partition is in flight the next one fills: its size decides the throughput.
        max_batch_size=MAX_VALUE_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=int(options.timeout * 1000),
        retry_backoff_ms=RETRY_BACKOFF_MS,
        **_security(options.security),
    )


def make_consumer(bootstrap: str, client_id: str, group: str | None, options: KafkaOptions) -> Any:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=group,
        group_instance_id=options.group_instance_id,
        enable_auto_commit=False,  # it commits by time, in the background: also what nobody has handled yet
        auto_offset_reset="earliest",  # "latest" loses whatever was published before a new group's first look
        session_timeout_ms=int(options.session * 1000),
        heartbeat_interval_ms=int(options.heartbeat * 1000),
        rebalance_timeout_ms=int(options.rebalance * 1000),
        # A JoinGroup is answered when the last member has let go, so its request must outlast the rebalance.
        request_timeout_ms=int((options.rebalance + 5) * 1000),
        retry_backoff_ms=RETRY_BACKOFF_MS,
        **_security(options.security),
    )


def make_admin(bootstrap: str, client_id: str, options: KafkaOptions) -> Any:
    return AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        request_timeout_ms=int(options.timeout * 1000),
        retry_backoff_ms=RETRY_BACKOFF_MS,
        **_security(options.security),
    )


@cache
def _security(security: BusSecurity) -> Mapping[str, Any]:
    """As all three kinds of client take it. Files are read once a process: a new certificate authority needs a restart."""
    found: dict[str, Any] = {"security_protocol": security.protocol}
    if security.tls:
        found["ssl_context"] = ssl.create_default_context(cafile=security.ca_file)
    if security.sasl:
        assert security.password is not None
        found["sasl_mechanism"] = security.mechanism
        found["sasl_plain_username"] = security.username
        found["sasl_plain_password"] = security.password.get_secret_value()
    return found


async def require_topics(client: Any, topics: Collection[str]) -> Mapping[str, Collection[int]]:
    """The partitions of each topic. UnknownTopic where the cluster has none of that name.

    Asks again before it says so: a topic may be younger than our metadata, or than that of the broker that answers.
    """
    cluster = client.cluster
    for pause in (0.0, 0.2, 0.5):
        partitions = {topic: cluster.partitions_for_topic(topic) for topic in topics}
        if all(partitions.values()):
            return partitions
        await asyncio.sleep(pause)
        cluster = await client.fetch_all_metadata()  # creates nothing, as asking for one topic might
    partitions = {topic: cluster.partitions_for_topic(topic) for topic in topics}
    missing = sorted(topic for topic, numbers in partitions.items() if not numbers)
    if missing:
        raise UnknownTopic(", ".join(missing))
    return partitions


async def bounded(seconds: float, what: str, work: Awaitable[Any]) -> Any:
    """`work`, or BusUnavailable after `seconds` or on whatever Kafka or the network has against it."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (TimeoutError, KafkaError, OSError) as error:
        raise BusUnavailable(f"{what}: {type(error).__name__} {error}".rstrip()) from error


async def discard_producer(producer: Any) -> None:
    """End a producer that is in doubt, without a flush: an idempotent one would flush for ever.

    `stop()` always flushes, so the sender is ended directly: what it had in its buffers must not be sent behind the
    back of the next producer.
    """
    producer._closed = True  # also silences the warning of its __del__
    await _end("producer", producer._sender.close, producer.client.close)


async def stop_producer(producer: Any) -> None:
    """End a healthy producer, after a bounded flush."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        await discard_producer(producer)


async def stop_consumer(consumer: Any) -> None:
    """Leave the group, if the coordinator can be told so in time, and close every connection."""
    await _end("consumer", consumer.stop)
    # When stop() was cut short, the later ones of its three steps have not run; all of them may run twice.
    if consumer._fetcher is not None:
        await _end("fetcher", consumer._fetcher.close)
    await _end("client", consumer._client.close)


async def _end(what: str, *steps: Callable[[], Awaitable[Any]]) -> None:
    for step in steps:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await step()
        except (TimeoutError, KafkaError, OSError) as error:
            log.warning("kafka.not_ended_in_time", part=what, error=type(error).__name__)
        except asyncio.CancelledError:
            # A task of aiokafka's that was cancelled along the way; our own cancellation goes on.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
