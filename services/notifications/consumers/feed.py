"""The projector's loop: batches of activities.v1 into the feed, each partition in offset order.

It is not run through the dispatcher: the feed needs order by partition, not by key, one transaction a batch, and its
own position in the database, which the log's committed offsets only follow. An event whose plans' facts are not there
yet (their partition lags) holds its partition; the others flow on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from opentelemetry.trace import SpanKind

from services.notifications.consumed import ACTIVITIES
from services.notifications.handlers.decoding import Fact, decode
from services.notifications.handlers.feed import (
    CONSUMER,
    Projection,
    pass_over,
    position_of,
    project,
    project_again,
    remember_log,
)
from shared.bus.parking import Limits, RetryPolicy, TooManyParked, attempts_of, fetched, is_away, park, reached
from shared.bus.port import Batch, Bus, Consumer, Delivered, NotOwned, TopicPartition
from shared.clock import Clock
from shared.db import Database
from shared.leases import wait
from shared.reader import SERVICE
from shared.telemetry import mark

log = structlog.get_logger(__name__)

TOPICS = (ACTIVITIES,)
BATCH = 500
MOST_WAITING = 2000
"""Records kept per partition while it is held; what comes after is read again."""


@dataclass(slots=True)
class FeedProgress:
    """What health and metrics show of the projector.

    unresolved  events projected although the facts of a plan they name never came: that side stays hidden
    lag         records of our partitions that are not projected yet
    """

    projected: int = 0
    repeated: int = 0
    ignored: int = 0
    parked: int = 0
    unresolved: int = 0
    held: int = 0
    lag: int | None = None
    stopped: str | None = None

    def report(self) -> dict[str, Any] | str:
        if self.stopped:
            return self.stopped
        return {
            "projected": self.projected,
            "repeated": self.repeated,
            "ignored": self.ignored,
            "parked": self.parked,
            "unresolved": self.unresolved,
            "held": self.held,
            "lag": self.lag,
        }


@dataclass(slots=True)
class _Waiting:
    """Records of one partition that are read and not projected yet. `skipped`: more were read and dropped."""

    batch: Batch
    facts: deque[Fact] = field(default_factory=deque[Fact])
    held: tuple[int, float] | None = None
    skipped: bool = False


class Projector:
    """Projects the log into the feed; any number of replicas may run it.

    hold          seconds an event waits for the facts of the plans it names
    after_commit  called when there is something new to read
    """

    def __init__(
        self,
        bus: Bus,
        db: Database,
        clock: Clock,
        *,
        hold: float = 30.0,
        after_commit: Callable[[], None] = lambda: None,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.progress = FeedProgress()
        self._bus, self._db, self._clock, self._hold = bus, db, clock, hold
        self._after_commit, self._policy = after_commit, policy or RetryPolicy()
        self._waiting: dict[TopicPartition, _Waiting] = {}
        self._next: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._moved: dict[TopicPartition, int] = {}
        self._in_hand = asyncio.Lock()
        self._limits = Limits(self._policy)
        self._measured = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Project until `stop` is set. Raises TooManyParked: then a person has to look."""
        consumer = self._bus.consumer(CONSUMER, TOPICS, on_revoke=self._revoke)
        try:
            if not (await reached(consumer.start, stop) and await reached(self._note_log, stop)):
                return
            while not stop.is_set():
                try:
                    pause = 0.1 if self._waiting else 0.5
                    batches = await fetched(consumer, stop, timeout=pause, max_records=BATCH)
                    for batch in batches:
                        self._queue(batch)
                    for tp in list(self._waiting):
                        await self._advance(consumer, tp, stop)
                    await self._commit(consumer)
                    await self._measure(consumer)
                except NotOwned:
                    continue  # somebody else projects it now
                except Exception as error:
                    if not is_away(error):
                        raise
                    log.warning("feed.waiting", error=type(error).__name__)
                    await wait(stop, 0.5)
        except TooManyParked as error:
            self.progress.stopped = str(error)
            log.error("consumer.stopped", consumer=CONSUMER, reason=str(error))
            raise
        finally:
            self._waiting.clear()
            await consumer.stop()

    async def apply(self, parked: Delivered) -> bool:
        """A dead letter, once more; True where it changed something. Raises MalformedEvent where it is still unreadable,
        and what the database raises."""
        fact = decode(parked)
        if fact.error:
            raise fact.error
        origin = next((raw.decode() for name, raw in parked.headers if name == "convene_origin"), f"{ACTIVITIES}:0:0")
        topic, partition, _ = origin.rsplit(":", 2)
        async with self._db.write(SERVICE) as session:
            done = await project_again(session, self._bus.log_id, (topic, int(partition)), fact)
        self._after_commit()
        return done.projected > 0

    async def _note_log(self) -> None:
        async with self._db.write() as session:
            await remember_log(session, self._bus.log_id, self._clock.now())

    def _queue(self, batch: Batch) -> None:
        waiting = self._waiting.get(batch.tp)
        if waiting is None or waiting.batch.generation != batch.generation:
            waiting = self._waiting[batch.tp] = _Waiting(batch)
        if waiting.skipped or len(waiting.facts) >= MOST_WAITING:
            waiting.skipped = True
            return
        waiting.facts.extend(decode(delivered) for delivered in batch.records)

    async def _advance(self, consumer: Consumer, tp: TopicPartition, stop: asyncio.Event) -> None:
        """Project what waits in one partition, until it is done or held."""
        while not stop.is_set():
            async with self._in_hand:
                waiting = self._waiting.get(tp)
                if waiting is None:
                    return
                if not consumer.owns(waiting.batch):
                    del self._waiting[tp]
                    return
                back: int | None = None
                if not waiting.facts:
                    del self._waiting[tp]
                    if not waiting.skipped:
                        return
                    back = self._next[tp]
                else:
                    done = await self._step(tp, waiting)
                    if done.behind is None:
                        await self._settle(consumer, tp, waiting, done)
                        if done.held is not None:
                            return
                        continue
                    back = self._sought[tp] = done.behind
                    del self._waiting[tp]
            # Outside of the lock: the log may be dealing out partitions anew, and waits for our `_revoke`.
            begin = (await consumer.begins()).get(tp, 0)
            log.info("feed.going_back", origin=f"{tp.topic}:{tp.partition}:{back}", begin=begin)
            await consumer.seek({tp: max(back, begin)})
            return

    async def _step(self, tp: TopicPartition, waiting: _Waiting) -> Projection:
        """One transaction: as many well-formed records as there are in a row, or one that is not."""
        head = waiting.facts[0]
        if head.error:
            return await self._park(tp, head, head.error)
        part: list[Fact] = []
        for fact in waiting.facts:
            if fact.error or len(part) >= BATCH:
                break
            part.append(fact)
        waived = self._waived(waiting)
        while len(part) > 1:
            try:
                return await self._project(tp, part, waived)
            except Exception as error:
                if is_away(error):
                    raise
                log.warning("feed.batch_failed", error=type(error).__name__, records=len(part))
                part = part[: len(part) // 2]  # what precedes the one that fails is projected in a few steps
        return await self._alone(tp, part[0], waived)

    async def _alone(self, tp: TopicPartition, fact: Fact, waived: int | None) -> Projection:
        """One record by itself; parked when it keeps failing."""
        began, attempts = self._clock.now(), 0
        try:
            async for attempt in attempts_of(self._policy, self._clock):
                with attempt:
                    attempts = attempt.retry_state.attempt_number
                    return await self._project(tp, [fact], waived)
        except Exception as error:
            if is_away(error):
                raise
            return await self._park(tp, fact, error, attempts, began)
        raise AssertionError("unreachable")

    async def _project(self, tp: TopicPartition, part: list[Fact], waived: int | None) -> Projection:
        after_gap = self._sought.get(tp) is not None
        async with self._db.write(SERVICE) as session:
            done = await project(session, self._bus.log_id, tp, part, waived=waived, after_gap=after_gap)
        for fact in part:
            if fact.event and fact.offset < done.next_offset:
                event = fact.event
                mark(
                    f"{CONSUMER} {event.name}",
                    event.traceparent,
                    kind=SpanKind.CONSUMER,
                    attributes={"event.id": event.id, "event.subject": event.subject, "event.sequence": event.sequence},
                )
        return done

    async def _park(
        self, tp: TopicPartition, fact: Fact, error: Exception, attempts: int = 1, first: datetime | None = None
    ) -> Projection:
        self._limits.check()
        async with self._db.read() as session:
            repeated = fact.offset < await position_of(session, self._bus.log_id, tp)
        if not repeated:
            now = self._clock.now()
            await park(self._bus, fact.delivered, CONSUMER, error, attempts, first or now, self._clock)
            self.progress.parked += 1
        async with self._db.write(SERVICE) as session:
            done = await pass_over(session, self._bus.log_id, tp, fact.delivered)
        self._limits.parked()
        return done

    def _waived(self, waiting: _Waiting) -> int | None:
        if waiting.held and self._clock.monotonic() - waiting.held[1] >= self._hold:
            return waiting.held[0]
        return None

    async def _settle(self, consumer: Consumer, tp: TopicPartition, waiting: _Waiting, done: Projection) -> None:
        """Drop what is done, count, wake the readers."""
        while waiting.facts and waiting.facts[0].offset < done.next_offset:
            waiting.facts.popleft()
        progress = self.progress
        progress.projected += done.projected
        progress.repeated += done.repeated
        progress.ignored += done.ignored
        self._limits.passed(done.projected + done.repeated + done.ignored)
        if waiting.held and done.next_offset > waiting.held[0]:
            if self._waived(waiting) is not None:
                progress.unresolved += 1
                log.warning("feed.unresolved", origin=f"{tp.topic}:{tp.partition}:{waiting.held[0]}")
            waiting.held = None
        if done.held is not None and (waiting.held is None or waiting.held[0] != done.held):
            waiting.held = (done.held, self._clock.monotonic())
        progress.held = sum(each.held is not None for each in self._waiting.values())
        self._sought.pop(tp, None)
        moved = done.next_offset != self._next.get(tp)
        self._next[tp] = done.next_offset
        if moved:
            self._after_commit()
            self._moved[tp] = done.next_offset

    async def _commit(self, consumer: Consumer) -> None:
        """Tell the log how far we are, once for all partitions: the database knows better, a successor asks it."""
        if self._moved:
            moved, self._moved = self._moved, {}
            await consumer.commit(moved)

    async def _measure(self, consumer: Consumer) -> None:
        now = self._clock.monotonic()
        if now - self._measured < 2.0:
            return
        self._measured = now
        ends = await consumer.ends()
        begins = await consumer.begins()
        self.progress.lag = sum(max(0, end - self._next.get(tp, begins.get(tp, 0))) for tp, end in ends.items())

    async def _revoke(self, lost: frozenset[TopicPartition]) -> None:
        """Let the transaction in hand finish (it keeps its own offset), then forget what was read."""
        async with self._in_hand:
            for tp in lost:
                self._waiting.pop(tp, None)
                self._next.pop(tp, None)
                self._moved.pop(tp, None)
