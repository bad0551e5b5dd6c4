"""One person's alerts: derived from the present state of alerts, facts and marks at each reading, never fanned out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain import Alert, Entry, Marks, State, entry_of
from services.notifications.orm import alert, alert_side, mark, plan_facts
from services.notifications.uow import alert_from, facts_for, find_alert, find_marks, known_plans
from shared.visibility import Principal

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Entries:
    """One page, newest first; `after` is where the next one goes on, None at the end."""

    entries: Sequence[Entry]
    after: tuple[datetime, str] | None


async def find_entry(session: AsyncSession, principal: Principal, alert_id: str) -> Entry | None:
    found = await find_alert(session, alert_id)
    if found is None or principal.person is None:
        return None
    known = await known_plans(session, found.plans)
    return entry_of(
        principal, found, facts_for(found.sides, known), await find_marks(session, principal.person, alert_id)
    )


async def list_entries(
    session: AsyncSession,
    principal: Principal,
    state: State | None,
    limit: int,
    after: tuple[datetime, str] | None,
) -> Entries:
    """The alerts in this principal's inbox in `state` (None: in any), by the instant they last asked for attention."""
    found: list[Entry] = []
    if not principal.signed_in:
        return Entries(found, None)
    while True:
        rows = (await session.execute(_candidates(principal, state, after))).all()
        alerts = [(alert_from(row), Marks(row.seen_version or 0, row.done_version or 0)) for row in rows]
        known = await known_plans(session, {plan for each, _ in alerts for plan in each.plans})
        for each, marks in alerts:
            entry = entry_of(principal, each, facts_for(each.sides, known), marks)
            if entry is None or (state and entry.state is not state):
                continue
            if len(found) == limit:
                return Entries(found, _place(found[-1].alert))
            found.append(entry)
        if len(rows) < _CHUNK:
            return Entries(found, None)
        after = _place(alerts[-1][0])


def _place(each: Alert) -> tuple[datetime, str]:
    return each.raised_at, each.id


def _candidates(principal: Principal, state: State | None, after: tuple[datetime, str] | None) -> Any:
    """Alerts that can be in the inbox at all; `entry_of` decides. Coordinators look through all, partners through theirs."""
    person = principal.person
    statement = (
        select(alert, mark.c.seen_version, mark.c.done_version)
        .outerjoin(mark, and_(mark.c.alert == alert.c.id, mark.c.person == person))
        .order_by(alert.c.raised_at.desc(), alert.c.id.desc())
        .limit(_CHUNK)
    )
    if "coordinator" not in principal.roles:
        theirs = (
            select(alert_side.c.alert)
            .join(plan_facts, plan_facts.c.plan == alert_side.c.plan)
            .where(plan_facts.c.owner.in_(sorted(principal.partners)))
        )
        statement = statement.where(alert.c.id.in_(theirs))
    seen, done = func.coalesce(mark.c.seen_version, 0), func.coalesce(mark.c.done_version, 0)
    if state is State.DONE:
        statement = statement.where(done >= alert.c.raised_version)
    elif state is not None:
        statement = statement.where(done < alert.c.raised_version)
        statement = statement.where(seen < alert.c.version if state is State.UNREAD else seen > 0)
    if after:
        raised_at, alert_id = after
        statement = statement.where(
            or_(alert.c.raised_at < raised_at, and_(alert.c.raised_at == raised_at, alert.c.id < alert_id))
        )
    return statement
