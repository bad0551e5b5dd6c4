"""The event stream to many clients beside a bare StreamingResponse that sends the same bytes.

Ours goes the whole way: Kafka, feed and facts in PostgreSQL, the check of who may see what, a sealed cursor in each
message. The reference gets the finished bytes by POST and passes them on. Two figures each: latencies at a fixed rate,
counted from when each event was due, and deliveries a second when many events come at once.
"""

import asyncio
import base64
import json
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from bench import actors, plans
from bench.http import Connection
from bench.measure import Result, Round, interleave
from bench.stage import ROOT, Stage
from services.notifications.orm import known
from shared.bus.kafka.bus import KafkaBus
from shared.clock import SystemClock
from shared.cloudevent import Event, event_type, to_outgoing
from shared.ids import Uuid7Ids

WHAT = "one event to every client: latency from when it was due at a fixed rate, deliveries a second in a burst"
OURS, BARE = "ours", "bare StreamingResponse"
CPU = "server CPU us/delivery"
TOPIC = "activities.v1"
Publish = Callable[[list[int], int], Awaitable[None]]
_ids = Uuid7Ids(SystemClock())


class Listeners:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def open(cls, url: str, path: str, count: int, authorization: str = "") -> "Listeners":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.listeners", url, path, str(count),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        opened = cls(process)
        opened._write(authorization)
        ready = (await opened._answer())["ready"]
        if ready != count:
            raise RuntimeError(f"{path}: {ready} of {count} clients hold a stream")
        return opened

    async def listen(self, round_: int, messages: int, interval: float) -> float:
        """Begin a round; the instant at which its first message is due."""
        start = time.monotonic() + 0.1
        order = {"round": round_, "messages": messages, "start": start, "interval": interval}
        self._write(json.dumps(order))
        await self._answer()
        return start

    async def heard(self) -> dict[str, Any]:
        return await self._answer()

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the listeners have ended")
        return json.loads(line)


async def run(quick: bool, say: Callable[[str], None]) -> Result:
    clients, rate, steady, burst, rounds = (200, 20, 30, 60, 5) if quick else (500, 20, 120, 120, 5)
    with Stage(say) as stage:
        people = actors.cast()
        url = await stage.database("notifications", "notifications")
        await actors.introduce(url, known, people)
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        environment = {
            "NOTIFICATIONS_DATABASE_URL": url,
            "NOTIFICATIONS_CURSOR_KEY": key,
            "NOTIFICATIONS_STREAMS_PER_PERSON": "100000",
            "NOTIFICATIONS_STREAM_SECONDS": "3600",
            "BUS_URL": stage.bus_url,
        }
        service = await stage.service("notifications", "notifications", environment)
        bare = await stage.bare("stream", "bare")
        bus = KafkaBus(stage.kafka.bootstrap, client_id="bench")
        await bus.start()
        authorization = people.coordinator.authorization
        message = await _one_message(service, authorization, bus, people)
        push = await Connection.open(bare)

        async def to_ours(numbers: list[int], round_: int) -> None:
            await bus.publish([to_outgoing(TOPIC, _event(round_, number, people)) for number in numbers])

        async def to_bare(numbers: list[int], round_: int) -> None:
            body = b"".join(_marked(message, round_, number) for number in numbers)
            await push.post("/push", body, {})

        say(f"fanout: {clients} clients each")
        ours_listeners = await Listeners.open(service, "/api/v1/stream", clients, authorization)
        bare_listeners = await Listeners.open(bare, "/stream", clients)

        async def side(listeners: Listeners, publish: Publish, name: str, round_: int) -> Round:
            cpu = stage.cpu(name)
            even = await _evenly(listeners, publish, 2 * round_ + 2, steady, rate)
            once = await _at_once(listeners, publish, 2 * round_ + 3, burst)
            cpu = stage.cpu(name) - cpu
            heard = even["deliveries"] + once["deliveries"]
            figures = {
                "p50 ms": even["p50 ms"],
                "p99 ms": even["p99 ms"],
                "max ms": even["max ms"],
                "deliveries/s": once["deliveries"] / once["seconds"] if once["deliveries"] else math.nan,
                CPU: cpu * 1e6 / max(heard, 1),
            }
            offered = clients * (steady + burst)
            busy = max(even["busy"], once["busy"])
            return Round(offered, heard, even["wrong"] + once["wrong"], figures, busy)

        compare = [(figure, OURS, figure, BARE) for figure in ("p50 ms", "p99 ms", "deliveries/s", CPU)]
        settings = {"clients": clients, "rate": f"{rate} events/s", "events": f"{steady} evenly, {burst} at once",
                    "message": f"{len(message)} bytes"}  # fmt: skip
        try:
            return await interleave(
                Result("fanout", WHAT, settings, compare),
                {
                    OURS: lambda number: side(ours_listeners, to_ours, "notifications", number),
                    BARE: lambda number: side(bare_listeners, to_bare, "bare", number),
                },
                rounds,
                say,
            )
        finally:
            push.close()
            await ours_listeners.close()
            await bare_listeners.close()
            await bus.stop()


