"""What is forgotten, and what is not."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import MetaData, func, select

from shared.clock import FixedClock
from shared.db import Database
from shared.housekeeping import tidy
from shared.kernel import Kernel

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
