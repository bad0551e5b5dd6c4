"""Leases: one mechanism, on both databases, for everything that only one replica may do.

A row `(role, holder, epoch, until)` on database time. Who leads does so in an epoch; every transaction of a leader
begins with `fence`, which locks the row and finds it only under the leader's own epoch: a leader that slept through
its lease changes nothing when it wakes. The fence covers rows, not sends: what a late leader still puts on the log,
consumers drop by event id and by `sequence`.

Advisory locks would not do: with pooled connections they are dropped in silence (notes in docs/decisions/0005).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Table, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.db import Database, affected, insert, is_transient

log = structlog.get_logger(__name__)

RELAY, MATCHING, TIMERS = "relay", "matching", "timers"


class LeaseLost(Exception):
    """Somebody else leads now (or nobody): this transaction must not go on."""


@dataclass(frozen=True, slots=True)
class Term:
    """One leader's time in office. Valid for transactions only through `Leases.fence`."""

    role: str
    epoch: int


class Leases:
    """Leases of one holder (one process) in one service's database.

    holder: a name of its own for each process; one that is kept over restarts only where nothing else can run under it.
    ttl: seconds that a silent leader keeps its office; renewed every ttl / 3.
    """

    def __init__(self, db: Database, table: Table, holder: str, clock: Clock, *, ttl: float = 9.0) -> None:
        self._db, self._table, self._holder, self._clock, self._ttl = db, table, holder, clock, ttl
        now = "(julianday('now') - 2440587.5) * 86400.0" if db.is_sqlite else "extract(epoch from clock_timestamp())"
        self._now = text(f"SELECT {now}")

    async def acquire(self, role: str) -> Term | None:
        """Take the office if it is free or its holder's time is over; None while somebody else leads."""
        async with self._db.write() as session:
            # The row exists from the first attempt on, so that everybody locks the same one.
            await session.execute(
                insert(session, self._table)
                .values(role=role, holder="", epoch=0, until=0.0)
                .on_conflict_do_nothing(index_elements=["role"])
            )
            row = (await session.execute(self._select(role).with_for_update())).one()
            now = await self._time(session)
            # Under our own name it is an earlier life of ours: its epoch ends here, and with it what it may still do.
            if row.until > now and row.holder != self._holder:
                return None
            await session.execute(
                update(self._table)
                .where(self._table.c.role == role)
                .values(holder=self._holder, epoch=row.epoch + 1, until=now + self._ttl)
            )
            return Term(role, row.epoch + 1)

    async def renew(self, term: Term) -> None:
        """Raises LeaseLost when the office has passed on."""
        async with self._db.write() as session:
            await self.fence(session, term)
            now = await self._time(session)
            await session.execute(self._update(term).values(until=now + self._ttl))

    async def release(self, term: Term) -> None:
        """Let the next one lead at once; harmless when the term is over already."""
        async with self._db.write() as session:
            await affected(session, self._update(term).values(until=0.0))

    async def fence(self, session: AsyncSession, term: Term) -> None:
        """The first statement of every transaction of a leader. Raises LeaseLost."""
        found = await session.execute(
            self._select(term.role).where(self._table.c.epoch == term.epoch).with_for_update()
        )
        if found.first() is None:
            raise LeaseLost(f"{term.role}: epoch {term.epoch} is over")

    async def enter(self, session: AsyncSession, role: str) -> None:
        """Lock a role's row without leading: how a request joins the lane (DESIGN 3) from any replica."""
        if (await session.execute(self._select(role).with_for_update())).first() is None:
            await session.execute(
                insert(session, self._table)
                .values(role=role, holder="", epoch=0, until=0.0)
                .on_conflict_do_nothing(index_elements=["role"])
            )
            await session.execute(self._select(role).with_for_update())

    async def lead(self, role: str, work: Callable[[Term], Awaitable[None]], stop: asyncio.Event) -> None:
        """Stand for the office until `stop`; do `work` whenever elected, and end it when the term is lost.

        What `work` raises (but for LeaseLost) comes out here, once the office is free for somebody else.
        """
        while not stop.is_set():
            try:
                term = await self.acquire(role)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("lease.unreachable", role=role, error=type(error).__name__)
                term = None
            if term is None:
                await wait(stop, self._ttl / 3)
                continue
            log.info("lease.leading", role=role, epoch=term.epoch, holder=self._holder)
            await self._serve(term, work, stop)

    async def _serve(self, term: Term, work: Callable[[Term], Awaitable[None]], stop: asyncio.Event) -> None:
        working = asyncio.ensure_future(work(term))
        renewing = asyncio.create_task(self._keep(term))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, renewing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() and not working.done():
                # the work sees `stop` itself: let it finish what it holds, then leave
                await asyncio.wait({working}, timeout=self._ttl)
        finally:
            for task in (working, renewing, stopping):
                task.cancel()
            outcome, *_ = await asyncio.gather(working, renewing, stopping, return_exceptions=True)
            try:
                await self.release(term)
            except Exception as error:
                log.warning("lease.not_released", role=term.role, error=type(error).__name__)
        if isinstance(outcome, Exception) and not isinstance(outcome, LeaseLost):
            raise outcome
        if not stop.is_set():
            await wait(stop, 0.2)

    async def _keep(self, term: Term) -> None:
        failing_since: float | None = None
        while True:
            await asyncio.sleep(self._ttl / 3)
            try:
                await self.renew(term)
                failing_since = None
            except LeaseLost:
                log.warning("lease.lost", role=term.role, epoch=term.epoch)
                return
            except Exception as error:
                failing_since = failing_since or self._clock.monotonic()
                log.warning("lease.not_renewed", role=term.role, error=type(error).__name__)
                if self._clock.monotonic() - failing_since > self._ttl:
                    return

    def _select(self, role: str):
        return select(self._table.c.holder, self._table.c.epoch, self._table.c.until).where(self._table.c.role == role)

    def _update(self, term: Term):
        return update(self._table).where(self._table.c.role == term.role, self._table.c.epoch == term.epoch)

    async def _time(self, session: AsyncSession) -> float:
        return float((await session.execute(self._now)).scalar_one())


async def wait(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep, but wake at once when `stop` is set. Returns whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
