"""Every way in which the house tells something: taken from its routers, never from a list. A new route is asked like the
others; one with a parameter that nobody knows here fails the run until somebody says what to put in its place."""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from infra.routes import DASHBOARD, SERVICES
from tests.access.streams import listen
from tests.access.world import PARTNERS, Viewer, World

ENDLESS = "/api/v1/stream"
HELD = "/api/v1/held/"
CALENDAR = "/api/v1/plans.ics"
ABSENT = "00000000000070008000000000000000"
Subjects = Callable[[World], Sequence[str]]

SUBJECTS: Mapping[str, Subjects] = {
    "plan_id": lambda w: [plan.id for plan in w.plans],
    "alert_id": lambda w: list(w.alerts),
    "alert": lambda w: list(w.alerts),
    "activity_id": lambda w: list(w.activities),
    "decision_id": lambda w: list(w.decisions),
    "reference": lambda w: list(w.organisations.values())[:3],
    "person": lambda w: [viewer.person for viewer in w.viewers if viewer.person][:3],
    "partner": lambda w: [w.organisations[slug] for slug in PARTNERS],
    "invitation": lambda w: [f"inv_{ABSENT}"],
    "key_id": lambda w: [f"key_{ABSENT}"],
    "letter": lambda w: ["activities.v1.dlq.nobody:0:0"],
}
"""Path parameter -> what there is of it."""

OWN: Mapping[str, Callable[[World, Viewer], Sequence[str]]] = {
    "person": lambda w, viewer: [viewer.person, *_busy(w)] if "administrator" in viewer.roles else [viewer.person],
    "partner": lambda w, viewer: [w.organisations[slug] for slug in viewer.partners],
}
"""Path parameter -> what a viewer is always asked about: themselves and their own."""


def _busy(world: World) -> list[str]:
    """Who did most: an administrator may ask what is held about them."""
    return [world.viewer(name).person for name in ("focal point of unodc", "coordinator of the world")]


QUERIES: Mapping[str, Sequence[str]] = {
    "/api/v1/plans": (
        "", "country=KEN", "region=009", "theme=malware,digital_forensics", "audience=judges", "status=draft",
        "partner={partner}", "start.gte=2027-06-01", "end.lte=2027-06-01", "type=training&mode=online",
    ),
    CALENDAR: ("", "country=KEN", "region=009", "theme=malware", "status=draft,cancelled", "partner={partner}", "end.lte=2027-06-01"),
    "/api/v1/alerts": (
        "status=all", "status=open", "status=decided", "status=closed", "status=escalated", "kind=duplicate",
        "kind=overlap&status=all", "plan={plan}", "plan={other}&status=all",
    ),
    "/api/v1/events": (
        "", "types=plan.*", "types=alert.*,decision.*,activity.*", "country=FJI", "partner={partner}", "status=draft",
        "since=2000-01-01T00:00:00Z", "theme=malware",
    ),
    "/api/v1/inbox": ("", "state=unread", "state=read", "state=done"),
}  # fmt: skip
"""List -> the questions put to it; a list that is not here is asked once, without any. {plan}: hidden ones in turn."""


@dataclass(frozen=True)
class Told:
    """What came back, all of it: status, headers, body. bulk: a stream, feed or export, where RED never goes."""

    channel: str
    subject: str
    answer: httpx.Response
    text: str
    bulk: bool = False
    asked: str = ""
    """The query as it was sent: what it names is known to who asks."""


@dataclass(frozen=True)
class Route:
    """One operation of one service."""

    method: str
    path: str

    @property
    def parameters(self) -> list[str]:
        return [name for name in re.findall(r"{(\w+)}", self.path) if name != "verb"]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def bulk(self) -> bool:
        return self.path in ("/api/v1/events", ENDLESS, CALENDAR) or self.path.startswith(HELD)


