"""A running notifications service, events in the shapes that activities publishes, and a reader of its streams."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from services.notifications.app import build
from services.notifications.orm import known
from services.notifications.settings import NotificationsSettings
from shared.bus.port import Bus, Outgoing, TopicPartition
from shared.cloudevent import Event, event_type, to_outgoing
from shared.db import Database
from shared.ids import SequentialIds
from shared.service import Runtime
from tests.support.people import Person, introduce, organisation_id, person
from tests.support.schema import migrate_database

TOPIC = "activities.v1"
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()

UNODC, INTERPOL, ITU = (organisation_id(slug) for slug in ("unodc", "interpol", "itu"))
NORA = person("nora", [UNODC])
IVAN = person("ivan", [INTERPOL])
TARO = person("taro", [ITU])
RITA = person("rita", [UNODC], roles=["reader"])
CORA = person("cora", roles=["coordinator"], regions=["001"])
KENJI = person("kenji", roles=["coordinator"], countries=["KEN"])
PEOPLE = (NORA, IVAN, TARO, RITA, CORA, KENJI)
EVERYBODY: tuple[Person | None, ...] = (None, *PEOPLE)

_ids = SequentialIds()
START = datetime(2027, 4, 3, 9, tzinfo=UTC)
_ticks = itertools.count()


def fact(name: str, subject: str, sequence: int, data: Mapping[str, Any], **more: Any) -> Event:
    return Event(
        id=_ids.new("evt"),
        source="/services/activities",
        type=event_type(name),
        subject=subject,
        sequence=sequence,
        time=more.pop("time", START + timedelta(milliseconds=next(_ticks))),
        data={"id": subject, "version": sequence, **data},
        **more,
    )


def plan_fact(
    plan: str,
    sequence: int = 1,
    name: str = "plan.posted",
    *,
    tlp: str = "GREEN",
    owner: str = UNODC,
    countries: Sequence[str] = ("KEN",),
    themes: Sequence[str] = ("darknet",),
    people: Sequence[str] = (),
    partners: Sequence[str] = (),
    draft: bool = False,
    title: str = "A training",
    **more: Any,
) -> Event:
    red = tlp == "RED"
    facts = {
        "label": tlp, "owner": owner, "poster": NORA.id, "named_people": list(people), "draft": draft,
        "named_partners": [] if red else list(partners), "countries": [] if red else list(countries),
        "themes": [] if red else list(themes),
    }  # fmt: skip
    data: dict[str, Any] = {"facts": facts}
    if not red:
        data["plan"] = {
            "id": plan, "version": sequence, "title": title, "tlp": tlp, "owner": owner, "posted_by": NORA.id,
            "named_people": list(people),
        }  # fmt: skip
        data["columns"] = {
            "countries": list(countries), "themes": list(themes), "audiences": ["judges"], "type": "training",
            "status": "draft" if draft else "tentative", "mode": "in_person", "partners": [owner, *partners], "start": "2027-05-01", "end": "2027-05-03",
        }  # fmt: skip
    return fact(name, plan, sequence, data, tlp=tlp, partner=owner, **more)


def sides(*plans: Event) -> list[dict[str, Any]]:
    return [{"plan": each.subject, "version": each.sequence, "partner": each.partner} for each in plans]


def alert_fact(
    alert: str, plans: Sequence[Event], sequence: int = 1, name: str = "alert.opened", status: str = "open", **more: Any
) -> Event:
    data = {
        "kind": "duplicate", "overlap_kind": None, "status": status, "band": "likely", "severity": None,
        "reason": None, "sides": sides(*plans),
    }  # fmt: skip
    return fact(name, alert, sequence, data, correlationid="evt_secret", causationid="evt_secret", **more)


def decision_fact(decision: str, alert: str, plans: Sequence[Event], sequence: int = 1, **more: Any) -> Event:
    data = {
        "alert": alert, "verdict": "link", "by": CORA.id, "fingerprint": "f" * 16, "sides": sides(*plans),
        "activity": None, "reversed": False,
    }  # fmt: skip
    return fact("decision.made", decision, sequence, data, **more)


async def publish(bus: Bus, *events: Event) -> None:
    await bus.publish([to_outgoing(TOPIC, event) for event in events])


async def publish_raw(bus: Bus, key: str, value: bytes = b"{not json", **headers: str) -> None:
    await bus.publish([Outgoing(TOPIC, key, value, tuple((name, text.encode()) for name, text in headers.items()))])


@dataclass
class Service:
    """One replica, with a client that reaches it in process."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def runtime(self) -> Runtime:
        return self.app.state.runtime

    @property
    def db(self) -> Database:
        return self.runtime.db

    async def get(self, path: str, who: Person | None = None, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params, headers=who.headers if who else {})

    async def events(self, who: Person | None = None, **params: Any) -> list[dict[str, Any]]:
        """All pages of `/events`, by its own cursor."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.get("/api/v1/events", who, **params)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["data"]
            if page["caught_up"]:
                return found
            params["cursor"] = page["next_cursor"]

    async def names(self, who: Person | None = None, **params: Any) -> list[str]:
        """`plan.posted plan_1` for each event seen."""
        return [shown(event) for event in await self.events(who, **params)]

    async def projected(self, bus: Bus) -> None:
        await projected(self.db, bus)


def shown(event: Mapping[str, Any]) -> str:
    name = event["type"].removeprefix("org.convene.").removesuffix(".v1")
    return f"{name} {event['subject']}"


async def projected(db: Database, bus: Bus, timeout: float = 60) -> None:
    """Wait until the whole log is in the feed."""
    from services.notifications.queries.feed import Feed

    reader = bus.consumer(None, [TOPIC])
    await reader.start()
    ends = await reader.ends()
    await reader.stop()
    feed = Feed(db, bus)
    async with asyncio.timeout(timeout):
        while True:
            reached = (await feed.extent()).end
            if all(reached.get(TopicPartition(*tp), 0) >= end for tp, end in ends.items()):
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    url: str,
    *,
    bus: Bus,
    migrate: bool = True,
    people: Iterable[Person] = PEOPLE,
    **settings: Any,
) -> AsyncGenerator[Service]:
    """One replica. migrate: bring the schema up and introduce the people first (the first replica does)."""
    if migrate:
        await migrate_database(url, "notifications")
    given = {"database_url": url, "migrate_at_start": False, "cursor_key": KEY, "poll_seconds": 0.1, **settings}
    app = build(NotificationsSettings(**given), bus=bus)
    await bus.start()
    async with app.router.lifespan_context(app):
        if migrate:
            await introduce(app.state.runtime.db, known, people, ("unodc", "interpol", "itu"))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test"
        ) as client:
            await asyncio.wait_for(app.state.runtime._connected.wait(), 10)
            yield Service(app, client)


# -- streams over a real server: httpx.ASGITransport would wait for their end


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[str]:
    """The application (whose lifespan runs already) behind uvicorn on a free port; gives its base URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_level="error", loop="asyncio", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        app.state.runtime.closing.set()  # as the runner does on a signal: uvicorn waits for streams to end
        server.should_exit = True
        await asyncio.wait_for(task, 20)


