"""The relay dies or sleeps at the worst moment: repeats reach the log, never the effects, and nobody marks without leading.

Each story is a function of what it runs on, so that the mutants at the end can be told the same one and have to fail it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from shared.bus import dispatch
from shared.bus.port import Bus, BusUnavailable
from shared.leases import RELAY, LeaseLost, Leases
from shared.outbox import Relay
from tests.conformance.outbox import broken
from tests.conformance.outbox.broken import HeldBus
from tests.conformance.outbox.harness import (
    House,
    add_keys,
    clock,
    consume_all,
    dispatcher,
    effects,
    expire,
    kernel,
    seen_on,
    states,
    write_one,
)
from tests.faults.bus import FaultyBus

KEY = "toy_a"
Story = Callable[[House], Awaitable[None]]


def relay(house: House, bus: Bus, leases: Leases, kind: type[Relay] = Relay) -> Relay:
    return kind(house.db, kernel.outbox, leases, bus, clock)


async def prepare(house: House, events: int) -> None:
    await add_keys(house.db, [KEY])
    await write_one(house, KEY, events)


async def applied_once(house: House, last: int) -> None:
    """Each version has had its effect once, in order; the newest one stands; and each event is noted as done."""
    assert await effects(house) == [(KEY, version) for version in range(1, last + 1)]
    assert await states(house) == {KEY: last}
    async with house.db.read() as session:
        noted = (await session.execute(select(kernel.inbox.c.event_id))).scalars().all()
    assert len(noted) == last


# Killed between send and mark.


async def killed_between_send_and_mark(house: House) -> None:
    await prepare(house, 3)
    bus = FaultyBus(house.bus)
    leases = house.leases("first")
    term = await house.lead(leases)
    bus.publish_then_raise()
    with pytest.raises(BusUnavailable):
        await relay(house, bus, leases).drain(term)
    assert await house.unpublished() == 3

    await expire(house)  # the first one is dead: nobody renews
    await write_one(house, KEY)
    second = house.leases("second")
    assert await relay(house, bus, second).drain(await house.lead(second)) == 4
    assert seen_on(await house.log()) == [(KEY, 1), (KEY, 2), (KEY, 3), (KEY, 1), (KEY, 2), (KEY, 3), (KEY, 4)]
    await consume_all(house)
    await applied_once(house, 4)


async def test_a_relay_killed_between_send_and_mark_doubles_no_effect(house: House) -> None:
    await killed_between_send_and_mark(house)


async def test_a_relay_that_is_cancelled_between_send_and_mark_hands_over_at_once(house: House) -> None:
    await prepare(house, 3)
    bus = HeldBus(house.bus)
    bus.hold("after")
    running = asyncio.create_task(house.relay(bus, house.leases("first", ttl=600)).run(asyncio.Event()))
    await bus.arrived()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    second = house.leases("second")
    assert await second.acquire(RELAY) is not None, "an orderly death frees the office, however long the lease"
    assert await house.unpublished() == 3


# Away before anything was sent.


async def log_away_at_the_first_try(house: House, kind: type[Relay] = Relay) -> None:
    await prepare(house, 3)
    bus = FaultyBus(house.bus)
    bus.fail_before_publish()
    leases = house.leases("first")
    term = await house.lead(leases)
    found = relay(house, bus, leases, kind)
    with pytest.raises(BusUnavailable):
        await found.drain(term)
    await found.drain(term)
    assert {version for _, version in seen_on(await house.log())} == {1, 2, 3}
    assert await house.unpublished() == 0


async def test_what_the_log_refused_is_sent_again(house: House) -> None:
    await log_away_at_the_first_try(house)


async def test_a_torn_publish_is_completed_in_order(house: House) -> None:
    await prepare(house, 5)
    bus = FaultyBus(house.bus)
    bus.publish_some(2)
    leases = house.leases("first")
    stop = asyncio.Event()
    running = asyncio.create_task(house.relay(bus, leases).run(stop))
    async with asyncio.timeout(60):
        while await house.unpublished():
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert [version for _, version in seen_on(await house.log())] == [1, 2, 1, 2, 3, 4, 5]
    await consume_all(house)
    await applied_once(house, 5)


# Asleep past the lease.


async def asleep_between_send_and_mark(house: House, kind: type[Leases] = Leases) -> None:
    """A sends and falls asleep; its lease runs out, B leads; A wakes and wants to mark what B has not sent yet."""
    await prepare(house, 3)
    bus = HeldBus(house.bus)
    sleeper = kind(house.db, kernel.lease, "sleeper", clock)
    term = await house.lead(sleeper)
    bus.hold("after")
    asleep = asyncio.create_task(relay(house, bus, sleeper).drain(term))
    await bus.arrived()
    await expire(house)
    other = house.leases("other")
    others_term = await house.lead(other)
    assert others_term.epoch > term.epoch

    bus.go.set()
    (outcome,) = await asyncio.gather(asleep, return_exceptions=True)
    assert isinstance(outcome, LeaseLost)
    assert await house.unpublished() == 3, "who does not lead marks nothing"

    await write_one(house, KEY, 2)
    assert await relay(house, bus, other).drain(others_term) == 5
    assert await house.unpublished() == 0
    await consume_all(house)
    await applied_once(house, 5)


async def test_a_leader_that_slept_past_its_lease_marks_nothing(house: House) -> None:
    await asleep_between_send_and_mark(house)


async def asleep_before_the_send(house: House) -> None:
    """A reads and falls asleep; B leads, sends all of it and newer; then A's old events come on top of the log."""
    await prepare(house, 3)
    bus = HeldBus(house.bus)
    sleeper, other = house.leases("sleeper"), house.leases("other")
    term = await house.lead(sleeper)
    bus.hold("before")
    asleep = asyncio.create_task(relay(house, bus, sleeper).drain(term))
    await bus.arrived()
    await expire(house)
    others_term = await house.lead(other)
    await write_one(house, KEY, 2)
    assert await relay(house, house.bus, other).drain(others_term) == 5

    bus.go.set()
    (outcome,) = await asyncio.gather(asleep, return_exceptions=True)
    assert isinstance(outcome, LeaseLost)
    assert [version for _, version in seen_on(await house.log())] == [1, 2, 3, 4, 5, 1, 2, 3]
    await consume_all(house)
    await applied_once(house, 5)


