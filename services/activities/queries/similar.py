"""`plans:check`: similar plans for one that is not posted (yet). Stores nothing, and answers only from what may be seen."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from services.activities.domain.content import Content
from services.activities.domain.plan import Plan
from services.activities.matching import overlaps
from services.activities.matching.engine import COVERAGE_TEXT, coverage, match
from services.activities.matching.explain import explain
from services.activities.matching.features import extract
from services.activities.orm import PlanRow
from services.activities.queries.plans import shown_plan
from services.activities.uow.rows import plan_of_row
from services.activities.uow.unit import ActivitiesUnit
from shared.reader import as_service
from shared.visibility import Outcome, Principal, sight

MOST = 20


async def similar_plans(content: Content, owner: str, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """Visible plans that may be the same activity, or that would collide; the likeliest first, at most MOST of each."""
    now = uow.clock.now()
    draft = Plan(uow.ids.new("plan"), 1, owner, principal.id, True, "", "", content, now, now)
    features = extract(await uow.text_of(draft))
    async with as_service(uow.session):  # numbers to compare, also of hidden plans; what is shown is read as who asks
        chosen = await uow.candidates_of(features)
    seen: dict[str, dict[str, Any]] = {}
    for row in (await uow.session.execute(select(PlanRow).where(col(PlanRow.id).in_(chosen.plan_ids)))).scalars():
        plan = plan_of_row(row)
        if sight(principal, plan.facts) is Outcome.FULL and not plan.facts.draft:
            seen[plan.id] = shown_plan(plan, row.checked, principal)
    matches = [one for one in match(features, chosen.table.only(seen), await uow.weights()) if not one.in_house]
    found = [
        {
            "plan": seen[other],
            "probability": round(one.probability, 4),
            "band": one.band,
            "sentence": explain(one).sentence,
            "contributions": [asdict(row) for row in one.contributions],
        }
        for one in matches[:MOST]
        for other in one.pair
        if other != features.plan_id
    ]
    same = {each for one in matches for each in one.pair}
    apart = chosen.table.only(key for key in chosen.meeting if key in seen and key not in same)
    colliding = overlaps.ranked(features, apart, uow.rules, MOST)
    return {
        "data": found,
        "overlaps": [
            {
                "plan": seen[one.b if one.a == features.plan_id else one.a],
                "overlap_kind": one.kind,
                "severity": one.level,
                "sentence": one.why,
                "asked": one.asked,
            }
            for one in colliding.top
        ],
        "overlaps_total": colliding.total,
        "checked": COVERAGE_TEXT[coverage(features)],
        "capped": chosen.capped,
    }
