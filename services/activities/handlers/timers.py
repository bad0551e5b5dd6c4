"""What falls due. Everything due is a row with `due_at`; the holder of the timers lease looks, inside the lane."""

from sqlalchemy import select
from sqlmodel import col

from services.activities.handlers.alerts import tell
from services.activities.orm import AlertRow
from services.activities.uow import ActivitiesUnit

BATCH = 100


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
