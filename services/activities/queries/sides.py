"""Facts of plans that the reader may not see: the one place of this service's reading that looks behind the second wall.

Whether an alert is shown blind, whether a decision was about a plan that is hidden, whom a row of the audit concerns: each is
decided on the facts of all plans concerned. So they are read as the service (docs/decisions/0016), and only they: what a
plan says is read as whoever asks.
"""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.orm import ActivityRow, PlanRow
from shared.reader import as_service
from shared.visibility import Facts, facts_from_json


async def facts_of(session: AsyncSession, plans: Collection[str]) -> dict[str, Facts]:
    """The present facts of these plans, hidden or not."""
    if not plans:
        return {}
    async with as_service(session):
        found = await session.execute(
            select(col(PlanRow.id), col(PlanRow.facts)).where(col(PlanRow.id).in_(sorted(set(plans))))
        )
        return {row.id: facts_from_json(row.facts) for row in found}


async def version_of(session: AsyncSession, activity: str, seen: int) -> int:
    """The version of a joint activity for a reader who sees so many of its plans: 1 unless those are all, for what comes and
    goes unseen must not count the version up."""
    async with as_service(session):
        stored = await session.get(ActivityRow, activity)
        everybody = await session.scalar(select(func.count()).where(col(PlanRow.activity) == activity))
    return stored.version if stored and everybody == seen else 1
