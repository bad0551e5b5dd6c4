"""Asks a broker who is there, over a plain socket: three requests of the Kafka protocol, and no client library.

Only the Kafka adapter of the bus may import a Kafka client; an open port says nothing about readiness. The formats are
from the protocol guide of Apache Kafka 4.3 (Metadata v1, FindCoordinator v1, both non-flexible versions).
"""

import socket
import struct
from dataclasses import dataclass

_METADATA, _FIND_COORDINATOR = 3, 10
_LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True)
class Partition:
    """One partition as a broker sees it; `leader` is -1 while there is none."""

    topic: str
    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True)
class ClusterMetadata:
    """Broker ids, the controller (-1 while there is none) and every partition of every topic."""

    brokers: frozenset[int]
    controller: int
    partitions: tuple[Partition, ...]

    @property
    def fully_replicated(self) -> bool:
        """Whether every partition has a leader and all of its replicas are in sync."""
        return all(p.leader >= 0 and set(p.in_sync) == set(p.replicas) for p in self.partitions)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f">{code}", self._data, self._at)
        self._at += struct.calcsize(f">{code}")
        return value

    def text(self) -> str | None:
        size = self.number("h")
        if size < 0:
            return None
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def ids(self) -> tuple[int, ...]:
        return tuple(self.number("i") for _ in range(self.number("i")))


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded


def _receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the broker hung up")
        data += more
    return data


def _ask(port: int, api: int, version: int, body: bytes, timeout: float) -> _Reader:
    message = struct.pack(">hhi", api, version, 1) + _text("convene-native") + body
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", _receive(sock, 4))
        if not 4 <= size <= _LARGEST_ANSWER:
            raise ConnectionError("whatever listens there is not a Kafka broker")
        return _Reader(_receive(sock, size)[4:])


def metadata(port: int, *, timeout: float = 2.0) -> ClusterMetadata:
    """The cluster as the broker on `port` of this machine sees it. OSError when it does not answer in `timeout` s."""
    answer = _ask(port, _METADATA, 1, struct.pack(">i", -1), timeout)
    brokers: set[int] = set()
    for _ in range(answer.number("i")):
        brokers.add(answer.number("i"))
        _host, _port, _rack = answer.text(), answer.number("i"), answer.text()
    controller = answer.number("i")
    partitions: list[Partition] = []
    for _ in range(answer.number("i")):
        answer.number("h")
        topic = answer.text() or ""
        answer.number("b")
        for _ in range(answer.number("i")):
            answer.number("h")
            index, leader = answer.number("i"), answer.number("i")
            partitions.append(Partition(topic, index, leader, answer.ids(), answer.ids()))
    return ClusterMetadata(frozenset(brokers), controller, tuple(partitions))


def coordinator_ready(port: int, *, timeout: float = 10.0) -> bool:
    """Whether consumer groups work yet; the first call makes the broker create `__consumer_offsets`."""
    answer = _ask(port, _FIND_COORDINATOR, 1, _text("convene-native") + b"\x00", timeout)
    answer.number("i")
    return answer.number("h") == 0
