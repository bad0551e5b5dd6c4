"""Dead letters: what a consumer parked, why, and another try, for the operator of any service.

They are read where they lie, in `<topic>.dlq.<consumer>`, by a reader without a group: looking changes nothing. A letter
is settled when its effect is there after all: the inbox has its event, or its subject has moved past its `sequence`.
No content is shown (an administrator sees no plan by the role alone): ids, places, times and the error's class.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import SignedIn, require
from shared.bus.parking import dead_letter_topic
from shared.bus.port import Batch, BusUnavailable, Consumer, Delivered, TopicPartition, UnknownTopic
from shared.cloudevent import Event, MalformedEvent, from_delivered
from shared.db import is_transient
from shared.kernel import Kernel
from shared.leases import LeaseLost
from shared.paging import DEFAULT_LIMIT, MAX_LIMIT, decode_cursor, encode_cursor, link_next
from shared.problem import Problem, not_found
from shared.service import Runtime
from shared.web import StrictRoute

log = structlog.get_logger(__name__)

_PATIENCE = 10
"""Fetches of a second that may bring nothing before the log counts as away."""
_CHUNK = 200


class DeadLetter(BaseModel):
    """One parked record. `event`, `type`, `subject`, `sequence` are null where the record is not an event at all."""

    id: str
    consumer: str
    origin: str | None = Field(description="`topic:partition:offset` of the record that failed")
    event: str | None
    type: str | None
    subject: str | None
    sequence: int | None
    error: str | None = Field(description="class and place, never content")
    attempts: int | None
    first_failure: str | None
    last_failure: str | None
    settled: bool = Field(description="its effect is there after all, or newer state is; trying it changes nothing")


class DeadLetters(BaseModel):
    data: list[DeadLetter]
    next_cursor: str | None


class Retried(BaseModel):
    id: str
    outcome: str = Field(description="applied; settled (it was already); ignored (nothing handles this type any more)")


@dataclass(frozen=True, slots=True)
class Source:
    """Whose dead letters they are. Subscriptions are found by themselves; a reader of another kind describes itself here.

    apply    one record, once, by the consumer's own way; True where it had an effect; its errors come out
    handles  whether the consumer does anything with events of this name
    settled  whether the event's effect is there; None asks the service's inbox
    """

    consumer: str
    topics: tuple[str, ...]
    apply: Callable[[Delivered], Awaitable[bool]]
    handles: Callable[[str], bool]
    settled: Callable[[AsyncSession, Event], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked record and whose it is. `event` is None where the record cannot be read as one."""

    source: Source
    delivered: Delivered
    event: Event | None

    @property
    def consumer(self) -> str:
        return self.source.consumer

    @property
    def position(self) -> tuple[str, int, int]:
        return self.delivered.topic, self.delivered.partition, self.delivered.offset


def letter_id(topic: str, partition: int, offset: int) -> str:
    """`topic:partition:offset` in base64url, so that it is one segment of a path."""
    return base64.urlsafe_b64encode(f"{topic}:{partition}:{offset}".encode()).decode().rstrip("=")


def place_of(letter: str) -> tuple[str, int, int] | None:
    """What `letter_id` was made of, or None for anything else."""
    try:
        text = base64.urlsafe_b64decode(letter + "=" * (-len(letter) % 4)).decode()
        topic, partition, offset = text.rsplit(":", 2)
        place = topic, int(partition), int(offset)
    except (binascii.Error, ValueError):
        return None
    return place if letter_id(*place) == letter and place[2] >= 0 else None


def sources_of(runtime: Runtime, others: Sequence[Source] = ()) -> Mapping[str, Source]:
    """Dead-letter topic -> whose it is: the service's subscriptions, and others it names."""
    subscribed = [
        Source(name, found.subscription.topics, found.apply, found.subscription.handlers.__contains__)
        for name, found in runtime.dispatchers.items()
    ]
    return {
        dead_letter_topic(topic, source.consumer): source
        for source in (*subscribed, *others)
        for topic in source.topics
    }


