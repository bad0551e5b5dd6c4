"""The fault injector itself: each fault is what it says, happens once, and leaves an honest bus behind."""

from collections.abc import AsyncIterator

import pytest

from shared.bus.memory import MemoryBus
from shared.bus.port import BusUnavailable, Topic
from tests.conformance.bus.harness import next_offsets, numbered, read, read_all, values
from tests.faults.bus import Crash, FaultyBus


@pytest.fixture
async def faulty() -> AsyncIterator[FaultyBus]:
    made = FaultyBus(MemoryBus())
    await made.start()
    await made.create_topics([Topic("t")])
    yield made
    await made.stop()


async def _in_the_log(bus: FaultyBus) -> list[str]:
    reader = bus.consumer(None, ["t"])
    await reader.start()
    found = values([record for batch in await reader.fetch(timeout=0) for record in batch.records])
    await reader.stop()
    return found


async def test_publish_fails_before_half_way_and_after(faulty: FaultyBus) -> None:
    faulty.fail_before_publish()
    faulty.publish_some(1)
    faulty.publish_then_raise()
    expected: list[str] = []
    for start, kept in ((0, 0), (2, 1), (4, 2)):
        records = numbered("t", ["k"], 2, start)
        with pytest.raises(BusUnavailable):
            await faulty.publish(records)
        expected += values(records[:kept])
        assert await _in_the_log(faulty) == values(faulty.published) == expected
    await faulty.publish(numbered("t", ["k"], 1, 6))
    assert await _in_the_log(faulty) == [*expected, "k:6"]


async def test_commits_and_fetches_fail_at_their_number(faulty: FaultyBus) -> None:
    await faulty.publish(numbered("t", ["k"], 4))
    consumer = faulty.consumer("g", ["t"])
    await consumer.start()
    faulty.drop_commit(1)
    faulty.fail_commit(2)
    faulty.crash_before_commit(3)
    batches = await read(consumer, 4)
    await consumer.commit(next_offsets(batches))
    with pytest.raises(BusUnavailable):
        await consumer.commit(next_offsets(batches))
    with pytest.raises(Crash):
        await consumer.commit(next_offsets(batches))
    await consumer.stop()

    successor = faulty.consumer("g", ["t"])
    await successor.start()
    faulty.crash_after_fetch(1)
    with pytest.raises(Crash):
        await successor.fetch(timeout=1)
    await successor.stop()

    last = faulty.consumer("g", ["t"])
    await last.start()
    assert len(await read_all(last, 4)) == 4, "none of the commits was kept"
    await last.commit({batches[0].tp: 4})
    await last.stop()
    await last.start()
    assert await last.fetch(timeout=0.1) == []
