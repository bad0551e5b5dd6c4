"""What people decide on alerts, and the way back. Runs in the matching lane, like everything that touches alerts.

A decision is kept for ever; it can be reversed for ever, newest first where two speak of the same plans. It says which
versions and which evidence (fingerprint) it was made on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from services.activities.commands import Decide, Reverse
from services.activities.domain.activities import settle as settle_activities
from services.activities.domain.alerts import LIVE
from services.activities.domain.content import Invalid
from services.activities.handlers import lane
from services.activities.handlers.alerts import sides_of, tell
from services.activities.matching.engine import fingerprint
from services.activities.orm import ActivityRow, AlertRow, DecisionRow, PlanRow, VerdictRow
from services.activities.uow.rows import represent_decision
from services.activities.uow.unit import ActivitiesUnit
from shared.auth import require
from shared.etags import stale
from shared.problem import FieldError, Problem, not_found
from shared.visibility import Outcome, Principal, sight, sight_of_alert

Pair = tuple[str, str]

STATUS_AFTER: Mapping[str, str] = {"ask_to_move": "waiting", "snooze": "snoozed", "escalate": "escalated"}
"""Verdicts that leave the question open; link and distinct settle it."""
VERDICTS = ("link", "distinct", *STATUS_AFTER)


async def decide(command: Decide, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """Make a decision on an alert. Returns the decision; raises problems for what cannot be decided (so)."""
    require(principal, "decide")
    row = await _visible_alert(command.alert, uow, principal)
    if command.expected_version is not None and command.expected_version != row.version:
        raise stale(f"the alert is at version {row.version} now")
    features = await uow.features(row.versions)
    if lane.fingerprint_now(row.groups, features) != row.fingerprint:
        # a plan was changed and waits for its turn in the lane: nobody has seen what would be decided on
        raise stale("a plan on this alert has just changed; read it again in a moment")
    if row.status not in LIVE:
        raise Problem(
            "conflict", f"This alert is {row.status}; reverse its decision first, if it is to be decided anew."
        )
    pairs = _pairs(command, row, {plan: one.partner for plan, one in features.items()})
    _check_until(command, uow.clock.now())
    made = DecisionRow(
        id=uow.ids.new("dec"),
        version=1,
        alert=row.id,
        verdict=command.verdict,
        made_by=uow.actor,
        made_at=uow.clock.now(),
        reason=command.reason,
        until=command.until,
        pairs=[list(pair) for pair in pairs],
        versions={plan: row.versions[plan] for plan in sorted({each for pair in pairs for each in pair})},
        fingerprint=row.fingerprint,
    )
    uow.session.add(made)
    await uow.session.flush()
    if command.verdict in STATUS_AFTER:
        row.status, row.reason, row.due_at = STATUS_AFTER[command.verdict], command.verdict, command.until
        await tell(row, "alert.updated", uow)
    else:
        await _store_verdicts(made, row, pairs, uow)
        if command.verdict == "link":
            made.activity = await _settle_activities({each for pair in pairs for each in pair}, uow)
        await lane.settle({each for pair in pairs for each in pair}, uow)
    await _tell(made, "decision.made", uow)
    return represent_decision(made)


async def reverse(command: Reverse, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """Take a decision back: its verdicts go, activities and alerts settle as if it had never been made."""
    require(principal, "decide")
    made = await uow.decision(command.decision)
    if made is None:
        raise not_found("decision")
    row = await _visible_alert(made.alert, uow, principal, noun="decision")
    decided_on = [plan.facts for plan in await uow.plans(made.versions)]
    if not all(sight(principal, facts) is Outcome.FULL for facts in decided_on):
        raise not_found("decision")
    if made.reversed_at is not None:
        raise Problem("conflict", "This decision has been reversed already.")
    blocker = await _blocker(made, uow)
    if blocker:
        raise Problem(
            "conflict",
            f"A later decision speaks of the same plans; reverse {blocker} first.",
            extra={"blocker": blocker},
        )
    made.reversed_by, made.reversed_at, made.version = uow.actor, uow.clock.now(), made.version + 1
    made.reversal_reason = command.reason
    plans = {each for pair in made.pairs for each in pair}
    if made.verdict in STATUS_AFTER:
        if row.status == STATUS_AFTER[made.verdict]:
            row.status, row.due_at = await _what_stood_before(row, uow)
            row.reason = "reversed"
            await tell(row, "alert.updated", uow)
    else:
        await uow.session.execute(delete(VerdictRow).where(col(VerdictRow.decision) == made.id))
        if made.verdict == "link":
            await _settle_activities(plans, uow)
        await lane.settle(plans, uow, reversal=True)
    await _tell(made, "decision.reversed", uow)
    return represent_decision(made)


async def _visible_alert(alert_id: str, uow: ActivitiesUnit, principal: Principal, noun: str = "alert") -> AlertRow:
    """The alert, if this principal has full sight of all of it: nobody decides on what they may not read."""
    row = await uow.alert(alert_id)
    if row is None:
        raise not_found(noun)
    facts = {plan.id: plan.facts for plan in await uow.plans(row.versions)}
    seen = sight_of_alert(principal, facts, groups=row.group_of, first_for=row.first_for)
    if not seen.shown:
        raise not_found(noun)
    if not seen.explained:
        raise Problem("forbidden", "You do not see every side of this alert, so you cannot decide it.")
    return row


def _pairs(command: Decide, row: AlertRow, partners: Mapping[str, int]) -> list[Pair]:
    """The pairs that the decision settles. Raises Invalid for plans that are not on the alert."""
    plans = [plan for group in row.groups for plan in group]
    for index, plan in enumerate(command.plans):
        if plan not in plans:
            raise Invalid([FieldError(f"#/plans/{index}", "not_a_side", "this plan is not on the alert")])
    chosen = sorted(set(command.plans))
    if chosen and command.verdict in STATUS_AFTER:
        raise Invalid(
            [FieldError("#/plans", "not_here", "goes with link and distinct; the others are about the whole alert")]
        )
    if command.verdict == "distinct" and chosen:
        rest = [plan for plan in plans if plan not in chosen]
        if not rest:
            raise Invalid(
                [FieldError("#/plans", "all", "name the plans that are apart from the rest, not all of them")]
            )
        return _sorted_pairs((a, b) for a in chosen for b in rest)
    if command.verdict == "link" and chosen:
        if len(chosen) < 2:
            raise Invalid([FieldError("#/plans", "too_few", "name the two or more plans that are one activity")])
        return _sorted_pairs(combinations(chosen, 2))
    if row.kind == "overlap" and command.verdict != "link":
        left, right = row.groups
        return _sorted_pairs((a, b) for a in left for b in right)
    if command.verdict == "distinct":
        # what is apart are the partners' plans; one partner's own postings stay together
        return _sorted_pairs((a, b) for a, b in combinations(plans, 2) if partners[a] != partners[b])
    return _sorted_pairs(combinations(plans, 2))


def _sorted_pairs(pairs: Any) -> list[Pair]:
    return sorted({(min(a, b), max(a, b)) for a, b in pairs})


def _check_until(command: Decide, now: datetime) -> None:
    if command.verdict == "snooze" and command.until is None:
        raise Invalid([FieldError("#/until", "missing", "say until when")])
    if command.until is not None and (command.verdict != "snooze" or command.until <= now):
        detail = "lies in the past" if command.verdict == "snooze" else "goes with snooze only"
        raise Invalid([FieldError("#/until", "invalid", detail)])


async def _store_verdicts(made: DecisionRow, row: AlertRow, pairs: Sequence[Pair], uow: ActivitiesUnit) -> None:
    kind = "overlap" if row.kind == "overlap" and made.verdict == "distinct" else "duplicate"
    features = await uow.features({each for pair in pairs for each in pair})
    for a, b in pairs:
        print_ = fingerprint(features[a], features[b])
        uow.session.add(VerdictRow(kind=kind, a=a, b=b, verdict=made.verdict, fingerprint=print_, decision=made.id))
    await uow.session.flush()


async def _blocker(made: DecisionRow, uow: ActivitiesUnit) -> str | None:
    """A later decision, still in force, about one of the same pairs."""
    pairs = {tuple(pair) for pair in made.pairs}
    plans = {each for pair in pairs for each in pair}
    alerts = [row.id for row in await uow.alerts_of(plans)]
    found = await uow.session.execute(
        select(DecisionRow)
        .where(col(DecisionRow.alert).in_([*alerts, made.alert]), col(DecisionRow.reversed_at).is_(None))
        .order_by(col(DecisionRow.made_at).desc(), col(DecisionRow.id).desc())
    )
    for later in found.scalars():
        same = pairs & {tuple(pair) for pair in later.pairs}
        if later.id != made.id and same and (later.made_at, later.id) > (made.made_at, made.id):
            return later.id
    return None


async def _what_stood_before(row: AlertRow, uow: ActivitiesUnit) -> tuple[str, datetime | None]:
    """Status and due time that an earlier decision, still in force, gives an alert: who was asked to move stays asked.

    A decision from before the alert was last opened, about fewer plans, or whose time is over says nothing of it.
    """
    await uow.session.flush()
    found = await uow.session.execute(
        select(DecisionRow)
        .where(
            col(DecisionRow.alert) == row.id,
            col(DecisionRow.verdict).in_(sorted(STATUS_AFTER)),
            col(DecisionRow.reversed_at).is_(None),
            col(DecisionRow.made_at) >= row.opened_at,
        )
        .order_by(col(DecisionRow.made_at).desc(), col(DecisionRow.id).desc())
    )
    for made in found.scalars():
        if row.versions.keys() <= made.versions.keys() and (made.until is None or made.until > uow.clock.now()):
            return STATUS_AFTER[made.verdict], made.until
    return "open", None


async def _settle_activities(plans: set[str], uow: ActivitiesUnit) -> str | None:
    """Give each plan the activity that the present links call for; tell what formed, changed or dissolved.

    Returns the joint activity of the first plan, if it is in one.
    """
    members, links = await _linked_component(plans, uow)
    present = await uow.plans(members)
    before = {plan.id: plan.activity for plan in present}
    joined = settle_activities(present, links)
    activity_of = {plan: one.activity for one in joined for plan in one.plans}
    for plan in present:
        if before[plan.id] != activity_of[plan.id]:
            row = await uow.session.get(PlanRow, plan.id, with_for_update=True, populate_existing=True)
            assert row
            row.activity = activity_of[plan.id]
    formed = {one.activity: list(one.plans) for one in joined if len(one.plans) > 1}
    for activity in sorted({*before.values(), *formed}):
        await _store_activity(activity, formed.get(activity), uow)
    first = min(plans)
    return activity_of[first] if activity_of.get(first) in formed else None


async def _linked_component(plans: set[str], uow: ActivitiesUnit) -> tuple[set[str], list[Pair]]:
    """Everything tied to these plans by links, and by the activities they are in now."""
    members, fresh, links = set[str](), set(plans), set[Pair]()
    while fresh:
        members |= fresh
        said = [row for row in await uow.verdicts(fresh) if row.verdict == "link"]
        links |= {(row.a, row.b) for row in said}
        now_in = {plan.activity for plan in await uow.plans(fresh)}
        together = await uow.session.execute(select(col(PlanRow.id)).where(col(PlanRow.activity).in_(sorted(now_in))))
        fresh = ({each for row in said for each in (row.a, row.b)} | set(together.scalars())) - members
    return members, sorted(links)


async def _store_activity(activity: str, plans: list[str] | None, uow: ActivitiesUnit) -> None:
    row = await uow.session.get(ActivityRow, activity)
    if row is None:
        if plans is None:
            return
        row = ActivityRow(id=activity, version=0, plans=[], joint=False, updated_at=uow.clock.now())
        uow.session.add(row)
    if plans is None and not row.joint:
        return
    if plans is not None and row.joint and row.plans == plans:
        return
    action = "activity.dissolved" if plans is None else "activity.changed" if row.joint else "activity.formed"
    row.version, row.joint, row.updated_at = row.version + 1, plans is not None, uow.clock.now()
    row.plans = plans if plans is not None else row.plans
    await uow.session.flush()
    versions = {plan.id: plan.version for plan in await uow.plans(row.plans)}
    uow.emit(
        action, row.id, row.version, {"id": row.id, "version": row.version, "sides": await sides_of(versions, uow)}
    )
    uow.note(action, row.id, row.version, {"plans": row.plans})


async def _tell(made: DecisionRow, action: str, uow: ActivitiesUnit) -> None:
    await uow.session.flush()
    row = await uow.alert(made.alert)
    data = {
        "id": made.id,
        "version": made.version,
        "alert": made.alert,
        "verdict": made.verdict,
        "by": uow.actor,
        "fingerprint": made.fingerprint,
        "sides": await sides_of(made.versions, uow, row.group_of if row else None),
        "activity": made.activity,
        "reversed": made.reversed_at is not None,
    }
    uow.emit(action, made.id, made.version, data)
    uow.note(action, made.id, made.version, {"verdict": made.verdict, "alert": made.alert})
