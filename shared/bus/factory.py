"""From a setting to a bus: the one function that knows which adapters there are."""

from pathlib import Path

from shared.bus.port import Bus
from shared.bus.security import BusSecurity
from shared.clock import Clock


def make_bus(url: str, *, client_id: str, clock: Clock | None = None, security: BusSecurity | None = None) -> Bus:
    """The bus that `url` names, not yet started. ValueError for anything else.

    memory://                     in this process, gone with it
    sqlite:///data/log.db         a file, relative to the working directory; sqlite:////srv/log.db is absolute
    kafka://host:9092,host:9092   Apache Kafka; `client_id` is how its brokers see us
    `security` is for Kafka alone: the others have nobody to prove anything to.
    `clock` stamps the records of the first two; Kafka stamps by its own.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory" and not rest:
        from shared.bus.memory import MemoryBus

        return MemoryBus(clock=clock)
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        from shared.bus.sqlite_log import SqliteBus

        return SqliteBus(Path(rest[1:]), clock=clock)
    if separator and scheme == "kafka" and rest:
        # Imported late: an embedded Convene needs no Kafka client.
        from shared.bus.kafka.bus import KafkaBus
        from shared.bus.kafka.clients import KafkaOptions

        options = KafkaOptions(security=security or BusSecurity())
        return KafkaBus(rest.rstrip("/"), client_id=client_id, options=options)
    raise ValueError(f"{url!r} is no bus: memory://, sqlite:///PATH or kafka://HOST:PORT[,HOST:PORT]")
