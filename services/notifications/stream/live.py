"""One open stream: replay from the feed until it is up to date, then follow the hub, and never send what is not allowed
at the moment of sending."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.notifications.domain import Lane, Position, furthest, reaches
from services.notifications.queries.feed import Page
from services.notifications.queries.sight import Asked
from services.notifications.stream.door import Door
from services.notifications.stream.hub import Hub, View
from shared.clock import Clock
from shared.db import is_transient
from shared.registry import Proof
from shared.visibility import Principal

log = structlog.get_logger(__name__)

Write = Callable[[bytes], Awaitable[None]]

ROWS = 256
"""Rows a write may hold at most, and a page of replay."""
WRITE_BYTES = 64 * 1024
RETRY = b"retry: 3000\n"
ENDED = b'event: stream.ended\ndata: {"reason":"unauthenticated"}\n\n'
REVOKED_LATEST = 2.0
"""Seconds after which facts that were read for a page are read again, when the client takes its time."""
QUIET = 2.5
"""Seconds of silence after which somebody is asked for again: with the age of the door's answer, no more than five."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """heartbeat: seconds of silence before a sign of life; age: seconds a stream lives, give or take a tenth, so that
    clients spread over replicas again."""

    heartbeat: float = 15.0
    age: float = 900.0


class Live:
    """A stream of one client. Ends when the client goes, its credentials fall, it is old, or the service stops."""

    def __init__(
        self,
        hub: Hub,
        door: Door,
        clock: Clock,
        rhythm: Rhythm,
        *,
        proof: Proof | None,
        principal: Principal,
        asked: Asked,
        log_id: str,
        position: Position,
    ) -> None:
        self._hub, self._door, self._clock, self._rhythm = hub, door, clock, rhythm
        self._proof, self._principal, self._asked = proof, principal, asked
        self._log_id = log_id
        self._position: dict[Lane, int] = dict(position)
        self._view: View = hub.view(principal, asked)
        self._number: int | None = None  # the next row of the hub; None: reading the feed itself
        self._aligned = False  # whether our position is the hub's before row `_number`
        self._ending = False
        self._waiter: asyncio.Future[None] | None = None
        self._spoke = self._admitted_at = clock.monotonic()
        self._dies = self._spoke + rhythm.age * random.uniform(0.9, 1.1)
        self.task: asyncio.Task[object] | None = None
        self.broken = False

    # -- what the hub and the connection call

    def wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self) -> None:
        self._ending = True
        self.wake()

    def cut(self) -> None:
        self.broken = True
        if self.task:
            self.task.cancel()

    # -- the stream

    async def run(self, write: Write) -> None:
        self._hub.attach(self)
        self._view.streams += 1
        try:
            await write(RETRY + self._id() + b"\n\n")
            while not self._ending:
                if self._clock.monotonic() >= self._dies:
                    break
                try:
                    if not await self._go_on(write):
                        return
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("stream.waiting", error=type(error).__name__)
                    await self._sleep(1.0)
            await write(self._id() + b"\n\n")  # what was passed without being shown is not read again
        finally:
            self._view.streams -= 1
            self._hub.detach(self)

    async def _go_on(self, write: Write) -> bool:
        """One turn: send what there is, or wait. False where the stream is over."""
        if self._number is not None and not self._hub.keeps(self._number):
            self._number = None
        if self._number is None:
            page = await self._hub.feed.read(self._position, ROWS, self._principal)
            if page.entries:
                return await self._replay(page, write)
            self._position = dict(page.position)
            self._number = self._hub.covers(self._position)
            self._aligned = False
            if self._number is None:
                if self._hub.following:
                    return True  # the hub began, or went on, while we read: read again
                return await self._rest(write, at_most=0.5)
        elif self._number < self._hub.end:
            return await self._follow(write)
        return await self._rest(write)

    async def _replay(self, page: Page, write: Write) -> bool:
        if not await self._admitted(write):
            return False
        read_at = self._clock.monotonic()
        parts: list[bytes] = []
        size = 0
        for event in page.entries:
            way = event.way(self._principal, self._asked, page.known)
            self._position[event.lane] = event.offset + 1
            if way:
                message = self._id() + event.tail(way)
                parts.append(message)
                size += len(message)
            if size > WRITE_BYTES:
                await self._send(write, b"".join(parts))
                parts, size = [], 0
                if self._clock.monotonic() - read_at > REVOKED_LATEST or self._ending:
                    return True  # the rest is read again, with the facts of then
        if parts:
            await self._send(write, b"".join(parts))
        if page.whole:
            self._position = furthest(self._position, page.position)
        if self._clock.monotonic() >= self._spoke + self._rhythm.heartbeat:
            await self._beat(write)
        return True

    async def _follow(self, write: Write) -> bool:
        if not await self._admitted(write):
            return False
        hub, number = self._hub, self._number
        if number is None or not hub.keeps(number):  # it went on while we asked
            return True
        stop = min(hub.end, number + ROWS)
        if self._aligned:
            message = self._view.render(number, stop)
            self._position = dict(hub.rows(stop - 1, stop)[0].position)
        else:
            message = self._render_ahead(number, stop)
        self._number = stop
        if stop == hub.end and reaches(hub.position, self._position):
            self._position, self._aligned = dict(hub.position), True
        if message:
            await self._send(write, message)
        return True

    def _render_ahead(self, number: int, stop: int) -> bytes:
        """As `View.render`, for a stream that has read further than the hub in some partition."""
        parts: list[bytes] = []
        for kept in self._hub.rows(number, stop):
            event = kept.event
            if event.offset < self._position.get(event.lane, 0):
                continue
            self._position[event.lane] = event.offset + 1
            way = event.way(self._principal, self._asked, self._hub.known)
            if way:
                parts += (self._id(), event.tail(way))
                event.trace()
        return b"".join(parts)

    async def _rest(self, write: Write, at_most: float = float("inf")) -> bool:
        """Nothing to send: wait for news, and say now and then that we live, and how far we are."""
        now = self._clock.monotonic()
        beat = self._spoke + self._rhythm.heartbeat
        due = beat if self._proof is None else min(beat, self._admitted_at + QUIET)
        if now < due:
            await self._sleep(min(min(due, self._dies) - now, at_most))
            return True
        if not await self._admitted(write):
            return False
        if now >= beat:
            await self._beat(write)
        return True

    async def _beat(self, write: Write) -> None:
        await self._send(write, b": heartbeat\n" + self._id() + b"\n\n")

    async def _admitted(self, write: Write) -> bool:
        principal = await self._door.admit(self._proof)
        listens = principal is not None and (not principal.signed_in or "read" in principal.grants)
        if principal is None or not listens or principal.id != self._principal.id:
            await write(ENDED)
            return False
        self._admitted_at = self._clock.monotonic()
        if principal != self._principal:
            self._principal = principal
            self._view.streams -= 1
            self._view = self._hub.view(principal, self._asked)
            self._view.streams += 1
        return True

    async def _send(self, write: Write, message: bytes) -> None:
        await write(message)
        self._spoke = self._clock.monotonic()

    def _id(self) -> bytes:
        return b"id: " + self._hub.sealer.seal(self._principal.id, self._log_id, self._position).encode()

    async def _sleep(self, seconds: float) -> None:
        if self._ending:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(max(seconds, 0.0), self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


class EventStream(Response):
    """`text/event-stream`, written straight to the connection."""

    media_type = "text/event-stream"

    def __init__(self, live: Live, give_back: Callable[[], None]) -> None:
        super().__init__(
            status_code=200,
            headers={"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._live, self._give_back = live, give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._stream(scope, receive, send)
        finally:
            self._give_back()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        live = self._live

        async def write(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            live.end()

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        live.task = asyncio.current_task()
        listening = asyncio.create_task(listen())
        try:
            await live.run(write)
        except asyncio.CancelledError:
            if not live.broken:
                raise
            return  # the client does not take what is sent: the server closes the connection
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        await send({"type": "http.response.body", "body": b"", "more_body": False})
