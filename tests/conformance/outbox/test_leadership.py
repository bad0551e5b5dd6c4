"""Several relays on one PostgreSQL: one leads, the order holds, and when it goes another one follows."""

import asyncio

from tests.conformance.outbox.harness import Account, House, account, consume_all, effects, race, seen_on
from tests.faults.bus import FaultyBus

KEYS = ("toy_a", "toy_b", "toy_c")
RELAYS = 4


async def test_several_relays_lead_one_at_a_time_and_follow_each_other(shared_house: House) -> None:
    """While writers post, the leader is cancelled twice; the log has everything in order, and no effect is doubled."""
    house = shared_house
    stop = asyncio.Event()
    buses = [FaultyBus(house.bus) for _ in range(RELAYS)]
    relays: dict[int, asyncio.Task[None]] = {}
    for number, bus in enumerate(buses):
        db = house.replica()
        leases = house.leases(f"relay-{number}", ttl=0.9, db=db)
        relays[number] = asyncio.create_task(house.relay(bus, leases, db=db, batch=20).run(stop))

    async def leader(but: set[int]) -> int:
        """The relay that publishes next, of those still alive."""
        before = [len(bus.published) for bus in buses]
        async with asyncio.timeout(60):
            while True:
                for number, bus in enumerate(buses):
                    if number not in but and len(bus.published) > before[number]:
                        return number
                await asyncio.sleep(0.01)

    async def post() -> None:
        while not enough.is_set():
            await race(house, KEYS, 20, writers=4, delay=0.003)
            await asyncio.sleep(0.05)

    enough = asyncio.Event()
    posting = asyncio.create_task(post())
    gone: set[int] = set()
    for _ in range(2):
        leading = await leader(gone)
        relays[leading].cancel()
        gone.add(leading)
    last = await leader(gone)
    enough.set()
    await posting
    async with asyncio.timeout(60):
        while await house.unpublished():
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*relays.values(), return_exceptions=True)

    assert last not in gone
    assert all(not task.cancelled() and task.exception() is None for n, task in relays.items() if n not in gone)
    seen, committed = seen_on(await house.log()), await house.versions()
    found = account(seen, committed)
    assert found.lost == 0
    # A repeat is allowed, where a leader was cancelled between send and mark; what is new comes in order.
    newest: dict[str, int] = {}
    firsts = [(k, v) for k, v in seen if v > newest.get(k, 0) and not newest.update({k: v})]
    assert account(firsts, committed) == Account(lost=0, doubled=0, disordered=0)
    await consume_all(house)
    assert account(await effects(house), committed) == Account(lost=0, doubled=0, disordered=0)


async def test_without_faults_several_relays_publish_everything_once(shared_house: House) -> None:
    house = shared_house
    stop = asyncio.Event()
    relays: list[asyncio.Task[None]] = []
    for number in range(3):
        db = house.replica()
        leases = house.leases(f"relay-{number}", ttl=600, db=db)
        relays.append(asyncio.create_task(house.relay(house.bus, leases, db=db, batch=20).run(stop)))
    await race(house, KEYS, 300, writers=8, delay=0.003)
    async with asyncio.timeout(60):
        while await house.unpublished():
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*relays)
    assert account(seen_on(await house.log()), await house.versions()) == Account(lost=0, doubled=0, disordered=0)
