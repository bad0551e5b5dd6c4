"""The dispatch loop: at least once delivered, effectively once applied, and what happens when a handler cannot."""

import asyncio

import pytest
from sqlalchemy import select

from shared.bus.parking import TooManyParked
from shared.bus.port import Bus, Outgoing
from tests.faults.bus import Crash, FaultyBus
from tests.integration.shared.toy import PATIENCE, Toy, event, kernel, running, until


@pytest.fixture(autouse=True)
async def topics(toy: Toy) -> None:
    await toy.create_topics()


async def test_each_event_has_its_effect_once(toy: Toy) -> None:
    dispatcher = toy.dispatcher()
    first, second = event("a", 1), event("a", 2)
    await toy.publish(first, first, event("b", 1), second, first, second)
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied + dispatcher.progress.repeated == 6)
    assert await toy.effects() == {"a": (2, 2), "b": (1, 1)}
    assert toy.calls == [("a", 1), ("b", 1), ("a", 2)]


async def test_older_state_after_newer_changes_nothing(toy: Toy) -> None:
    """A relay that slept through its lease repeats old events; here one that the inbox never saw."""
    dispatcher = toy.dispatcher()
    await toy.publish(event("a", 3), event("a", 2), event("a", 4))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 2)
    assert await toy.effects() == {"a": (4, 2)}
    assert ("a", 2) not in toy.calls


async def test_what_nobody_handles_is_counted_and_left(toy: Toy) -> None:
    dispatcher = toy.dispatcher()
    await toy.publish(event("a", 1, "toy.painted"), event("a", 2, "toy.painted"), event("b", 1))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    assert (dispatcher.progress.ignored, dispatcher.progress.unknown) == (2, {"toy.painted": 2})
    assert await toy.parked() == []


async def test_a_poison_message_is_parked_while_the_others_flow(toy: Toy) -> None:
    toy.failing["poison"] = lambda: ValueError("secret content")
    dispatcher = toy.dispatcher()
    await toy.publish(event("a", 1), event("poison", 1), event("b", 1), event("a", 2))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 3)
    assert await toy.effects() == {"a": (2, 2), "b": (1, 1)}
    assert toy.calls.count(("poison", 1)) == 5
    (letter,) = await toy.parked()
    headers = {name: raw.decode() for name, raw in letter.headers}
    assert letter.key == "poison"
    assert headers["ce_id"] == "evt_toy.made_poison_1"
    assert headers["convene_origin"] == f"{toy.topic}:0:1"
    assert (headers["convene_consumer"], headers["convene_attempts"]) == (toy.consumer, "5")
    assert headers["convene_error"].startswith("ValueError at handle")
    assert "secret content" not in repr(letter.headers)
    assert headers["convene_first_failure"] <= headers["convene_last_failure"]


async def test_a_later_event_of_a_parked_subject_still_flows(toy: Toy) -> None:
    """A parked message holds up nobody, not even its own key: state is full."""
    errors = [ValueError()] * 5
    toy.failing["a"] = lambda: errors.pop() if errors else None
    dispatcher = toy.dispatcher()
    await toy.publish(event("a", 1), event("a", 2))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    assert await toy.effects() == {"a": (2, 1)}
    assert len(await toy.parked()) == 1


async def test_a_handler_that_stumbles_is_tried_again_and_leaves_no_half_effect(toy: Toy) -> None:
    errors = [ValueError(), KeyError(), ValueError()]
    toy.failing["a"] = lambda: errors.pop() if errors else None
    dispatcher = toy.dispatcher()
    await toy.publish(event("a", 1))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    assert toy.calls == [("a", 1)] * 4
    assert await toy.effects() == {"a": (1, 1)}
    assert await toy.parked() == []


async def test_what_is_no_event_is_parked_at_the_first_look(toy: Toy) -> None:
    await toy.bus.publish([Outgoing(toy.topic, "k", b"\xff not json", (("ce_id", b"x"),))])
    await toy.publish(event("a", 1))
    dispatcher = toy.dispatcher()
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    (letter,) = await toy.parked()
    assert letter.value == b"\xff not json"
    headers = {name: raw.decode() for name, raw in letter.headers}
    assert (headers["convene_attempts"], headers["convene_error"].split(":")[0]) == ("1", "MalformedEvent")


async def test_a_database_that_is_away_is_waited_for_and_nobody_is_parked(toy: Toy) -> None:
    away = [ConnectionRefusedError() for _ in range(8)]
    toy.failing["a"] = lambda: away.pop() if away else None
    dispatcher = toy.dispatcher(run=2, first_wait=0.001)
    await toy.publish(event("a", 1), event("b", 1))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 2)
    assert await toy.effects() == {"a": (1, 1), "b": (1, 1)}
    assert await toy.parked() == []