async def test_what_a_former_leader_sends_late_changes_nothing(house: House) -> None:
    await asleep_before_the_send(house)


# A message that failed, and is tried again days later.


async def late_retry(house: House) -> None:
    """The first version was parked, the second applied; when the first is tried again, the state must not go back."""
    await prepare(house, 2)
    leases = house.leases("first")
    await relay(house, house.bus, leases).drain(await house.lead(leases))
    first, second = await house.log()
    consumer = dispatcher(house)
    assert await consumer.apply(second)
    assert not await consumer.apply(first)
    assert await effects(house) == [(KEY, 2)]
    assert await states(house) == {KEY: 2}


async def test_a_late_retry_does_not_put_the_state_back(house: House) -> None:
    await late_retry(house)


# The same stories, told to what is broken.


@pytest.mark.parametrize("story", [killed_between_send_and_mark, asleep_before_the_send])
@pytest.mark.parametrize("admit", [broken.without_guards, broken.without_inbox])
async def test_a_dispatcher_without_inbox_is_caught(
    local_house: House, story: Story, admit: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "admit", admit)
    with pytest.raises(AssertionError):
        await story(local_house)


async def test_a_dispatcher_without_the_sequence_guard_is_caught(
    local_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "admit", broken.without_sequence_guard)
    with pytest.raises(AssertionError):
        await late_retry(local_house)


async def test_a_relay_that_marks_without_a_fence_is_caught(house: House) -> None:
    with pytest.raises(AssertionError):
        await asleep_between_send_and_mark(house, broken.Unfenced)


async def test_a_relay_that_marks_before_it_sends_is_caught(local_house: House) -> None:
    with pytest.raises(AssertionError):
        await log_away_at_the_first_try(local_house, broken.MarksBeforeItSends)
