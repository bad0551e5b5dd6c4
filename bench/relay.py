"""Draining the outbox into Kafka beside aiokafka's own batches of the same records, which read and mark nothing."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench import plans
from bench.measure import Result, Round, interleave
from bench.reference import batches
from bench.stage import Stage
from services.activities.orm import kernel
from shared.bus.kafka.bus import KafkaBus
from shared.bus.port import Bus, Outgoing, Topic
from shared.clock import SystemClock
from shared.cloudevent import Event, event_type, to_outgoing
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.leases import RELAY, Leases
from shared.outbox import Relay

WHAT = "events a second, from rows in PostgreSQL to acknowledged by Kafka and marked; bare: from memory to acknowledged"
OURS, BARE = "ours", "bare aiokafka batches"
TOPIC, PARTITIONS = "bench.relay", 6


class Timed:
    """The bus, with a stop-watch on publish."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus, self.seconds = bus, 0.0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        begun = time.perf_counter()
        await self._bus.publish(records)
        self.seconds += time.perf_counter() - begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


async def run(quick: bool, say: Callable[[str], None]) -> Result:
    count, rounds = 4_000 if quick else 20_000, 5
    with Stage(say) as stage:
        url = await stage.database("activities", "activities")
        clock = SystemClock()
        messages = [to_outgoing(TOPIC, event) for event in _events(count, clock)]
        bus = KafkaBus(stage.kafka.bootstrap, client_id="bench")
        await bus.start()
        await bus.create_topics([Topic(TOPIC, PARTITIONS)])
        db, timed = Database(url), Timed(bus)
        leases = Leases(db, kernel.lease, "bench", clock, ttl=600)
        term = await leases.acquire(RELAY)
        assert term
        relay = Relay(db, kernel.outbox, leases, _as_bus(timed), clock)
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        producer = batches.make(stage.kafka.bootstrap)
        await producer.start()

        async def ours(_: int) -> Round:
            await _fill(connection, messages)
            before, timed.seconds = await _log_end(bus), 0.0
            begun = time.perf_counter()
            while await relay.drain(term):
                pass
            took = time.perf_counter() - begun
            sent = await _log_end(bus) - before
            unmarked = await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            figures = {"events/s": count / took, "publishing %": 100 * timed.seconds / took}
            return Round(count, sent, unmarked, figures)

        async def bare(_: int) -> Round:
            before = await _log_end(bus)
            begun = time.perf_counter()
            await batches.send(producer, TOPIC, PARTITIONS, messages)
            took = time.perf_counter() - begun
            return Round(count, await _log_end(bus) - before, 0, {"events/s": count / took})

        result = Result(
            "relay",
            WHAT,
            {
                "events a round": count,
                "value": f"{sum(len(each.value) for each in messages) // count} bytes, {len(messages[0].headers)} headers",
                "rows a drain": 2000,
                "Kafka": f"1 broker, {PARTITIONS} partitions, acks=all, idempotent",
            },
            [("events/s", OURS, "events/s", BARE)],
        )
        try:
            return await interleave(result, {OURS: ours, BARE: bare}, rounds, say)
        finally:
            await producer.stop()
            await bus.stop()
            await connection.close()
            await db.dispose()


def _as_bus(timed: Any) -> Bus:
    return timed


def _events(count: int, clock: SystemClock) -> list[Event]:
    """Facts such as POST /plans stores: a plan, its visibility facts and its filter columns."""
    ids, now = Uuid7Ids(clock), datetime(2027, 1, 1, tzinfo=UTC)
    owner, poster = ids.new("org"), ids.new("per")
    found: list[Event] = []
    for number in range(count):
        subject, body = ids.new("plan"), plans.plan(number % 1000)
        countries = [venue["country"] for venue in body["venues"]]
        shown = {
            "id": subject,
            "version": 1,
            "owner": owner,
            "posted_by": poster,
            "created_at": now.isoformat(),
            **body,
        }
        facts = {"label": "GREEN", "owner": owner, "poster": poster, "named_partners": [], "named_people": [],
                 "countries": countries, "themes": body["themes"], "draft": False}  # fmt: skip
        columns = {"countries": countries, "themes": body["themes"], "audiences": body["audiences"], "type": "training",
                   "status": "confirmed", "mode": "in_person", "partners": [owner], "start": body["start"],
                   "end": body["end"]}  # fmt: skip
        found.append(
            Event(
                id=ids.new("evt"),
                source="/services/activities",
                type=event_type("plan.posted"),
                subject=subject,
                sequence=1,
                time=now,
                data={"id": subject, "version": 1, "plan": shown, "facts": facts, "columns": columns},
                tlp="GREEN",
                partner=owner,
            )
        )
    return found


async def _fill(connection: asyncpg.Connection, messages: Sequence[Outgoing]) -> None:
    """The backlog: rows as the unit of work leaves them. The planner is told of them, as it would be in operation."""
    await connection.execute("TRUNCATE outbox")
    await connection.executemany(
        "INSERT INTO outbox (event_id, topic, key, value, headers, created_at) VALUES ($1, $2, $3, $4, $5, now())",
        [
            (f"evt_{number}", each.topic, each.key, each.value, _json(each.headers))
            for number, each in enumerate(messages)
        ],
    )
    await connection.execute("ANALYZE outbox")


def _json(headers: Sequence[tuple[str, bytes]]) -> str:
    return json.dumps([[name, value.decode()] for name, value in headers])


async def _log_end(bus: KafkaBus) -> int:
    reader = bus.consumer(None, [TOPIC])
    await reader.start()
    try:
        return sum((await reader.ends()).values())
    finally:
        await reader.stop()
