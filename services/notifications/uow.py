"""The unit of work, and the reads that queries and handlers share: visibility facts, alerts, marks."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.consumed import columns_of, facts_of
from services.notifications.domain import Alert, Marks, Side
from services.notifications.orm import alert, kernel, mark, plan_facts
from shared.clock import Clock
from shared.db import insert
from shared.filters import Columns
from shared.ids import Ids
from shared.reader import as_service
from shared.unit import UnitOfWork
from shared.visibility import Facts

TOPIC, SOURCE = "notifications.v1", "/services/notifications"
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a plan now."""

    version: int
    facts: Facts
    columns: Columns


async def known_plans(session: AsyncSession, plans: Collection[str]) -> dict[str, Known]:
    """The present facts of these plans, hidden or not: they decide what is shown. A plan of which nothing is known is absent."""
    found: dict[str, Known] = {}
    wanted = sorted(set(plans))
    async with as_service(session):
        for start in range(0, len(wanted), _CHUNK):
            here = plan_facts.c.plan.in_(wanted[start : start + _CHUNK])
            for row in await session.execute(select(plan_facts).where(here)):
                found[row.plan] = Known(row.version, facts_of(row.facts), columns_of(row.columns))
    return found


def facts_for(sides: Iterable[Side], known: Mapping[str, Known]) -> dict[str, Facts]:
    """The facts to judge these sides by. A side that was judged on a version we have not seen yet has none: that version
    may have been its relabelling to RED."""
    return {
        side.plan: known[side.plan].facts
        for side in sides
        if side.plan in known and known[side.plan].version >= side.version
    }


def alert_from(row: Any) -> Alert:
    return Alert(
        id=row.id,
        version=row.version,
        status=row.status,
        kind=row.kind,
        sides=sides_from(row.sides),
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        raised_version=row.raised_version,
        raised_at=row.raised_at,
        overlap_kind=row.overlap_kind,
        band=row.band,
        severity=row.severity,
        told_version=row.told_version,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def sides_from(stored: Iterable[Mapping[str, Any]] | None) -> tuple[Side, ...]:
    return tuple(
        Side(
            side["plan"],
            side["version"],
            side.get("partner"),
            side.get("group", 0),
            frozenset(side["first_for"]) if side.get("first_for") is not None else None,
        )
        for side in stored or ()
    )


def sides_to(sides: Iterable[Side]) -> list[dict[str, Any]]:
    return [
        {"plan": side.plan, "version": side.version, "partner": side.partner, "group": side.group}
        | ({"first_for": sorted(side.first_for)} if side.first_for is not None else {})
        for side in sides
    ]


async def find_alert(session: AsyncSession, alert_id: str) -> Alert | None:
    row = (await session.execute(select(alert).where(alert.c.id == alert_id))).first()
    return alert_from(row) if row else None


async def find_marks(session: AsyncSession, person: str, alert_id: str) -> Marks:
    row = (
        await session.execute(
            select(mark.c.seen_version, mark.c.done_version).where(mark.c.person == person, mark.c.alert == alert_id)
        )
    ).first()
    return Marks(row.seen_version, row.done_version) if row else Marks()


class NotificationsUnit(UnitOfWork):
    """One transaction over a person's marks."""

    @classmethod
    def on(cls, session: AsyncSession, clock: Clock, ids: Ids, actor: str) -> "NotificationsUnit":
        return cls(session, kernel, clock, ids, topic=TOPIC, source=SOURCE, actor=actor)

    async def keep_marks(self, person: str, alert_id: str, marks: Marks) -> None:
        statement = insert(self.session, mark).values(
            person=person,
            alert=alert_id,
            seen_version=marks.seen_version,
            done_version=marks.done_version,
            at=self.clock.now(),
        )
        await self.session.execute(
            statement.on_conflict_do_update(
                index_elements=["person", "alert"],
                set_={name: statement.excluded[name] for name in ("seen_version", "done_version", "at")},
            )
        )
