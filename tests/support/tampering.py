"""An operator who changes the audit behind everybody's back: every way we know, on the tables themselves.

`quick` ways touch rows alone. Where the operator also has the signing key and patience, `rebuild` makes tree, checkpoints
and signatures anew over the changed rows, so that the database agrees with itself: then only what partners kept can tell.
"""

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.audit import notes, tree
from shared.audit.checking import Kept, Report, check_rows, check_source
from shared.audit.leaves import entry_of, hash_of
from shared.audit.reading import AuditReader
from shared.audit.tables import AuditTables

SERVICE = "toys"
SECRET = bytes(range(32))
SEED = notes.derived(SECRET, SERVICE)
"""The installation's secret, and the seed of the key that signs: this operator has both."""
BATCH = 6
"""Rows a checkpoint."""


@dataclass(frozen=True, slots=True)
class State:
    """All that a database holds of its audit."""

    log: str
    size: int
    rows: Sequence[Any]
    tiles: dict[tree.Place, bytes]
    notes: list[str]

    @classmethod
    async def read(cls, session: AsyncSession, tables: AuditTables) -> "State":
        reader = AuditReader(session, tables)
        log = await reader.log()
        assert log
        stored = [row.note for row in await reader.checkpoints(limit=10_000)]
        return cls(log[0], log[1], await reader.all_rows(), await reader.tiles(), stored)

    def whole(self, kept: Kept) -> Report:
        """As with the database before one."""
        return check_rows(kept, self.log, self.rows, self.tiles, self.notes, self.size)

    def shown(self, kept: Kept, visible: Callable[[Any], bool]) -> Report:
        """As over the API, for a partner who may see some of the rows."""
        return check_source(kept, Server(self, visible))


@dataclass(frozen=True, slots=True)
class Server:
    """What the API would answer from this state."""

    state: State
    visible: Callable[[Any], bool]

    def latest(self) -> str | None:
        return self.state.notes[0] if self.state.notes else None

    def consistency(self, older: int, size: int) -> list[bytes] | None:
        return self._proof(tree.consistency(older, size))

    def inclusion(self, leaf: int, size: int) -> list[bytes] | None:
        return self._proof(tree.inclusion(leaf, size)) if leaf < size else None

    def entries(self, size: int) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
        for row in self.state.rows:
            if row.leaf < size and self.visible(row):
                yield entry_of(row, row.leaf), self._proof(tree.inclusion(row.leaf, size)) or []

    def _proof(self, ranges: list[tree.Range]) -> list[bytes] | None:
        try:
            return [tree.hash_of_range(each, self.state.tiles) for each in ranges]
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Done:
    """What was tampered with. leaves: the rows that it touched; rebuilt: whether the roots changed with them."""

    what: str
    leaves: frozenset[int]
    rebuilt: bool = False


