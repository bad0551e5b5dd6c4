"""Ids and clocks: sortable, never twice, and time that is asked for in one place."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from threading import Thread

from shared.clock import FixedClock, SystemClock
from shared.ids import SequentialIds, Uuid7Ids

NOW = datetime(2017, 4, 3, 9, 30, 0, 123_456, UTC)


def test_an_id_is_a_uuid7_with_its_prefix() -> None:
    made = Uuid7Ids(FixedClock(NOW)).new("plan")
    prefix, digits = made.split("_")
    parsed = uuid.UUID(digits)
    assert (prefix, parsed.version, parsed.variant) == ("plan", 7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(NOW.timestamp() * 1000)


def test_ids_sort_as_they_were_made_also_within_a_millisecond_and_when_the_clock_falls_back() -> None:
    clock = FixedClock(NOW)
    ids = Uuid7Ids(clock)
    made = [ids.new("evt") for _ in range(10_000)]  # more than one millisecond's counter holds
    clock.advance(-3600)
    made += [ids.new("evt") for _ in range(10)]
    clock.advance(7200)
    made += [ids.new("evt") for _ in range(10)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_threads_never_get_the_same_id() -> None:
    ids = Uuid7Ids(FixedClock(NOW))
    made: list[str] = []
    threads = [Thread(target=lambda: made.extend(ids.new("evt") for _ in range(2_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000


def test_two_processes_do_not_meet() -> None:
    """The same millisecond on both: 62 random bits keep them apart."""
    made = {maker.new("evt") for maker in (Uuid7Ids(FixedClock(NOW)), Uuid7Ids(FixedClock(NOW))) for _ in range(5_000)}
    assert len(made) == 10_000


def test_sequential_ids_count_for_each_prefix() -> None:
    ids = SequentialIds()
    assert [ids.new("plan"), ids.new("act"), ids.new("plan")] == [f"plan_{1:032x}", f"act_{1:032x}", f"plan_{2:032x}"]


def test_the_demos_clock_starts_where_it_is_told_and_runs_on() -> None:
    clock = SystemClock.starting_at(NOW)
    first, second = clock.now(), clock.now()
    assert NOW <= first <= second < NOW + timedelta(minutes=5)
    assert SystemClock().now().utcoffset() == timedelta()


async def test_a_fixed_clock_moves_when_it_is_told_alone() -> None:
    clock = FixedClock(NOW)
    assert (clock.now(), clock.monotonic()) == (NOW, 0.0)
    await asyncio.wait_for(clock.sleep(3600), 5)
    clock.advance(0.5)
    assert (clock.now(), clock.monotonic()) == (NOW + timedelta(seconds=3600.5), 3600.5)
