"""The audit out of the database: entries, proofs, checkpoints, keys. Reads only; who may see an entry is the caller's to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.audit import tree
from shared.audit.tables import AuditTables
from shared.audit.tree import Place, Range


@dataclass(frozen=True, slots=True)
class AuditReader:
    """One service's audit, read in one session."""

    session: AsyncSession
    tables: AuditTables

    async def log(self) -> tuple[str, int] | None:
        """The log's id and how many leaves it has; None before anything was sealed."""
        row = (await self.session.execute(select(self.tables.log))).one_or_none()
        return (row.id, row.size) if row else None

    async def keys(self) -> Sequence[Row[Any]]:
        keys = self.tables.keys
        return (await self.session.execute(select(keys).order_by(keys.c.used_from))).all()

    async def checkpoints(self, *, below: int | None = None, limit: int = 1) -> Sequence[Row[Any]]:
        """(size, at, note), the newest first."""
        table = self.tables.checkpoints
        query = select(table).order_by(table.c.size.desc()).limit(limit)
        return (await self.session.execute(query.where(table.c.size < below) if below else query)).all()

    async def rows(
        self, which: ColumnElement[bool] | None, *, after: int = -1, size: int | None = None, limit: int
    ) -> Sequence[Row[Any]]:
        """Sealed rows in the order of the tree, from behind `after`, below `size`, that fulfil a necessary condition."""
        table = self.tables.rows
        query = select(table).where(table.c.leaf > after).order_by(table.c.leaf).limit(limit)
        if size is not None:
            query = query.where(table.c.leaf < size)
        return (await self.session.execute(query if which is None else query.where(which))).all()

    async def all_rows(self) -> Sequence[Row[Any]]:
        """Every row of the table with a place, by place and then by `seq`: a check must see what should not be there, too."""
        table = self.tables.rows
        query = select(table).where(table.c.leaf.is_not(None)).order_by(table.c.leaf, table.c.seq)
        return (await self.session.execute(query)).all()

    async def unsealed(self) -> int:
        rows = self.tables.rows.c
        return int((await self.session.execute(select(func.count()).where(rows.leaf.is_(None)))).scalar_one())

    async def proofs(self, wanted: Sequence[Sequence[Range]]) -> list[list[bytes]]:
        """The hashes of each proof's subtrees. KeyError or ValueError where the stored tree has a hole."""
        places = tree.places(each for ranges in wanted for each in ranges)
        tiles = await self.tiles(places)
        return [[tree.hash_of_range(each, tiles) for each in ranges] for ranges in wanted]

    async def tiles(self, wanted: set[Place] | None = None) -> dict[Place, bytes]:
        """These tiles, or all of them."""
        table, found = self.tables.tiles, dict[Place, bytes]()
        if wanted is None:
            return {(row.level, row.number): row.hashes for row in await self.session.execute(select(table))}
        places = sorted(wanted)
        for start in range(0, len(places), 500):
            chunk = places[start : start + 500]
            rows = await self.session.execute(select(table).where(tuple_(table.c.level, table.c.number).in_(chunk)))
            found |= {(row.level, row.number): row.hashes for row in rows}
        return found
