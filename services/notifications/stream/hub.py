"""New rows of the feed, read once for all streams of this process and kept for those that are up to date.

A stream that is up to date follows the hub by a number; one that is not (just connected, or slow) reads the feed itself,
from its own position, until it is. So a slow client costs its own reading and no memory.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from services.notifications.domain import Lane, Position, reaches
from services.notifications.queries.feed import Feed
from services.notifications.queries.sight import Asked, Shown
from services.notifications.stream.cursor import Sealer, pack
from services.notifications.uow import Known
from shared.clock import Clock
from shared.leases import wait
from shared.reader import SERVICE
from shared.visibility import Principal

log = structlog.get_logger(__name__)

PAGE = 500
MOST_BYTES = 32 * 1024 * 1024


class Listener(Protocol):
    """What the hub asks of an open stream."""

    def wake(self) -> None:
        """There may be something new."""
        ...

    def end(self) -> None:
        """The service stops: finish now."""
        ...

    def cut(self) -> None:
        """It did not finish: break it off."""
        ...


class Kept:
    """A row that the hub keeps, and the hub's position behind it."""

    __slots__ = ("_packed", "event", "position")

    def __init__(self, event: Shown, position: Position) -> None:
        self.event, self.position = event, position
        self._packed: bytes | None = None

    def packed(self, log_id: str) -> bytes:
        if self._packed is None:
            self._packed = pack(log_id, self.position)
        return self._packed


class View:
    """What one principal who asked for one thing sees of the rows that the hub keeps; shared by all such streams.

    streams  how many there are: what is rendered for one alone is not worth keeping
    """

    __slots__ = ("__weakref__", "_hub", "_last", "asked", "principal", "streams")

    def __init__(self, hub: "Hub", principal: Principal, asked: Asked) -> None:
        self._hub, self.principal, self.asked = hub, principal, asked
        self._last: tuple[int, int, int, bytes] | None = None
        self.streams = 0

    def render(self, start: int, stop: int) -> bytes:
        """The messages of rows `start` to `stop`, each with the hub's position as its id."""
        hub, last = self._hub, self._last
        if last and last[:3] == (start, stop, hub.generation):
            return last[3]
        parts: list[bytes] = []
        for kept in hub.rows(start, stop):
            way = kept.event.way(self.principal, self.asked, hub.known)
            if way:
                cursor = hub.sealer.seal_packed(self.principal.id, kept.packed(hub.log_id))
                parts += (b"id: ", cursor, kept.event.tail(way))
                kept.event.trace()
        found = b"".join(parts)
        self._last = (start, stop, hub.generation, found) if self.streams > 1 else None
        return found


class Hub:
    """One per process. It looks for new rows while streams are open: when nudged, and every `poll` seconds.

    known       the present facts of every plan that the kept rows name; as new as `position`
    generation  rises whenever the facts may have changed
    """

    def __init__(
        self, feed: Feed, sealer: Sealer, clock: Clock, closing: asyncio.Event, *, poll: float = 0.5, keep: int = 2048
    ) -> None:
        self.feed, self.sealer = feed, sealer
        self._clock, self._closing, self._poll, self._keep = clock, closing, poll, keep
        self.log_id = ""
        self.known: dict[str, Known] = {}
        self.generation = 0
        self.position: Position = {}
        self._floor: Position | None = None  # the position before the first kept row; None: not following
        self._rows: list[Kept] = []
        self._first = 0
        self._bytes = 0
        self._named: Counter[str] = Counter()
        self._listeners: set[Listener] = set()
        self._views: WeakValueDictionary[tuple[Principal, Asked], View] = WeakValueDictionary()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        return len(self._listeners)

    @property
    def end(self) -> int:
        """The number of the next row."""
        return self._first + len(self._rows)

    @property
    def following(self) -> bool:
        """Whether it knows from where on it keeps rows."""
        return self._floor is not None

    def nudge(self) -> None:
        """The projector of this process has committed."""
        self._news.set()

    def attach(self, listener: Listener) -> None:
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._floor = None
            self._task = asyncio.create_task(self._follow(), name="hub")

    def detach(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners:
            self._news.set()

    def view(self, principal: Principal, asked: Asked) -> View:
        found = self._views.get((principal, asked))
        if found is None:
            found = self._views[principal, asked] = View(self, principal, asked)
        return found

    def covers(self, position: Position) -> int | None:
        """The number of the row from which a stream at `position` can follow; None where it must read the feed."""
        if self._floor is None or not reaches(position, self._floor):
            return None
        return self._first

    def keeps(self, number: int) -> bool:
        return self._floor is not None and number >= self._first

    def rows(self, start: int, stop: int) -> Sequence[Kept]:
        return self._rows[start - self._first : stop - self._first]

    async def _follow(self) -> None:
        """Until the last stream has gone, or the service stops."""
        closing = asyncio.create_task(self._closing.wait())
        try:
            while self._listeners and not closing.done():
                try:
                    if self._floor is None:
                        await self._begin()
                    await self._look()
                except Exception as error:
                    log.warning("hub.waiting", error=type(error).__name__)
                    await wait(self._closing, 1.0)
                    continue
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait({news, closing}, timeout=self._poll, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                self._news.clear()
            if closing.done():
                await self._close()
        finally:
            closing.cancel()
            self._first, self._rows = self.end, []
            self._floor, self.known = None, {}
            self._named.clear()
            self._bytes = 0

    async def _begin(self) -> None:
        self.log_id = await self.feed.log_id()
        position = (await self.feed.extent()).end
        self._first, self._rows, self._bytes = self.end, [], 0
        self.position = self._floor = position
        self._wake()

    async def _look(self) -> None:
        whole = False
        while not whole:
            # once for all streams, whoever they are of: behind the second wall
            page = await self.feed.read(self.position, PAGE, SERVICE)
            whole = page.whole
            if not page.entries:
                self.position = page.position
                continue
            position: Mapping[Lane, int] = self.position
            for event in page.entries:
                position = {**position, event.lane: event.offset + 1}
                self._rows.append(Kept(event, position))
                self._bytes += len(event.document or "")
                self._named.update(event.plans)
                for plan in event.plans - page.known.keys():
                    self.known.pop(plan, None)
            self.known.update(page.known)
            self.position = page.position
            self.generation += 1
            self._trim()
            self._wake()

    def _trim(self) -> None:
        """Drop the oldest rows once there are too many."""
        drop, size = 0, self._bytes
        while drop < len(self._rows) and (len(self._rows) - drop > self._keep or size > MOST_BYTES):
            size -= len(self._rows[drop].event.document or "")
            drop += 1
        if not drop:
            return
        gone = self._rows[:drop]
        self._floor = gone[-1].position
        for kept in gone:
            self._named.subtract(kept.event.plans)
            for plan in kept.event.plans:
                if self._named[plan] <= 0:
                    del self._named[plan]
                    self.known.pop(plan, None)
        self._rows = self._rows[drop:]
        self._first += drop
        self._bytes = size

    def _wake(self) -> None:
        for listener in list(self._listeners):
            listener.wake()

    async def _close(self) -> None:
        for listener in list(self._listeners):
            listener.end()
        for _ in range(20):  # a second for those that are sending
            if not self._listeners:
                return
            await asyncio.sleep(0.05)
        for listener in list(self._listeners):
            listener.cut()
