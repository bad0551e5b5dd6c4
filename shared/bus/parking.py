"""What every consumer does with a record that fails: tries again with jitter, parks it, or stops before it parks all.

Used by the dispatch loop and by readers that have a loop of their own.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.bus.port import Batch, Bus, BusUnavailable, Consumer, Delivered, Outgoing
from shared.clock import Clock
from shared.cloudevent import MalformedEvent, format_time
from shared.db import is_transient
from shared.leases import LeaseLost, wait

log = structlog.get_logger(__name__)


class TooManyParked(Exception):
    """The consumer would park (nearly) everything: it has stopped and needs a person."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How hard to try, and when to give up on the consumer rather than on one message.

    attempts     tries per record before it is parked
    run          this many parked in a row stop the consumer
    ratio        more than this share of the last `window` records parked stops it, too
    drain        seconds that a rebalance waits for the record in hand
    """

    attempts: int = 5
    first_wait: float = 0.05
    longest_wait: float = 2.0
    run: int = 20
    ratio: float = 0.5
    window: int = 100
    drain: float = 20.0


class Limits:
    """What became of the last records of one consumer: is it the message, or is it us?"""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._recent: deque[bool] = deque(maxlen=policy.window)

    def passed(self, records: int = 1) -> None:
        self._recent.extend([False] * min(records, self._policy.window))

    def parked(self) -> None:
        self._recent.append(True)

    def check(self) -> None:
        """Before one more is parked. Raises TooManyParked."""
        recent = [*self._recent, True]
        run = next((n for n, parked in enumerate(reversed(recent)) if not parked), len(recent))
        if run >= self._policy.run:
            raise TooManyParked(f"{run} messages in a row failed")
        if len(recent) >= self._policy.window and sum(recent) / len(recent) > self._policy.ratio:
            raise TooManyParked(f"{sum(recent)} of the last {len(recent)} messages failed")


def attempts_of(policy: RetryPolicy, clock: Clock) -> AsyncRetrying:
    """The tries of one record, with jitter between them; the last error comes out, and at once what no try can mend."""
    return AsyncRetrying(
        stop=stop_after_attempt(policy.attempts),
        wait=wait_random_exponential(policy.first_wait, policy.longest_wait),
        retry=retry_if_exception(_is_worth_another_try),
        sleep=clock.sleep,
        reraise=True,
    )


async def reached(work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
    """Do `work`, again and again, with jitter, while the log or the database is away. False where `stop` came first."""

    async def pause(seconds: float) -> None:
        await wait(stop, seconds)

    try:
        async for attempt in AsyncRetrying(
            stop=lambda _: stop.is_set(),
            wait=wait_random_exponential(0.1, 5),
            retry=retry_if_exception(is_away),
            sleep=pause,
            reraise=True,
        ):
            with attempt:
                await work()
    except Exception as error:
        if stop.is_set() and is_away(error):
            return False
        raise
    return True


async def fetched(consumer: Consumer, stop: asyncio.Event, *, timeout: float, max_records: int = 500) -> list[Batch]:
    """What `consumer.fetch` gives, or nothing as soon as `stop` is set: a service that ends does not wait for the next event.
    What had been read by then is not committed, so it will be read again."""
    fetching = asyncio.ensure_future(consumer.fetch(timeout=timeout, max_records=max_records))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return fetching.result() if fetching.done() else []
    finally:
        stopping.cancel()
        fetching.cancel()
        await asyncio.gather(fetching, stopping, return_exceptions=True)


def is_away(error: BaseException) -> bool:
    """Whether the log or the database is the trouble: nobody's fault, to be waited for and not counted."""
    return isinstance(error, BusUnavailable) or is_transient(error)


def _is_worth_another_try(error: BaseException) -> bool:
    # A cancellation is no failure of the handler: tried again, it would be swallowed, and shutdown with it.
    return isinstance(error, Exception) and not isinstance(error, (MalformedEvent, LeaseLost)) and not is_away(error)


def dead_letter_topic(topic: str, consumer: str) -> str:
    """Where a consumer parks what it could not do with a topic's records: `<topic>.dlq.<consumer>`."""
    return f"{topic}.dlq.{consumer}"


async def park(
    bus: Bus, delivered: Delivered, consumer: str, error: Exception, attempts: int, first: datetime, clock: Clock
) -> None:
    """Put a record into the consumer's dead letters, with its origin, the error and the times as headers.

    first   when it failed for the first time
    Raises BusUnavailable.
    """
    notes = {
        "convene_origin": f"{delivered.topic}:{delivered.partition}:{delivered.offset}",
        "convene_consumer": consumer,
        "convene_attempts": str(attempts),
        "convene_error": describe(error),
        "convene_first_failure": format_time(first),
        "convene_last_failure": format_time(clock.now()),
    }
    await bus.publish(
        [
            Outgoing(
                dead_letter_topic(delivered.topic, consumer),
                delivered.key,
                delivered.value,
                (*delivered.headers, *((name, text.encode()) for name, text in notes.items())),
            )
        ]
    )
    log.error("consumer.parked", consumer=consumer, origin=notes["convene_origin"], error=type(error).__name__)


def describe(error: Exception) -> str:
    """The error's class and where it arose, at most 2 kB. Not its text, unless it is our own: texts quote content."""
    text = f": {error}" if isinstance(error, MalformedEvent) else ""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = " <- ".join(
        f"{frame.name} ({frame.filename.rsplit('/', 2)[-1]}:{frame.lineno})" for frame in reversed(frames)
    )
    return f"{type(error).__name__}{text} at {where}"[:2000]
