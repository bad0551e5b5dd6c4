"""Ids are a port. UUIDv7 with a type prefix: `plan_0192f0c1...`; sortable by time, opaque to everybody else."""

import os
import secrets
import threading
from collections import Counter
from typing import Protocol

from shared.clock import Clock, SystemClock


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: str) -> str:
        """A new id `<prefix>_<32 hex digits>`, never given twice."""
        ...


class Uuid7Ids:
    """RFC 9562 UUIDv7: 48 bits of milliseconds, then random. Within one process ids of one millisecond keep their order."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._last = (0, 0)

    def new(self, prefix: str) -> str:
        with self._lock:
            millis = int(self._clock.now().timestamp() * 1000)
            last_millis, counter = self._last
            # 12 bits of counter order the ids of one millisecond; past them we borrow from the next one
            millis, counter = (millis, secrets.randbits(10)) if millis > last_millis else (last_millis, counter + 1)
            if counter >> 12:
                millis, counter = millis + 1, 0
            self._last = (millis, counter)
        tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
        value = (millis << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | tail
        return f"{prefix}_{value:032x}"


class SequentialIds:
    """Ids for tests: `plan_00000000000000000000000000000001`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def new(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]:032x}"
