"""What falls due or waits its turn: rows, at which the holder of the timers lease looks, inside the lane."""

from sqlalchemy import select
from sqlmodel import col

from services.activities.handlers.alerts import tell
from services.activities.handlers.lane import rematch
from services.activities.orm import AlertRow
from services.activities.uow.unit import ActivitiesUnit

BATCH = 100
TURNS = 10
"""Plans that one transaction matches anew: the lane is held for as long, and people's decisions wait for it."""


async def wake_snoozed(uow: ActivitiesUnit) -> int:
    """Open again the alerts whose snooze is over. Returns how many."""
    found = await uow.session.execute(
        select(AlertRow)
        .where(col(AlertRow.due_at) <= uow.clock.now(), col(AlertRow.status) == "snoozed")
        .order_by(col(AlertRow.due_at))
        .limit(BATCH)
    )
    rows = list(found.scalars())
    for row in rows:
        row.status, row.reason, row.due_at = "open", "snooze is over", None
        await tell(row, "alert.reopened", uow)
    return len(rows)


async def reread(uow: ActivitiesUnit) -> int:
    """An organisation has other names now: read the features of the plans that name it again, and match what changed.

    Names are resolved when a plan is posted and kept with its version, so that a replay gives the same matches; a change
    of the registry is a new reading, made here, and so are other weights and other rules (uow/weights.py), which are the sweep:
    every plan that is not over has its turn. Returns how many plans had waited.
    """
    changed, waited = await uow.reread(TURNS)
    for plan in changed:
        await rematch(plan, uow)
    return waited
