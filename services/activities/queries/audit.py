"""What rows of the audit are about: plans, as they are now and as they were then (shared/visibility.py decides)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.content import from_json
from services.activities.orm import (
    ActivityRow,
    AlertRow,
    AlertSideRow,
    DecisionRow,
    PlanRow,
    PlanVersionRow,
    kernel,
)
from services.activities.queries.plans import may_be_visible
from services.activities.uow.rows import plan_of_row
from shared.reader import as_service
from shared.visibility import Affair, Facts, Principal


class ActivityAffairs:
    """Subjects of this service: plans, alerts, decisions, joint activities, weights (which are nobody's)."""

    def may_concern(self, principal: Principal) -> ColumnElement[bool]:
        own = or_(col(PlanRow.owner).in_(sorted(principal.partners)), col(PlanRow.posted_by) == principal.person)
        if "coordinator" in principal.roles:
            own = or_(own, may_be_visible(principal))
        plans = select(col(PlanRow.id)).where(own)
        alerts = select(col(AlertSideRow.alert)).where(col(AlertSideRow.plan).in_(plans))
        subject = kernel.audit.c.subject
        return or_(
            subject.in_(plans),
            subject.in_(alerts),
            subject.in_(select(col(DecisionRow.id)).where(col(DecisionRow.alert).in_(alerts))),
            subject.in_(select(col(PlanRow.activity)).where(own)),
            subject.in_(select(col(PlanRow.home)).where(own)),
        )

    async def of(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Affair | None]:
        # hidden plans decide who is shown a row, as the sides of an alert do (queries/sides.py); only facts come of it
        async with as_service(session):
            return await self._of(session, rows)

    async def _of(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Affair | None]:
        subjects = {row.subject for row in rows}
        decisions = {each.id: each for each in await _all(session, DecisionRow, col(DecisionRow.id), subjects)}
        alert_ids = subjects | {each.alert for each in decisions.values()}
        alerts = {each.id: each for each in await _all(session, AlertRow, col(AlertRow.id), alert_ids)}
        activities = {each.id: each for each in await _all(session, ActivityRow, col(ActivityRow.id), subjects)}

        def about(row: Row[Any]) -> tuple[set[str], dict[str, int] | None] | None:
            if decision := decisions.get(row.subject):
                alert = alerts[decision.alert]
                return {*decision.versions, *alert.versions}, alert.group_of
            if alert := alerts.get(row.subject):
                return set(alert.versions), alert.group_of
            if activity := activities.get(row.subject):
                return {*activity.plans, *row.detail.get("plans", ())}, None
            return ({row.subject}, None) if row.subject.startswith("plan_") else None

        named = [about(row) for row in rows]
        wanted = {plan for each in named if each for plan in each[0]}
        plans = {each.id: plan_of_row(each) for each in await _all(session, PlanRow, col(PlanRow.id), wanted)}
        then = await self._then(session, rows)

        def affair(row: Row[Any], found: tuple[set[str], dict[str, int] | None] | None) -> Affair | None:
            if found is None or not found[0] <= plans.keys():
                return None
            facts: dict[str, Facts] = {plan: plans[plan].facts for plan in found[0]}
            # a version that was RED, or a draft, does not become known afterwards
            if content := then.get((row.subject, row.version)):
                facts[f"{row.subject}@{row.version}"] = replace(plans[row.subject], content=from_json(content)).facts
            return Affair(facts, found[1])

        return [affair(row, found) for row, found in zip(rows, named, strict=True)]

    async def _then(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> dict[tuple[str, int], Any]:
        """(plan, version) -> its content."""
        wanted = sorted({(row.subject, row.version) for row in rows if row.subject.startswith("plan_")})
        table = PlanVersionRow
        found = await session.execute(
            select(col(table.plan), col(table.version), col(table.content)).where(
                tuple_(col(table.plan), col(table.version)).in_(wanted)
            )
        )
        return {(row.plan, row.version): row.content for row in found}


async def _all(session: AsyncSession, table: Any, column: Any, wanted: set[str]) -> Sequence[Any]:
    if not wanted:
        return ()
    return (await session.execute(select(table).where(column.in_(sorted(wanted))))).scalars().all()
