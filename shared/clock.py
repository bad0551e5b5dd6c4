"""Time is a port. Nothing outside this file asks the machine what time it is (ruff enforces it)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from. Instants are aware and in UTC."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards; for durations and timeouts only."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. A test clock returns as soon as it has been moved far enough."""
        ...


class SystemClock:
    """The machine's clock, shifted by `offset` (the demo runs in April 2017; everything else runs with none)."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset

    @classmethod
    def starting_at(cls, instant: datetime) -> "SystemClock":
        """A clock that reads `instant` now and runs on from there."""
        return cls(instant - datetime.now(UTC))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FixedClock:
    """A clock for tests: it stands still until `advance`."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds
