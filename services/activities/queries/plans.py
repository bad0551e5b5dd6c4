"""Plans as their readers see them. SQL narrows to what can be visible; `shared.visibility` decides on every row."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.content import from_json
from services.activities.domain.plan import Plan, represent
from services.activities.orm import PlanRow, PlanTagRow, PlanVersionRow
from services.activities.uow.rows import plan_of_row
from shared.filters import Filter
from shared.paging import Page, encode_cursor
from shared.places import countries_of_region
from shared.problem import not_found
from shared.visibility import AMBER, AMBER_STRICT, CLEAR, GREEN, WORLD, Outcome, Principal, sight
from shared.visibility_people import shown_to

SCAN = 400
"""Rows read per step while a page is filled. A page is short only where the list ends: one that ended early would say
how much lies hidden behind it. `may_be_visible` leaves so little of that, that filling a page stays cheap."""


async def list_plans(
    session: AsyncSession, principal: Principal, wanted: Filter, page: Page
) -> tuple[list[dict[str, Any]], str | None]:
    """Newest first. The cursor is the last plan shown."""
    query = select(PlanRow).where(may_be_visible(principal), *clauses(wanted)).order_by(col(PlanRow.id).desc())
    after, shown = (page.after or (None,))[0], []
    while True:
        step = query.where(col(PlanRow.id) < after) if after else query
        rows = list((await session.execute(step.limit(SCAN))).scalars())
        for row in rows:
            plan = plan_of_row(row)
            if sight(principal, plan.facts) is Outcome.FULL:
                if len(shown) == page.limit:
                    return shown, encode_cursor((shown[-1]["id"],))
                shown.append(shown_plan(plan, row.checked, principal))
            after = row.id
        if len(rows) < SCAN:
            return shown, None


async def get_plan(session: AsyncSession, principal: Principal, plan_id: str) -> dict[str, Any]:
    row = await _visible_row(session, principal, plan_id)
    return shown_plan(plan_of_row(row), row.checked, principal)


def shown_plan(plan: Plan, checked: str, principal: Principal) -> dict[str, Any]:
    """The plan as somebody in full sight of it is shown it."""
    return shown_to(represent(plan, checked), Outcome.FULL, principal, [plan.facts], owner=plan.owner)


async def get_history(session: AsyncSession, principal: Principal, plan_id: str) -> list[dict[str, Any]]:
    """The versions, oldest first: who made each (an opaque id, for those who may know), what it changed, and the content
    it had.

    A version is shown to those who could have seen it then and may see the plan now: a plan that was RED once does not
    tell afterwards what it said.
    """
    present = plan_of_row(await _visible_row(session, principal, plan_id))
    found = await session.execute(
        select(PlanVersionRow).where(col(PlanVersionRow.plan) == plan_id).order_by(col(PlanVersionRow.version))
    )
    return [
        shown_to(
            {
                "version": row.version,
                "action": row.action,
                "actor": row.actor,
                "at": row.at.isoformat(),
                "changed": row.changed,
                "content": row.content,
            },
            Outcome.FULL,
            principal,
            [present.facts],
            owner=present.owner,
            acting={row.actor: ()},
        )
        for row in found.scalars()
        if sight(principal, replace(present, content=from_json(row.content)).facts) is Outcome.FULL
    ]


async def _visible_row(session: AsyncSession, principal: Principal, plan_id: str) -> PlanRow:
    row = await session.get(PlanRow, plan_id)
    if row is None or sight(principal, plan_of_row(row).facts) is not Outcome.FULL:
        raise not_found("plan")
    return row


def may_be_visible(principal: Principal) -> ColumnElement[bool]:
    """A necessary condition, for the index's sake, and so close that pages need not read through what is hidden. It never
    decides: `sight` does."""
    if not principal.signed_in:
        return col(PlanRow.tlp) == CLEAR
    named = _tagged("named", {*principal.partners, str(principal.person)})
    labels = [CLEAR, *([GREEN] if principal.partners else [])]
    return or_(
        col(PlanRow.tlp).in_(labels),
        _in_scope(principal),
        col(PlanRow.owner).in_(sorted(principal.partners)) if principal.partners else false(),
        col(PlanRow.posted_by) == principal.person,
        named,
    )


def _in_scope(principal: Principal) -> ColumnElement[bool]:
    if "coordinator" not in principal.roles:
        return false()
    scope = principal.scope
    clauses: list[ColumnElement[bool]] = [col(PlanRow.tlp).in_([GREEN, AMBER, AMBER_STRICT])]
    if scope.themes:
        clauses.append(_has("theme", scope.themes))
    if WORLD not in scope.regions:
        regions = (countries_of_region(region) for region in scope.regions)
        clauses.append(_has("country", scope.countries.union(*regions)))
    return and_(*clauses)


def _has(kind: str, values: Collection[str]) -> ColumnElement[bool]:
    """As `_tagged`, asked row by row: for values that most plans may have."""
    return exists().where(
        col(PlanTagRow.plan) == col(PlanRow.id),
        col(PlanTagRow.kind) == kind,
        col(PlanTagRow.value).in_(sorted(values)),
    )


def _tagged(kind: str, values: Collection[str]) -> ColumnElement[bool]:
    return col(PlanRow.id).in_(
        select(col(PlanTagRow.plan)).where(col(PlanTagRow.kind) == kind, col(PlanTagRow.value).in_(sorted(values)))
    )


def clauses(wanted: Filter) -> list[ColumnElement[bool]]:
    """What was asked for, for any list of plans."""
    found: list[ColumnElement[bool]] = [true()]
    tags = {
        "country": wanted.countries,
        "theme": wanted.themes,
        "audience": wanted.audiences,
        "partner": wanted.partners,
    }
    for kind, values in tags.items():
        if values:
            found.append(_tagged(kind, values))
    for column, values in (
        (PlanRow.type, wanted.types),
        (PlanRow.status, wanted.statuses),
        (PlanRow.mode, wanted.modes),
    ):
        if values:
            found.append(col(column).in_(sorted(values)))
    bounds = (
        (col(PlanRow.start), wanted.start_from, wanted.start_to),
        (col(PlanRow.end), wanted.end_from, wanted.end_to),
    )
    for column, first, last in bounds:
        if first:
            found.append(column >= first)
        if last:
            found.append(column <= last)
    return found