async def _evenly(listeners: Listeners, publish: Publish, round_: int, count: int, rate: float) -> dict[str, Any]:
    """Open loop: each at its time, whatever became of those before."""
    start = await listeners.listen(round_, count, 1 / rate)
    sending: list[asyncio.Task[None]] = []
    previous: asyncio.Task[None] | None = None

    async def after(before: asyncio.Task[None] | None, number: int) -> None:
        if before:
            await before  # one connection to the log, one to the reference: what is late stays late, nothing is skipped
        await publish([number], round_)

    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        previous = asyncio.create_task(after(previous, number))
        sending.append(previous)
    await asyncio.gather(*sending)
    return await listeners.heard()


async def _at_once(listeners: Listeners, publish: Publish, round_: int, count: int) -> dict[str, Any]:
    start = await listeners.listen(round_, count, 0.0)
    await asyncio.sleep(max(0.0, start - time.monotonic()))
    await publish(list(range(count)), round_)
    return await listeners.heard()


def _event(round_: int, number: int, people: actors.Cast) -> Event:
    """A posted plan, labelled GREEN; its title says which one it is."""
    subject, body = _ids.new("plan"), plans.plan(number, title=f"bench-{round_}-{number}-")
    owner, countries = people.left.partner, [venue["country"] for venue in body["venues"]]
    facts = {"label": "GREEN", "owner": owner, "poster": people.left.id, "named_partners": [], "named_people": [],
             "countries": countries, "themes": body["themes"], "draft": False}  # fmt: skip
    columns = {"countries": countries, "themes": body["themes"], "audiences": body["audiences"], "type": "training",
               "status": "confirmed", "mode": "in_person", "partners": [owner], "start": body["start"],
               "end": body["end"]}  # fmt: skip
    shown = {"id": subject, "version": 1, "owner": owner, "posted_by": people.left.id, **body}
    return Event(
        id=_ids.new("evt"),
        source="/services/activities",
        type=event_type("plan.posted"),
        subject=subject,
        sequence=1,
        time=datetime.now(UTC),
        data={"id": subject, "version": 1, "plan": shown, "facts": facts, "columns": columns},
        tlp="GREEN",
        partner=owner,
    )


async def _one_message(url: str, authorization: str, bus: KafkaBus, people: actors.Cast) -> bytes:
    """What the service sends for such an event, to the byte: the reference sends the same."""
    connection = await Connection.open(url)
    try:
        async with asyncio.timeout(60):
            published = False
            async for message in connection.events("/api/v1/stream", {"Authorization": authorization}):
                if not published:
                    await bus.publish([to_outgoing(TOPIC, _event(0, 0, people))])
                    published = True
                if b"bench-0-0-" in message:
                    return message + b"\n\n"
    finally:
        connection.close()
    raise RuntimeError("the stream has ended")


def _marked(message: bytes, round_: int, number: int) -> bytes:
    return message.replace(b"bench-0-0-", b"bench-%d-%d-" % (round_, number))