async def read_parked(runtime: Runtime, owners: Mapping[str, Source]) -> list[Parked]:
    """All parked records, by topic, partition and offset. Raises BusUnavailable."""
    found: list[Parked] = []
    if not owners:
        return found
    async with _reader(runtime, sorted(owners)) as reader:
        begins, ends = await reader.begins(), await reader.ends()
        open_ = {tp: end for tp, end in ends.items() if begins.get(tp, 0) < end}
        idle = 0
        while open_:
            batches = await reader.fetch(timeout=1.0)
            idle = 0 if batches else idle + 1
            if idle > _PATIENCE:
                raise BusUnavailable("the dead letters did not come")
            for batch in batches:
                found += [_parked(owners[batch.tp.topic], delivered) for delivered in batch.records]
                if batch.records[-1].offset + 1 >= open_.get(batch.tp, 0):
                    open_.pop(batch.tp, None)
    return sorted(found, key=lambda each: each.position)


async def read_one(runtime: Runtime, owners: Mapping[str, Source], letter: str) -> Parked | None:
    """One parked record by its letter's id; None where there is none. Raises BusUnavailable."""
    place = place_of(letter)
    if place is None or place[0] not in owners:
        return None
    topic, partition, offset = place
    tp = TopicPartition(topic, partition)
    async with _reader(runtime, [topic]) as reader:
        begins, ends = await reader.begins(), await reader.ends()
        if not begins.get(tp, 0) <= offset < ends.get(tp, 0):
            return None
        await reader.seek({tp: offset})
        for _ in range(_PATIENCE):
            for batch in await reader.fetch(timeout=1.0):
                for delivered in _messages(batch, tp):
                    if delivered.offset == offset:
                        return _parked(owners[topic], delivered)
                    if delivered.offset > offset:  # compacted away: offsets may have gaps
                        return None
    raise BusUnavailable("the dead letter did not come")


async def settled(session: AsyncSession, kernel: Kernel, parked: Sequence[Parked]) -> list[bool]:
    """For each, whether trying it again would change nothing."""
    inbox, applied = kernel.inbox.c, kernel.applied.c
    done: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], int] = {}
    known = [(each.consumer, each.event) for each in parked if each.event and not each.source.settled]
    for start in range(0, len(known), _CHUNK):
        chunk = known[start : start + _CHUNK]
        ids = [(consumer, event.id) for consumer, event in chunk]
        rows = await session.execute(
            select(inbox.consumer, inbox.event_id).where(tuple_(inbox.consumer, inbox.event_id).in_(ids))
        )
        done |= {(row.consumer, row.event_id) for row in rows}
        subjects = [(consumer, event.subject) for consumer, event in chunk]
        rows = await session.execute(
            select(kernel.applied).where(tuple_(applied.consumer, applied.subject).in_(subjects))
        )
        last |= {(row.consumer, row.subject): row.sequence for row in rows}

    async def one(each: Parked) -> bool:
        if each.event is None:
            return False
        if each.source.settled:
            return await each.source.settled(session, each.event)
        newest = last.get((each.consumer, each.event.subject), -1)
        return (each.consumer, each.event.id) in done or newest >= each.event.sequence

    return [await one(each) for each in parked]


