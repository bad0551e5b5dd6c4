"""Joint activities: the postings of one event side by side, with the source of each field."""

from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from services.activities.domain.activities import fields_of
from services.activities.domain.plan import represent
from services.activities.orm import ActivityRow, PlanRow
from services.activities.queries.plans import may_be_visible
from services.activities.uow import ActivitiesUnit, plan_of_row
from shared.paging import Page, encode_cursor
from shared.problem import not_found
from shared.visibility import Outcome, Principal, sight

SCAN = 200


async def get_activity(uow: ActivitiesUnit, principal: Principal, activity_id: str) -> dict[str, Any]:
    """One activity, made of the plans in it that this principal sees; hidden ones leave no trace."""
    found = await uow.session.execute(
        select(PlanRow).where(col(PlanRow.activity) == activity_id).order_by(col(PlanRow.id))
    )
    row = await uow.session.get(ActivityRow, activity_id)
    seen: list[dict[str, Any]] = []
    for each in found.scalars():
        plan = plan_of_row(each)
        if sight(principal, plan.facts) is Outcome.FULL:
            seen.append(represent(plan, each.checked))
    if not seen:
        raise not_found("activity")
    return {
        "id": activity_id,
        "version": row.version if row else 1,
        "joint": len(seen) > 1,
        "plans": [plan["id"] for plan in seen],
        "owners": sorted({plan["owner"] for plan in seen}),
        "fields": fields_of(seen),
    }


async def list_activities(
    uow: ActivitiesUnit, principal: Principal, page: Page
) -> tuple[list[dict[str, Any]], str | None]:
    """Joint activities, newest first: those in which this principal sees two plans or more."""
    visible = (
        select(func.count()).where(col(PlanRow.activity) == col(ActivityRow.id), may_be_visible(principal))
    ).scalar_subquery()
    query = (
        select(ActivityRow).where(col(ActivityRow.joint), visible > 1).order_by(col(ActivityRow.id).desc()).limit(SCAN)
    )
    after, shown = (page.after or (None,))[0], []
    while True:
        rows = list((await uow.session.execute(query.where(col(ActivityRow.id) < after) if after else query)).scalars())
        for row in rows:
            present = await uow.plans(row.plans)
            seen = [plan for plan in present if sight(principal, plan.facts) is Outcome.FULL]
            if len(seen) > 1:
                if len(shown) == page.limit:
                    return shown, encode_cursor((shown[-1]["id"],))
                shown.append(
                    {
                        "id": row.id,
                        "version": row.version,
                        "joint": True,
                        "plans": [plan.id for plan in seen],
                        "owners": sorted({plan.owner for plan in seen}),
                        "title": min(seen, key=lambda plan: plan.created_at).content.title,
                    }
                )
            after = row.id
        if len(rows) < SCAN:
            return shown, None
