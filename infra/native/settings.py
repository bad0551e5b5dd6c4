"""The one table of settings of the broker and the database server.

The native stack starts from these tables and `docker-compose.yml` is compared with them, so that "it works on my
machine" and "it works in the cluster" speak of the same Kafka. What depends on the place (listeners, node ids,
folders) is added by whoever starts a broker.

Sources: Apache Kafka 4.3 broker configuration reference; measurements on one and three brokers with `kill -9`.
"""

from typing import Final

KAFKA_VERSION: Final = "4.3.1"
POSTGRES_VERSION: Final = "18.4"
"""That of the wheel, whose release the lock file pins."""

# Keys and values as they stand in server.properties.
KAFKA_SETTINGS: Final[dict[str, str]] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A misspelt topic must be an error, not a new topic with one partition.
    "auto.create.topics.enable": "false",
    "num.partitions": "6",
    # A consumer group that joins alone need not wait 3 s for others.
    "group.initial.rebalance.delay.ms": "0",
    "unclean.leader.election.enable": "false",
    # The log is the history of the house: it is kept, and so is a group's place in it. With the default of 7 days a
    # consumer away for longer would start from the beginning. (Ten years, in minutes.)
    "log.retention.ms": "-1",
    "offsets.retention.minutes": "5256000",
    # 50 is sized for hundreds of groups; we have a handful, and each partition is a file and an election.
    "offsets.topic.num.partitions": "10",
    "transaction.state.log.num.partitions": "10",
    "share.coordinator.state.topic.num.partitions": "10",
    # Segments preallocate 10 MB of index each; on a laptop that is most of a small cluster's disk.
    "log.index.size.max.bytes": "1048576",
}

# What follows from the number of brokers.
KAFKA_REPLICATION: Final[dict[int, dict[str, str]]] = {
    1: {
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    },
    3: {
        "default.replication.factor": "3",
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": "3",
        "share.coordinator.state.topic.min.isr": "2",
    },
}

# Tests kill brokers: with the default of 9 s a killed leader goes unnoticed for as long as that.
KAFKA_QUICK_FAILOVER: Final[dict[str, str]] = {
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}

KAFKA_JVM_OPTIONS: Final[tuple[str, ...]] = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+ExitOnOutOfMemoryError",
    # Starts with 3 seconds of a core instead of 6. What the second compiler gains later, a broker on one machine does not need.
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
)

# Keys and values as they stand in postgresql.conf.
POSTGRES_SETTINGS: Final[dict[str, str]] = {
    # Three services, two replicas each, a pool of 20: more than the default of 100.
    "max_connections": "300",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    # The audit and the timers speak UTC; a server in local time would hide a missing time zone.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%d ",
}

# Loses committed transactions on a power cut (not on `kill -9`): for throw-away databases only.
POSTGRES_NO_FSYNC: Final[dict[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def kafka_settings(brokers: int = 1, *, quick_failover: bool = False) -> dict[str, str]:
    """Every place-independent setting of a broker in a cluster of `brokers` (1 or 3); ValueError otherwise."""
    if brokers not in KAFKA_REPLICATION:
        raise ValueError(f"a cluster has one broker or three, not {brokers}")
    quick = KAFKA_QUICK_FAILOVER if quick_failover else {}
    return KAFKA_SETTINGS | KAFKA_REPLICATION[brokers] | quick


def postgres_settings(*, fsync: bool = True) -> dict[str, str]:
    """Every place-independent setting of a PostgreSQL server."""
    return POSTGRES_SETTINGS | ({} if fsync else POSTGRES_NO_FSYNC)


def kafka_environment(settings: dict[str, str]) -> dict[str, str]:
    """The same settings as the official image `apache/kafka` reads them: `a.b` becomes `KAFKA_A_B`.

    Source: the image's documentation (`.` to `_`, `_` to `__`, `-` to `___`).
    """
    return {
        "KAFKA_" + key.replace("_", "__").replace("-", "___").replace(".", "_").upper(): value
        for key, value in settings.items()
    }
