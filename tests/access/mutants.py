"""One wall of one channel taken away at a time, and which look at the house must notice."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog
from sqlalchemy import true

from services.activities.queries import activities, alerts, calendar, held, plans, similar
from services.notifications.queries import inbox
from services.notifications.queries import sight as seeing
from shared.problem import Problem
from shared.visibility import AMBER_STRICT, RED, Outcome, Principal, Scope, sight, sight_of_alert
from tests.access.alike import differences, probes
from tests.access.channels import Route, reading
from tests.access.judging import judge
from tests.access.world import World

Log = Callable[[], str]
WHO = ("public", "reader of itu", "coordinator of Kenya")
EVERYTHING = Principal(person="per_mutant", roles=frozenset({"coordinator"}), scope=Scope(regions=frozenset({"001"})))


@dataclass(frozen=True)
class Mutant:
    """plant takes the wall away; found: whether anybody notices."""

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    found: Callable[[World, Log], Awaitable[bool]]


def leaks(*paths: str, who: tuple[str, ...] = WHO) -> Callable[[World, Log], Awaitable[bool]]:
    async def look(world: World, _: Log) -> bool:
        wanted = [route for route in reading(world) if route.path in paths]
        assert wanted
        return bool((await judge(world, [world.viewer(name) for name in who], wanted, every=3)).leaks)

    return look


def differs(name: str) -> Callable[[World, Log], Awaitable[bool]]:
    async def look(world: World, _: Log) -> bool:
        method, path = name.split(" ")
        return bool(await differences(world, [Route(method, path)]))

    return look


async def probing(world: World, _: Log) -> bool:
    return bool(await probes(world))


async def logged(world: World, log: Log) -> bool:
    await judge(world, [world.viewer("coordinator of Kenya")], [Route("GET", "/api/v1/plans/{plan_id}")], every=3)
    return any(plan.word in log() for plan in world.plans)


def _always(*_: Any, **__: Any) -> Outcome:
    return Outcome.FULL


def _blind_to_labels(module: Any) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(module, "sight", _always)
        if hasattr(module, "may_be_visible"):
            patch.setattr(module, "may_be_visible", lambda _: true())

    return plant


def _drafts_shown(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plans, "may_be_visible", lambda _: true())
    patch.setattr(plans, "sight", lambda who, facts, **more: sight(who, replace(facts, draft=False), **more))


def _calendar_shown(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calendar, "may_be_visible", lambda _: true())
    patch.setattr(calendar, "in_bulk", lambda *_: True)


def _red_in_calendars(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calendar, "RED", "no label")
    patch.setattr(calendar, "in_bulk", lambda who, facts: sight(who, facts) is Outcome.FULL)


def _alerts_shown(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(alerts, "_may_be_shown", lambda _: true())
    patch.setattr(alerts, "sight_of_alert", lambda _, sides, **more: sight_of_alert(EVERYTHING, sides, **more))


def _explained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        alerts, "sight_of_alert", lambda *a, **more: replace(sight_of_alert(*a, **more), blind=False, explained=True)
    )


def _counted(patch: pytest.MonkeyPatch) -> None:
    ranked = similar.overlaps.ranked
    patch.setattr(similar.overlaps, "ranked", lambda *a: (found := ranked(*a))._replace(total=found.total + 1))


def _telling_cursor(patch: pytest.MonkeyPatch) -> None:
    """The cursor is the last plan that was read, and not the last one that was shown."""
    hidden: list[str] = []
    of_row, encode = plans.plan_of_row, plans.encode_cursor

    def remembered(row: Any) -> Any:
        plan = of_row(row)
        if plan.facts.label in (AMBER_STRICT, RED):
            hidden.append(plan.id)
        return plan

    patch.setattr(plans, "plan_of_row", remembered)
    patch.setattr(plans, "encode_cursor", lambda _: encode((hidden[-1],)))
    patch.setattr(plans, "may_be_visible", lambda _: true())


def _decided(patch: pytest.MonkeyPatch) -> None:
    _explained(patch)
    patch.setattr(alerts, "sight", _always)


def _refusal(make: Callable[[Any], Problem]) -> Callable[[pytest.MonkeyPatch], None]:
    """What is hidden is refused in other words than what is not there."""
    look = plans._visible_row  # pyright: ignore[reportPrivateUsage]

    async def visible_row(session: Any, principal: Any, plan_id: str) -> Any:
        row = await session.get(plans.PlanRow, plan_id)
        if row is not None and sight(principal, plans.plan_of_row(row).facts) is not Outcome.FULL:
            raise make(row)
        return await look(session, principal, plan_id)

    return lambda patch: patch.setattr(plans, "_visible_row", visible_row)


def _logged(patch: pytest.MonkeyPatch) -> None:
    shown = plans.shown_plan

    def telling(plan: Any, *more: Any) -> Any:
        structlog.get_logger("mutant").info("plan.read", title=plan.content.title)
        return shown(plan, *more)

    patch.setattr(plans, "shown_plan", telling)


def _in_everybodys_inbox(patch: pytest.MonkeyPatch) -> None:
    entry_of = inbox.entry_of
    patch.setattr(inbox, "entry_of", lambda _, *rest: entry_of(EVERYTHING, *rest))
    candidates = inbox._candidates  # pyright: ignore[reportPrivateUsage]
    patch.setattr(inbox, "_candidates", lambda _, *rest: candidates(EVERYTHING, *rest))


ALL = (
    Mutant("list of plans", _blind_to_labels(plans), leaks("/api/v1/plans")),
    Mutant("one plan", _blind_to_labels(plans), leaks("/api/v1/plans/{plan_id}")),
    Mutant("history", _blind_to_labels(plans), leaks("/api/v1/plans/{plan_id}/history")),
    Mutant("drafts", _drafts_shown, leaks("/api/v1/plans")),
    Mutant("calendar", _calendar_shown, leaks("/api/v1/plans.ics")),
    Mutant("RED in a calendar", _red_in_calendars, leaks("/api/v1/plans.ics", who=("coordinator of the world", "reader of itu"))),
    Mutant("plans:check", _blind_to_labels(similar), probing),
    Mutant("count", _counted, probing),
    Mutant("cursor", _telling_cursor, leaks("/api/v1/plans")),
    Mutant("list of alerts", _alerts_shown, leaks("/api/v1/alerts", who=("focal point of itu",))),
    Mutant("one alert", _alerts_shown, leaks("/api/v1/alerts/{alert_id}", who=("focal point of itu",))),
    Mutant("explanation", _explained, leaks("/api/v1/alerts/{alert_id}", who=("focal point of itu", "reader of unodc"))),
    Mutant("decision", _decided, leaks("/api/v1/decisions/{decision_id}")),
    Mutant("joint activities", _blind_to_labels(activities), leaks("/api/v1/activities", "/api/v1/activities/{activity_id}")),
    Mutant("/events", lambda patch: patch.setattr(seeing, "in_bulk", lambda *_: True), leaks("/api/v1/events")),
    Mutant("replay on a stream", lambda patch: patch.setattr(seeing, "in_bulk", lambda *_: True), leaks("/api/v1/stream")),
    Mutant(
        "RED in bulk",
        lambda patch: patch.setattr(seeing, "in_bulk", lambda who, facts: sight(who, facts) is Outcome.FULL),
        leaks("/api/v1/events", who=("coordinator of the world", "coordinator of Kenya")),
    ),
    Mutant("gone, to everybody", lambda patch: patch.setattr(seeing.Shown, "_is_gone", lambda *_: True), leaks("/api/v1/events")),
    Mutant("inbox", _in_everybodys_inbox, leaks("/api/v1/inbox", "/api/v1/inbox/{alert}", who=("focal point of itu",))),
    Mutant("text of a refusal", _refusal(lambda row: Problem("not-found", f"{row.content} is hidden")), leaks("/api/v1/plans/{plan_id}")),
    Mutant("403 for 404", _refusal(lambda _: Problem("forbidden", "Not for you.")), differs("GET /api/v1/plans/{plan_id}")),
    Mutant(
        "ETag of what is hidden",
        _refusal(lambda row: Problem("not-found", "No such plan, or it is not for you.", headers={"ETag": f'"{row.version}"'})),
        differs("GET /api/v1/plans/{plan_id}/history"),
    ),
    Mutant(
        "audit",
        lambda patch: patch.setattr("shared.audit.api.audited", lambda *_: True),
        leaks("/api/v1/audit/activities/entries", who=("administrator", "reader of itu")),
    ),
    Mutant("log", _logged, logged),
    Mutant("RED in an export", lambda patch: patch.setattr(
        held, "in_bulk", lambda who, facts: sight(who, facts) is Outcome.FULL
    ), leaks("/api/v1/held/activities/partners/{partner}", who=("focal point of itu", "focal point of unodc"))),
    Mutant("a colleague's export", lambda patch: patch.setattr(held, "in_bulk", lambda *_: True),
        leaks("/api/v1/held/activities/people/{person}", who=("administrator",))),
    Mutant("audit in an export", lambda patch: patch.setattr("shared.held.audited", lambda *_: True),
        leaks("/api/v1/held/activities/people/{person}", who=("administrator",))),
    Mutant("inbox in an export", lambda patch: patch.setattr("services.notifications.queries.held.see", lambda *_, **__: True),
        leaks("/api/v1/held/notifications/people/{person}", who=("administrator",))),
)  # fmt: skip
