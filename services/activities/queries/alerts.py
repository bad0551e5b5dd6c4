"""Alerts as their readers see them: in full, blind, or not at all (shared/visibility.py)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, false, func, or_, select
from sqlmodel import col

from services.activities.domain.alerts import LIVE, severity_level
from services.activities.domain.plan import Plan
from services.activities.orm import AlertRow, AlertSideRow, DecisionRow, PlanRow, known
from services.activities.queries.plans import may_be_visible
from services.activities.queries.sides import facts_of
from services.activities.uow.rows import represent_decision
from services.activities.uow.unit import ActivitiesUnit
from shared.paging import Page, encode_cursor
from shared.problem import not_found
from shared.visibility import AlertSight, Facts, Outcome, Principal, sight, sight_of_alert
from shared.visibility_people import shown_to

STATUSES: Mapping[str, tuple[str, ...] | None] = {
    "live": tuple(sorted(LIVE)),
    "open": ("open",),
    "waiting": ("waiting",),
    "snoozed": ("snoozed",),
    "escalated": ("escalated",),
    "decided": ("decided",),
    "closed": ("closed",),
    "all": None,
}
SCAN = 200


async def list_alerts(
    uow: ActivitiesUnit, principal: Principal, *, status: str, kind: str | None, plan: str | None, page: Page
) -> tuple[list[dict[str, Any]], str | None]:
    """Newest first, without explanations; the cursor is the last alert shown."""
    query = select(AlertRow).where(_may_be_shown(principal)).order_by(col(AlertRow.id).desc())
    wanted = STATUSES[status]
    if wanted:
        # a blind one is open to its reader, whatever has become of it
        blind = _own_sides(principal) if "open" in wanted else false()
        query = query.where(or_(col(AlertRow.status).in_(wanted), blind))
    if kind:
        query = query.where(col(AlertRow.kind) == kind)
    if plan:
        query = query.where(col(AlertRow.id).in_(select(col(AlertSideRow.alert)).where(col(AlertSideRow.plan) == plan)))
    after, shown = (page.after or (None,))[0], []
    while True:
        step = query.where(col(AlertRow.id) < after) if after else query
        rows = list((await uow.session.execute(step.limit(SCAN))).scalars())
        facts = await _facts_of(rows, uow)
        plans = await _plans_of(rows, uow)
        for row in rows:
            seen = _sight(row, facts, principal)
            fits = not _tells_more(status, kind) if seen.blind else not wanted or row.status in wanted
            # asked by a plan that is hidden from the reader, an alert in sight must not say that it is a side of it
            if seen.shown and fits and (plan is None or plan in seen.full()):
                if len(shown) == page.limit:
                    return shown, encode_cursor((shown[-1]["id"],))
                shown.append(_view(row, seen, plans))
            after = row.id
        if len(rows) < SCAN:
            return shown, None


async def get_alert(uow: ActivitiesUnit, principal: Principal, alert_id: str) -> dict[str, Any]:
    """One alert with its explanation and decisions, as far as this principal sees all sides."""
    row = await uow.alert(alert_id)
    if row is None:
        raise not_found("alert")
    seen = _sight(row, await _facts_of([row], uow), principal)
    if not seen.shown:
        raise not_found("alert")
    view = _view(row, seen, await _plans_of([row], uow))
    if seen.explained:
        view["change"] = row.texts.get("change", "")
        view["explanation"] = row.texts.get("pairs", [])
        view["decisions"] = [
            shown for made in await uow.decisions_of(row.id) if (shown := await shown_decision(made, uow, principal))
        ]
    return view


async def get_decision(uow: ActivitiesUnit, principal: Principal, decision_id: str) -> dict[str, Any]:
    made = await uow.session.get(DecisionRow, decision_id)
    row = await uow.alert(made.alert) if made else None
    if made is None or row is None:
        raise not_found("decision")
    seen = _sight(row, await _facts_of([row], uow), principal)
    shown = await shown_decision(made, uow, principal) if seen.explained else None
    if shown is None:
        raise not_found("decision")
    return shown


def _may_be_shown(principal: Principal) -> ColumnElement[bool]:
    """A necessary condition, as `may_be_visible` is of plans: one's own plan on a side, or two sides that may be seen."""
    return or_(_sides(may_be_visible(principal)) > 1, _own_sides(principal))