class Operator:
    """One transaction's worth of tampering, with rows below `size` (what partners' checkpoints speak of)."""

    def __init__(self, session: AsyncSession, tables: AuditTables, chance: random.Random, size: int) -> None:
        self.session, self.tables, self.chance, self.size = session, tables, chance, size

    async def act(self) -> Done:
        ways: list[Callable[[], Awaitable[Done]]] = [
            self.edit, self.edit, self.edit, self.edit, self.remove, self.swap, self.swap_secrets, self.cut,
            self.add_between, self.rewrite_tail, self.restore, self.sign_anew, self.another_log, self.take_out,
        ]  # fmt: skip
        return await self.chance.choice(ways)()

    async def edit(self) -> Done:
        leaf = self._leaf()
        row = await self._row(leaf)
        values: dict[str, Any] = {
            "at": row.at + timedelta(microseconds=self.chance.choice([1, 10**9])),
            "actor": row.actor + "x",
            "action": "toy.unmade",
            "subject": f"toy_{self.chance.random()}",
            "version": row.version + 1,
            "detail": {**row.detail, "name": "other"} if self.chance.random() < 0.5 else {},
            "trace_id": "f" * 32,
            "secret": self.chance.randbytes(32),
            "seq": 10**6 + leaf,
        }
        column = self.chance.choice(sorted(values))
        await self._update(leaf, **{column: values[column]})
        return await self._perhaps_rebuilt(f"edit {column}", {leaf})

    async def remove(self) -> Done:
        leaf = self._leaf()
        await self.session.execute(delete(self.tables.rows).where(self.tables.rows.c.leaf == leaf))
        return await self._perhaps_rebuilt("remove", {leaf})

    async def take_out(self) -> Done:
        """Sealed once, and now as if it never had been."""
        leaf = self._leaf()
        await self._update(leaf, leaf=None)
        return await self._perhaps_rebuilt("take out", {leaf})

    async def swap(self) -> Done:
        a, b = self.chance.sample(range(self.size), 2)
        for old, new in ((a, 10**9), (b, a), (10**9, b)):
            await self._update(old, leaf=new)
        return await self._perhaps_rebuilt("reorder", {a, b})

    async def swap_secrets(self) -> Done:
        a, b = self.chance.sample(range(self.size), 2)
        first, second = (await self._row(a)).secret, (await self._row(b)).secret
        await self._update(a, secret=second)
        await self._update(b, secret=first)
        return await self._perhaps_rebuilt("swap secrets", {a, b})

    async def cut(self) -> Done:
        """The last rows go; tree and checkpoints stay, or go with them."""
        left = self._leaf()
        rows = self.tables.rows.c
        gone = frozenset(range(left, self.size))
        await self.session.execute(delete(self.tables.rows).where(rows.leaf >= left))
        return await self._perhaps_rebuilt("truncate", gone)

    async def add_between(self) -> Done:
        leaf = self._leaf()
        row = dict((await self._row(leaf))._mapping) | {"seq": None, "subject": "toy_invented"}
        rows = self.tables.rows
        await self.session.execute(update(rows).where(rows.c.leaf >= leaf).values(leaf=-rows.c.leaf - 2))
        await self.session.execute(update(rows).where(rows.c.leaf < 0).values(leaf=-rows.c.leaf - 1))
        await self.session.execute(insert(rows).values(**{name: each for name, each in row.items() if name != "seq"}))
        return await self._perhaps_rebuilt("insert", set(range(leaf, self.size)))

    async def rewrite_tail(self) -> Done:
        """The last rows are replaced by others, as many or more, all properly sealed."""
        left = self._leaf()
        rows = self.tables.rows
        template = {k: v for k, v in dict((await self._row(left))._mapping).items() if k != "seq"}
        await self.session.execute(delete(rows).where(rows.c.leaf >= left))
        more = self.size - left + self.chance.randrange(5)
        new = [template | {"leaf": left + at, "subject": f"toy_new{at}"} for at in range(more)]
        await self.session.execute(insert(rows), new)
        await self.rebuild()
        return Done("rewrite the tail", frozenset(range(left, self.size)), rebuilt=True)

    async def restore(self) -> Done:
        """An old backup: everything is as it truly was, once, signatures and all."""
        left = self.chance.randrange(BATCH, self.size)
        rows, checkpoints = self.tables.rows, self.tables.checkpoints
        await self.session.execute(delete(rows).where(rows.c.leaf >= left))
        await self.session.execute(delete(checkpoints).where(checkpoints.c.size > left))
        await self.rebuild()
        return Done("restore a backup", frozenset(range(left, self.size)), rebuilt=True)

    async def sign_anew(self) -> Done:
        await self.rebuild(seed=self.chance.randbytes(32))
        return Done("sign with another key", frozenset(), rebuilt=True)

    async def another_log(self) -> Done:
        await self.session.execute(update(self.tables.log).values(id="log_other"))
        await self.rebuild()
        return Done("begin another log", frozenset(), rebuilt=True)

    async def rebuild(self, seed: bytes = SEED) -> None:
        """Number the rows without gaps; tree, checkpoints and signatures over them as if it had always been so."""
        rows, log = self.tables.rows, self.tables.log
        found = (await self.session.execute(select(rows).where(rows.c.leaf.is_not(None)).order_by(rows.c.leaf))).all()
        log_id = (await self.session.execute(select(log.c.id))).scalar_one()
        hashes = list[bytes]()
        for leaf, row in enumerate(found):
            if row.leaf != leaf:
                await self.session.execute(update(rows).where(rows.c.seq == row.seq).values(leaf=leaf))
            hashes.append(hash_of(log_id, entry_of(row, leaf)))
        tiles, checkpoints, keys = self.tables.tiles, self.tables.checkpoints, self.tables.keys
        grown = tree.grow({}, 0, hashes)
        stored = (await self.session.execute(select(checkpoints).order_by(checkpoints.c.size))).all()
        for table in (tiles, checkpoints, keys):
            await self.session.execute(delete(table))
        await self.session.execute(
            insert(tiles), [{"level": level, "number": at, "hashes": each} for (level, at), each in grown.items()]
        )
        origin = notes.origin_of(SERVICE, log_id)
        key = notes.public_key(seed, origin)
        await self.session.execute(insert(keys).values(kid=key.kid, verifier=key.text, used_from=stored[0].at))
        for size in sorted({min(each.size, len(hashes)) for each in stored}):
            at = next(each for each in stored if each.size >= size)
            root = tree.hash_of_range((0, size), grown)
            checkpoint = notes.Checkpoint(origin, size, root, notes.read(at.note)[0].time)
            await self.session.execute(
                insert(checkpoints).values(size=size, at=at.at, note=notes.sign(checkpoint, seed))
            )
        await self.session.execute(update(log).values(size=len(hashes)))

    def _leaf(self) -> int:
        return self.chance.randrange(1, self.size)

    async def _row(self, leaf: int) -> Any:
        return (await self.session.execute(select(self.tables.rows).where(self.tables.rows.c.leaf == leaf))).one()

    async def _update(self, place: int, **values: Any) -> None:
        rows = self.tables.rows
        await self.session.execute(update(rows).where(rows.c.leaf == place).values(**values))

    async def _perhaps_rebuilt(self, what: str, leaves: "set[int] | frozenset[int]") -> Done:
        if self.chance.random() < 0.5:
            return Done(what, frozenset(leaves))
        await self.rebuild()
        return Done(f"{what}, rebuilt", frozenset(leaves), rebuilt=True)


async def rows_of(session: AsyncSession, tables: AuditTables) -> int:
    return int((await session.execute(select(func.count()).select_from(tables.rows))).scalar_one())
