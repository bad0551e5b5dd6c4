"""Joint activities: the postings of one event side by side, with the source of each field."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from services.activities.domain.activities import fields_of
from services.activities.domain.plan import represent
from services.activities.orm import ActivityRow, PlanRow
from services.activities.queries.plans import may_be_visible
from services.activities.queries.sides import version_of
from services.activities.uow.rows import plan_of_row
from services.activities.uow.unit import ActivitiesUnit
from shared.paging import Page, encode_cursor
from shared.problem import not_found
from shared.visibility import Outcome, Principal, sight

SCAN = 200


async def get_activity(uow: ActivitiesUnit, principal: Principal, activity_id: str) -> dict[str, Any]:
    """One activity, made of the plans in it that this principal sees; hidden ones leave no trace.

    activity_id: a joint activity's, or a plan's own (then the joint activity that the plan belongs to, if it does).
    """
    rows = await _rows(uow, principal, col(PlanRow.activity) == activity_id)
    if len(rows) < 2:
        own = await _rows(uow, principal, col(PlanRow.home) == activity_id)
        rows = await _rows(uow, principal, col(PlanRow.activity) == own[0].activity) if own else []
    if not rows:
        raise not_found("activity")
    joined = rows[0].activity if len(rows) > 1 else activity_id
    plans = [represent(plan_of_row(row), row.checked) for row in rows]
    version = await version_of(uow.session, joined, len(rows))
    return _shown(joined, version, plans) | {"fields": fields_of(_live(plans) or plans)}


async def _rows(uow: ActivitiesUnit, principal: Principal, where: ColumnElement[bool]) -> list[PlanRow]:
    found = await uow.session.execute(select(PlanRow).where(where).order_by(col(PlanRow.id)))
    return [row for row in found.scalars() if sight(principal, plan_of_row(row).facts) is Outcome.FULL]


def _live(plans: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [plan for plan in plans if plan["status"] != "cancelled"]


def _shown(activity_id: str, version: int, plans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Who has cancelled stays on the list of plans, but the activity is theirs no longer."""
    return {
        "id": activity_id,
        "version": version,
        "joint": len(plans) > 1,
        "plans": [plan["id"] for plan in plans],
        "owners": sorted({plan["owner"] for plan in _live(plans)}),
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
            seen = [plan for plan in await uow.plans(row.plans) if sight(principal, plan.facts) is Outcome.FULL]
            if len(seen) > 1:
                if len(shown) == page.limit:
                    return shown, encode_cursor((shown[-1]["id"],))
                said = [represent(plan, "") for plan in sorted(seen, key=lambda plan: (plan.created_at, plan.id))]
                shown.append(
                    _shown(row.id, row.version if len(said) == len(row.plans) else 1, said)
                    | {"title": (_live(said) or said)[0]["title"]}
                )
            after = row.id
        if len(rows) < SCAN:
            return shown, None
