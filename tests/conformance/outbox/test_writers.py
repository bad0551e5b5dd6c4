"""16 writers on 4 keys: nothing lost, nothing doubled, nothing out of order; and readers that show the run can tell."""

import asyncio
import random

from sqlalchemy import delete, select

from tests.conformance.outbox.harness import Account, House, account, kernel, race, seen_on

KEYS = ("toy_a", "toy_b", "toy_c", "toy_d")
EVENTS = 5_000
ROUNDS = 5


async def naive_reader(house: House, seen: list[tuple[str, int]], stop: asyncio.Event) -> None:
    """`id > cursor`, the reader that everybody writes first. Sequences are handed out before commits, so it loses."""
    outbox, cursor = kernel.outbox.c, 0
    while True:
        last_round = stop.is_set()
        async with house.db.read() as session:
            rows = (await session.execute(select(kernel.outbox).where(outbox.seq > cursor).order_by(outbox.seq))).all()
        for row in rows:
            seen.append((row.key, int(dict(row.headers)["ce_sequence"])))
            cursor = row.seq
        if last_round:
            return
        await asyncio.sleep(0.005)


async def test_16_writers_lose_double_and_disorder_nothing(house: House) -> None:
    leases = house.leases("relay-1")
    relay, stop, naive_stop = house.relay(house.bus, leases), asyncio.Event(), asyncio.Event()
    naive: list[tuple[str, int]] = []
    leading = asyncio.create_task(relay.run(stop))
    # SQLite has one writer, so that its sequence is the order of commits: there even the naive reader is right
    reading = None if house.db.is_sqlite else asyncio.create_task(naive_reader(house, naive, naive_stop))

    await race(house, KEYS, EVENTS, delay=0.001 if house.db.is_sqlite else 0.006)
    async with asyncio.timeout(60):
        while await house.unpublished():
            await asyncio.sleep(0.02)
    stop.set()
    naive_stop.set()
    await leading

    committed = await house.versions()
    assert sum(committed.values()) == EVENTS
    assert account(seen_on(await house.log()), committed) == Account(lost=0, doubled=0, disordered=0)
    if reading is None:
        return
    await reading
    for _ in range(ROUNDS):
        if account(naive, committed).lost:
            break
        naive, committed = await naive_round(house)
    assert account(naive, committed).lost > 0, "the run is too tame to show what a wrong reader loses"


async def naive_round(house: House) -> tuple[list[tuple[str, int]], dict[str, int]]:
    seen: list[tuple[str, int]] = []
    stop = asyncio.Event()
    reading = asyncio.create_task(naive_reader(house, seen, stop))
    before = await house.versions()
    await race(house, KEYS, 500)
    stop.set()
    await reading
    # positions are counted from the round's start: what the reader found of earlier rounds says nothing
    fresh = [(key, version - before[key]) for key, version in seen if version > before[key]]
    return fresh, {key: last - before[key] for key, last in (await house.versions()).items()}


async def test_several_readers_that_skip_locked_rows_break_the_order(shared_house: House) -> None:
    """The other usual cure, kept as the second proof that a wrong relay shows here."""
    house, outbox = shared_house, kernel.outbox.c
    sent: list[tuple[str, int]] = []
    stop = asyncio.Event()

    async def skipping(number: int) -> None:
        chance = random.Random(number)
        while True:
            last_round = stop.is_set()
            async with house.db.write() as session:
                query = select(kernel.outbox).order_by(outbox.seq).limit(7).with_for_update(skip_locked=True)
                rows = (await session.execute(query)).all()
                await asyncio.sleep(chance.random() * 0.01)  # the log takes its time
                sent.extend((row.key, int(dict(row.headers)["ce_sequence"])) for row in rows)
                await session.execute(delete(kernel.outbox).where(outbox.seq.in_([row.seq for row in rows])))
            if last_round and not rows:
                return

    for _ in range(ROUNDS):
        sent.clear()
        stop.clear()
        before = await house.versions()
        readers = [asyncio.create_task(skipping(number)) for number in range(4)]
        await race(house, KEYS, 500)
        stop.set()
        await asyncio.gather(*readers)
        after = await house.versions()
        found = account(
            [(key, version - before.get(key, 0)) for key, version in sent],
            {key: last - before.get(key, 0) for key, last in after.items()},
        )
        assert (found.lost, found.doubled) == (0, 0)
        if found.disordered:
            return
    raise AssertionError("the run is too tame to show what several relays do to the order")
