"""A thousand random tamperings with a stored audit, each found from what a partner kept; and none found where nothing was.

The same run on a checker, a leaf or a sealer with one thing wrong stays silent somewhere: the mutants at the end.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData

from infra.native.postgres import ExternalPostgres
from shared.audit import checking, leaves, sealing, tree
from shared.audit.checking import Kept
from shared.audit.sealing import SEALER, Sealer, Sealing
from shared.clock import FixedClock, SystemClock
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.kernel import NAMING, Kernel
from shared.leases import Leases
from shared.unit import UnitOfWork
from tests.conformance.outbox.harness import emptied
from tests.support.roles import owner_of
from tests.support.tampering import BATCH, SECRET, SEED, SERVICE, Operator, State

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
ROWS, AFTER = 42, 6
"""Rows under the kept checkpoints, and rows that came since: the log goes on while a partner sleeps."""


def visible(row: Any) -> bool:
    """What the partner may see: about half of it."""
    return row.subject.endswith(("0", "2", "4", "6", "8", "d", "new1"))


class Undo(Exception):
    pass


class Sealed:
    """A log of several checkpoints, and what a partner kept of it in the middle."""

    def __init__(self, url: str) -> None:
        self.db = Database(url)
        self.tables = kernel.auditing

    async def fill(self) -> "Sealed":
        async with self.db.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        clock = FixedClock(SystemClock().now())
        leases = Leases(self.db, kernel.lease, "only", clock, ttl=600)
        term = await leases.acquire(SEALER)
        assert term
        sealer = Sealer(
            self.db, self.tables, leases, clock, service=SERVICE, sealing=Sealing(SECRET, checkpoint_seconds=0)
        )
        for begin in range(0, ROWS + AFTER, BATCH):
            async with self.db.write() as session:
                uow = UnitOfWork(
                    session, kernel, clock, Uuid7Ids(), topic="toys.v1", source="/toys", actor=f"per_{begin % 4}"
                )
                for number in range(begin, begin + BATCH):
                    uow.note("toy.made", f"toy_{number:03}", number % 3 + 1, {"name": f"n{number}"})
                await uow.flush()
            clock.advance(7)
            await sealer.seal(term)
        async with self.db.read() as session:
            self.whole = await State.read(session, self.tables)
        return self

    def kept(self, chance: random.Random, *, entries: bool) -> Kept:
        """Some of the checkpoints of the first ROWS rows, the last of them among them, as `--save` writes it."""
        notes_ = {checking.notes.read(note)[0].size: note for note in self.whole.notes}
        sizes = [size for size in notes_ if size < ROWS and chance.random() < 0.2] + [ROWS]
        key = checking.notes.public_key(SEED, checking.notes.read(notes_[ROWS])[0].origin).text
        shown = [
            leaves.entry_of(row, row.leaf, actor_told=chance.random() < 0.5)
            for row in self.whole.rows
            if row.leaf < ROWS and visible(row)
        ]
        return Kept(SERVICE, [key], [notes_[size] for size in sizes], shown if entries else [])

    async def run(self, times: int, seed: int, *, to_the_first: bool = False) -> list[str]:
        """So many tamperings, each undone before the next. Returns those that were not found, or the first such."""
        chance, silent = random.Random(seed), list[str]()
        for number in range(times):
            bare, with_entries = self.kept(chance, entries=False), self.kept(chance, entries=True)
            try:
                async with self.db.write() as session:
                    done = await Operator(session, self.tables, chance, ROWS).act()
                    session.expire_all()
                    now = await State.read(session, self.tables)
                    raise Undo
            except Undo:
                pass
            # with the database before one, the checkpoint alone tells
            if not now.whole(bare).broken:
                silent.append(f"{number} {done.what}: database, checkpoint alone")
            # from outside, whatever changed the tree, or a row that the partner sees
            touched = any(row.leaf in done.leaves and visible(row) for row in now.rows)
            if (done.rebuilt or touched) and not now.shown(bare, visible).broken:
                silent.append(f"{number} {done.what}: API, checkpoint alone")
            seen = {each["leaf"] for each in with_entries.entries}
            if (done.rebuilt or seen & done.leaves) and not now.shown(with_entries, visible).findings:
                silent.append(f"{number} {done.what}: API, with entries")
            if silent and to_the_first:
                break
        return silent


async def test_a_thousand_tamperings_are_all_found(tmp_path: Path) -> None:
    sealed = await Sealed(f"sqlite+aiosqlite:///{tmp_path}/toys.db").fill()
    assert await sealed.run(1000, seed=20261122) == []
    await sealed.db.dispose()


async def test_on_postgresql_too(postgres: ExternalPostgres, postgres_url: str) -> None:
    sealed = await Sealed(await emptied(owner_of(postgres_url))).fill()
    assert await sealed.run(60, seed=7) == []
    await sealed.db.dispose()


async def test_what_nobody_touched_raises_no_alarm(tmp_path: Path) -> None:
    """Whatever was kept, and however far the log went on since."""
    sealed, chance = await Sealed(f"sqlite+aiosqlite:///{tmp_path}/toys.db").fill(), random.Random(3)
    for _ in range(200):
        kept = sealed.kept(chance, entries=chance.random() < 0.7)
        assert sealed.whole.whole(kept).findings == []
        report = sealed.whole.shown(kept, visible)
        assert report.findings == []
        assert len(report.entries) == sum(map(visible, sealed.whole.rows))
    await sealed.db.dispose()


async def test_the_finding_says_which_row_and_what(tmp_path: Path) -> None:
    sealed = await Sealed(f"sqlite+aiosqlite:///{tmp_path}/toys.db").fill()
    kept = sealed.kept(random.Random(1), entries=True)

    async def found(*statements: str, rebuild: bool = False) -> tuple[set[tuple[str, int | None]], str]:
        try:
            async with sealed.db.write() as session:
                for each in statements:
                    await session.execute(checking_text(each))
                if rebuild:
                    await Operator(session, sealed.tables, random.Random(1), ROWS).rebuild()
                state = await State.read(session, sealed.tables)
                raise Undo
        except Undo:
            pass
        findings = [*state.whole(kept).findings, *state.shown(kept, visible).findings]
        return {(each.kind, each.leaf) for each in findings}, " ".join(each.text for each in findings)

    kinds, told = await found("UPDATE audit SET version = 9 WHERE leaf = 4")
    assert kinds == {("edited", 4)}
    assert "row 4" in told
    kinds, told = await found("UPDATE audit SET version = 9 WHERE leaf = 4", rebuild=True)
    assert ("edited", 4) in kinds, "the kept entry says it, where the tree agrees with the lie"
    assert "version was '2', is '9'" in told
    kinds, told = await found("DELETE FROM audit WHERE leaf = 6")
    assert kinds == {("missing", 6), ("withheld", 6)}
    kinds, told = await found(
        "UPDATE audit SET leaf = 1000 WHERE leaf = 3",
        "UPDATE audit SET leaf = 3 WHERE leaf = 5",
        "UPDATE audit SET leaf = 5 WHERE leaf = 1000",
    )
    assert {("moved", 3), ("moved", 5)} <= kinds
    assert "row 3 (toy.made toy_005) stood at 5" in told
    kinds, told = await found("DELETE FROM audit WHERE leaf >= 32", rebuild=True)
    assert ("truncated", None) in kinds
    assert "the last 10 are gone" in told
    kinds, told = await found("UPDATE audit_tile SET hashes = zeroblob(length(hashes)) WHERE level = 0")
    assert ("hashes", None) in kinds
    assert "edited" not in {kind for kind, leaf in kinds if leaf is None}
    await sealed.db.dispose()


def checking_text(statement: str) -> Any:
    from sqlalchemy import text

    return text(statement)


# --- one thing wrong each: the run must not stay green


def _without(column: str) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(leaves, "COVERED", tuple(each for each in leaves.COVERED if each != column))

    return plant


def _believes_the_size(patch: pytest.MonkeyPatch) -> None:
    whole = checking._extends

    def mutant(held: Any, latest: Any, source: Any, report: Any) -> bool:
        return whole([each for each in held if each.size <= latest.size], latest, source, report)

    patch.setattr(checking, "_extends", mutant)


def _believes_the_key(patch: pytest.MonkeyPatch) -> None:
    def mutant(kept: Any, note: str, what: str, report: Any) -> Any:
        return checking.notes.read(note)[0]

    patch.setattr(checking, "_verified", mutant)


def _asks_no_consistency(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checking, "_extends", lambda *_: True)


def _includes_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tree, "included", lambda *_: True)


def _believes_the_stored_tree(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checking._Rows, "check", lambda self, checkpoint, good, when: checkpoint.size)


def _forgets_what_was_kept(patch: pytest.MonkeyPatch) -> None:
    whole = checking.check_source

    def mutant(kept: Kept, source: Any) -> Any:
        return whole(Kept(kept.service, kept.keys, kept.checkpoints), source)

    patch.setattr("tests.support.tampering.check_source", mutant)


def _actor_left_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leaves, "actor_digest", lambda salt, actor: "0" * 64)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    **{
        f"a leaf without {name}": _without(name)
        for name in ("at", "action", "subject", "version", "detail", "trace_id")
    },
    "a leaf without who acted": _actor_left_out,
    "a check that believes the server's size": _believes_the_size,
    "a check that believes the server's key": _believes_the_key,
    "a check without consistency": _asks_no_consistency,
    "a check without inclusion": _includes_anything,
    "a check that believes the stored tree": _believes_the_stored_tree,
    "a check that forgets what was kept": _forgets_what_was_kept,
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_fault_is_seen(mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    sealed = await Sealed(f"sqlite+aiosqlite:///{tmp_path}/toys.db").fill()
    assert await sealed.run(500, seed=0, to_the_first=True), "the run is too tame to show it"
    await sealed.db.dispose()


@pytest.mark.postgres
async def test_a_sealer_that_reads_by_a_cursor_loses_what_commits_late(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`seq > the last one sealed`, instead of whatever has no place yet."""
    import asyncio

    from sqlalchemy import func, select

    db, rows = Database(owner_of(postgres_url)), kernel.audit
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)

    async def cursor(self: Sealer, session: Any) -> list[Any]:
        last = (await session.execute(select(func.max(rows.c.seq)).where(rows.c.leaf.is_not(None)))).scalar() or 0
        return list((await session.execute(select(rows).where(rows.c.seq > last).order_by(rows.c.seq))).all())

    clock = FixedClock(SystemClock().now())
    leases = Leases(db, kernel.lease, "only", clock, ttl=600)
    term = await leases.acquire(SEALER)
    assert term

    async def write(name: str, pause: float) -> None:
        async with db.write() as session:
            uow = UnitOfWork(session, kernel, clock, Uuid7Ids(), topic="toys.v1", source="/toys", actor="per_1")
            uow.note("toy.made", name, 1)
            await uow.flush()
            await asyncio.sleep(pause)

    async def left(planted: bool) -> int:
        with monkeypatch.context() as patch:
            if planted:
                patch.setattr(sealing.Sealer, "_unsealed", cursor)
            sealer = Sealer(db, kernel.auditing, leases, clock, service=SERVICE, sealing=Sealing(SECRET))
            late = asyncio.create_task(write("late", 0.6))
            await asyncio.sleep(0.2)
            await write("early", 0)
            await sealer.seal(term)
            await late
            await sealer.seal(term)
        async with db.read() as session:
            return int((await session.execute(select(func.count()).where(rows.c.leaf.is_(None)))).scalar_one())

    assert await left(planted=False) == 0
    assert await left(planted=True) == 1
    await db.dispose()
