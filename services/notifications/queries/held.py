"""What this service holds about a person and about a partner (shared/held.py). Of a partner it holds the name, and copies
of the events about its plans, which `/events` tells."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain import see
from services.notifications.orm import alert, known, mark
from services.notifications.uow import alert_from, facts_for, known_plans
from shared.held import Holdings, Kind, Row, rows_of
from shared.visibility import Principal


async def _alerts(
    session: AsyncSession, principal: Principal, subject: str, after: Any, limit: int
) -> Sequence[tuple[Any, Row | None]]:
    """What the person did with alerts; of one that may not be told in bulk now, nothing."""
    c = alert.c
    statement = (
        select(alert, mark.c.seen_version, mark.c.done_version, mark.c.at.label("marked_at"))
        .outerjoin(mark, (mark.c.alert == c.id) & (mark.c.person == subject))
        .where(or_(mark.c.person == subject, c.decided_by == subject))
        .order_by(c.id)
        .limit(limit)
    )
    rows = (await session.execute(statement.where(c.id > after) if after is not None else statement)).all()
    alerts = {row.id: alert_from(row) for row in rows}
    facts = await known_plans(session, {plan for each in alerts.values() for plan in each.plans})

    def shown(row: Any) -> Row | None:
        sides = alerts[row.id].sides
        if see(principal, sides, facts_for(sides, facts), bulk=True) is None:
            return None
        return {
            "alert": row.id,
            "seen_version": row.seen_version,
            "done_version": row.done_version,
            "at": row.marked_at,
            "decided_by_you_at": row.decided_at if row.decided_by == subject else None,
        }

    return [(row.id, shown(row)) for row in rows]


HOLDINGS = Holdings(
    person=[Kind("inbox", _alerts)],
    partner=[
        rows_of(
            "known_partner",
            known.partner,
            "id",
            lambda partner: known.partner.c.id == partner,
            ("id", "version", "slug", "name", "acronym", "status", "programmes", "aliases"),
        )
    ],
)
