"""The sealer: numbers audit rows behind the writers, grows the tree, and signs checkpoints. One leader per service.

Writers only insert. Making each of them lock the head of a chain cut a trial from 1,260 writes a second to 142. So rows
are sealed as the outbox is relayed: whatever has no place yet, in order of `seq`. A row that commits late with a lower
`seq` simply comes with a later batch; none is lost, and the fence keeps any from being placed twice. Places, tiles and
the log's size change in one transaction: a sealer that is killed has done all of a batch or nothing.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.audit import notes, tree
from shared.audit.leaves import entry_of, hash_of, text_of
from shared.audit.tables import AuditTables
from shared.audit.tree import Place
from shared.clock import Clock
from shared.db import Database, among, insert, is_transient
from shared.leases import LeaseLost, Leases, Term, wait

log = structlog.get_logger(__name__)

SEALER = "audit"
BATCH = 500
"""Rows a transaction: some 15 ms of hashing, for which SQLite's one writer waits."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a service seals.

    secret              32 bytes of the installation, of which each service's signing key is derived; without them the key
                        is drawn once and kept in the database
    seconds             between looks for rows without a place
    checkpoint_seconds  most seconds until what was sealed is under a checkpoint; checkpoint_rows: or that many rows
    """

    secret: bytes | None = None
    seconds: float = 1.0
    checkpoint_seconds: float = 60.0
    checkpoint_rows: int = 1000


class Sealer:
    """Seals one service's audit. Any number of replicas may run it; the lease lets one lead."""

    def __init__(
        self,
        db: Database,
        tables: AuditTables,
        leases: Leases,
        clock: Clock,
        *,
        service: str,
        sealing: Sealing,
        batch: int = BATCH,
    ) -> None:
        self._db, self._tables, self._leases, self._clock = db, tables, leases, clock
        self._service, self._sealing, self._batch = service, sealing, batch
        self._unsigned = True  # until a round says otherwise: an earlier leader may have left some

    async def run(self, stop: asyncio.Event) -> None:
        async def work(term: Term) -> None:
            await self._work(term, stop)

        await self._leases.lead(SEALER, work, stop)

    async def _work(self, term: Term, stop: asyncio.Event) -> None:
        self._unsigned = True
        while not stop.is_set():
            try:
                sealed = await self.seal(term)
            except LeaseLost:
                return
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("audit.waiting", error=type(error).__name__)
                sealed = 0
            if sealed < self._batch:
                await wait(stop, self._sealing.seconds)

    async def seal(self, term: Term) -> int:
        """One round: how many rows got their place. Signs a checkpoint when one is due. Raises LeaseLost."""
        if not self._unsigned and not await self._anything():
            return 0
        async with self._db.write() as session:
            await self._leases.fence(session, term)
            log_id, size, seed = await self._log(session)
            rows = await self._unsealed(session)
            begun = await self._tiles(session, tree.frontier(size))
            hashes = [hash_of(log_id, entry_of(row, size + index)) for index, row in enumerate(rows)]
            changed = tree.grow(begun, size, hashes)
            if rows:
                await self._place(session, [row.seq for row in rows], size)
                await self._store(session, changed)
                await session.execute(update(self._tables.log).values(size=size + len(rows)))
            signed = await self._sign(session, log_id, size + len(rows), begun | changed, seed)
        self._unsigned = not signed
        return len(rows)

    async def _anything(self) -> bool:
        rows = self._tables.rows.c
        async with self._db.read() as session:
            return (await session.execute(select(rows.seq).where(rows.leaf.is_(None)).limit(1))).first() is not None

    async def _unsealed(self, session: AsyncSession) -> list[Any]:
        rows = self._tables.rows
        found = await session.execute(select(rows).where(rows.c.leaf.is_(None)).order_by(rows.c.seq).limit(self._batch))
        return list(found.all())

    async def _log(self, session: AsyncSession) -> tuple[str, int, bytes]:
        """The log's id, how many leaves it has, and the seed of the key that signs it."""
        table, given = self._tables.log, self._sealing.secret
        row = (await session.execute(select(table))).one_or_none()
        if row is None:
            log_id, size, kept = f"log_{secrets.token_hex(16)}", 0, None
            await session.execute(table.insert().values(id=log_id, size=0))
        else:
            log_id, size, kept = row.id, row.size, row.seed
        if given is not None:
            return log_id, size, notes.derived(given, self._service)
        if kept is None:
            kept = secrets.token_bytes(notes.SEED_BYTES)
            await session.execute(update(table).values(seed=kept))
        return log_id, size, kept

    async def _tiles(self, session: AsyncSession, wanted: list[Place]) -> dict[Place, bytes]:
        table = self._tables.tiles
        if not wanted:
            return {}
        found = await session.execute(select(table).where(tuple_(table.c.level, table.c.number).in_(wanted)))
        return {(row.level, row.number): row.hashes for row in found}

    async def _place(self, session: AsyncSession, seqs: list[int], size: int) -> None:
        """Rows in order of `seq` take the places from `size` on: one statement for any number of rows."""
        rows = self._tables.rows
        numbered = (
            select(rows.c.seq, (func.row_number().over(order_by=rows.c.seq) + (size - 1)).label("leaf"))
            .where(among(session, rows.c.seq, seqs))
            .subquery()
        )
        await session.execute(
            update(rows)
            .where(rows.c.seq == numbered.c.seq)
            .values(leaf=numbered.c.leaf)
            .execution_options(synchronize_session=False)
        )

    async def _store(self, session: AsyncSession, changed: Mapping[Place, bytes]) -> None:
        statement = insert(session, self._tables.tiles)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["level", "number"], set_={"hashes": statement.excluded.hashes}
            ),
            [{"level": level, "number": number, "hashes": hashes} for (level, number), hashes in changed.items()],
        )

    async def _sign(
        self, session: AsyncSession, log_id: str, size: int, tiles: Mapping[Place, bytes], seed: bytes
    ) -> bool:
        """Whether every leaf is under a checkpoint now."""
        table = self._tables.checkpoints
        last = (
            await session.execute(select(table.c.size, table.c.at).order_by(table.c.size.desc()).limit(1))
        ).one_or_none()
        now = self._clock.now()
        if size == (last.size if last else 0):
            return True
        if last and not self._due(size - last.size, now, last.at):
            return False
        origin = notes.origin_of(self._service, log_id)
        checkpoint = notes.Checkpoint(origin, size, tree.hash_of_range((0, size), tiles), text_of(now))
        key = notes.public_key(seed, origin)
        await session.execute(
            insert(session, self._tables.keys)
            .values(kid=key.kid, verifier=key.text, used_from=now)
            .on_conflict_do_nothing(index_elements=["kid"])
        )
        await session.execute(table.insert().values(size=size, at=now, note=notes.sign(checkpoint, seed)))
        return True

    def _due(self, rows: int, now: datetime, last: datetime) -> bool:
        waited = abs((now - last).total_seconds())  # a clock that was put back must not stop the signing
        return rows >= self._sealing.checkpoint_rows or waited >= self._sealing.checkpoint_seconds
