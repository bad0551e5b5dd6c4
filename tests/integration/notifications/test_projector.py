"""The projection's guards: repeats, races, late and malformed records, events ahead of the facts they need."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from sqlalchemy import func, select

from services.notifications.consumers.feed import Projector
from services.notifications.domain import Lane
from services.notifications.handlers.decoding import Fact, decode
from services.notifications.handlers.feed import project, remember_log
from services.notifications.handlers.pruning import prune
from services.notifications.orm import alert, feed, feed_position, plan_facts
from services.notifications.queries.feed import Feed
from services.notifications.uow import Known, known_plans
from shared.bus.local.storage import partition_of
from shared.bus.memory import MemoryBus
from shared.bus.parking import RetryPolicy, TooManyParked
from shared.bus.port import Delivered, Topic
from shared.clock import SystemClock
from shared.cloudevent import Event, MalformedEvent, to_outgoing
from shared.db import Database
from shared.reader import SERVICE
from tests.faults.bus import FaultyBus
from tests.support.notifications import START, TOPIC, alert_fact, plan_fact, projected, publish, publish_raw
from tests.support.schema import migrate_database

LANE: Lane = (TOPIC, 0)
DLQ = "activities.v1.dlq.notifications.feed"


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    one = Database(database_url)
    await migrate_database(database_url, "notifications")
    yield one
    await one.dispose()


def facts(*events: Event, start: int = 0) -> list[Fact]:
    found: list[Fact] = []
    for offset, event in enumerate(events, start):
        outgoing = to_outgoing(TOPIC, event)
        found.append(decode(Delivered(TOPIC, 0, offset, START, outgoing.key, outgoing.value, outgoing.headers)))
    return found


async def known_now(db: Database, plans: set[str]) -> dict[str, Known]:
    async with db.read(SERVICE) as session:
        return await known_plans(session, plans)


async def apply(db: Database, batch: Sequence[Fact], lane: Lane = LANE, **how) -> object:
    async with db.write(SERVICE) as session:
        return await project(session, "log_1", lane, batch, **how)


async def rows(db: Database) -> list[tuple[int, str, int]]:
    async with db.read(SERVICE) as session:
        found = await session.execute(select(feed.c.offset, feed.c.subject, feed.c.sequence).order_by(feed.c.id))
        return [tuple(row) for row in found]


async def position(db: Database, lane: Lane = LANE) -> int:
    async with db.read(SERVICE) as session:
        return (
            await session.execute(
                select(feed_position.c.next_offset).where(
                    feed_position.c.topic == lane[0], feed_position.c.partition == lane[1]
                )
            )
        ).scalar_one()


async def version(db: Database, plan: str) -> int:
    async with db.read(SERVICE) as session:
        return (await session.execute(select(plan_facts.c.version).where(plan_facts.c.plan == plan))).scalar_one()


async def test_a_repeated_batch_changes_nothing(db: Database) -> None:
    batch = facts(plan_fact("plan_1"), plan_fact("plan_1", 2, "plan.amended"), plan_fact("plan_2"))
    await apply(db, batch)
    before = await rows(db)
    assert before == [(0, "plan_1", 1), (1, "plan_1", 2), (2, "plan_2", 1)]
    await apply(db, batch)
    await apply(db, [*batch[1:], *facts(plan_fact("plan_3"), start=3)])
    assert await rows(db) == [*before, (3, "plan_3", 1)]
    assert await position(db) == 4


async def test_two_projectors_that_race_on_a_partition_project_it_once(database_url: str, db: Database) -> None:
    other = Database(database_url)
    try:
        batch = facts(*(plan_fact(f"plan_{n % 7}", 1 + n // 7, "plan.amended") for n in range(210)))
        slices = [batch[n : n + 30] for n in range(0, 210, 10)]

        async def run(database: Database) -> None:
            for part in slices:
                await apply(database, part)

        await asyncio.gather(run(db), run(other), run(db))
        assert [offset for offset, _, _ in await rows(db)] == list(range(210))
        assert await position(db) == 210
    finally:
        await other.dispose()


async def test_an_old_event_that_comes_late_is_dropped(db: Database) -> None:
    """A relay that lost its lease may publish again what others published, even behind newer events."""
    first, second = plan_fact("plan_1", tlp="GREEN"), plan_fact("plan_1", 2, "plan.relabelled", tlp="RED")
    late = plan_fact("plan_1", 1, tlp="GREEN")  # another id, so that only the sequence tells
    await apply(db, facts(first, second, first, late, plan_fact("plan_2")))
    assert await rows(db) == [(0, "plan_1", 1), (1, "plan_1", 2), (4, "plan_2", 1)]
    assert await version(db, "plan_1") == 2
    async with db.read(SERVICE) as session:
        kept = (await session.execute(select(plan_facts.c.facts).where(plan_facts.c.plan == "plan_1"))).scalar_one()
    assert kept["label"] == "RED"
    assert await position(db) == 5


async def test_an_old_alert_that_comes_late_changes_no_inbox(db: Database) -> None:
    one, two = plan_fact("plan_1"), plan_fact("plan_2")
    opened = alert_fact("alrt_1", [one, two])
    closed = alert_fact("alrt_1", [one, two], 2, "alert.closed", status="closed")
    await apply(db, facts(one, two, opened, closed, alert_fact("alrt_1", [one, two], 1)))
    async with db.read(SERVICE) as session:
        row = (await session.execute(select(alert))).one()
    assert (row.version, row.status, row.raised_version) == (2, "closed", 1)


async def test_an_alert_before_its_plans_facts_holds_its_partition_alone(db: Database) -> None:
    one, two = plan_fact("plan_1"), plan_fact("plan_2", 3, "plan.amended")
    held = facts(one, alert_fact("alrt_1", [one, two]), plan_fact("plan_4"))
    done = await apply(db, held)
    assert (done.held, done.next_offset) == (1, 1)
    await apply(db, facts(plan_fact("plan_2", 2, "plan.amended")), (TOPIC, 1))  # not yet the version it was judged on
    assert (await apply(db, held)).held == 1
    await apply(db, facts(two, start=1), (TOPIC, 1))
    done = await apply(db, held)
    assert (done.held, done.next_offset) == (None, 3)


async def test_a_batch_that_starts_too_late_is_not_taken(db: Database) -> None:
    await apply(db, facts(plan_fact("plan_1")))
    done = await apply(db, facts(plan_fact("plan_9"), start=5))
    assert done.behind == 1
    assert len(await rows(db)) == 1


# -- the loop


async def wired(bus: MemoryBus) -> None:
    await bus.start()
    await bus.create_topics([Topic(TOPIC), Topic(DLQ, 1)])


class Running:
    """A projector in the background."""

    def __init__(self, bus, db: Database, **options) -> None:
        self.projector = Projector(bus, db, SystemClock(), **options)
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.projector.run(self.stop))

    async def __aenter__(self) -> Projector:
        return self.projector

    async def __aexit__(self, *_) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


async def until(condition, timeout: float = 30) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)


async def parked(bus) -> list[Delivered]:
    reader = bus.consumer(None, [DLQ])
    await reader.start()
    found = [record for batch in await reader.fetch(timeout=0.1) for record in batch.records]
    await reader.stop()
    return found


async def test_others_flow_while_one_partition_is_held(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    elsewhere = next(n for n in range(99) if partition_of(f"plan_lost{n}", 6) != partition_of("alrt_1", 6))
    one, lost = plan_fact("plan_1"), plan_fact(f"plan_lost{elsewhere}")
    await publish(bus, one)
    waiting = alert_fact("alrt_1", [one, lost])
    async with Running(bus, db, hold=60) as projector:
        await publish(bus, waiting, *(plan_fact(f"plan_x{n}") for n in range(30)))

        async def flowed() -> bool:
            return len(await rows(db)) >= 20 and projector.progress.held == 1

        await until(flowed)
        assert "alrt_1" not in {subject for _, subject, _ in await rows(db)}
        await publish(bus, lost)
        await projected(db, bus)
        assert "alrt_1" in {subject for _, subject, _ in await rows(db)}
        assert projector.progress.unresolved == 0


async def test_what_never_comes_is_waited_for_no_longer_than_set(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    async with Running(bus, db, hold=0.3) as projector:
        await publish(bus, alert_fact("alrt_1", [plan_fact("plan_1"), plan_fact("plan_2")]), plan_fact("plan_3"))
        await projected(db, bus)
        assert projector.progress.unresolved == 1
    assert {subject for _, subject, _ in await rows(db)} == {"alrt_1", "plan_3"}


async def test_malformed_messages_are_parked_once_and_passed(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    good = plan_fact("plan_1")
    nonsense = to_outgoing(TOPIC, plan_fact("plan_bad"))
    await publish(bus, good)
    await publish_raw(bus, "plan_2")
    await publish_raw(
        bus,
        "plan_bad",
        b'{"id":"plan_bad","facts":{"label":"PURPLE"}}',
        **{name: value.decode() for name, value in nonsense.headers},
    )
    await publish(bus, plan_fact("plan_1", 2, "plan.amended"))
    async with Running(bus, db) as projector:
        await projected(db, bus)
        assert projector.progress.parked == 2
    assert {subject for _, subject, _ in await rows(db)} == {"plan_1"}
    found = await parked(bus)
    assert {record.key for record in found} == {"plan_2", "plan_bad"}
    notes = {name: value.decode() for name, value in found[-1].headers}
    assert notes["convene_consumer"] == "notifications.feed"
    assert notes["convene_origin"].startswith(f"{TOPIC}:")
    assert "MalformedEvent" in notes["convene_error"]


async def test_a_plan_whose_event_cannot_be_read_is_hidden_until_one_can(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    await publish(bus, plan_fact("plan_1", tlp="CLEAR"))
    await publish_raw(bus, "plan_1")  # it might have been the relabelling to RED
    async with Running(bus, db):
        await projected(db, bus)
        known = await known_now(db, {"plan_1"})
        assert known["plan_1"].facts.label == "RED"
        await publish(bus, plan_fact("plan_1", 3, "plan.amended", tlp="CLEAR"))
        await projected(db, bus)
        assert (await known_now(db, {"plan_1"}))["plan_1"].facts.label == "CLEAR"


async def test_a_parked_event_can_be_tried_again(db: Database, bus: MemoryBus) -> None:
    """As after a release that can read it: it becomes a row behind all that was read, and never overtakes newer state."""
    await wired(bus)
    await publish(bus, plan_fact("plan_1", tlp="CLEAR"))
    reader = Feed(db, bus)
    async with Running(bus, db) as projector:
        await projected(db, bus)
        position = (await reader.extent()).end

        def letter(event: Event) -> Delivered:
            outgoing = to_outgoing(TOPIC, event)
            headers = (*outgoing.headers, ("convene_origin", f"{TOPIC}:0:7".encode()))
            return Delivered(DLQ, 0, 3, START, outgoing.key, outgoing.value, headers)

        relabelled = letter(plan_fact("plan_1", 2, "plan.relabelled", tlp="GREEN"))
        assert await projector.apply(relabelled)
        assert not await projector.apply(relabelled)
        assert not await projector.apply(letter(plan_fact("plan_1", 1, tlp="CLEAR")))
        with pytest.raises(MalformedEvent):
            await projector.apply(Delivered(DLQ, 0, 4, START, "plan_1", b"{"))
    assert (await known_now(db, {"plan_1"}))["plan_1"].facts.label == "GREEN"
    page = await reader.read(position, 50, SERVICE)
    assert [each.name for each in page.entries] == ["plan.relabelled"]
    assert (await reader.read(page.position, 50, SERVICE)).entries == ()


async def test_a_consumer_that_would_park_everything_stops(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    for n in range(30):
        await publish_raw(bus, f"plan_{n}")
    projector = Projector(bus, db, SystemClock(), policy=RetryPolicy(run=10))
    with pytest.raises(TooManyParked):
        await projector.run(asyncio.Event())
    assert len(await parked(bus)) < 10
    assert projector.progress.stopped


async def test_nothing_is_lost_or_doubled_when_commits_fail_and_the_log_goes_away(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    faulty = FaultyBus(bus)
    for nth in (1, 3):
        faulty.fail_commit(nth)
    faulty.drop_commit(2)
    for n in range(4):
        async with Running(faulty, db):
            await publish(bus, *(plan_fact(f"plan_{n}_{m}") for m in range(20)))
            await projected(db, bus)
    found = await rows(db)
    assert len(found) == 80 == len({subject for _, subject, _ in found})


async def test_a_database_that_was_set_back_reads_the_log_again(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    await publish(bus, *(plan_fact(f"plan_{n}") for n in range(20)))
    async with Running(bus, db):
        await projected(db, bus)
    async with db.write(SERVICE) as session:  # as a backup from before would leave it; the log's offsets stay committed
        for table in (feed, feed_position, plan_facts):
            await session.execute(table.delete())
        from services.notifications.orm import kernel

        await session.execute(kernel.applied.delete())
    await publish(bus, *(plan_fact(f"plan_more_{n}") for n in range(40)))
    async with Running(bus, db):
        await projected(db, bus)
    assert len(await rows(db)) == 60


async def test_two_replicas_share_the_partitions(database_url: str, db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    other = Database(database_url)
    try:
        async with Running(bus, db):
            await publish(bus, *(plan_fact(f"plan_{n}") for n in range(100)))
            async with Running(bus, other):
                await publish(bus, *(plan_fact(f"plan_{n}", 2, "plan.amended") for n in range(100)))
            await publish(bus, *(plan_fact(f"plan_{n}", 3, "plan.amended") for n in range(100)))
            await projected(db, bus)
        async with db.read(SERVICE) as session:
            assert (await session.execute(select(func.count()).select_from(feed))).scalar_one() == 300
    finally:
        await other.dispose()


async def test_pruned_history_moves_the_beginning(db: Database, bus: MemoryBus) -> None:
    await wired(bus)
    async with db.write(SERVICE) as session:
        await remember_log(session, bus.log_id, START)
    events = [plan_fact(f"plan_{n}") for n in range(10)]
    async with db.write(SERVICE) as session:
        await project(session, bus.log_id, LANE, facts(*events))
    async with db.write(SERVICE) as session:
        assert await prune(session, bus.log_id, events[4].time) == 4
    reader = Feed(db, bus)
    assert (await reader.extent()).begin == {LANE: 4}
    page = await reader.read({LANE: 4}, 50, SERVICE)
    assert [each.subject for each in page.entries] == [f"plan_{n}" for n in range(4, 10)]
