"""Leases on both databases: one leader, an epoch that fences, database time, and an orderly or a sudden end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select, text

from shared.clock import FixedClock, SystemClock
from shared.db import Database
from shared.kernel import Kernel
from shared.leases import MATCHING, RELAY, LeaseLost, Leases, Term
from tests.conformance.outbox.harness import PATIENCE

metadata = MetaData()
kernel = Kernel(metadata)


@pytest.fixture
async def db(kernel_url: str) -> AsyncIterator[Database]:
    made = Database(kernel_url)
    async with made.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


def holder(db: Database, name: str, ttl: float = 60.0) -> Leases:
    return Leases(db, kernel.lease, name, SystemClock(), ttl=ttl)


async def expire(db: Database) -> None:
    async with db.write() as session:
        await session.execute(text("UPDATE lease SET until = 1"))


async def row(db: Database) -> tuple[str, int, float]:
    async with db.read() as session:
        found = (await session.execute(select(kernel.lease))).one()
        return found.holder, found.epoch, found.until


async def acquired(leases: Leases, role: str = RELAY) -> Term:
    term = await leases.acquire(role)
    assert term is not None
    return term


async def test_one_holds_the_office_until_its_time_is_over(db: Database) -> None:
    one, other = holder(db, "one"), holder(db, "other")
    first = await acquired(one)
    assert await other.acquire(RELAY) is None
    assert await other.acquire(MATCHING) is not None, "another role is another office"
    await expire(db)
    second = await acquired(other)
    assert second.epoch == first.epoch + 1
    await other.release(second)
    assert (await acquired(one)).epoch == second.epoch + 1


async def test_a_holder_that_starts_again_leads_at_once_in_a_new_epoch(db: Database) -> None:
    """Under its own name it need not wait for its ghost; what the ghost still does is fenced off."""
    ghost = await acquired(holder(db, "one"))
    again = await acquired(holder(db, "one"))
    assert again.epoch == ghost.epoch + 1
    with pytest.raises(LeaseLost):
        await holder(db, "one").renew(ghost)


async def test_of_many_at_the_same_instant_one_gets_it(db: Database) -> None:
    for round_ in range(1, 4):
        terms = await asyncio.gather(*(holder(db, f"holder-{n}").acquire(RELAY) for n in range(6)))
        assert [term.epoch for term in terms if term] == [round_]
        await expire(db)


async def test_renewing_keeps_the_office_and_a_lost_one_cannot_be_renewed(db: Database) -> None:
    one, other = holder(db, "one", ttl=30), holder(db, "other", ttl=30)
    term = await acquired(one)
    await expire(db)
    await one.renew(term)  # nobody has taken it meanwhile: no harm done
    assert await other.acquire(RELAY) is None
    await expire(db)
    await acquired(other)
    before = await row(db)
    with pytest.raises(LeaseLost):
        await one.renew(term)
    await one.release(term)
    assert await row(db) == before, "who has lost the office neither renews nor frees it"


async def test_the_fence_lets_only_the_present_epoch_through(db: Database) -> None:
    one, other = holder(db, "one"), holder(db, "other")
    term = await acquired(one)
    async with db.write() as session:
        await one.fence(session, term)
    await expire(db)
    async with db.write() as session:
        await one.fence(session, term)  # late, but nobody else leads: its writes clash with nobody's
    newer = await acquired(other)
    with pytest.raises(LeaseLost):
        async with db.write() as session:
            await one.fence(session, term)
    async with db.write() as session:
        await other.fence(session, newer)


async def test_nobody_takes_the_office_during_a_fenced_transaction(db: Database) -> None:
    """The fence is a lock, not a look: what it covers commits before the next leader's first transaction."""
    one, other = holder(db, "one"), holder(db, "other")
    term = await acquired(one)
    await expire(db)
    order: list[str] = []

    async def fenced(entered: asyncio.Event) -> None:
        async with db.write() as session:
            await one.fence(session, term)
            entered.set()
            await asyncio.sleep(0.2)
            order.append("fenced work done")

    entered = asyncio.Event()
    working = asyncio.create_task(fenced(entered))
    await entered.wait()
    await acquired(other)
    order.append("other leads")
    await working
    assert order == ["fenced work done", "other leads"]


async def test_time_is_the_databases(db: Database) -> None:
    """A holder whose own clock is years off gets, keeps and respects leases like any other."""
    wrong = FixedClock(SystemClock().now().replace(year=2017, month=1, day=1))
    lost_in_time = Leases(db, kernel.lease, "2017", wrong, ttl=60)
    term = await acquired(lost_in_time)
    _, _, until = await row(db)
    assert abs(until - SystemClock().now().timestamp()) < 600
    assert await holder(db, "present").acquire(RELAY) is None
    hasty = Leases(db, kernel.lease, "2037", FixedClock(SystemClock().now().replace(year=2037, month=1, day=1)), ttl=60)
    assert await hasty.acquire(RELAY) is None
    wrong.advance(10 * 365 * 86_400)
    await lost_in_time.renew(term)
    assert await holder(db, "present").acquire(RELAY) is None