@dataclass
class Message:
    event: str
    data: str
    id: str | None

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.data)


@dataclass
class Reader:
    """Reads server-sent events as a browser does: an id counts when its message is complete, with or without data."""

    last_id: str | None = None
    comments: list[str] = field(default_factory=list)
    ids: int = 0
    retry: str | None = None
    _following: tuple[httpx.Response, AsyncIterator["Message"]] | None = None

    def follow(self, answer: httpx.Response) -> AsyncIterator["Message"]:
        """`messages`, to be read on later."""
        if self._following is None or self._following[0] is not answer:
            self._following = (answer, self.messages(answer))
        return self._following[1]

    async def messages(self, answer: httpx.Response) -> AsyncIterator[Message]:
        name, data, pending = "message", [], self.last_id
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line:
                field_, _, value = line.partition(": ")
                if field_ == "id":
                    pending = value
                elif field_ == "event":
                    name = value
                elif field_ == "data":
                    data.append(value)
                elif field_ == "retry":
                    self.retry = value
            else:
                if pending != self.last_id:
                    self.ids += 1
                self.last_id = pending
                if data:
                    yield Message(name, "\n".join(data), self.last_id)
                name, data = "message", []


@asynccontextmanager
async def opened(
    url: str, who: Person | None = None, *, last_id: str | None = None, **params: Any
) -> AsyncGenerator[httpx.Response]:
    headers = dict(who.headers) if who else {}
    if last_id:
        headers["Last-Event-ID"] = last_id
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(5, read=30)) as client,
        client.stream("GET", f"{url}/api/v1/stream", params=params, headers=headers) as answer,
    ):
        yield answer
