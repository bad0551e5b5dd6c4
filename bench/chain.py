"""From the POST to the alert on the stream, at 50 posts a second whatever the answers do (open loop).

Every second plan is the same as the one before it, by another partner: each pair must give exactly one alert. Three
sides: the services as separate processes on Kafka and PostgreSQL; `convene up`, all in one process on SQLite; and a bare
chain of two processes that inserts a row, sends an event, consumes it and streams it: one hop through the log without
outbox, matching or alert, where ours makes two for an alert.
"""

import asyncio
import base64
import json
import math
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import actors, plans
from bench.http import Connection
from bench.measure import Busy, Result, Round, interleave, latencies
from bench.reference.insert import TOPIC as BARE_TOPIC
from bench.stage import Stage, migrate
from services.activities.orm import known as known_to_activities
from services.notifications.orm import known as known_to_notifications
from shared.bus.kafka.bus import KafkaBus
from shared.bus.port import Topic

WHAT = "milliseconds from when a post was due to its event, and to its pair's alert, on a coordinator's stream"
DISTRIBUTED, EMBEDDED, BARE = "distributed", "embedded", "bare chain"
CONNECTIONS, PATIENCE = 32, 120.0


@dataclass
class Chain:
    """Where to post and where to listen."""

    post: tuple[str, str]
    stream: tuple[str, str]
    people: actors.Cast | None = None


@dataclass
class Heard:
    """What the stream said, by plan id: when it came, and how often."""

    posted: dict[str, float] = field(default_factory=dict)
    alerted: dict[frozenset[str], float] = field(default_factory=dict)
    alerts: Counter[frozenset[str]] = field(default_factory=Counter)
    twice: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, connection: Connection, path: str, headers: dict[str, str]) -> None:
        async for message in connection.events(path, headers):
            self.open.set()
            now = time.monotonic()
            name, _, data = message.partition(b"\ndata: ")
            if b"event: plan.posted" in name:
                event = json.loads(data)
                plan = str(event.get("subject") or event["id"])
                self.twice += plan in self.posted
                self.posted.setdefault(plan, now)
            elif b"event: alert.opened" in name:
                sides = frozenset(side["plan"] for side in json.loads(data)["data"]["sides"])
                self.alerts[sides] += 1
                self.alerted.setdefault(sides, now)
            self.news.set()


@dataclass(frozen=True)
class Post:
    due: float
    answered: float
    status: int
    plan: str


async def run(quick: bool, say: Callable[[str], None]) -> Result:
    rate, posts, rounds = 50, 100 if quick else 500, 5
    with Stage(say) as stage:
        chains = {
            DISTRIBUTED: await _distributed(stage),
            EMBEDDED: await _embedded(stage),
            BARE: await _bare(stage),
        }
        numbers = iter(range(0, 1_000_000, posts))

        def side(name: str) -> Callable[[int], Awaitable[Round]]:
            return lambda _: _round(chains[name], name, stage, next(numbers), posts, rate)

        figures = [
            (f"{what} {share} ms", f"posted {share} ms") for what in ("posted", "alert") for share in ("p50", "p99")
        ]
        compare = [(ours, side_, bare, BARE) for side_ in (DISTRIBUTED, EMBEDDED) for ours, bare in figures]
        settings = {"rate": f"{rate} posts/s", "posts a round": posts, "bus": "Kafka; embedded: the SQLite log"}
        return await interleave(
            Result("chain", WHAT, settings, compare), {name: side(name) for name in chains}, rounds, say
        )


async def _distributed(stage: Stage) -> Chain:
    people = actors.cast()
    urls = {name: await stage.database(name, name) for name in ("activities", "notifications")}
    await actors.introduce(urls["activities"], known_to_activities, people)
    await actors.introduce(urls["notifications"], known_to_notifications, people)
    environment = {
        "BUS_URL": stage.bus_url,
        "ACTIVITIES_DATABASE_URL": urls["activities"],
        "NOTIFICATIONS_DATABASE_URL": urls["notifications"],
        "NOTIFICATIONS_CURSOR_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "NOTIFICATIONS_STREAM_SECONDS": "3600",
    }
    activities = await stage.service("activities", f"{DISTRIBUTED}-activities", environment)
    notifications = await stage.service("notifications", f"{DISTRIBUTED}-notifications", environment)
    return Chain((activities, "/api/v1/plans"), (notifications, "/api/v1/stream"), people)


async def _embedded(stage: Stage) -> Chain:
    people, data = actors.cast(), stage.folder / "embedded-data"
    data.mkdir(mode=0o700)
    for service, tables in (("activities", known_to_activities), ("notifications", known_to_notifications)):
        url = f"sqlite+aiosqlite:///{data / service}.db"
        await migrate(url, service)
        await actors.introduce(url, tables, people)
    url = await stage.embedded(data)
    return Chain((url, "/api/v1/plans"), (url, "/api/v1/stream"), people)


