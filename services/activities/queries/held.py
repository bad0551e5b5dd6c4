"""What this service holds about a person and about a partner, as far as whoever asks may see it in bulk (shared/held.py)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.plan import Plan
from services.activities.orm import DecisionRow, PlanRow, WeightsRow, known
from services.activities.queries.plans import shown_plan
from services.activities.uow.rows import plan_of_row, represent_decision
from shared.held import Holdings, Kind, Row, rows_of
from shared.visibility import Principal, in_bulk


def _ids(row: PlanRow, plan: Plan, _: Principal) -> Mapping[str, Any]:
    return {"id": row.id, "version": row.version, "owner": row.owner, "title": plan.content.title, "tlp": row.tlp,
            "created_at": row.created_at, "updated_at": row.updated_at}  # fmt: skip


def _whole(row: PlanRow, plan: Plan, principal: Principal) -> Mapping[str, Any]:
    return shown_plan(plan, row.checked, principal)


def _plans(
    name: str,
    which: Callable[[str], ColumnElement[bool]],
    shown: Callable[[PlanRow, Plan, Principal], Mapping[str, Any]],
) -> Kind:
    async def read(
        session: AsyncSession, principal: Principal, subject: str, after: Any, limit: int
    ) -> list[tuple[Any, Row | None]]:
        statement = select(PlanRow).where(which(subject)).order_by(col(PlanRow.id)).limit(limit)
        if after is not None:
            statement = statement.where(col(PlanRow.id) > after)
        found = [(row, plan_of_row(row)) for row in (await session.execute(statement)).scalars()]
        return [
            (row.id, shown(row, plan, principal) if in_bulk(principal, plan.facts) else None) for row, plan in found
        ]

    return Kind(name, read)


async def _decisions(
    session: AsyncSession, principal: Principal, subject: str, after: Any, limit: int
) -> Sequence[tuple[Any, Row | None]]:
    """Those that the person made or took back, where every plan that they were about may be told."""
    made = or_(col(DecisionRow.made_by) == subject, col(DecisionRow.reversed_by) == subject)
    statement = select(DecisionRow).where(made).order_by(col(DecisionRow.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(DecisionRow.id) > after)
    rows = list((await session.execute(statement)).scalars())
    wanted = sorted({plan for row in rows for plan in row.versions})
    found = await session.execute(select(PlanRow).where(col(PlanRow.id).in_(wanted)))
    facts = {row.id: plan_of_row(row).facts for row in found.scalars()}

    def told(row: DecisionRow) -> bool:
        return all(plan in facts and in_bulk(principal, facts[plan]) for plan in row.versions)

    return [(row.id, _decided(row, subject) if told(row) else None) for row in rows]


def _decided(row: DecisionRow, person: str) -> Row:
    """Without whoever else had a part in it."""
    shown = represent_decision(row)
    return {
        name: None if name in ("made_by", "reversed_by") and value != person else value for name, value in shown.items()
    }


_weights: Any = WeightsRow

HOLDINGS = Holdings(
    person=[
        _plans("plan_posted", lambda person: col(PlanRow.posted_by) == person, _ids),
        _plans(
            "plan_that_names_you",
            lambda person: cast(col(PlanRow.content), Text).contains(f'"{person}"', autoescape=True),
            _ids,
        ),
        Kind("decision", _decisions),
        rows_of(
            "weights_installed",
            _weights.__table__,
            "version",
            lambda person: _weights.installed_by == person,
            ("version", "reason", "installed_at"),
        ),
    ],
    partner=[
        rows_of(
            "known_partner",
            known.partner,
            "id",
            lambda partner: known.partner.c.id == partner,
            ("id", "version", "slug", "name", "acronym", "status", "programmes", "aliases"),
        ),
        _plans("plan", lambda partner: col(PlanRow.owner) == partner, _whole),
    ],
)
