"""A client that is cut off again and again, also between two replicas, gets each event once and in order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import httpx
import pytest
from sqlalchemy import select

from services.notifications.handlers.feed import project, remember_log
from services.notifications.orm import feed
from services.notifications.queries.feed import Feed
from shared.bus.memory import MemoryBus
from shared.cloudevent import Event
from shared.db import Database
from shared.reader import SERVICE
from tests.integration.notifications.test_projector import facts
from tests.support.notifications import (
    INTERPOL,
    NORA,
    START,
    TOPIC,
    Reader,
    Service,
    opened,
    plan_fact,
    publish,
    running,
    served,
)
from tests.support.schema import migrate_database

EVENTS, CUTS = 2000, 50
SECRET = "plan_secret"


def script(rng: random.Random) -> list[Event]:
    """2,000 events of 60 plans: two thirds may be seen; one plan becomes RED half way."""
    versions: dict[str, int] = defaultdict(int)
    found: list[Event] = []
    for number in range(EVENTS):
        plan = rng.choice([f"plan_{n}" for n in range(60)] + [SECRET] * 3)
        versions[plan] += 1
        hidden = plan != SECRET and int(plan[5:]) % 3 == 0
        if plan == SECRET and number > EVENTS // 2:
            found.append(plan_fact(plan, versions[plan], "plan.relabelled", tlp="RED", owner=INTERPOL))
        else:
            label = "AMBER" if hidden else "GREEN"
            found.append(plan_fact(plan, versions[plan], "plan.amended", tlp=label, owner=INTERPOL))
    return found


class Client:
    """Reconnects after every cut, to any of the replicas, with the last id it has."""

    def __init__(self, urls: Sequence[str], rng: random.Random) -> None:
        self._urls, self._rng = urls, rng
        self.reader = Reader()
        self.seen: list[tuple[str, int]] = []
        self.secret_after_red = self.told_gone = 0
        self.red = asyncio.Event()
        self.cuts = 0

    async def follow(self, expected: int) -> None:
        while len([each for each in self.seen if each[0] != SECRET]) < expected:
            after_red = self.red.is_set()
            last_id, since = self.reader.last_id, {"since": "2020-01-01T00:00:00Z"}
            # by count, or by time: in the middle of anything; left alone in the end
            cut = self.cuts < CUTS
            count = self._rng.randint(1, 25) if cut else 10**9
            seconds = self._rng.uniform(0.01, 0.6) if cut else 30
            try:
                async with (
                    asyncio.timeout(seconds),
                    opened(self._rng.choice(self._urls), NORA, last_id=last_id, **({} if last_id else since)) as answer,
                ):
                    assert answer.status_code == 200
                    async for message in self.reader.messages(answer):
                        content = message.content
                        self.seen.append((content["subject"], int(content["sequence"])))
                        gone = content["data"].get("gone", False)
                        self.told_gone += gone
                        self.secret_after_red += after_red and content["subject"] == SECRET and not gone
                        count -= 1
                        if not count or len([each for each in self.seen if each[0] != SECRET]) >= expected:
                            break
            except (TimeoutError, httpx.TransportError):
                if not cut:
                    raise
            self.cuts += 1


async def publishing(bus: MemoryBus, service: Service, events: list[Event], client: Client, rng: random.Random) -> None:
    at = 0
    while at < len(events):
        step = events[at : at + rng.randint(1, 60)]
        await publish(bus, *step)
        at += len(step)
        await asyncio.sleep(rng.uniform(0, 0.15))
        if not client.red.is_set() and any(each.tlp == "RED" for each in step):
            await service.projected(bus)
            client.red.set()


@pytest.mark.parametrize("seed", [1])
async def test_each_event_once_and_in_order_across_two_replicas(database_url: str, bus: MemoryBus, seed: int) -> None:
    rng = random.Random(seed)
    events = script(rng)
    expected = sorted(
        (each.subject, each.sequence)
        for each in events
        if each.data["facts"]["label"] == "GREEN" and each.subject != SECRET
    )
    async with (
        running(database_url, bus=bus, live_events=64, poll_seconds=0.05) as one,
        running(database_url, bus=bus, live_events=64, poll_seconds=0.2, migrate=False) as two,
        served(one.app) as first,
        served(two.app) as second,
    ):
        client = Client((first, second), rng)
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            group.create_task(publishing(bus, one, events, client, rng))
            group.create_task(client.follow(len(expected)))
    assert client.cuts >= CUTS
    assert len(client.seen) == len(set(client.seen)), "an event came twice"
    assert sorted(each for each in client.seen if each[0] != SECRET) == expected
    by_plan: dict[str, list[int]] = defaultdict(list)
    for plan, sequence in client.seen:
        by_plan[plan].append(sequence)
    assert all(sequences == sorted(sequences) for sequences in by_plan.values()), "out of order"
    assert client.secret_after_red == 0, "a plan that had become RED was replayed"
    assert client.told_gone == 1, "that a plan is gone is told once"


async def test_rows_that_commit_in_another_order_than_their_ids(database_url: str, bus: MemoryBus) -> None:
    """Why the cursor is a vector of offsets: a reader by `id` would never see the row that committed second."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time: ids and commits cannot cross")
    await bus.start()
    db = Database(database_url)
    try:
        await migrate_database(database_url, "notifications")
        async with db.write(SERVICE) as session:
            await remember_log(session, bus.log_id, START)
        reader = Feed(db, bus)
        first, second = facts(plan_fact("plan_1")), facts(plan_fact("plan_2"))
        async with db.write(SERVICE) as session:
            await project(session, bus.log_id, (TOPIC, 0), first)  # takes the smaller id, and is not committed yet
            async with db.write(SERVICE) as other:
                await project(other, bus.log_id, (TOPIC, 1), second)
            page = await reader.read({}, 10, SERVICE)
            assert [each.subject for each in page.entries] == ["plan_2"]
            async with db.read(SERVICE) as other:
                last = max((await other.execute(select(feed.c.id))).scalars())
        again = await reader.read(page.position, 10, SERVICE)
        assert [each.subject for each in again.entries] == ["plan_1"]
        async with db.read(SERVICE) as other:
            assert (await other.execute(select(feed.c.subject).where(feed.c.id > last))).all() == []
    finally:
        await db.dispose()
