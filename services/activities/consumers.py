"""Which events lead to which effect: one row per consumer.

activities.matching  plan.*  -> handlers/lane.py, in the matching lane: only its lease's holder joins the group
activities.registry  partners' events -> the read models
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services.activities.consumed import PARTNERS_TOPIC, REGISTRY_EVENTS, PlanChanged
from services.activities.events import PLAN_EVENTS
from services.activities.handlers.lane import rematch
from services.activities.matching.overlap_rules import RULES, Rules
from services.activities.orm import known
from services.activities.uow.unit import SOURCE, TOPIC, ActivitiesUnit
from shared.bus.dispatch import Subscription
from shared.clock import Clock
from shared.cloudevent import Event
from shared.ids import Ids
from shared.leases import MATCHING, Leases
from shared.registry import project

MATCHER, REGISTRY = "activities.matching", "activities.registry"


def subscriptions(clock: Clock, ids: Ids, leases: Leases, rules: Rules = RULES) -> dict[str, Subscription]:
    """Consumer -> subscription. The matcher is to be led under the MATCHING lease."""

    async def plan_changed(event: Event, session: AsyncSession) -> None:
        changed = PlanChanged.model_validate(event.data)
        uow = ActivitiesUnit(session, clock, ids, actor=SOURCE, cause=event, rules=rules)
        await rematch(changed.id, uow)
        await uow.flush()

    async def enter_lane(session: AsyncSession) -> None:
        await leases.enter(session, MATCHING)

    async def registry_changed(event: Event, session: AsyncSession) -> None:
        await project(session, known, event)
        if event.name == "organisation.amended":
            await ActivitiesUnit(session, clock, ids, actor=SOURCE, cause=event).reread_plans_of(event.subject)

    return {
        MATCHER: Subscription(MATCHER, (TOPIC,), dict.fromkeys(PLAN_EVENTS, plan_changed), before=enter_lane),
        REGISTRY: Subscription(REGISTRY, (PARTNERS_TOPIC,), dict.fromkeys(REGISTRY_EVENTS, registry_changed)),
    }