async def test_a_consumer_starts_where_the_last_one_committed(toy: Toy) -> None:
    first = toy.dispatcher()
    await toy.publish(event("a", 1), event("a", 2))
    async with running(first):
        await until(lambda: first.progress.applied == 2)
    second = toy.dispatcher()
    await toy.publish(event("a", 3))
    async with running(second):
        await until(lambda: second.progress.applied == 1)
    assert second.progress.repeated == 0
    assert await toy.effects() == {"a": (3, 3)}


async def test_an_effect_without_its_offset_is_not_repeated(toy: Toy) -> None:
    """Killed between the commit of the effect and that of the offset: the record comes again, the inbox knows it."""
    await toy.publish(event("a", 1), event("b", 1))
    faulty = FaultyBus(toy.bus)
    faulty.crash_before_commit()
    await died(toy, faulty)
    assert await toy.effects() == {"a": (1, 1), "b": (1, 1)}
    await toy.publish(event("a", 2))
    dispatcher = toy.dispatcher()
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    assert dispatcher.progress.repeated == 2
    assert await toy.effects() == {"a": (2, 2), "b": (1, 1)}


async def test_a_crash_in_the_handler_loses_nothing_and_leaves_no_half_effect(toy: Toy) -> None:
    """Killed before the commit of the effect: the record comes again and has its effect then, once."""
    await toy.publish(event("a", 1), event("b", 1), event("c", 1))
    toy.failing["b"] = Crash
    await died(toy, toy.bus)
    assert toy.calls.count(("b", 1)) == 1  # who dies does not try again
    assert await toy.effects() == {"a": (1, 1)}
    toy.failing.clear()
    dispatcher = toy.dispatcher()
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 2)
    assert await toy.effects() == dict.fromkeys("abc", (1, 1))
    assert await toy.parked() == []


async def died(toy: Toy, bus: Bus) -> None:
    """A dispatcher that runs into its planned crash."""
    async with running(toy.dispatcher(bus)) as task:
        await asyncio.wait([task], timeout=PATIENCE)
        assert isinstance(task.exception(), Crash)


async def test_a_consumer_that_would_park_everything_stops_instead(toy: Toy) -> None:
    subjects = [f"s{number}" for number in range(10)]
    for subject in subjects:
        toy.failing[subject] = ValueError
    await toy.publish(event("fine", 1), *(event(subject, 1) for subject in subjects))
    dispatcher = toy.dispatcher(run=4)
    async with running(dispatcher) as task:
        await asyncio.wait([task], timeout=PATIENCE)
        with pytest.raises(TooManyParked, match="4 messages in a row"):
            task.result()
    assert dispatcher.progress.stopped == "4 messages in a row failed"
    assert [letter.key for letter in await toy.parked()] == subjects[:3]
    # the release is mended: nothing was passed over, and what had its effect already has it once
    toy.failing.clear()
    mended = toy.dispatcher(run=4)
    async with running(mended):
        await until(lambda: mended.progress.applied + mended.progress.repeated == 11)
    assert await toy.effects() == dict.fromkeys(["fine", *subjects], (1, 1))


async def test_a_consumer_that_parks_more_than_it_applies_stops_too(toy: Toy) -> None:
    """Never four in a row, but three of four: the ratio over the last records sees it."""
    events = [event(f"s{number}", 1) for number in range(40)]
    for number in range(40):
        if number % 4:
            toy.failing[f"s{number}"] = ValueError
    await toy.publish(*events)
    dispatcher = toy.dispatcher(run=10, window=12, ratio=0.5)
    async with running(dispatcher) as task:
        await asyncio.wait([task], timeout=PATIENCE)
        with pytest.raises(TooManyParked, match="of the last 12 messages"):
            task.result()
    assert len(await toy.parked()) < 12


async def test_a_few_bad_messages_among_many_stop_nobody(toy: Toy) -> None:
    for number in range(0, 60, 3):
        toy.failing[f"s{number}"] = ValueError
    await toy.publish(*(event(f"s{number}", 1) for number in range(60)))
    dispatcher = toy.dispatcher(run=4, window=12, ratio=0.5)
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 40)
    assert dispatcher.progress.stopped is None
    assert len(await toy.parked()) == 20


async def test_the_effect_and_its_inbox_row_are_one(toy: Toy) -> None:
    toy.failing["poison"] = ValueError
    dispatcher = toy.dispatcher()
    await toy.publish(event("poison", 1), event("a", 1))
    async with running(dispatcher):
        await until(lambda: dispatcher.progress.applied == 1)
    async with toy.db.read() as session:
        inbox = [row.event_id for row in await session.execute(select(kernel.inbox))]
        applied = [(row.subject, row.sequence) for row in await session.execute(select(kernel.applied))]
    assert (inbox, applied) == (["evt_toy.made_a_1"], [("a", 1)])
