"""Rows as the domain sees them, and as events and the API show them."""

from typing import Any

from services.activities.domain.content import from_json
from services.activities.domain.plan import Plan, columns_of
from services.activities.orm import DecisionRow, PlanRow
from shared.visibility import RED, facts_to_json


def plan_of_row(row: PlanRow) -> Plan:
    return Plan(
        id=row.id,
        version=row.version,
        owner=row.owner,
        posted_by=row.posted_by,
        claimed=row.claimed,
        activity=row.activity,
        home=row.home,
        content=from_json(row.content),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def plan_fact(plan: Plan, document: dict[str, Any]) -> dict[str, Any]:
    """The event's data: full state, but for a RED plan ids and label only."""
    facts = facts_to_json(plan.facts)
    if plan.content.tlp == RED:
        facts |= {"named_partners": [], "countries": [], "themes": []}
        return {"id": plan.id, "version": plan.version, "facts": facts}
    return {"id": plan.id, "version": plan.version, "plan": document, "facts": facts, "columns": columns_of(plan)}


def represent_decision(made: DecisionRow) -> dict[str, Any]:
    """A decision as the API shows it to those who see its alert."""
    return {
        "id": made.id,
        "version": made.version,
        "alert": made.alert,
        "verdict": made.verdict,
        "made_by": made.made_by,
        "made_at": made.made_at.isoformat(),
        "reason": made.reason,
        "until": made.until.isoformat() if made.until else None,
        "plans": sorted(made.versions),
        "versions": dict(made.versions),
        "fingerprint": made.fingerprint,
        "activity": made.activity,
        "reversed": made.reversed_at is not None,
        "reversed_by": made.reversed_by,
        "reversed_at": made.reversed_at.isoformat() if made.reversed_at else None,
        "reversal_reason": made.reversal_reason,
    }
