"""The dispatch loop: from the log to an effect, at least once delivered, effectively once applied.

For each record: inbox row, sequence guard and handler in one transaction; then, per batch, the offset. A handler that
fails is tried five times with jitter, then the record is parked in `<topic>.dlq.<consumer>` and the others flow on (a
parked message does not hold its key: events carry full state, and a late retry is dropped by `sequence`). A database or
a log that is away is nobody's fault: it is waited for, not counted. A consumer that would park everything stops instead:
a bad release must not empty the topic into the dead letters.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.bus.port import Batch, Bus, BusUnavailable, Consumer, Delivered, NotOwned, Outgoing, TopicPartition
from shared.clock import Clock
from shared.cloudevent import Event, MalformedEvent, format_time, from_delivered
from shared.db import Database, is_transient
from shared.inbox import admit
from shared.kernel import Kernel
from shared.leases import LeaseLost, wait
from shared.outbox import tells
from shared.telemetry import span

log = structlog.get_logger(__name__)

Handler = Callable[[Event, AsyncSession], Awaitable[None]]
Before = Callable[[AsyncSession], Awaitable[None]]


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


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one consumer does: the row of a service's `consumers.py` table.

    consumer  its name, which is also its group: `activities.matching`
    handlers  event name (`plan.posted`) -> handler; events without one are counted and ignored
    before    runs first in each transaction (how a retried dead letter enters the lane; its leader sets `fence`)
    """

    consumer: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handler]
    before: Before | None = None


@dataclass(slots=True)
class Progress:
    """What health and metrics show of a consumer."""

    applied: int = 0
    repeated: int = 0
    ignored: int = 0
    parked: int = 0
    stopped: str | None = None
    unknown: dict[str, int] = field(default_factory=dict[str, int])


def dead_letter_topic(topic: str, consumer: str) -> str:
    return f"{topic}.dlq.{consumer}"