async def _bare(stage: Stage) -> Chain:
    bus = KafkaBus(stage.kafka.bootstrap, client_id="bench")
    await bus.start()
    await bus.create_topics([Topic(BARE_TOPIC)])
    await bus.stop()
    url = await stage.database("bare")
    kafka = ("--kafka", stage.kafka.bootstrap)
    stream = await stage.bare("stream", f"{BARE}-stream", *kafka)
    post = await stage.bare("insert", f"{BARE}-insert", "--dsn", url.replace("+asyncpg", ""), *kafka)
    return Chain((post, "/plans"), (stream, "/stream"))


async def _round(chain: Chain, name: str, stage: Stage, first: int, count: int, rate: float) -> Round:
    heard, busy, cpu = Heard(), Busy(), stage.cpu_of_all(name)
    headers = {"Authorization": chain.people.coordinator.authorization} if chain.people else {}
    listener = await Connection.open(chain.stream[0])
    listening = asyncio.create_task(heard.listen(listener, chain.stream[1], headers))
    try:
        opening = asyncio.create_task(heard.open.wait())
        await asyncio.wait({opening, listening}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            if listening.done():
                listening.result()
            raise TimeoutError("the stream does not open")
        posts = await _post_all(chain, first, count, rate)
        await _until_heard(heard, posts, alerts=chain.people is not None)
        await asyncio.sleep(0.2)  # for what comes twice
    finally:
        listening.cancel()
        listener.close()
    return _judge(posts, heard, rate, chain.people is not None, busy.share(), stage.cpu_of_all(name) - cpu)


async def _post_all(chain: Chain, first: int, count: int, rate: float) -> list[Post]:
    """Each at its time. One that finds no free connection waits, and its latency runs."""
    url, path = chain.post
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(url))
    start = time.monotonic() + 0.1

    async def post(number: int) -> Post:
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        headers: dict[str, str] = {}
        if chain.people:
            poster = chain.people.right if number % 2 else chain.people.left
            headers = {"Authorization": poster.authorization}
        connection = await free.get()
        try:
            status, body = await connection.post(path, plans.body(first + number // 2), headers)
        finally:
            free.put_nowait(connection)
        return Post(due, time.monotonic(), status, str(json.loads(body).get("id")))

    done = await asyncio.gather(*(post(number) for number in range(count)))
    while not free.empty():
        free.get_nowait().close()
    return done


async def _until_heard(heard: Heard, posts: Sequence[Post], *, alerts: bool) -> None:
    """Until everything has come, or for so long that it counts as lost."""
    pairs = [frozenset((left.plan, right.plan)) for left, right in zip(posts[::2], posts[1::2], strict=True)]
    try:
        async with asyncio.timeout(PATIENCE):
            while not (
                all(each.plan in heard.posted for each in posts)
                and (not alerts or all(pair in heard.alerted for pair in pairs))
            ):
                heard.news.clear()
                await heard.news.wait()
    except TimeoutError:
        pass


def _judge(posts: Sequence[Post], heard: Heard, rate: float, alerts: bool, generator: float, cpu: float) -> Round:
    """Latencies from the schedule; what is missing, doubled or refused."""
    pairs = [
        (left, right, frozenset((left.plan, right.plan))) for left, right in zip(posts[::2], posts[1::2], strict=True)
    ]
    seen = sum(each.plan in heard.posted for each in posts)
    offered, errors = len(posts), heard.twice + sum(each.status != 201 for each in posts)
    alarm: dict[str, float] = {"alert p50 ms": math.nan, "alert p99 ms": math.nan, "alert max ms": math.nan}
    if alerts:
        offered += len(pairs)
        seen += sum(pair in heard.alerted for _, _, pair in pairs)
        errors += sum(heard.alerts[pair] > 1 for _, _, pair in pairs)
        late = [heard.alerted[pair] - right.due for _, right, pair in pairs if pair in heard.alerted]
        alarm = latencies(late, "alert")
    figures: dict[str, Any] = {
        "posts/s": (len(posts) - 1) / (max(each.answered for each in posts) - posts[0].due),
        "answered p50 ms": latencies([each.answered - each.due for each in posts])["p50 ms"],
        **latencies([heard.posted[each.plan] - each.due for each in posts if each.plan in heard.posted], "posted"),
        **alarm,
        "server CPU ms/post": cpu * 1000 / len(posts),
    }
    return Round(offered, seen, errors, figures, generator)
