"""A consumer that is told to stop does not wait for the next event, and loses nothing by it."""

import asyncio

import pytest

from shared.bus.memory import MemoryBus
from shared.bus.parking import fetched
from shared.bus.port import Outgoing, Topic

FOR_EVER = 3600.0


async def test_who_ends_does_not_wait_for_the_next_event() -> None:
    bus, stop = MemoryBus(), asyncio.Event()
    await bus.start()
    await bus.create_topics([Topic("toys.v1")])
    consumer = bus.consumer("readers", ["toys.v1"])
    await consumer.start()
    reading = asyncio.create_task(fetched(consumer, stop, timeout=FOR_EVER))
    await asyncio.sleep(0)
    stop.set()
    assert await asyncio.wait_for(reading, 30) == []
    await bus.publish([Outgoing("toys.v1", "toy_1", b"{}")])
    again = await asyncio.wait_for(fetched(consumer, asyncio.Event(), timeout=FOR_EVER), 30)
    assert [len(batch.records) for batch in again] == [1], "what was not handed over is still there"
    await consumer.stop()
    await bus.stop()


async def test_what_a_fetch_raises_is_raised() -> None:
    class Away:
        async def fetch(self, **_: object) -> list[object]:
            raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        await fetched(Away(), asyncio.Event(), timeout=1)  # pyright: ignore[reportArgumentType]
