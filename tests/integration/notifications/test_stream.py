"""The event stream over a real server: its wire format, where it starts, what ends it, and who hears what."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from services.notifications.handlers.pruning import prune
from services.notifications.orm import known
from services.notifications.settings import decode_key
from services.notifications.stream.cursor import Sealer
from shared.bus.memory import MemoryBus
from shared.reader import SERVICE
from tests.support.notifications import (
    CORA,
    INTERPOL,
    IVAN,
    KEY,
    NORA,
    TARO,
    Message,
    Reader,
    Service,
    alert_fact,
    opened,
    plan_fact,
    publish,
    publish_raw,
    running,
    served,
    shown,
)
from tests.support.people import person


@pytest.fixture
async def service(database_url: str, bus: MemoryBus) -> AsyncGenerator[Service]:
    async with running(database_url, bus=bus, heartbeat_seconds=0.3) as one:
        yield one


@pytest.fixture
async def url(service: Service) -> AsyncGenerator[str]:
    async with served(service.app) as base:
        yield base


async def take(reader: Reader, answer: httpx.Response, count: int) -> list[Message]:
    """The next `count` messages; then the connection is left as it is."""
    found: list[Message] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found.append(await anext(reader.follow(answer)))
    return found


async def heard(url: str, who: Any, count: int, **how: Any) -> tuple[list[str], Reader]:
    reader = Reader()
    async with opened(url, who, **how) as answer:
        assert answer.status_code == 200, await answer.aread()
        return [shown(message.content) for message in await take(reader, answer, count)], reader


async def streaming(service: Service, count: int = 1) -> None:
    """Wait until so many streams follow."""
    async with asyncio.timeout(10):
        while (await service.runtime.readiness())[1]["streams"] < count:
            await asyncio.sleep(0.01)


async def test_what_goes_over_the_wire(service: Service, bus: MemoryBus, url: str) -> None:
    await publish(bus, plan_fact("plan_before"))
    await service.projected(bus)
    reader = Reader()
    async with opened(url, NORA) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers["cache-control"]
        assert answer.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in answer.headers
        await streaming(service)
        title = 'Two\nlines \u2028\x85 and "quotes"'
        event = plan_fact("plan_1", title=title)
        await publish(bus, event, plan_fact("plan_1", 2, "plan.confirmed"))
        first, second = await take(reader, answer, 2)
    assert reader.retry == "3000"
    assert (first.event, second.event) == ("plan.posted", "plan.confirmed")
    assert first.id != second.id
    content = first.content
    assert content["data"]["plan"]["title"] == title
    assert (content["id"], content["specversion"], content["sequence"]) == (event.id, "1.0", "1")
    assert "facts" not in content["data"]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_it_resumes_after_the_last_id(service: Service, bus: MemoryBus, url: str, way: str) -> None:
    events = [plan_fact("plan_1", n + 1, "plan.amended") for n in range(6)]
    await publish(bus, *events)
    await service.projected(bus)
    _, reader = await heard(url, NORA, 2, since="2020-01-01T00:00:00Z")
    how = {"last_id": reader.last_id} if way == "header" else {"last_event_id": reader.last_id}
    reader = Reader()
    # the browser's EventSource repeats `since` when it reconnects: the last id wins
    async with opened(url, NORA, since="2020-01-01T00:00:00Z", **how) as answer:
        assert [message.content["id"] for message in await take(reader, answer, 4)] == [each.id for each in events[2:]]
    page = (await service.get("/api/v1/events", NORA, cursor=reader.last_id)).json()
    assert page["data"] == []
    assert page["caught_up"]
    await publish(bus, plan_fact("plan_2"))
    assert (await heard(url, NORA, 1, last_id=page["next_cursor"]))[0] == ["plan.posted plan_2"]


async def test_cursors_of_others_and_of_other_logs(service: Service, bus: MemoryBus, url: str) -> None:
    await publish(bus, plan_fact("plan_1", tlp="CLEAR"))
    await service.projected(bus)
    _, reader = await heard(url, NORA, 1, since="2020-01-01T00:00:00Z")
    foreign = Sealer(decode_key(KEY)).seal(NORA.id, "log_other", {})
    for who, cursor, status in ((IVAN, reader.last_id, 400), (None, reader.last_id, 400), (NORA, foreign, 410)):
        async with opened(url, who, last_id=cursor) as answer:
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            await answer.aread()
            if status == 400:
                assert answer.json()["errors"][0]["pointer"] == "Last-Event-ID"
            else:
                assert "Fetch the lists again" in answer.json()["detail"]


async def test_pruned_history_is_a_410(service: Service, bus: MemoryBus, url: str) -> None:
    events = [plan_fact("plan_1", n + 1, "plan.amended") for n in range(4)]
    await publish(bus, *events)
    await service.projected(bus)
    _, old = await heard(url, NORA, 1, since="2020-01-01T00:00:00Z")
    _, recent = await heard(url, NORA, 3, since="2020-01-01T00:00:00Z")
    async with service.db.write(SERVICE) as session:
        await prune(session, bus.log_id, events[3].time)
    for how in ({"last_id": old.last_id}, {"since": events[0].time.isoformat()}):
        async with opened(url, NORA, **how) as answer:
            assert answer.status_code == 410
            await answer.aread()
            assert answer.json()["type"] == "/problems/gone"
    assert (await heard(url, NORA, 1, last_id=recent.last_id))[0] == ["plan.amended plan_1"]
    assert len(await service.events(NORA)) == 1


async def test_heartbeats_carry_how_far_we_are(service: Service, bus: MemoryBus, url: str) -> None:
    reader = Reader()
    async with opened(url, NORA, types="decision.*") as answer:
        await streaming(service)
        await publish(bus, *(plan_fact(f"plan_{n}") for n in range(20)))
        await service.projected(bus)
        async with asyncio.timeout(20):
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    reader.comments.append(line)
                # what was filtered out is not read again
                if line.startswith("id: ") and not await service.events(NORA, cursor=line[4:]):
                    break
    assert ": heartbeat" in reader.comments


async def test_shutdown_ends_streams_at_once(service: Service, bus: MemoryBus) -> None:
    async with served(service.app) as url, asyncio.TaskGroup() as group:
        readers = [Reader() for _ in range(5)]

        async def follow(reader: Reader) -> list[str]:
            async with opened(url, NORA) as answer:
                return [shown(message.content) async for message in reader.messages(answer)]

        tasks = [group.create_task(follow(reader)) for reader in readers]
        await streaming(service, 5)
        await publish(bus, plan_fact("plan_1"))
        await service.projected(bus)
        await asyncio.sleep(0.3)
        service.runtime.closing.set()
        found = await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert found == [["plan.posted plan_1"]] * 5
    assert (await service.get("/api/v1/stream", NORA)).status_code == 503


async def test_a_stream_that_nobody_reads_does_not_hold_up_shutdown(service: Service, bus: MemoryBus) -> None:
    async with served(service.app) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(f"GET /api/v1/stream?since=2020-01-01T00:00:00Z HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await streaming(service)
        await publish(bus, *(plan_fact(f"plan_{n}", tlp="CLEAR", title="x" * 20_000) for n in range(500)))
        await service.projected(bus)
    writer.transport.abort()


async def test_a_revoked_key_ends_its_stream(database_url: str, bus: MemoryBus) -> None:
    async with (
        running(database_url, bus=bus, heartbeat_seconds=0.2, recheck_seconds=0.1) as service,
        served(service.app) as url,
    ):
        reader, other = Reader(), Reader()
        async with opened(url, NORA) as answer, opened(url, IVAN) as unharmed:
            await streaming(service, 2)
            async with service.db.write(SERVICE) as session:
                await session.execute(
                    update(known.api_key).where(known.api_key.c.person == NORA.id).values(revoked=True)
                )
            await asyncio.sleep(0.2)
            await publish(bus, plan_fact("plan_1"))
            async with asyncio.timeout(10):
                found = [message async for message in reader.messages(answer)]
            assert [message.event for message in found] == ["stream.ended"]
            assert shown((await take(other, unharmed, 1))[0].content) == "plan.posted plan_1"
        async with opened(url, NORA, last_id=reader.last_id) as answer:
            assert answer.status_code == 401


@pytest.mark.parametrize("why", ["key revoked", "role not confirmed in time"])
async def test_a_stream_on_which_nothing_happens_ends_as_well(database_url: str, bus: MemoryBus, why: str) -> None:
    """Long before the next sign of life: nobody listens on for want of news."""
    async with running(database_url, bus=bus, heartbeat_seconds=3600) as service, served(service.app) as url:
        reader, other = Reader(), Reader()
        async with opened(url, NORA) as answer, opened(url, None) as unharmed:
            await streaming(service, 2)
            async with service.db.write() as session:
                if why == "key revoked":
                    await session.execute(
                        update(known.api_key).where(known.api_key.c.person == NORA.id).values(revoked=True)
                    )
                else:
                    at = service.runtime.clock.now()
                    await session.execute(
                        update(known.person).where(known.person.c.id == NORA.id).values(confirmed_until=at)
                    )
            async with asyncio.timeout(60):
                assert [message.event async for message in reader.messages(answer)] == ["stream.ended"]
            await publish(bus, plan_fact("plan_1", tlp="CLEAR"))
            assert shown((await take(other, unharmed, 1))[0].content) == "plan.posted plan_1"


async def test_what_a_person_may_see_changes_while_they_listen(database_url: str, bus: MemoryBus) -> None:
    async with (
        running(database_url, bus=bus, recheck_seconds=0.1) as service,
        served(service.app) as url,
    ):
        reader = Reader()
        async with opened(url, CORA) as answer:
            await streaming(service)
            await publish(bus, plan_fact("plan_1", tlp="AMBER"))
            assert shown((await take(reader, answer, 1))[0].content) == "plan.posted plan_1"
            async with service.db.write(SERVICE) as session:
                await session.execute(
                    update(known.person)
                    .where(known.person.c.id == CORA.id)
                    .values(scope={"countries": ["LKA"], "regions": [], "themes": []})
                )
            await asyncio.sleep(0.2)
            await publish(bus, plan_fact("plan_2", tlp="AMBER"), plan_fact("plan_3", tlp="AMBER", countries=["LKA"]))
            await publish(bus, plan_fact("plan_4", tlp="CLEAR"))
            await service.projected(bus)
            found = [shown(each.content) for each in await take(reader, answer, 2)]
        assert set(found) == {"plan.posted plan_3", "plan.posted plan_4"}


async def test_streams_are_closed_when_old_and_no_more_than_allowed(database_url: str, bus: MemoryBus) -> None:
    async with (
        running(database_url, bus=bus, stream_seconds=4.0, max_streams=2) as service,
        served(service.app) as url,
    ):
        async with opened(url, NORA) as one, opened(url, NORA):
            await streaming(service, 2)
            async with opened(url, NORA) as refused:
                assert refused.status_code == 503
                assert refused.headers["retry-after"]
            reader = Reader()
            async with asyncio.timeout(30):
                assert [message async for message in reader.messages(one)] == []
        await publish(bus, plan_fact("plan_1"))
        assert (await heard(url, NORA, 1, last_id=reader.last_id))[0] == ["plan.posted plan_1"]


async def test_a_plan_relabelled_while_a_client_was_away(service: Service, bus: MemoryBus, url: str) -> None:
    await publish(bus, plan_fact("plan_0", tlp="CLEAR"))
    await service.projected(bus)
    _, nora = await heard(url, NORA, 1, since="2020-01-01T00:00:00Z")
    _, public = await heard(url, None, 1, since="2020-01-01T00:00:00Z")
    await publish(
        bus,
        plan_fact("plan_secret", tlp="GREEN"),
        plan_fact("plan_secret", 2, "plan.relabelled", tlp="RED"),
        plan_fact("plan_open", tlp="AMBER"),
        plan_fact("plan_open", 2, "plan.relabelled", tlp="CLEAR"),
        plan_fact("plan_9", tlp="CLEAR"),
    )
    await service.projected(bus)
    expected = {"plan.posted plan_open", "plan.relabelled plan_open", "plan.posted plan_9"}
    assert set((await heard(url, None, 3, last_id=public.last_id))[0]) == expected
    async with opened(url, NORA, last_id=nora.last_id) as answer:
        found = [message.content for message in await take(nora, answer, 4)]
    assert {shown(each) for each in found} == {*expected, "plan.relabelled plan_secret"}
    (left,) = [each["data"] for each in found if each["subject"] == "plan_secret"]
    assert left == {"id": "plan_secret", "version": 2, "gone": True}


async def test_a_plan_relabelled_while_somebody_listens(service: Service, bus: MemoryBus, url: str) -> None:
    """What streams share in memory follows the facts too: later events about the plan are judged by its new label."""
    one, two = plan_fact("plan_1"), plan_fact("plan_2", owner=INTERPOL)
    reader = Reader()
    async with opened(url, TARO) as answer:
        await streaming(service)
        for event in (one, two, alert_fact("alrt_1", [one, two])):
            await publish(bus, event)
            await service.projected(bus)
        assert [shown(each.content) for each in await take(reader, answer, 3)][2] == "alert.opened alrt_1"
        for event in (
            plan_fact("plan_2", 2, "plan.relabelled", tlp="AMBER", owner=INTERPOL),
            alert_fact("alrt_1", [one, two], 2, "alert.updated"),
            plan_fact("plan_3"),
        ):
            await publish(bus, event)
            await service.projected(bus)
        left, next_ = [each.content for each in await take(reader, answer, 2)]
        assert (shown(left), shown(next_)) == ("plan.relabelled plan_2", "plan.posted plan_3")
        assert left["data"] == {"id": "plan_2", "version": 2, "gone": True}


async def test_dead_letters_of_the_feed_are_listed_and_tried_again(database_url: str, bus: MemoryBus) -> None:
    root = person("root", roles=["administrator"])
    async with running(database_url, bus=bus, people=[root, NORA]) as service:
        await publish_raw(bus, "plan_1")
        await service.projected(bus)
        (letter,) = (await service.get("/api/v1/notifications/deadletters", root)).json()["data"]
        assert letter["consumer"] == "notifications.feed"
        path = f"/api/v1/notifications/deadletters/{letter['id']}:retry"
        assert (await service.client.post(path, headers=NORA.headers)).status_code == 403
        again = await service.client.post(path, headers=root.headers)
        assert again.status_code == 409
        assert again.json()["error"] == "MalformedEvent"


async def test_the_public_hears_of_clear_plans_alone(service: Service, bus: MemoryBus, url: str) -> None:
    reader, signed_in = Reader(), Reader()
    async with opened(url) as answer, opened(url, TARO) as other:
        await streaming(service, 2)
        clear, green = plan_fact("plan_1", tlp="CLEAR"), plan_fact("plan_2", owner=INTERPOL)
        await publish(bus, green, clear)
        await service.projected(bus)
        await publish(bus, alert_fact("alrt_1", [clear, green]))
        await service.projected(bus)
        await publish(bus, plan_fact("plan_3", tlp="CLEAR"))
        assert [shown(each.content) for each in await take(reader, answer, 2)] == [
            "plan.posted plan_1",
            "plan.posted plan_3",
        ]
        assert len(await take(signed_in, other, 4)) == 4


async def test_a_slow_reader_reads_on_from_the_feed(database_url: str, bus: MemoryBus) -> None:
    """More goes by than the hub keeps while a client does not read: it gets all of it, once, and the rest live."""
    async with (
        running(database_url, bus=bus, live_events=10) as service,
        served(service.app) as url,
    ):
        reader = Reader()
        async with opened(url, NORA) as answer:
            await streaming(service)
            events = [plan_fact(f"plan_{n}", title="x" * 30_000) for n in range(400)]
            for start in range(0, 400, 50):
                await publish(bus, *events[start : start + 50])
                await service.projected(bus)
            await publish(bus, plan_fact("plan_last"))
            found = [message.content["subject"] for message in await take(reader, answer, 401)]
        assert sorted(found) == sorted([*(each.subject for each in events), "plan_last"])


async def test_a_stream_goes_on_when_the_log_is_away(service: Service, bus: MemoryBus, url: str) -> None:
    """Streams read the feed alone: history is served although nothing new can come."""
    await publish(bus, plan_fact("plan_1"))
    await service.projected(bus)
    log_id = bus.log_id
    await bus.stop()
    names, reader = await heard(url, NORA, 1, since="2020-01-01T00:00:00Z")
    assert names == ["plan.posted plan_1"]
    assert Sealer(decode_key(KEY)).open(str(reader.last_id), NORA.id, log_id, where="-")
