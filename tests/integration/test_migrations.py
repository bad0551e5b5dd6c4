"""Every service's schema goes up, down and up again on both databases, and its migrations say what its orm.py says."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from infra.routes import SERVICES
from infra.services import migrations_of
from shared import migrations
from shared.db import Database
from tests.support.roles import owner_of

OWN = {
    "activities": {"plan", "plan_version", "match", "alert", "verdict"},
    "partners": {"organisation", "person"},
    "notifications": {"feed", "feed_position", "plan_facts"},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/service.db"
    return request.getfixturevalue("postgres_url")


@pytest.mark.parametrize("service", SERVICES)
async def test_up_down_up(service: str, database_url: str) -> None:
    db, config = Database(owner_of(database_url)), migrations_of(service)

    async def tables() -> set[str]:
        async with db.engine.connect() as connection:
            return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))

    try:
        await migrations.upgrade(db, config)
        full = await tables()
        assert OWN[service] | {"outbox", "inbox", "lease", "known_api_key"} <= full
        await migrations.differences(db, config)
        await migrations.require_current(db, config)
        await migrations.downgrade(db, config, "base")
        assert await tables() <= {migrations.VERSION_TABLE, "sqlite_sequence"}
        await migrations.upgrade(db, config)
        assert await tables() == full
        await migrations.differences(db, config)
    finally:
        await db.dispose()


@pytest.mark.parametrize("service", SERVICES)
async def test_an_older_schema_is_refused_and_a_newer_one_accepted(service: str, database_url: str) -> None:
    db, config = Database(owner_of(database_url)), migrations_of(service)
    try:
        with pytest.raises(migrations.SchemaTooOld):
            await migrations.require_current(db, config)
        await migrations.upgrade(db, config)
        async with db.write() as session:
            await session.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
        await migrations.require_current(db, config)
    finally:
        await db.dispose()
