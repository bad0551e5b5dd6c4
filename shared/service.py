"""What runs behind a service's API: migrations or the schema check, the bus, the relay, the consumers, and their end.

The API serves as soon as the database answers; a log that is away delays events, never posts. Shutdown is orderly:
streams end first (`closing`), consumers finish the message in hand and commit, the relay drains, then the bus leaves.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from shared.audit.refusals import Refusals
from shared.audit.sealing import Sealer, Sealing
from shared.bus.dispatch import Before, Dispatcher, Subscription
from shared.bus.parking import TooManyParked, dead_letter_topic
from shared.bus.port import Bus, BusUnavailable, Topic
from shared.clock import Clock
from shared.db import Database
from shared.housekeeping import Forget, keep_tidy
from shared.kernel import Kernel
from shared.leases import LeaseLost, Leases, Term, wait
from shared.outbox import Relay
from shared.reader import SERVICE
from shared.row_security import standing
from shared.unit import Edge

log = structlog.get_logger(__name__)

ROW_SECURITY = "row_security"
"""The check in `/readyz` that says how the second wall stands; it keeps no request away."""

Task = Callable[[asyncio.Event], Awaitable[None]]


@dataclass
class Runtime:
    """One service process.

    publishes   the topics this service owns (created at start, with the dead-letter topics of its consumers)
    replica     a name that survives restarts, where nothing else can run under it: leases are taken up again at once
    topics      further topics to create, e.g. those of a reader that is not a subscription
    sealing     how the audit is sealed and signed
    forgets     what the service may forget beside what all forget
    """

    name: str
    db: Database
    kernel: Kernel
    bus: Bus
    clock: Clock
    publishes: Sequence[str]
    prepare: Callable[[], Awaitable[None]]
    lease_ttl: float = 9.0
    owns_bus: bool = True
    replica: str | None = None
    topics: Sequence[Topic] = ()
    sealing: Sealing = field(default_factory=Sealing)
    forgets: Sequence[Forget] = ()
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    _running: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _dispatchers: dict[str, Dispatcher] = field(default_factory=dict[str, Dispatcher])
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _reports: dict[str, Callable[[], Any]] = field(default_factory=dict[str, Callable[[], Any]])
    _prepared: bool = False

    def __post_init__(self) -> None:
        holder = self.replica or f"{self.name}@{socket.gethostname()}:{os.getpid()}:{id(self):x}"
        self.leases = Leases(self.db, self.kernel.lease, holder, self.clock, ttl=self.lease_ttl)
        self.relay = Relay(self.db, self.kernel.outbox, self.leases, self.bus, self.clock)
        self.edge = Edge(self.db, self.kernel, self.clock, self.leases, self.relay)
        self.refusals = Refusals(self.db, self.kernel.auditing, self.clock)
        sealer = Sealer(self.db, self.kernel.auditing, self.leases, self.clock, service=self.name, sealing=self.sealing)
        self._tasks["audit"] = sealer.run
        self._tasks["refusals"] = self.refusals.run
        self._tasks["housekeeping"] = lambda stop: keep_tidy(self.db, self.kernel, self.clock, stop, self.forgets)

    @property
    def dispatchers(self) -> dict[str, Dispatcher]:
        return self._dispatchers

    def subscribe(self, subscription: Subscription, *, lane: str | None = None, elected: Before | None = None) -> None:
        """Run a subscription. With `lane`, only the holder of that lease joins the group, each transaction is fenced, and
        `elected` runs first in each term, in a transaction of its own."""
        dispatcher = Dispatcher(subscription, self.bus, self.db, self.kernel, self.clock, after_commit=self.relay.nudge)
        self._dispatchers[subscription.consumer] = dispatcher
        if lane is None:
            self._tasks[subscription.consumer] = dispatcher.run
            return

        async def led(stop: asyncio.Event) -> None:
            async def work(term: Term) -> None:
                dispatcher.fence = lambda session: self.leases.fence(session, term)
                try:
                    if elected:
                        async with self.db.write(SERVICE) as session:
                            await self.leases.fence(session, term)
                            await elected(session)
                    await dispatcher.run(stop)
                finally:
                    dispatcher.fence = None

            await self.leases.lead(lane, work, stop)

        self._tasks[subscription.consumer] = led

    def background(self, name: str, task: Task) -> None:
        self._tasks[name] = task

    def report(self, name: str, check: Callable[[], Any]) -> None:
        """Show in `/readyz`, under `name`, what `check` answers: counts and states, no content."""
        self._reports[name] = check

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        await self.prepare()
        self._prepared = True
        await self._look_at_the_wall()
        self._running = [asyncio.create_task(self._connect(), name="bus")]
        for name, task in {"relay": self.relay.run, **self._tasks}.items():
            self._running.append(asyncio.create_task(self._supervise(name, task), name=name))
        log.info("service.started", service=self.name)
        try:
            yield
        finally:
            await self._shut_down()

    async def _look_at_the_wall(self) -> None:
        wall = await standing(self.db)
        if wall is not None:
            self.report(ROW_SECURITY, lambda: wall)
            if wall != "ok":
                log.warning("row_security.weak", service=self.name, finding=wall)

    async def _shut_down(self) -> None:
        self.closing.set()
        self._stop.set()
        _, late = await asyncio.wait(self._running, timeout=15)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self.owns_bus:
            await self.bus.stop()
        await self.db.dispose()
        log.info("service.stopped", service=self.name)

    async def _connect(self) -> None:
        topics = [*(Topic(name) for name in self.publishes), *self.topics]
        for dispatcher in self._dispatchers.values():
            found = dispatcher.subscription
            topics += [Topic(dead_letter_topic(topic, found.consumer), 1) for topic in found.topics]
            # a consumer may start before the service that publishes: its topics must be there all the same
            topics += [Topic(topic) for topic in found.topics]
        pause = 0.2
        while not self._stop.is_set():
            try:
                await self.bus.start()
                await self.bus.create_topics(list(dict.fromkeys(topics)))
            except BusUnavailable as error:
                log.warning("bus.waiting", service=self.name, error=str(error)[:200])
                await wait(self._stop, pause)
                pause = min(pause * 2, 5.0)
            else:
                self._connected.set()
                return

    async def _supervise(self, name: str, task: Task) -> None:
        """Start when the bus is there; start again after a crash; stay down when the consumer asked for a person."""
        waiters = {asyncio.create_task(self._connected.wait()), asyncio.create_task(self._stop.wait())}
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
        pause = 0.5
        while not self._stop.is_set():
            try:
                await task(self._stop)
                return
            except TooManyParked:
                return
            except LeaseLost:
                continue
            except Exception as error:
                log.error("task.crashed", service=self.name, task=name, error=type(error).__name__, exc_info=error)
                await wait(self._stop, pause)
                pause = min(pause * 2, 30.0)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether to send requests here, and what is the matter: the database decides, the rest is reported."""
        checks: dict[str, Any] = {"bus": "ok" if self._connected.is_set() else "waiting"}
        try:
            await asyncio.wait_for(self.db.ping(), 2)
            checks["database"] = "ok"
        except Exception as error:
            checks["database"] = type(error).__name__
        for consumer, dispatcher in self._dispatchers.items():
            progress = dispatcher.progress
            checks[consumer] = progress.stopped or {
                "applied": progress.applied,
                "repeated": progress.repeated,
                "ignored": progress.ignored,
                "parked": progress.parked,
            }
        checks |= {name: check() for name, check in self._reports.items()}
        ready = self._prepared and checks["database"] == "ok" and not self.closing.is_set()
        return ready, checks


def health_router(runtime: Runtime) -> APIRouter:
    """`/livez` (the process answers) and `/readyz` (send requests here). No content, no counts of plans."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "ok"}

    @router.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        ready, checks = await runtime.readiness()
        return JSONResponse(
            {"service": runtime.name, "ready": ready, "checks": checks}, status_code=200 if ready else 503
        )

    return router
