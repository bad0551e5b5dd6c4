"""What is forgotten, and what is not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, func, select

from shared.clock import FixedClock
from shared.cloudevent import Event, event_type
from shared.db import Database
from shared.housekeeping import ended_keys, tidy
from shared.ids import SequentialIds
from shared.inbox import admit
from shared.kernel import Kernel, RegistryTables
from shared.registry import holder_of_key, project

DAY = 86_400.0


async def test_old_answers_and_published_facts_go_and_unpublished_ones_stay(tmp_path: Path) -> None:
    metadata = MetaData()
    kernel = Kernel(metadata)
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    fact = {"topic": "t", "key": "k", "value": b"{}", "headers": [], "created_at": clock.now()}
    async with db.write() as session:
        await session.execute(kernel.outbox.insert(), [
            {"event_id": "sent", "published_at": clock.now(), **fact}, {"event_id": "waiting", "published_at": None, **fact},
        ])  # fmt: skip
        await session.execute(kernel.inbox.insert(), [{"consumer": "c", "event_id": "e", "at": clock.now()}])
        await session.execute(kernel.applied.insert(), [{"consumer": "c", "subject": "s", "sequence": 7}])
        await session.execute(kernel.idempotency.insert(), [
            {"principal": "p", "key": "k", "fingerprint": "f", "status": 201, "headers": {}, "body": "{}", "at": clock.now()},
        ])  # fmt: skip

    async def left() -> dict[str, int]:
        async with db.read() as session:
            tables = (kernel.outbox, kernel.inbox, kernel.applied, kernel.idempotency)
            return {t.name: (await session.execute(select(func.count()).select_from(t))).scalar_one() for t in tables}

    clock.advance(2 * DAY)
    await tidy(db, kernel, clock)
    assert await left() == {"outbox": 2, "inbox": 1, "applied": 1, "idempotency": 0}
    clock.advance(40 * DAY)
    await tidy(db, kernel, clock)
    assert await left() == {"outbox": 1, "inbox": 0, "applied": 1, "idempotency": 0}
    await db.dispose()


async def test_keys_that_open_nothing_go_and_nothing_late_brings_them_back(tmp_path: Path) -> None:
    metadata = MetaData()
    kernel, known = Kernel(metadata), RegistryTables(metadata)
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    clock, ids = FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), SequentialIds()

    def fact(name: str, subject: str, sequence: int, **data: Any) -> Event:
        return Event(
            id=ids.new("evt"), source="/services/partners", type=event_type(name), subject=subject, sequence=sequence,
            time=clock.now(), data={"id": subject, "version": sequence, **data},
        )  # fmt: skip

    def key(name: str, sequence: int, **more: Any) -> Event:
        of = {"hash": name, "person": "per_1", "scopes": []}
        return fact("api_key.revoked" if more.get("revoked") else "api_key.issued", name, sequence, **of, **more)

    async def told(*events: Event) -> None:
        async with db.write() as session:
            for event in events:
                if await admit(session, kernel, "registry", event, clock):
                    await project(session, known, event)

    async def left() -> set[str]:
        async with db.read() as session:
            found = set((await session.execute(select(known.api_key.c.id))).scalars())
            opens = {
                name for name in ("kept", "short", "gone") if await holder_of_key(session, known, name, clock.now())
            }
        assert opens <= found
        return found

    soon = (clock.now().replace(hour=12)).isoformat()
    late = key("gone", 1)
    await told(
        fact("person.added", "per_1", 1, partners=[], roles=["reader"], active=True),
        key("kept", 1), key("short", 1, expires_at=soon), key("gone", 2, revoked=True),
    )  # fmt: skip
    await tidy(db, kernel, clock, [ended_keys(known)])
    assert await left() == {"kept", "short"}
    clock.advance(DAY / 2)
    await tidy(db, kernel, clock, [ended_keys(known)])
    assert await left() == {"kept"}
    await told(late, key("short", 1, expires_at=None))  # a dead letter tried again, a relay that repeats
    assert await left() == {"kept"}
    await db.dispose()
