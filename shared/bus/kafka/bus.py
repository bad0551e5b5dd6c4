"""`KafkaBus`: the log as a Kafka cluster keeps it."""

# pyright: reportMissingTypeStubs=false

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.bus.kafka.clients import MAX_RECORD_BYTES, KafkaOptions, bounded, make_admin
from shared.bus.kafka.consumer import KafkaConsumer
from shared.bus.kafka.logs import hold_back
from shared.bus.kafka.producer import KafkaProducer
from shared.bus.port import BusUnavailable, OnRevoke, Outgoing, Topic

TOPIC_SETTINGS = {
    "retention.ms": "-1",  # the log is the history of the house: ten million events are about 15 GB
    "max.message.bytes": str(MAX_RECORD_BYTES),
    "message.timestamp.type": "LogAppendTime",  # `Delivered.time` is when it was appended, whatever a producer's clock says
}


class KafkaBus:
    """Implements `Bus`. `bootstrap` is `host:port[,host:port]`; `client_id` is how the brokers see this process.

    The log's id is the id of the cluster.
    """

    def __init__(self, bootstrap: str, *, client_id: str, options: KafkaOptions | None = None) -> None:
        self._bootstrap, self._client_id = bootstrap, client_id
        self._options = options or KafkaOptions()
        self._producer = KafkaProducer(bootstrap, client_id, self._options)
        self._consumers: set[KafkaConsumer] = set()  # those that run; they enter and leave by themselves
        self._log_id: str | None = None

    @property
    def log_id(self) -> str:
        if self._log_id is None:
            raise RuntimeError("the bus has not been started")
        return self._log_id

    @property
    def rebuilt(self) -> int:
        """How many producers, and clients of running consumers, were thrown away: a figure for health and metrics."""
        return self._producer.rebuilt + sum(consumer.rebuilt for consumer in self._consumers)

    async def start(self) -> None:
        """Raises BusUnavailable; starting again is the caller's (the outbox keeps what cannot be published yet)."""
        hold_back()
        if self._log_id is None:
            await self._producer.connect()
            self._log_id = (await self._administer("look for the cluster", _describe))["cluster_id"]

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        async def create(admin: Any) -> None:
            await self._create(admin, topics)

        await self._administer("create topics", create)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self._log_id is None:
            raise BusUnavailable("the bus has been stopped")
        await self._producer.publish(records)

    def consumer(self, group: str | None, topics: Sequence[str], *, on_revoke: OnRevoke | None = None) -> KafkaConsumer:
        return KafkaConsumer(self._bootstrap, self._client_id, group, topics, on_revoke, self._options, self._consumers)

    async def stop(self) -> None:
        """Ends the consumers that still run, flushes for at most a few seconds, closes the connections."""
        await asyncio.gather(*(consumer.stop() for consumer in list(self._consumers)))
        await self._producer.stop()
        self._log_id = None

    async def _administer(self, what: str, work: Any) -> Any:
        admin = make_admin(self._bootstrap, self._client_id, self._options)

        async def run() -> Any:
            try:
                await admin.start()
                return await work(admin)
            finally:
                await admin._client.close()  # admin.close() does nothing when start() has failed

        return await bounded(self._options.timeout, what, run())

    async def _create(self, admin: Any, topics: Sequence[Topic]) -> None:
        there = {topic["topic"]: topic for topic in await admin.describe_topics()}
        missing = [topic for topic in topics if topic.name not in there]
        if missing:
            answer = await admin.create_topics([self._new(topic) for topic in missing])
            for name, code, message in answer.topic_errors:
                if code and code != TopicAlreadyExistsError.errno:
                    raise for_code(code)(f"{name}: {message}")
        while True:  # bounded by the caller: until every partition has a leader
            there = {topic["topic"]: topic for topic in await admin.describe_topics()}
            for topic in topics:
                partitions = len(there.get(topic.name, {}).get("partitions", ()))
                if partitions and partitions != topic.partitions:
                    raise ValueError(f"{topic.name} has {partitions} partitions, not {topic.partitions}")
            if all(_is_ready(there.get(topic.name)) for topic in topics):
                return
            await asyncio.sleep(0.1)

    def _new(self, topic: Topic) -> Any:
        new: Any = NewTopic(topic.name, topic.partitions, self._options.replication or 1, topic_configs=TOPIC_SETTINGS)
        if self._options.replication is None:
            new.replication_factor = -1  # the broker's default; NewTopic's own constructor refuses to be told so
        return new


async def _describe(admin: Any) -> Any:
    return await admin.describe_cluster()


def _is_ready(topic: Any) -> bool:
    return bool(topic and topic["partitions"]) and all(
        partition["leader"] >= 0 and not partition["error_code"] for partition in topic["partitions"]
    )
