"""The schema goes up, down and up again on both databases, and the migrations say what orm.py says."""

from sqlalchemy import inspect

from services.notifications import app as notifications
from shared import migrations
from shared.db import Database


async def test_up_down_up(database_url: str) -> None:
    db, config = Database(database_url), migrations.config_for(notifications.__file__)

    async def tables() -> set[str]:
        async with db.engine.connect() as connection:
            return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))

    try:
        await migrations.upgrade(db, config)
        full = await tables()
        assert {"feed", "feed_position", "plan_facts", "outbox", "known_api_key"} <= full
        await migrations.differences(db, config)
        await migrations.require_current(db, config)
        await migrations.downgrade(db, config, "base")
        assert await tables() <= {migrations.VERSION_TABLE, "sqlite_sequence"}
        await migrations.upgrade(db, config)
        assert await tables() == full
        await migrations.differences(db, config)
    finally:
        await db.dispose()
