"""Sealing behind writers that race: on both databases no row is lost, placed twice or left out, whoever is killed when."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, select, text

from shared.audit import notes, tree
from shared.audit.checking import Kept, check_rows
from shared.audit.leaves import entry_of, hash_of
from shared.audit.reading import AuditReader
from shared.audit.sealing import SEALER, Sealer, Sealing
from shared.clock import FixedClock, SystemClock
from shared.db import AutoInt, Database
from shared.ids import Uuid7Ids
from shared.kernel import NAMING, Kernel
from shared.leases import LeaseLost, Leases, Term
from shared.unit import UnitOfWork

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
made = Table("made", metadata, Column("id", AutoInt, primary_key=True), Column("name", String(100), nullable=False))
PATIENCE = 60.0


@dataclass
class House:
    """One service's audit, its writers, and a sealer that is called by hand."""

    db: Database
    clock: FixedClock
    leases: Leases
    sealing: Sealing = Sealing(seconds=0.01, checkpoint_seconds=0)  # noqa: RUF009

    def sealer(self, leases: Leases | None = None, **values: Any) -> Sealer:
        return Sealer(
            self.db, kernel.auditing, leases or self.leases, self.clock, service="toys", sealing=self.sealing, **values
        )

    async def term(self) -> Term:
        term = await self.leases.acquire(SEALER)
        assert term
        return term

    async def write(self, name: str, pause: float = 0.0, *, fail: bool = False) -> None:
        """An effect with its row: the sequence is drawn first, the commit comes when it comes."""
        async with self.db.write() as session:
            uow = UnitOfWork(
                session, kernel, self.clock, Uuid7Ids(), topic="toys.v1", source="/toys", actor=f"per_{name}"
            )
            uow.note("toy.made", f"toy_{name}", 1, {"name": name})
            await uow.flush()
            await session.execute(made.insert().values(name=name))
            if pause:
                await asyncio.sleep(pause)
            if fail:
                raise ZeroDivisionError

    async def rows(self) -> list[Any]:
        async with self.db.read() as session:
            return list((await session.execute(select(kernel.audit).order_by(kernel.audit.c.seq))).all())

    async def check(self) -> Kept:
        """Everything holds together: places, tree, log and checkpoints. What a reader would keep."""
        async with self.db.read() as session:
            reader = AuditReader(session, kernel.auditing)
            log = await reader.log()
            assert log
            stored = [row.note for row in await reader.checkpoints(limit=10_000)]
            kept = Kept("toys", [row.verifier for row in await reader.keys()], stored)
            report = check_rows(kept, log[0], await reader.all_rows(), await reader.tiles(), stored, log[1])
        assert report.findings == []
        return kept

    async def effects(self) -> list[str]:
        async with self.db.read() as session:
            return sorted((await session.execute(select(made.c.name))).scalars())


@pytest.fixture
async def house(kernel_url: str) -> AsyncIterator[House]:
    db = Database(kernel_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    clock = FixedClock(SystemClock().now())
    yield House(db, clock, Leases(db, kernel.lease, "first", clock, ttl=60))
    await db.dispose()


async def test_no_row_is_lost_or_sealed_twice_while_writers_race_and_sealers_are_killed(house: House) -> None:
    """12 writers, commits in another order than sequences, rollbacks between; sealers in small batches, cancelled at any
    moment, and two of them at once."""
    random.seed(5)
    writers, each = (4, 20) if house.db.is_sqlite else (12, 25)
    done = asyncio.Event()

    async def writer(number: int) -> None:
        for turn in range(each):
            pause = random.random() * (0.001 if house.db.is_sqlite else 0.02)
            try:
                await house.write(f"{number}-{turn}", pause, fail=random.random() < 0.1)
            except ZeroDivisionError:
                continue

    async def killed_again_and_again() -> int:
        kills = 0
        while not done.is_set():
            stop = asyncio.Event()
            leases = Leases(
                house.db, kernel.lease, "first", house.clock, ttl=60
            )  # the same name: it takes over at once
            running = asyncio.create_task(house.sealer(leases, batch=7).run(stop))
            await asyncio.sleep(random.random() * 0.1)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            kills += 1
        return kills

    killing = asyncio.create_task(killed_again_and_again())
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(writer(number) for number in range(writers)))
        done.set()
        assert await killing > 1
        term = await house.term()
        while await house.sealer(batch=50).seal(term):
            pass
    rows = await house.rows()
    assert sorted(row.leaf for row in rows) == list(range(len(rows)))
    assert sorted(row.subject for row in rows) == [f"toy_{name}" for name in await house.effects()]
    await house.check()


