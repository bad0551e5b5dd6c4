"""The dispatch loop: from the log to an effect, at least once delivered, effectively once applied.

For each record: inbox row, sequence guard and handler in one transaction; then, per batch, the offset. A handler that
fails is tried five times with jitter, then the record is parked in `<topic>.dlq.<consumer>` and the others flow on (a
parked message does not hold its key: events carry full state, and a late retry is dropped by `sequence`). A database or
a log that is away is nobody's fault: it is waited for, not counted. A consumer that would park everything stops instead:
a bad release must not empty the topic into the dead letters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.parking import Limits, RetryPolicy, TooManyParked, attempts_of, fetched, is_away, park, reached
from shared.bus.port import Batch, Bus, BusUnavailable, Consumer, Delivered, NotOwned, TopicPartition
from shared.clock import Clock
from shared.cloudevent import Event, from_delivered
from shared.db import Database
from shared.inbox import admit
from shared.kernel import Kernel
from shared.leases import LeaseLost, wait
from shared.outbox import tells
from shared.reader import SERVICE
from shared.telemetry import span

log = structlog.get_logger(__name__)

Handler = Callable[[Event, AsyncSession], Awaitable[None]]
Before = Callable[[AsyncSession], Awaitable[None]]


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
        self._limits = Limits(self._policy)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Raises TooManyParked (the consumer stays down) and LeaseLost."""
        consumer = self._bus.consumer(
            self.subscription.consumer, self.subscription.topics, on_revoke=lambda lost: self._revoke(consumer, lost)
        )
        try:
            if not await reached(consumer.start, stop):
                return
            while not stop.is_set():
                try:
                    batches = await fetched(consumer, stop, timeout=0.5)
                except BusUnavailable:
                    await wait(stop, 0.5)
                    continue
                for batch in batches:
                    await self._process(consumer, batch, stop)
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
                async with self._db.write(SERVICE) as session:
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
                async for attempt in attempts_of(self._policy, self._clock):
                    with attempt:
                        attempts = attempt.retry_state.attempt_number
                        await self.apply(delivered)
            except LeaseLost:
                raise
            except Exception as error:
                first_failure = first_failure or self._clock.now()
                if is_away(error):
                    log.warning("consumer.waiting", consumer=self.subscription.consumer, error=type(error).__name__)
                    await wait(stop, pause)
                    pause = min(pause * 2, 5.0)
                    continue
                self._limits.check()
                try:
                    await self._park(delivered, error, attempts, first_failure)
                except BusUnavailable:
                    await wait(stop, pause)
                    pause = min(pause * 2, 5.0)
                    continue
            else:
                self._limits.passed()
            return True
        return False

    async def _park(self, delivered: Delivered, error: Exception, attempts: int, first: datetime) -> None:
        await park(self._bus, delivered, self.subscription.consumer, error, attempts, first, self._clock)
        self._limits.parked()
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
