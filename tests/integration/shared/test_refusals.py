"""Refusals are counted in little room, however many there are, and however many people and addresses they come from."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from shared.audit import refusals
from shared.audit.refusals import KEEP, MOST, Refusals
from shared.clock import FixedClock, SystemClock
from shared.db import Database
from shared.housekeeping import tidy
from shared.kernel import NAMING, Kernel
from shared.paging import Page

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)


def scope(route: str | None, principal: str | None = None) -> Any:
    state = {"principal": principal} if principal else {}
    return {"method": "GET", "route": SimpleNamespace(path=route) if route else None, "state": state}


@pytest.fixture
async def db(kernel_url: str) -> AsyncIterator[Database]:
    made = Database(kernel_url)
    async with made.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


async def counts(db: Database) -> dict[tuple[str, str, int], int]:
    async with db.read() as session:
        rows = await session.execute(select(kernel.auditing.refusals))
        return {(row.principal, row.route, row.status): row.times for row in rows}


async def test_a_flood_takes_no_more_rows_than_a_minute_has_room_for(db: Database) -> None:
    clock = FixedClock(SystemClock().now().replace(second=0))
    counting = Refusals(db, kernel.auditing, clock)
    for number in range(MOST + 700):
        counting.count(scope("/plans/{id}", f"per_{number}"), 404)
        if number % 300 == 0:
            await counting.flush()
    await counting.flush()
    found = await counts(db)
    assert len(found) == MOST + 1
    assert found[refusals.OTHERS, "*", 404] == 700
    assert sum(found.values()) == MOST + 700
    clock.advance(60)
    counting.count(scope("/plans/{id}", "per_late"), 404)
    await counting.flush()
    assert (await counts(db))["per_late", "GET /plans/{id}", 404] == 1, "another minute, other room"


async def test_two_replicas_count_together(db: Database) -> None:
    clock = FixedClock(SystemClock().now().replace(second=0))
    for _ in range(2):
        counting = Refusals(db, kernel.auditing, clock)
        counting.count(scope("/plans", "per_1"), 403)
        counting.count(scope("/plans"), 401)
        counting.count(scope(None), 404)
        counting.count(scope("/plans"), 200)
        await counting.flush()
    assert await counts(db) == {("per_1", "GET /plans", 403): 2, ("public", "GET /plans", 401): 2}


async def test_what_could_not_be_written_is_not_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Refusals(db, kernel.auditing, FixedClock(SystemClock().now()))
    counting.count(scope("/plans", "per_1"), 429)
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", lambda: (_ for _ in ()).throw(ConnectionError()))
        with pytest.raises(ConnectionError):
            await counting.flush()
    await counting.flush()
    assert await counts(db) == {("per_1", "GET /plans", 429): 1}


async def test_they_are_pruned_and_the_audit_is_not(db: Database) -> None:
    clock = FixedClock(SystemClock().now())
    counting = Refusals(db, kernel.auditing, clock)
    counting.count(scope("/plans", "per_1"), 403)
    await counting.flush()
    async with db.write() as session:
        await session.execute(
            kernel.audit.insert().values(
                at=clock.now(), actor="per_1", action="a", subject="s", version=1, detail={}, trace_id=None
            )
        )
    clock.advance((KEEP + timedelta(days=1)).total_seconds())
    await tidy(db, kernel, clock)
    assert await counting.read(Page(10)) == []
    async with db.read() as session:
        assert (await session.execute(select(kernel.audit.c.seq))).first()
