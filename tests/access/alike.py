"""Whether what is hidden can be told from what is not there: the same answer, for about the same work."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.access.channels import ABSENT, SUBJECTS, Route
from tests.access.rules import allowed
from tests.access.world import Viewer, World, body, word_of

WHO = ("public", "focal point of itu", "reader of unodc", "donor", "coordinator of Kenya", "administrator", "service")
EXTRA = 4
"""Statements that a hidden thing may cost more than an absent one: of a decision its own row, its alert's, and the plans of
both are read by key before it is known that it is hidden. Fractions of a millisecond; nothing that grows with what it holds."""

_numbers = count()
_MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": '"1"'}
SENT: Mapping[str, Mapping[str, Any]] = {
    "PATCH /api/v1/plans/{plan_id}": {"content": '{"title": "Mine now"}', "headers": _MERGE},
    "POST /api/v1/plans/{plan_id}:{verb}": {"headers": {"If-Match": '"1"'}},
    "POST /api/v1/alerts/{alert_id}/decisions": {"json": {"verdict": "distinct"}},
    "POST /api/v1/decisions/{decision_id}/reversal": {"json": {}},
    "POST /api/v1/inbox/{alert}:read": {},
    "POST /api/v1/inbox/{alert}:unread": {},
    "POST /api/v1/inbox/{alert}:done": {},
}
"""What is sent to each route that writes to a thing with a label. Never to one in sight: that would change it."""


@dataclass
class Counted:
    """Statements sent to databases. Others work beside us, so the least of several looks counts."""

    statements: int = 0


@contextmanager
def counted() -> Iterator[Counted]:
    found = Counted()

    def one_more(*_: Any) -> None:
        found.statements += 1

    event.listen(Engine, "before_cursor_execute", one_more)
    yield found
    event.remove(Engine, "before_cursor_execute", one_more)


async def differences(world: World, routes: Iterable[Route]) -> list[str]:
    """For each route with a subject that has a label: what distinguishes a hidden one from an absent one."""
    found: list[str] = []
    for route in routes:
        names = [
            name for name in route.parameters if name in ("plan_id", "alert_id", "alert", "activity_id", "decision_id")
        ]
        if not names:
            continue
        writes = route.method not in ("GET", "HEAD")
        assert not writes or route.name in SENT, f"say in SENT what {route.name} takes"
        for viewer in (world.viewer(name) for name in WHO):
            for subject in _hidden(world, viewer, names[0])[:3]:
                absent = subject.split("_")[0] + "_" + ABSENT
                answers = [await _look(world, viewer, route, names[0], each) for each in (subject, absent)]
                (hidden, cost), (nothing, least) = answers
                if hidden != nothing:
                    found.append(f"{route.name} to {viewer.name}: {hidden} is not {nothing}")
                elif cost > least + EXTRA and await _least(world, viewer, route, names[0], subject) > least + EXTRA:
                    found.append(f"{route.name} to {viewer.name}: {cost} statements, {least} for what is not there")
    return found


def _hidden(world: World, viewer: Viewer, parameter: str) -> list[str]:
    may = allowed(world, viewer)
    explained = {key for key, alert in world.decisions.items() if alert in may.explained}
    shown = {
        "plan_id": may.plans,
        "alert_id": may.alerts,
        "alert": may.alerts,
        "decision_id": explained,
        "activity_id": {key for key, plans in world.activities.items() if plans & may.plans},
    }[parameter]
    return [each for each in SUBJECTS[parameter](world) if each not in shown]


async def _least(world: World, viewer: Viewer, route: Route, parameter: str, subject: str) -> int:
    """Once more, and longer: what others do beside us (relays, leases, sealers) only ever adds."""
    return min([(await _look(world, viewer, route, parameter, subject))[1] for _ in range(5)])


async def _look(world: World, viewer: Viewer, route: Route, parameter: str, subject: str) -> tuple[Any, int]:
    costs: list[int] = []
    answer = None
    for _ in range(3):
        with counted() as work:
            answer = await ask(world, viewer, route, parameter, subject)
        costs.append(work.statements)
    assert answer is not None
    return bare(answer, subject), min(costs)


async def ask(world: World, viewer: Viewer, route: Route, parameter: str, subject: str) -> httpx.Response:
    sent = dict(SENT.get(route.name, {}))
    headers = {**sent.pop("headers", {})}
    if route.method == "POST":
        headers["Idempotency-Key"] = f"alike-{next(_numbers)}"
    path = route.path.replace("{" + parameter + "}", subject).replace("{verb}", "cancel")
    return await world.ask(viewer, route.method, path, headers=headers, **sent)


def bare(answer: httpx.Response, subject: str) -> Any:
    """Status, headers and body without what differs in any two requests."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    text = re.sub(r'"trace_id": ?"[^"]*"', "", answer.text).replace(subject, "ID")
    return answer.status_code, json.dumps(headers, sort_keys=True).replace(subject, "ID"), text


async def probes(world: World) -> list[str]:
    """Each hidden plan asked after in the ways that take a whole posting: a twin of it, and a reference to it."""
    found: list[str] = []
    people = {viewer.name: viewer.person for viewer in world.viewers}
    for viewer in (
        world.viewer(name) for name in ("focal point of itu", "focal point of unodc", "coordinator from a partner")
    ):
        may = allowed(world, viewer)
        for plan in [each for each in world.plans if each.id not in may.plans][:12]:
            twin = {
                **body(plan, people, word_of(-1)),
                "organisation": viewer.partners[0],
                "tlp": "GREEN",
                "named_people": [],
            }
            answer = await world.ask(viewer, "POST", "/api/v1/plans:check", json=twin)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            for other in world.plans:
                if other.id not in may.plans and (other.word in answer.text or other.id in answer.text):
                    found.append(f"plans:check tells {viewer.name} of plan {other.number}")
            if told["overlaps_total"] != len(told["overlaps"]) and len(told["overlaps"]) < 20:
                found.append(f"plans:check counts for {viewer.name} what it does not show")
            for way in ("part_of", "follow_up_of"):
                answers = [
                    bare(await world.ask(viewer, "POST", "/api/v1/plans", json={**twin, way: each}), each)
                    for each in (plan.id, f"plan_{ABSENT}")
                ]
                if answers[0] != answers[1] or answers[0][0] != 422:
                    found.append(f"{way} tells {viewer.name} that plan {plan.number} is there: {answers}")
            lists = [
                bare(await world.ask(viewer, "GET", f"/api/v1/alerts?status=all&plan={each}"), each)
                for each in (plan.id, f"plan_{ABSENT}")
            ]
            if lists[0] != lists[1]:
                found.append(f"?plan= tells {viewer.name} that plan {plan.number} is there: {lists}")
    return found