def deadletter_router(runtime: Runtime, service: str, *, others: Sequence[Source] = ()) -> APIRouter:
    """List, show and retry, below `/api/v1/{service}/deadletters`; all for the grant `admin`.

    others: readers that park, but are no subscription.
    """
    router = APIRouter(prefix=f"/api/v1/{service}/deadletters", tags=["dead letters"], route_class=StrictRoute)

    @router.get("")
    async def list_deadletters(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        response: Response,
        principal: SignedIn,
        consumer: Annotated[str | None, Query(max_length=100)] = None,
        status: Annotated[str, Query(pattern="^(open|settled|all)$", description="open, settled or all")] = "open",
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> DeadLetters:
        """What consumers of this service have parked, oldest first in each topic."""
        require(principal, "admin")
        after = decode_cursor(cursor, length=1)[0] if cursor else None
        parked = [
            each
            for each in await _available(read_parked(runtime, sources_of(runtime, others)))
            if consumer in (None, each.consumer)
        ]
        letters = await _letters(runtime, parked)
        start = next((n + 1 for n, letter in enumerate(letters) if letter.id == after), 0)
        wanted = [each for each in letters[start:] if status == "all" or each.settled == (status == "settled")]
        following = encode_cursor((wanted[limit - 1].id,)) if len(wanted) > limit else None
        link_next(request, response, following)
        return DeadLetters(data=wanted[:limit], next_cursor=following)

    @router.get("/{letter}")
    async def get_deadletter(principal: SignedIn, letter: str) -> DeadLetter:  # pyright: ignore[reportUnusedFunction]
        require(principal, "admin")
        found = await _available(read_one(runtime, sources_of(runtime, others), letter))
        if found is None:
            raise not_found("dead letter")
        return (await _letters(runtime, [found]))[0]

    @router.post("/{letter}:retry")
    async def retry_deadletter(principal: SignedIn, letter: str) -> Retried:  # pyright: ignore[reportUnusedFunction]
        """Hand it to its consumer once more, by the very same way. Repeating this is harmless."""
        require(principal, "admin")
        found = await _available(read_one(runtime, sources_of(runtime, others), letter))
        if found is None:
            raise not_found("dead letter")
        outcome = await _retry(runtime, found)
        await _note(runtime, found, principal.id, letter, outcome)
        return Retried(id=letter, outcome=outcome)

    return router


async def _retry(runtime: Runtime, parked: Parked) -> str:
    async with runtime.db.read() as session:
        was_settled = (await settled(session, runtime.kernel, [parked]))[0]
    try:
        if await parked.source.apply(parked.delivered):
            return "applied"
    except Exception as error:
        name = type(error).__name__
        log.warning("deadletter.failed_again", consumer=parked.consumer, error=name)
        if is_transient(error) or isinstance(error, (BusUnavailable, LeaseLost)):
            raise Problem(
                "unavailable", f"Not tried through: {name}; try again.", headers={"Retry-After": "2"}
            ) from error
        # The class alone: the text of an error quotes content.
        raise Problem("conflict", f"It failed again: {name}.", extra={"error": name}) from error
    handled = parked.event is not None and parked.source.handles(parked.event.name)
    return "settled" if was_settled or handled else "ignored"


async def _note(runtime: Runtime, parked: Parked, actor: str, letter: str, outcome: str) -> None:
    event = parked.event
    assert event is not None  # what is no event fails in apply
    async with runtime.db.write() as session:
        await session.execute(
            runtime.kernel.audit.insert().values(
                at=runtime.clock.now(),
                actor=actor,
                action="deadletter.retried",
                subject=event.subject,
                version=event.sequence,
                detail={"letter": letter, "consumer": parked.consumer, "event": event.id, "outcome": outcome},
            )
        )


async def _letters(runtime: Runtime, parked: Sequence[Parked]) -> list[DeadLetter]:
    async with runtime.db.read() as session:
        flags = await settled(session, runtime.kernel, parked)
    return [_letter(each, flag) for each, flag in zip(parked, flags, strict=True)]


def _letter(parked: Parked, is_settled: bool) -> DeadLetter:
    notes = {
        name: raw.decode("utf-8", "replace") for name, raw in parked.delivered.headers if name.startswith("convene_")
    }
    attempts, event = notes.get("convene_attempts", ""), parked.event
    return DeadLetter(
        id=letter_id(*parked.position),
        consumer=parked.consumer,
        origin=notes.get("convene_origin"),
        event=event and event.id,
        type=event and event.type,
        subject=event and event.subject,
        sequence=event and event.sequence,
        error=notes.get("convene_error"),
        attempts=int(attempts) if attempts.isdecimal() else None,
        first_failure=notes.get("convene_first_failure"),
        last_failure=notes.get("convene_last_failure"),
        settled=is_settled,
    )


def _parked(source: Source, delivered: Delivered) -> Parked:
    try:
        event = from_delivered(delivered)
    except MalformedEvent:
        event = None
    return Parked(source, delivered, event)


def _messages(batch: Batch, tp: TopicPartition) -> Sequence[Delivered]:
    return batch.records if batch.tp == tp else ()


@asynccontextmanager
async def _reader(runtime: Runtime, topics: Sequence[str]) -> AsyncGenerator[Consumer]:
    reader = runtime.bus.consumer(None, topics)
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


async def _available(reading: Any) -> Any:
    """What was read, or a 503 while the log is away (or this service has not created its topics yet)."""
    try:
        return await reading
    except (BusUnavailable, UnknownTopic) as error:
        raise Problem(
            "unavailable", "The log is not reachable now; try again.", headers={"Retry-After": "2"}
        ) from error