class Dispatcher:
    """Runs one subscription on one bus and one database."""

    def __init__(
        self,
        subscription: Subscription,
        bus: Bus,
        db: Database,
        kernel: Kernel,
        clock: Clock,
        *,
        policy: RetryPolicy | None = None,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.subscription, self.progress = subscription, Progress()
        self._bus, self._db, self._kernel, self._clock = bus, db, kernel, clock
        self._policy = policy or RetryPolicy()
        self._after_commit = after_commit
        self.fence: Before | None = None  # set by whoever leads the lane; without it, `subscription.before` runs
        self._in_hand = asyncio.Lock()
        self._next: dict[TopicPartition, int] = {}
        self._recent: deque[bool] = deque(maxlen=self._policy.window)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Raises TooManyParked (the consumer stays down) and LeaseLost."""
        consumer = self._bus.consumer(
            self.subscription.consumer, self.subscription.topics, on_revoke=lambda lost: self._revoke(consumer, lost)
        )
        try:
            await self._start(consumer, stop)
            while not stop.is_set():
                try:
                    batches = await consumer.fetch(timeout=0.5)
                except BusUnavailable:
                    await wait(stop, 0.5)
                    continue
                for batch in batches:
                    await self._process(consumer, batch, stop)
        except BusUnavailable:
            if not stop.is_set():
                raise
        except TooManyParked as error:
            self.progress.stopped = str(error)
            log.error("consumer.stopped", consumer=self.subscription.consumer, reason=str(error))
            raise
        finally:
            await consumer.stop()

    async def apply(self, delivered: Delivered) -> bool:
        """One record, once: decode, admit, handle, commit. True where the handler ran. Errors are the caller's.

        Used by the loop and by `deadletters retry`, so that a retried message takes the very same way.
        """
        event = from_delivered(delivered)
        handler = self.subscription.handlers.get(event.name)
        if handler is None:
            self.progress.ignored += 1
            self.progress.unknown[event.name] = self.progress.unknown.get(event.name, 0) + 1
            return False
        name = self.subscription.consumer
        with span(
            f"{name} {event.name}",
            traceparent=event.traceparent,
            kind=SpanKind.CONSUMER,
            attributes={"event.id": event.id, "event.subject": event.subject, "event.sequence": event.sequence},
        ):
            structlog.contextvars.bind_contextvars(event_id=event.id, consumer=name)
            try:
                async with self._db.write() as session:
                    if before := self.fence or self.subscription.before:
                        await before(session)
                    fresh = await admit(session, self._kernel, name, event, self._clock)
                    if fresh:
                        await handler(event, session)
            finally:
                structlog.contextvars.unbind_contextvars("event_id", "consumer")
        if fresh:
            self.progress.applied += 1
            if tells(session):
                self._after_commit()
        else:
            self.progress.repeated += 1
        return fresh

    async def _start(self, consumer: Consumer, stop: asyncio.Event) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, BusUnavailable) and not stop.is_set()),
            wait=wait_random_exponential(0.1, 5),
            reraise=True,
        ):
            with attempt:
                await consumer.start()

    async def _process(self, consumer: Consumer, batch: Batch, stop: asyncio.Event) -> None:
        for delivered in batch.records:
            async with self._in_hand:
                if stop.is_set() or not consumer.owns(batch):
                    break
                if not await self._settle(delivered, consumer, batch, stop):
                    break
                self._next[batch.tp] = delivered.offset + 1
        await self._commit(consumer, [batch.tp])

    async def _settle(self, delivered: Delivered, consumer: Consumer, batch: Batch, stop: asyncio.Event) -> bool:
        """Bring the record to an end: applied, ignored or parked. Waits as long as database or log are away.

        False where it was left open, because the partition has moved or the service stops.
        """
        first_failure: datetime | None = None
        attempts, pause = 0, self._policy.first_wait
        while consumer.owns(batch) and not stop.is_set():
            try:
                async for attempt in self._attempts():
                    with attempt:
                        attempts = attempt.retry_state.attempt_number
                        await self.apply(delivered)
            except LeaseLost:
                raise
            except Exception as error:
                first_failure = first_failure or self._clock.now()
                if is_transient(error):
                    log.warning("consumer.waiting", consumer=self.subscription.consumer, error=type(error).__name__)
                    await wait(stop, pause)
                    pause = min(pause * 2, 5.0)
                    continue
                self._check_limits()
                try:
                    await self._park(delivered, error, attempts, first_failure)
                except BusUnavailable:
                    await wait(stop, pause)
                    pause = min(pause * 2, 5.0)
                    continue
            else:
                self._recent.append(False)
            return True
        return False

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_attempt(self._policy.attempts),
            wait=wait_random_exponential(self._policy.first_wait, self._policy.longest_wait),
            retry=retry_if_exception(_is_worth_another_try),
            sleep=self._clock.sleep,
            reraise=True,
        )

    def _check_limits(self) -> None:
        """Before one more is parked: is it the message, or is it us?"""
        recent = [*self._recent, True]
        run = next((n for n, parked in enumerate(reversed(recent)) if not parked), len(recent))
        if run >= self._policy.run:
            raise TooManyParked(f"{run} messages in a row failed")
        if len(recent) >= self._policy.window and sum(recent) / len(recent) > self._policy.ratio:
            raise TooManyParked(f"{sum(recent)} of the last {len(recent)} messages failed")

    async def _park(self, delivered: Delivered, error: Exception, attempts: int, first: datetime) -> None:
        await park(self._bus, delivered, self.subscription.consumer, error, attempts, first, self._clock)
        self._recent.append(True)
        self.progress.parked += 1

    async def _revoke(self, consumer: Consumer, lost: frozenset[TopicPartition]) -> None:
        try:
            async with asyncio.timeout(self._policy.drain), self._in_hand:
                await self._commit(consumer, lost)
        except TimeoutError:
            log.warning("consumer.drain_timeout", consumer=self.subscription.consumer)

    async def _commit(self, consumer: Consumer, partitions: frozenset[TopicPartition] | list[TopicPartition]) -> None:
        offsets = {tp: self._next.pop(tp) for tp in partitions if tp in self._next}
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except (NotOwned, BusUnavailable) as error:
            # They will be read again, here or elsewhere; the inbox knows them.
            log.info("consumer.commit_missed", consumer=self.subscription.consumer, error=type(error).__name__)


def _is_worth_another_try(error: BaseException) -> bool:
    # A cancellation is no failure of the handler: tried again, it would be swallowed, and shutdown with it.
    return (
        isinstance(error, Exception) and not isinstance(error, (MalformedEvent, LeaseLost)) and not is_transient(error)
    )


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
