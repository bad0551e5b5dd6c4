"""What the audit costs a write: the same effects with rows that nobody seals, with the sealer beside, and chained in the write.

An effect is a row and its audit row in one transaction on PostgreSQL, closed loop, all in this process. The chained side
locks the head of a chain and hashes onto it before each commit: what sealing behind the writers saves.
"""

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.measure import Busy, Result, Round, interleave, latencies
from infra.native.postgres import PostgresServer
from shared.audit.sealing import Sealer, Sealing
from shared.clock import SystemClock
from shared.db import AutoInt, Database
from shared.ids import Uuid7Ids
from shared.kernel import NAMING, Kernel
from shared.leases import Leases
from shared.unit import UnitOfWork

WHAT = "effects a second, each a row and its audit row in one transaction, all found afterwards"
OURS, BARE, CHAINED = "ours", "rows that nobody seals", "chained in the write"

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
made = Table("made", metadata, Column("id", AutoInt, primary_key=True), Column("name", String(100), nullable=False))
head = Table("head", metadata, Column("id", AutoInt, primary_key=True), Column("hash", String(64), nullable=False))


async def run(quick: bool, say: Callable[[str], None]) -> Result:
    clients, effects, rounds = 16, 600 if quick else 3000, 5
    folder = Path(tempfile.mkdtemp(prefix="convene-bench-"))
    postgres = PostgresServer(folder / "postgres")
    clock = SystemClock()
    say("starting PostgreSQL")
    try:
        await asyncio.to_thread(postgres.start)
        db = Database(await asyncio.to_thread(postgres.create_database, "audit"), pool_size=clients + 2)
        async with db.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(head.insert().values(id=1, hash=""))

        async def effect(number: int, chained: bool) -> None:
            async with db.write() as session:
                await session.execute(made.insert().values(name=f"n{number}"))
                uow = UnitOfWork(session, kernel, clock, Uuid7Ids(), topic="toys.v1", source="/toys", actor="per_1")
                uow.note("toy.made", f"toy_{number}", 1, {"changed": ["name"]})
                await uow.flush()
                if chained:
                    await _chain(session, number)

        async def round_of(chained: bool, sealed: bool) -> Round:
            before = await _count(db)
            stop, waiting, seconds = asyncio.Event(), iter(range(effects)), list[float]()
            leases = Leases(db, kernel.lease, "bench", clock, ttl=30)
            sealer = Sealer(db, kernel.auditing, leases, clock, service="toys", sealing=Sealing(seconds=0.2))
            beside = asyncio.create_task(sealer.run(stop)) if sealed else None

            async def client() -> None:
                for number in waiting:
                    begun = time.perf_counter()
                    await effect(number, chained)
                    seconds.append(time.perf_counter() - begun)

            busy, begun = Busy(), time.perf_counter()
            await asyncio.gather(*(client() for _ in range(clients)))
            took = time.perf_counter() - begun
            share = busy.share()
            if beside:
                while await _unsealed(db):  # noqa: ASYNC110 - the sealer is not to be changed for the bench
                    await asyncio.sleep(0.05)
            took_all = time.perf_counter() - begun
            stop.set()
            if beside:
                await beside
            else:  # none is left over for a later round's sealer
                async with db.write() as session:
                    await session.execute(text("DELETE FROM audit WHERE leaf IS NULL"))
            figures = {"effects/s": effects / took, **latencies(seconds), "s until sealed": took_all - took}
            # writers, sealer and figures share this process: how busy it is, is part of what is measured
            return Round(effects, await _count(db) - before, 0, figures, min(share, 0.0))

        result = Result(
            "audit",
            WHAT,
            {"clients": clients, "effects a round": effects, "database": "PostgreSQL", "fsync": "on"},
            [(name, OURS, name, BARE) for name in ("effects/s", "p50 ms", "p99 ms")]
            + [("effects/s", OURS, "effects/s", CHAINED)],
        )
        sides = {
            OURS: lambda _: round_of(chained=False, sealed=True),
            BARE: lambda _: round_of(chained=False, sealed=False),
            CHAINED: lambda _: round_of(chained=True, sealed=False),
        }
        try:
            return await interleave(result, sides, rounds, say)
        finally:
            await db.dispose()
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _chain(session: AsyncSession, number: int) -> None:
    last = (await session.execute(select(head.c.hash).where(head.c.id == 1).with_for_update())).scalar_one()
    linked = hashlib.sha256(f"{last} toy_{number}".encode()).hexdigest()
    await session.execute(update(head).values(hash=linked))


async def _count(db: Database) -> int:
    async with db.read() as session:
        return int((await session.execute(select(func.count()).select_from(made))).scalar_one())


async def _unsealed(db: Database) -> int:
    rows = kernel.audit.c
    async with db.read() as session:
        return int((await session.execute(select(func.count()).where(rows.leaf.is_(None)))).scalar_one())
