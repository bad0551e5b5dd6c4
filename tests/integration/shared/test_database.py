"""The database object against a server that goes away and comes back."""

import asyncio
from collections.abc import Callable

import pytest
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.native.postgres import PostgresServer
from shared import migrations
from shared.db import Database, is_too_slow, is_transient


async def test_connections_of_a_server_that_was_restarted_are_replaced_unseen(
    new_postgres: Callable[..., PostgresServer],
) -> None:
    server = await asyncio.to_thread(new_postgres, fsync=False)
    db = Database(await asyncio.to_thread(server.create_database, "restarted"), pool_size=3)
    try:
        await asyncio.gather(*(_used(db) for _ in range(3)))  # three connections lie in the pool
        await asyncio.to_thread(server.restart)
        await asyncio.sleep(0.1)  # the loop hears that they are closed
        for _ in range(3):
            async with db.write() as session:
                await session.execute(text("SELECT 1"))
            await db.ping()
    finally:
        await db.dispose()


async def test_a_read_holds_no_transaction_open(new_postgres: Callable[..., PostgresServer]) -> None:
    """An idle transaction would hold back vacuum for as long as a slow page takes."""
    server = await asyncio.to_thread(new_postgres, fsync=False)
    db = Database(await asyncio.to_thread(server.create_database, "reading"), pool_size=2)
    try:
        async with db.read() as reading:
            await reading.execute(text("SELECT 1"))
            async with db.read() as session:
                states = await session.execute(
                    text("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
                )
                assert states.scalar_one() == 0
    finally:
        await db.dispose()


async def _used(db: Database, seconds: float = 0.2) -> None:
    async with db.read() as session:
        await session.execute(text(f"SELECT pg_sleep({seconds})"))


async def test_what_takes_too_long_is_broken_off_but_for_migrations(postgres_url: str) -> None:
    db = Database(postgres_url, statement_seconds=0.2)
    try:
        with pytest.raises(DBAPIError) as broken:
            await _used(db, 30)
        assert is_too_slow(broken.value)
        assert not is_transient(broken.value)  # a consumer would try it for ever
        config = Config()
        await migrations._run(
            db, config, lambda: config.attributes["connection"].exec_driver_sql("SELECT pg_sleep(0.5)")
        )
        with pytest.raises(DBAPIError):  # for that transaction alone
            await _used(db, 30)
    finally:
        await db.dispose()
