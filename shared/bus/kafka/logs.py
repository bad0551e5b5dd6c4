"""aiokafka's loggers, held back: while a broker is gone they repeat the same line thousands of times."""

import logging
from collections.abc import Callable

from shared.clock import SystemClock

QUIET_SECONDS = 10.0


class RateLimit(logging.Filter):
    """Lets one line of a kind (place in the code) pass in `seconds`, and says how many it has swallowed since."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._seconds, self._monotonic = seconds, monotonic
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.pathname, record.lineno), self._monotonic()
        since, swallowed = self._seen.get(kind, (float("-inf"), 0))
        if now - since < self._seconds:
            self._seen[kind] = (since, swallowed + 1)
            return False
        self._seen[kind] = (now, 0)
        if swallowed:
            record.msg = f"{record.getMessage()} (and {swallowed} more like it)"
            record.args = ()
        return True


_limit = RateLimit(QUIET_SECONDS, SystemClock().monotonic)


def hold_back() -> None:
    """Put the limit on every logger of aiokafka that there is by now. Doing it again changes nothing."""
    names = [name for name in logging.root.manager.loggerDict if name == "aiokafka" or name.startswith("aiokafka.")]
    for name in names:
        # On each one: a logger's filter does not see what its children log.
        logging.getLogger(name).addFilter(_limit)
