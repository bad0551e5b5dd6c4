"""What may be told of each thing to each viewer, by the oracle of the table (tests/unit/shared/visibility_oracle.py)."""

from dataclasses import dataclass

from tests.access.world import Between, Marked, Viewer, World
from tests.unit.shared import visibility_oracle as oracle


@dataclass(frozen=True)
class Allowed:
    """For one viewer: the plans in sight, those in bulk, those that were in bulk under an earlier label, and alerts."""

    plans: frozenset[str]
    bulk: frozenset[str]
    once: frozenset[str]
    alerts: frozenset[str]
    bulk_alerts: frozenset[str]
    explained: frozenset[str]


def allowed(world: World, viewer: Viewer) -> Allowed:
    plans = {plan.id: plan for plan in world.plans}
    seen = {each: oracle_alert(world, one, viewer, bulk=False) for each, one in world.alerts.items()}
    in_bulk = {each: oracle_alert(world, one, viewer, bulk=True) for each, one in world.alerts.items()}
    return Allowed(
        plans=frozenset(key for key, plan in plans.items() if oracle.sees(plan.to(viewer))),
        bulk=frozenset(key for key, plan in plans.items() if oracle.bulk(plan.to(viewer))),
        once=frozenset(
            key for key, plan in plans.items() if any(oracle.bulk(plan.to(viewer, label)) for label in plan.before)
        ),
        alerts=frozenset(key for key, one in seen.items() if one.shown),
        bulk_alerts=frozenset(key for key, one in in_bulk.items() if one.shown),
        explained=frozenset(key for key, one in seen.items() if one.explained),
    )


def _first(world: World, between: Between, plan: Marked, viewer: Viewer) -> bool:
    """Whether it was by this alert that one of the viewer's partners met this plan first."""
    return any(world.met.get((world.organisations[slug], plan.id)) == between.id for slug in viewer.partners)


def oracle_alert(world: World, between: Between, viewer: Viewer, *, bulk: bool) -> oracle.Alert:
    plans: dict[str, Marked] = {plan.id: plan for plan in world.plans}
    sides = sorted(between.plans)
    return oracle.alert(
        [plans[each].to(viewer) for each in sides],
        in_bulk=bulk,
        activities=[between.groups[each] for each in sides] if len(set(between.groups.values())) > 1 else None,
        first=[_first(world, between, plans[each], viewer) for each in sides],
    )