def _own_sides(principal: Principal) -> ColumnElement[bool]:
    return _sides(col(PlanRow.owner).in_(sorted(principal.partners))) > 0


def _sides(which: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many sides of an alert are such plans."""
    sides = col(AlertSideRow.alert) == col(AlertRow.id), col(AlertSideRow.plan) == col(PlanRow.id)
    return select(func.count()).where(*sides, which).correlate(AlertRow).scalar_subquery()


def _tells_more(status: str, kind: str | None) -> bool:
    """Whether showing a blind alert under this filter would say more than that something overlaps."""
    return kind is not None or status not in ("live", "open", "all")


async def shown_decision(made: DecisionRow, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any] | None:
    """The decision, where every plan that it was about is in full sight: some may have left the alert since."""
    facts = list((await facts_of(uow.session, made.versions)).values())
    if not all(sight(principal, each) is Outcome.FULL for each in facts):
        return None
    people = [person for person in (made.made_by, made.reversed_by) if person]
    found = await uow.session.execute(
        select(known.person.c.id, known.person.c.partners).where(known.person.c.id.in_(people))
    )
    acting = dict.fromkeys(people, ()) | {row.id: row.partners for row in found}
    return shown_to(represent_decision(made), Outcome.FULL, principal, facts, acting=acting)


async def _facts_of(rows: Sequence[AlertRow], uow: ActivitiesUnit) -> dict[str, Facts]:
    return await facts_of(uow.session, {plan for row in rows for plan in row.versions})


async def _plans_of(rows: Sequence[AlertRow], uow: ActivitiesUnit) -> dict[str, Plan]:
    ids = {plan for row in rows for plan in row.versions}
    return {plan.id: plan for plan in await uow.plans(ids)} if ids else {}


def _sight(row: AlertRow, facts: Mapping[str, Facts], principal: Principal) -> AlertSight:
    sides = {plan: facts[plan] for plan in row.versions if plan in facts}
    return sight_of_alert(principal, sides, groups=row.group_of, first_for=row.first_for)


def _view(row: AlertRow, seen: AlertSight, plans: Mapping[str, Plan]) -> dict[str, Any]:
    """A blind alert says that something overlaps your plan, and whom to call; nothing else, not even when it changed."""
    sides = [
        {
            "plan": plan,
            "version": row.versions[plan],
            "partner": plans[plan].owner,
            "title": plans[plan].content.title,
            "illustrative": plans[plan].content.illustrative,
        }
        for plan in sorted(row.versions)
        if plan in plans and seen.sides.get(plan) is Outcome.FULL
    ]
    if seen.blind:
        own = [{"plan": side["plan"], "partner": side["partner"]} for side in sides]
        return {
            "id": row.id,
            "blind": True,
            "sides": own,
            "contacts": sorted(seen.contacts),
            "status": "open",
        }
    view: dict[str, Any] = {
        "id": row.id,
        "version": row.version,
        "kind": row.kind,
        "overlap_kind": row.overlap_kind,
        "status": row.status,
        "reason": row.reason,
        "band": row.band,
        "severity": severity_level(row.severity),
        "capped": row.capped,
        "blind": False,
        "sides": sides,
        "contacts": sorted(seen.contacts),
        "opened_at": row.opened_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }
    if seen.explained:
        view |= {
            "probability": row.probability,
            "sentence": row.texts.get("sentence", ""),
            "groups": row.groups,
            "due_at": row.due_at.isoformat() if row.due_at else None,
        }
    return view