def routes(world: World) -> list[Route]:
    """Of the three services' routers; the dashboard has no door of its own (it asks these)."""
    found: list[Route] = []
    for service in SERVICES:
        app: FastAPI = world.house.app._owners[service]  # type: ignore[attr-defined]
        for each in iter_route_contexts(app.routes):
            if each.path and each.methods:
                found += [Route(method, each.path) for method in sorted(each.methods)]
    unknown = {name for route in found for name in route.parameters} - SUBJECTS.keys()
    assert not unknown, f"say in SUBJECTS what there is of {unknown}"
    assert DASHBOARD not in SERVICES
    return found


def reading(world: World) -> list[Route]:
    return [route for route in routes(world) if route.method in ("GET", "HEAD")]


def writing(world: World) -> list[Route]:
    return [route for route in routes(world) if route.method not in ("GET", "HEAD")]


async def read(world: World, route: Route, viewer: Viewer, *, every: int = 1) -> AsyncIterator[Told]:
    """All that a route of reading tells this viewer: each question, each page, each subject (or one of `every`, another
    for each viewer)."""
    if route.path == ENDLESS:
        for query in ("since=2000-01-01T00:00:00Z", "since=2000-01-01T00:00:00Z&types=alert.*"):
            text = await listen(world.house.app, viewer.headers, f"{route.path}?{query}")
            yield Told(f"{route.name}?{query}", "", httpx.Response(200), text, bulk=True)
        return
    if not route.parameters:
        hidden = [plan.id for plan in world.plans[:: len(world.plans) // 2]]
        for query in QUERIES.get(route.path, ("",)):
            asked = query.format(plan=hidden[0], other=hidden[1], partner=world.organisations["unodc"])
            async for answer in _pages(world, viewer, f"{route.path}?{asked}"):
                yield told(f"{route.name}?{query}", "", answer, route.bulk, asked)
        return
    (name,) = route.parameters
    own = OWN[name](world, viewer) if name in OWN else []
    for subject in dict.fromkeys(
        [*SUBJECTS[name](world)[world.viewers.index(viewer) % every :: every], *filter(None, own)]
    ):
        address = route.path.replace("{" + name + "}", subject)
        if route.path.startswith(HELD):
            async for answer in _pages(world, viewer, f"{address}?"):
                yield told(route.name, subject, answer, route.bulk)
            continue
        yield told(route.name, subject, await world.ask(viewer, route.method, address), route.bulk)


async def _pages(world: World, viewer: Viewer, address: str) -> AsyncIterator[httpx.Response]:
    """Page after page; small ones, so that many cursors are seen."""
    joint = "&" if not address.endswith("?") else ""
    answer = await world.ask(viewer, "GET", f"{address}{joint}limit=25")
    if answer.status_code == 400:  # it has no pages
        yield await world.ask(viewer, "GET", address)
        return
    yield answer
    while answer.status_code == 200 and (cursor := answer.json().get("next_cursor")) and answer.json()["data"]:
        answer = await world.ask(viewer, "GET", f"{address}{joint}limit=25&cursor={cursor}")
        yield answer


def told(channel: str, subject: str, answer: httpx.Response, bulk: bool = False, asked: str = "") -> Told:
    headers = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    cursor = re.search(r'"next_cursor":"([^"]+)"', answer.text)
    open_to_all = unsealed(f"{headers} {cursor[1] if cursor else ''}")
    said = answer.text.replace("\r\n ", "")  # lines of a calendar are folded in the middle of words
    return Told(channel, subject, answer, f"{answer.status_code} {headers}\n{said}\n{open_to_all}", bulk, asked)


def unsealed(text: str) -> str:
    """What lies in cursors and other base64 that anybody can read."""
    found: list[str] = []
    for part in re.findall(r"[A-Za-z0-9_-]{16,}", text):
        try:
            raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
            found.append(raw.decode())
        except ValueError:
            continue
    return " ".join(found)


def documents(text: str) -> list[Any]:
    """The events of a stream, or of a page of `/events`."""
    if text.lstrip().startswith(("id:", "retry:", ":", "event:")):
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    body = text.split("\n", 1)[1].split("\n")[0]
    return json.loads(body).get("data", [])
