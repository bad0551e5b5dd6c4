"""Relays, leases, buses and guards that are wrong on purpose, or held at will; none of them is a hook in the product."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared import inbox
from shared.bus.port import Bus, Outgoing
from shared.clock import Clock
from shared.cloudevent import Event
from shared.kernel import Kernel
from shared.leases import Leases, Term
from shared.outbox import Relay
from tests.conformance.outbox.harness import PATIENCE
from tests.faults.bus import FaultyBus


class HeldBus(FaultyBus):
    """A bus whose next publish stands still, before or after the records are in the log, until `go`."""

    def __init__(self, inner: Bus) -> None:
        super().__init__(inner)
        self.there, self.go = asyncio.Event(), asyncio.Event()
        self._hold = ""

    def hold(self, when: str) -> None:
        """when: `before` or `after`."""
        self._hold = when
        self.there.clear()
        self.go.clear()

    async def arrived(self) -> None:
        await asyncio.wait_for(self.there.wait(), PATIENCE)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        hold, self._hold = self._hold, ""
        if hold == "before":
            await self._stand()
        await super().publish(records)
        if hold == "after":
            await self._stand()

    async def _stand(self) -> None:
        self.there.set()
        await self.go.wait()


class Unfenced(Leases):
    """Believes in its lease for ever."""

    async def fence(self, session: AsyncSession, term: Term) -> None:
        return


class MarksBeforeItSends(Relay):
    async def drain(self, term: Term) -> int:
        async with self._db.write() as session:
            await self._leases.fence(session, term)
            unsent = self._outbox.c.published_at.is_(None)
            rows = (await session.execute(select(self._outbox).where(unsent).order_by(self._outbox.c.seq))).all()
            await session.execute(update(self._outbox).where(unsent).values(published_at=self._clock.now()))
        await self._bus.publish(
            [Outgoing(row.topic, row.key, row.value, tuple((n, v.encode()) for n, v in row.headers)) for row in rows]
        )
        return len(rows)


async def without_sequence_guard(
    session: AsyncSession, kernel: Kernel, consumer: str, event: Event, clock: Clock
) -> bool:
    return await inbox.first_time(session, kernel.inbox, consumer, event, clock)


async def without_inbox(session: AsyncSession, kernel: Kernel, consumer: str, event: Event, clock: Clock) -> bool:
    return await inbox.newest(session, kernel.applied, consumer, event)


async def without_guards(session: AsyncSession, kernel: Kernel, consumer: str, event: Event, clock: Clock) -> bool:
    return True
