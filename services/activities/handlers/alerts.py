"""Alerts as rows and facts: what `domain/alerts.py` decided, written down, one event each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete
from sqlmodel import col

from services.activities.domain.alerts import Action, Alert, Step, Wanted, reconcile, severity_level
from services.activities.orm import AlertRow, AlertSideRow, AlertTextRow
from services.activities.uow.met import met
from services.activities.uow.unit import ActivitiesUnit


async def settle_alerts(
    wanted: Sequence[Wanted],
    plans: set[str],
    *,
    touching: set[str],
    decided: Iterable[frozenset[str]],
    alive: frozenset[str],
    uow: ActivitiesUnit,
    reversal: bool = False,
) -> None:
    """Bring the stored alerts that concern `touching` to what is wanted. (`plans` are all that may stand on a side.)"""
    rows = {row.id: row for row in await uow.alerts_of(touching)}
    # an overlap is this component's affair only as long as the component is one of its sides
    existing = [alert_of(row) for row in rows.values()]
    alive = alive | await _alive_elsewhere(existing, plans, uow)
    steps = reconcile(wanted, existing, decided, alive, reversal=reversal)
    there = await uow.sides_stored([step.alert.id for step in steps if step.alert.id])
    for step in steps:
        await _take(step, rows.get(step.alert.id), there.get(step.alert.id, set()), uow)


async def _alive_elsewhere(existing: Sequence[Alert], known: set[str], uow: ActivitiesUnit) -> frozenset[str]:
    others = {plan for alert in existing for plan in alert.wanted.plans} - known
    found = await uow.features(others) if others else {}
    return frozenset(key for key, one in found.items() if one.matchable)


async def _take(step: Step, row: AlertRow | None, there: set[str], uow: ActivitiesUnit) -> None:
    now = uow.clock.now()
    alert = step.alert
    if row is None:
        alert = replace(alert, id=uow.ids.new("alrt"))
        row = AlertRow(id=alert.id, version=0, kind=alert.wanted.kind, status="open", groups=[], versions={},
                       fingerprint="", opened_at=now, updated_at=now)  # fmt: skip
        uow.session.add(row)
    if step.action is Action.REOPEN:
        row.opened_at = now
    write(row, alert)
    await _write_sides(row, alert, there, uow)
    if step.action is Action.REFRESH:
        return
    await tell(row, step.action.value, uow)


def write(row: AlertRow, alert: Alert) -> None:
    wanted = alert.wanted
    row.status, row.reason = alert.status, alert.reason
    row.overlap_kind, row.band, row.probability = wanted.overlap_kind, wanted.band, wanted.probability
    row.severity, row.capped, row.fingerprint = wanted.severity, wanted.capped, wanted.fingerprint
    row.groups = [list(group) for group in wanted.groups]
    row.versions = dict(wanted.versions)
    if row.why is None:
        row.why = AlertTextRow(alert=row.id, texts={})
    row.why.texts = dict(wanted.texts)
    if alert.status != "snoozed":
        row.due_at = None


async def tell(row: AlertRow, action: str, uow: ActivitiesUnit) -> None:
    """The next version of the alert, and its fact: ids and sides, no plan content."""
    row.version += 1
    row.updated_at = uow.clock.now()
    data = {
        "id": row.id,
        "version": row.version,
        "kind": row.kind,
        "overlap_kind": row.overlap_kind,
        "status": row.status,
        "band": row.band,
        "severity": severity_level(row.severity),
        "reason": row.reason,
        "sides": await sides_of(row.versions, uow, row.group_of, row.first_for),
    }
    uow.emit(action, row.id, row.version, data)
    uow.note(action, row.id, row.version, {"status": row.status, "reason": row.reason})


async def sides_of(
    versions: Mapping[str, int],
    uow: ActivitiesUnit,
    group_of: Mapping[str, int] | None = None,
    first_for: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Sides for a fact. group_of: for an overlap, which of the two activities a plan is a posting of. first_for: of an
    alert, the partners who first met the plan by it."""
    plans, groups = await uow.seen(versions), group_of or {}
    return [
        {"plan": plan, "version": versions[plan], "partner": plans[plan].owner, "group": groups.get(plan, 0)}
        | ({"first_for": list(first_for.get(plan, ()))} if first_for is not None else {})
        for plan in sorted(versions)
    ]


def alert_of(row: AlertRow) -> Alert:
    """A stored alert as the domain sees it."""
    wanted = Wanted(
        kind=row.kind,
        groups=tuple(tuple(group) for group in row.groups),
        versions=row.versions,
        fingerprint=row.fingerprint,
        overlap_kind=row.overlap_kind,
        band=row.band,
        probability=row.probability,
        severity=row.severity,
        capped=row.capped,
        texts=row.texts,
    )
    return Alert(row.id, row.version, row.status, wanted, row.reason)


async def _write_sides(row: AlertRow, alert: Alert, there: set[str], uow: ActivitiesUnit) -> None:
    """A closed alert keeps its sides, so that it is found, and opens again, when a plan that moved away comes back."""
    gone = there - alert.wanted.plans
    if gone:
        await uow.session.execute(
            delete(AlertSideRow).where(col(AlertSideRow.alert) == row.id, col(AlertSideRow.plan).in_(sorted(gone)))
        )
    new = alert.wanted.plans - there
    uow.session.add_all([AlertSideRow(alert=row.id, plan=plan) for plan in sorted(new)])
    if new:
        row.first_for = await _meet(row, uow)


async def _meet(row: AlertRow, uow: ActivitiesUnit) -> dict[str, list[str]]:
    """Remember which partner has met which plan, and who did so first by this alert."""
    owners = {plan: seen.owner for plan, seen in (await uow.seen(row.versions)).items()}
    partners = sorted(set(owners.values()))
    pairs = [(partner, plan) for plan, owner in sorted(owners.items()) for partner in partners if partner != owner]
    return await met(uow.session, row.id, pairs)