@pytest.mark.postgres
async def test_a_row_that_commits_late_comes_with_a_later_batch(house: House) -> None:
    if house.db.is_sqlite:
        pytest.skip("SQLite has one writer: its sequence is the order of commits")
    late = asyncio.create_task(house.write("late", 0.5))
    await asyncio.sleep(0.15)
    await house.write("early")
    term = await house.term()
    assert await house.sealer().seal(term) == 1
    await late
    assert await house.sealer().seal(term) == 1
    assert [(row.subject, row.leaf) for row in await house.rows()] == [("toy_late", 1), ("toy_early", 0)]
    await house.check()


async def test_within_a_batch_rows_keep_the_order_they_were_written_in(house: House) -> None:
    for number in range(5):
        await house.write(str(number))
    await house.sealer().seal(await house.term())
    assert [(row.subject, row.leaf) for row in await house.rows()] == [(f"toy_{each}", each) for each in range(5)]


async def test_a_sealer_that_slept_through_its_term_changes_nothing(house: House) -> None:
    await house.write("a")
    old = await house.term()
    new = await house.term()
    with pytest.raises(LeaseLost):
        await house.sealer().seal(old)
    assert [row.leaf for row in await house.rows()] == [None]
    assert await house.sealer().seal(new) == 1


async def test_a_checkpoint_is_due_by_time_or_by_rows_and_only_when_something_changed(house: House) -> None:
    house.sealing = Sealing(checkpoint_seconds=60, checkpoint_rows=3)
    term, sealer = await house.term(), house.sealer()

    async def sizes() -> list[int]:
        async with house.db.read() as session:
            found = await AuditReader(session, kernel.auditing).checkpoints(limit=100)
            return sorted(row.size for row in found)

    async def write(*names: str) -> list[int]:
        for name in names:
            await house.write(name)
        await sealer.seal(term)
        return await sizes()

    assert await write() == []
    assert await write("a") == [1], "the first at once"
    assert await write("b") == [1], "not yet"
    house.clock.advance(timedelta(seconds=61).total_seconds())
    assert await write() == [1, 2], "a minute later, although no row came meanwhile"
    house.clock.advance(600)
    assert await write() == [1, 2], "nothing new to sign"
    assert await write("c", "d", "e") == [1, 2, 5]
    await house.check()


async def test_a_checkpoint_says_what_the_rows_are_and_its_key_is_published(house: House) -> None:
    house.sealing = Sealing(bytes(range(32)), checkpoint_seconds=0)
    for number in range(300):
        await house.write(str(number))
    term = await house.term()
    while await house.sealer(batch=70).seal(term):
        pass
    kept = await house.check()
    seed = notes.derived(bytes(range(32)), "toys")
    origin = notes.read(kept.checkpoints[0])[0].origin
    assert kept.keys == [notes.public_key(seed, origin).text]
    newest = notes.verify(kept.checkpoints[0], notes.PublicKey.read(kept.keys[0]))
    hashes = [hash_of(notes.log_of(origin), entry_of(row, row.leaf)) for row in await house.rows()]
    assert (newest.size, newest.root) == (300, tree.hash_of_range((0, 300), tree.grow({}, 0, hashes)))
    async with house.db.read() as session:
        assert (await session.execute(select(kernel.auditing.log.c.seed))).scalar_one() is None, "a given key stays out"


async def test_without_a_given_key_one_is_drawn_and_kept(house: House) -> None:
    await house.write("a")
    await house.sealer().seal(await house.term())
    await house.write("b")
    await house.sealer().seal(await house.term())
    assert len((await house.check()).keys) == 1


async def test_a_key_that_is_changed_is_published_beside_the_old_one(house: House) -> None:
    for secret, name in ((bytes(32), "a"), (bytes(range(32)), "b")):
        house.sealing = Sealing(secret, checkpoint_seconds=0)
        await house.write(name)
        await house.sealer().seal(await house.term())
    kept = await house.check()
    assert len(kept.keys) == len({notes.read(note)[1] for note in kept.checkpoints}) == 2


async def test_rows_of_one_kind_have_hashes_that_nobody_can_guess(house: House) -> None:
    """Two effects that differ in nothing but their place: with salts the hash of one says nothing about the other."""
    await house.write("a")
    await house.write("a")
    rows = await house.rows()
    assert rows[0].secret != rows[1].secret
    assert len(rows[0].secret) == 32


async def test_a_place_is_given_once(house: House) -> None:
    await house.write("a")
    await house.write("b")
    await house.sealer().seal(await house.term())
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with house.db.write() as session:
            await session.execute(text("UPDATE audit SET leaf = 0"))
