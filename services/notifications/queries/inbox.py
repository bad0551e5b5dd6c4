"""One person's alerts: derived from the present state of alerts, facts and marks at each reading, never fanned out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain import Entry, Marks, State, entry_of
from services.notifications.orm import alert, alert_side, mark, plan_facts
from services.notifications.uow import alert_from, facts_for, find_alert, find_marks, known_plans
from shared.visibility import Principal

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Entries:
    """One page, newest first; `after` is the alert after which the next one goes on, None at the end."""

    entries: Sequence[Entry]
    after: str | None


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
    after: str | None,
) -> Entries:
    """The alerts in this principal's inbox in `state` (None: in any), the newest first: by id, as an order by what became
    of them later would tell that of blind ones."""
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
                return Entries(found, found[-1].alert.id)
            found.append(entry)
        if len(rows) < _CHUNK:
            return Entries(found, None)
        after = alerts[-1][0].id


def _candidates(principal: Principal, state: State | None, after: str | None) -> Any:
    """Alerts that can be in the inbox at all; `entry_of` decides. Coordinators look through all, partners through theirs."""
    c, person = alert.c, principal.person
    statement = (
        select(alert, mark.c.seen_version, mark.c.done_version)
        .outerjoin(mark, and_(mark.c.alert == c.id, mark.c.person == person))
        .order_by(c.id.desc())
        .limit(_CHUNK)
    )
    sides = (
        select(alert_side.c.alert)
        .join(plan_facts, plan_facts.c.plan == alert_side.c.plan)
        .where(plan_facts.c.owner.in_(sorted(principal.partners)))
    )
    theirs = c.id.in_(sides) if principal.partners else false()
    if "coordinator" not in principal.roles:
        statement = statement.where(theirs)
    if state is not None and state is not State.DONE:
        seen, done = func.coalesce(mark.c.seen_version, 0), func.coalesce(mark.c.done_version, 0)
        asks = and_(
            done < c.raised_version,
            c.status != "closed",
            or_(c.status != "decided", seen < c.told_version),
        )
        # a blind one waits until its reader is done with it
        statement = statement.where(or_(asks, and_(theirs, done == 0)))
    return statement.where(c.id < after) if after else statement
