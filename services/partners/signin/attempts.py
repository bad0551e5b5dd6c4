"""How often something may be tried: so many times at once, then one every so often (GCRA, ITU-T I.371 annex A).

Kept in the process: with n replicas n times as much is allowed. The table is bounded; what is forgotten first is whoever
is the furthest from their limit.
"""

from collections.abc import Hashable

from shared.clock import Clock


class Attempts:
    """burst: tries at once. every: seconds until one more is allowed. room: how many keys are remembered."""

    def __init__(self, clock: Clock, *, burst: int, every: float, room: int = 10_000) -> None:
        self._clock, self._every, self._room = clock, every, room
        self._tolerance = every * (burst - 1)
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable) -> float:
        """0.0 where it may be tried now (and that is one try), else the seconds to wait."""
        now = self._clock.monotonic()
        at = max(self._full_at.get(key, now), now)
        if at - now > self._tolerance:
            return at - now - self._tolerance
        if key not in self._full_at and len(self._full_at) >= self._room:
            self._make_room(now)
        self._full_at[key] = at + self._every
        return 0.0

    def give_back(self, key: Hashable) -> None:
        """The try was no guess."""
        if key in self._full_at:
            self._full_at[key] -= self._every

    def __len__(self) -> int:
        return len(self._full_at)

    def _make_room(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) >= self._room:
            # a tenth at a time, so that a flood of keys does not sort the table for each of them
            spared = sorted(self._full_at.items(), key=lambda each: each[1])[self._room // 10 + 1 :]
            self._full_at = dict(spared)
