"""What may be forgotten: answers to old idempotency keys, published outbox rows, old inbox notes, counts of refusals, keys
that have ended.

Deleting twice changes nothing, so every replica may do it and no lease is needed. The inbox may be pruned because the
sequence guard (`applied`, kept for ever) stops what comes later still; the outbox is kept long enough to publish again
what a lost log held.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, or_

from shared.audit.refusals import KEEP as KEEP_REFUSALS
from shared.clock import Clock
from shared.db import Database, affected, is_transient
from shared.idempotency import KEEP as KEEP_ANSWERS
from shared.kernel import Kernel, RegistryTables
from shared.leases import wait
from shared.reader import SERVICE

log = structlog.get_logger(__name__)

KEEP_FACTS = timedelta(days=30)
EVERY = 3600.0

Forget = Callable[[datetime], Delete]
"""What a service may forget beside that, at an instant."""


def ended_keys(known: RegistryTables) -> Forget:
    """Keys and sessions that open nothing any more leave the read model: none that is missing opens anything either. What
    may still arrive of them is older than what was applied, and dropped by its sequence."""
    key = known.api_key.c
    return lambda now: delete(known.api_key).where(or_(key.revoked, key.expires_at <= now))


async def tidy(db: Database, kernel: Kernel, clock: Clock, forgets: Sequence[Forget] = ()) -> int:
    """One round. Returns how many rows went."""
    now = clock.now()
    outbox, inbox, answers, refusals = kernel.outbox, kernel.inbox, kernel.idempotency, kernel.auditing.refusals
    old = (
        delete(answers).where(answers.c.at < now - KEEP_ANSWERS),
        delete(outbox).where(outbox.c.published_at < now - KEEP_FACTS),
        delete(inbox).where(inbox.c.at < now - KEEP_FACTS),
        delete(refusals).where(refusals.c.minute < now - KEEP_REFUSALS),
        *(forget(now) for forget in forgets),
    )
    gone = 0
    for statement in old:
        async with db.write(SERVICE) as session:
            gone += await affected(session, statement)
    return gone


async def keep_tidy(
    db: Database, kernel: Kernel, clock: Clock, stop: asyncio.Event, forgets: Sequence[Forget] = ()
) -> None:
    """A round every hour, until `stop`."""
    while not await wait(stop, EVERY):
        try:
            gone = await tidy(db, kernel, clock, forgets)
        except Exception as error:
            if not is_transient(error):
                raise
        else:
            log.info("housekeeping.done", rows=gone)
