"""Which partner has met which plan of somebody else's, and by which alert first."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.orm import MetRow
from shared.db import insert

Pair = tuple[str, str]
"""A partner, and a plan that is not its own."""


async def met(session: AsyncSession, alert: str, pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Store who meets whom by this alert, where they have not met before. For each plan, the partners who met it first by
    this alert. In the lane: two alerts never compete for a first meeting."""
    if not pairs:
        return {}
    rows = [{"partner": partner, "plan": plan, "alert": alert} for partner, plan in pairs]
    table = MetRow.__table__  # type: ignore[attr-defined]
    await session.execute(insert(session, table).values(rows).on_conflict_do_nothing())
    found = await session.execute(
        select(col(MetRow.plan), col(MetRow.partner))
        .where(col(MetRow.alert) == alert, col(MetRow.plan).in_(sorted({plan for _, plan in pairs})))
        .order_by(col(MetRow.plan), col(MetRow.partner))
    )
    first: dict[str, list[str]] = {}
    for plan, partner in found:
        first.setdefault(plan, []).append(partner)
    return first
