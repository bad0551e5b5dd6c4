"""The unit of work: rows, outbox, audit and idempotency key in one transaction, committed once, at the edge.

A service's `uow.py` derives from UnitOfWork and adds its repositories; handlers take it as a parameter and never commit.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.audit.leaves import check_detail
from shared.clock import Clock
from shared.cloudevent import Event, event_type
from shared.db import Database
from shared.idempotency import Answer, check_key, fingerprint, recall, remember
from shared.ids import Ids
from shared.kernel import Kernel
from shared.leases import Leases
from shared.outbox import Relay, store
from shared.reader import SERVICE
from shared.telemetry import current_trace_id
from shared.visibility import Principal


class UnitOfWork:
    """One transaction's work. `emit` and `note` collect; `flush` writes them behind the rows that made them true.

    topic, source: where this service's facts go, and the CloudEvents `source` they carry (`/services/activities`).
    """

    def __init__(
        self,
        session: AsyncSession,
        kernel: Kernel,
        clock: Clock,
        ids: Ids,
        *,
        topic: str,
        source: str,
        actor: str,
        cause: Event | None = None,
    ) -> None:
        self.session, self.kernel, self.clock, self.ids = session, kernel, clock, ids
        self.topic, self.source, self.actor, self.cause = topic, source, actor, cause
        self._events: list[Event] = []
        self._notes: list[dict[str, Any]] = []

    def emit(
        self,
        name: str,
        subject: str,
        sequence: int,
        data: Mapping[str, Any],
        *,
        tlp: str | None = None,
        partner: str | None = None,
    ) -> Event:
        """A fact about an aggregate whose row this transaction has locked. Returns it, so that others can name it as cause."""
        event_id = self.ids.new("evt")
        event = Event(
            id=event_id,
            source=self.source,
            type=event_type(name),
            subject=subject,
            sequence=sequence,
            time=self.clock.now(),
            data=data,
            correlationid=(self.cause.correlationid or self.cause.id) if self.cause else event_id,
            causationid=self.cause.id if self.cause else None,
            tlp=tlp,
            partner=partner,
        )
        self._events.append(event)
        return event

    def note(self, action: str, subject: str, version: int, detail: Mapping[str, Any] | None = None) -> None:
        """An audit row: who did what to which version. Ids and codes only: texts, whole numbers, lists of them."""
        check_detail(detail or {})
        self._notes.append(
            {
                "at": self.clock.now(),
                "actor": self.actor,
                "action": action,
                "subject": subject,
                "version": version,
                "detail": dict(detail or {}),
                "trace_id": current_trace_id(),
            }
        )

    async def flush(self) -> None:
        """Write what was collected; called once, last, by the edge or the dispatcher's handler."""
        await self.session.flush()
        await store(self.session, self.kernel.outbox, self.topic, self._events, self.clock)
        if self._notes:
            await self.session.execute(self.kernel.audit.insert(), self._notes)
        self._events, self._notes = [], []


@dataclass(frozen=True, slots=True)
class Edge:
    """Where commands enter: the one place that opens a write transaction for a request, and hence the one that commits."""

    db: Database
    kernel: Kernel
    clock: Clock
    leases: Leases
    relay: Relay

    async def run(
        self,
        work: Callable[[AsyncSession], Awaitable[Answer]],
        *,
        principal: Principal,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        key_required: bool = False,
        lane: str | None = None,
    ) -> Answer:
        """Run `work` in one transaction, once per idempotency key.

        lane: the lease row to lock first (DESIGN 3), so that this command and matching never interleave.
        """
        check_key(key, required=key_required)
        async with self.db.write(SERVICE) as session:
            if lane:
                await self.leases.enter(session, lane)
            if key is None:
                answer = await work(session)
            else:
                print_ = fingerprint(method, path, body)
                stored = await recall(session, self.kernel.idempotency, principal.id, key, print_, self.clock)
                if stored:
                    return stored
                answer = await work(session)
                await remember(session, self.kernel.idempotency, principal.id, key, answer)
        self.relay.nudge()
        return answer