async def test_two_can_enter_a_lane_that_nobody_has_entered_yet(db: Database) -> None:
    """The very first command and the very first matching may come together: one waits for the other, neither fails."""
    inside, most = 0, 0

    async def enter(name: str) -> None:
        nonlocal inside, most
        async with db.write() as session:
            await holder(db, name).enter(session, MATCHING)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.05)
            inside -= 1

    await asyncio.gather(*(enter(f"enterer-{n}") for n in range(4)))
    assert most == 1
    assert (await row(db))[1] == 0, "entering is not leading"
    leader = holder(db, "leader")
    term = await acquired(leader, MATCHING)
    await enter("guest")
    await leader.renew(term)


# lead()


async def test_what_the_work_raises_comes_out_and_the_office_is_free(db: Database) -> None:
    async def work(term: Term) -> None:
        raise ZeroDivisionError(term.role)

    with pytest.raises(ZeroDivisionError):
        await holder(db, "one").lead(RELAY, work, asyncio.Event())
    await acquired(holder(db, "other"))


async def test_a_lost_lease_ends_the_work_and_is_stood_for_again(db: Database) -> None:
    """The work that hangs is cancelled as soon as a renewal finds another epoch; with the office free again it goes on."""
    terms: list[int] = []
    ended: list[int] = []
    stop = asyncio.Event()

    async def work(term: Term) -> None:
        terms.append(term.epoch)
        try:
            await stop.wait()
        finally:
            ended.append(term.epoch)

    leading = asyncio.create_task(holder(db, "one", ttl=0.3).lead(RELAY, work, stop))
    async with asyncio.timeout(PATIENCE):
        while not terms:
            await asyncio.sleep(0.02)
        usurper, theirs = holder(db, "usurper"), None
        while theirs is None:  # it renews all the time, so the office has to be torn from it
            await expire(db)
            theirs = await usurper.acquire(RELAY)
        while not ended:
            await asyncio.sleep(0.02)
        assert terms[-1] < theirs.epoch
        async with db.write() as session:
            await usurper.fence(session, theirs)
        await usurper.release(theirs)
        while terms[-1] < theirs.epoch:
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.wait_for(leading, PATIENCE)


async def test_work_that_meets_the_fence_ends_its_term_and_nothing_more(db: Database) -> None:
    terms: list[int] = []
    stop = asyncio.Event()

    async def work(term: Term) -> None:
        terms.append(term.epoch)
        if len(terms) == 1:
            raise LeaseLost("as the fence says it")
        stop.set()

    await asyncio.wait_for(holder(db, "one").lead(RELAY, work, stop), PATIENCE)
    assert len(terms) == 2


async def test_stop_lets_the_work_finish_what_it_holds(db: Database) -> None:
    stop, began = asyncio.Event(), asyncio.Event()
    finished: list[bool] = []

    async def work(_: Term) -> None:
        began.set()
        await stop.wait()
        await asyncio.sleep(0.2)
        finished.append(True)

    leading = asyncio.create_task(holder(db, "one").lead(RELAY, work, stop))
    await asyncio.wait_for(began.wait(), PATIENCE)
    stop.set()
    await asyncio.wait_for(leading, PATIENCE)
    assert finished == [True]
    await acquired(holder(db, "other"))


async def test_stop_ends_who_waits_for_the_office(db: Database) -> None:
    await acquired(holder(db, "one"))
    stop = asyncio.Event()

    async def work(_: Term) -> None:
        raise AssertionError("it was never elected")

    waiting = asyncio.create_task(holder(db, "other").lead(RELAY, work, stop))
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.wait_for(waiting, PATIENCE)


async def test_when_the_holder_dies_without_a_word_another_one_follows(db: Database) -> None:
    """A killed process frees nothing; its lease just runs out."""
    dead = await acquired(holder(db, "dead", ttl=0.5))
    stop = asyncio.Event()
    terms: list[int] = []

    async def work(term: Term) -> None:
        terms.append(term.epoch)
        stop.set()

    await asyncio.wait_for(holder(db, "heir", ttl=0.5).lead(RELAY, work, stop), PATIENCE)
    assert terms == [dead.epoch + 1]


async def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """A leader's candidacy survives an outage; it neither crashes nor believes to lead."""
    db = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    stop = asyncio.Event()

    async def work(_: Term) -> None:
        raise AssertionError("nobody can be elected there")

    waiting = asyncio.create_task(holder(db, "one", ttl=0.3).lead(RELAY, work, stop))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    stop.set()
    await asyncio.wait_for(waiting, PATIENCE)
    await db.dispose()
