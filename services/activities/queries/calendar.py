"""The plans of a calendar: what goes into an export for this reader, which is less than what the reader sees."""

from collections.abc import Mapping

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.plan import Plan
from services.activities.orm import PlanRow, known
from services.activities.queries.plans import SCAN, clauses, may_be_visible
from services.activities.uow.rows import plan_of_row
from shared.filters import Filter
from shared.visibility import RED, Principal, in_bulk

MOST = 1_000
"""Plans in one calendar; a program that follows it takes all of them, again and again."""


async def plans_in_calendar(
    session: AsyncSession, principal: Principal, wanted: Filter, most: int = MOST
) -> tuple[list[Plan], bool]:
    """Those with a date, the latest first, and whether there are more: never a draft, never RED, for a file is passed on."""
    start, key = col(PlanRow.start), col(PlanRow.id)
    query = (
        select(PlanRow)
        .where(start.is_not(None), col(PlanRow.status) != "draft", col(PlanRow.tlp) != RED)
        .where(may_be_visible(principal), *clauses(wanted))
        .order_by(start.desc(), key.desc())
    )
    found: list[Plan] = []
    last: PlanRow | None = None
    while True:
        step = query if last is None else query.where(or_(start < last.start, and_(start == last.start, key < last.id)))
        rows = list((await session.execute(step.limit(SCAN))).scalars())
        for last in rows:
            plan = plan_of_row(last)
            if in_bulk(principal, plan.facts) and not plan.facts.draft:
                if len(found) == most:
                    return found, True
                found.append(plan)
        if len(rows) < SCAN:
            return found, False


async def names_of_partners(session: AsyncSession) -> Mapping[str, str]:
    """Organisation id -> what people call it."""
    partner = known.partner.c
    rows = await session.execute(select(partner.id, partner.acronym, partner.name))
    return {row.id: row.acronym or row.name for row in rows}
