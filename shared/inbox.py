"""The inbox: an effect and the note that it happened commit together, so that a repeat changes nothing."""

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.cloudevent import Event
from shared.db import affected, insert
from shared.kernel import Kernel


async def first_time(session: AsyncSession, inbox: Table, consumer: str, event: Event, clock: Clock) -> bool:
    """Note the event for this consumer; False where its effect is committed already."""
    statement = insert(session, inbox).values(consumer=consumer, event_id=event.id, at=clock.now())
    return await affected(session, statement.on_conflict_do_nothing()) == 1


async def newest(session: AsyncSession, applied: Table, consumer: str, event: Event) -> bool:
    """Whether the event is newer than all that this consumer applied for its subject (events carry full state).

    A relay that lost its lease may repeat older events after newer ones; a parked message may be tried days later.
    """
    statement = insert(session, applied).values(consumer=consumer, subject=event.subject, sequence=event.sequence)
    return (
        await affected(
            session,
            statement.on_conflict_do_update(
                index_elements=["consumer", "subject"],
                set_={"sequence": statement.excluded.sequence},
                where=applied.c.sequence < statement.excluded.sequence,
            ),
        )
        == 1
    )


async def admit(session: AsyncSession, kernel: Kernel, consumer: str, event: Event, clock: Clock) -> bool:
    """Both guards at once: True exactly when the handler is to run."""
    return await first_time(session, kernel.inbox, consumer, event, clock) and await newest(
        session, kernel.applied, consumer, event
    )
