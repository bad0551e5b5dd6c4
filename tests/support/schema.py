"""A service's schema, soon: the first time in a process its migrations run, and later what they said to the database is said again.

A tenth of the time, for some two thousand databases in a run. Tests of the migrations themselves run them.
"""

from typing import Any

from sqlalchemy import event, inspect

from infra.services import migrations_of
from shared import migrations
from shared.db import Database
from shared.migrations import role_in
from tests.support.roles import owner_of

_said: dict[tuple[str, str, str | None], list[str]] = {}
_CHANGES = ("CREATE", "ALTER", "INSERT", "UPDATE", "GRANT", "REVOKE", "DO", "COMMENT", "DROP", "DELETE")


async def migrate_database(url: str, service: str) -> None:
    """As `convene migrate` does: as the owner, for the role that the URL names (tests/support/roles.py)."""
    db, runtime = Database(owner_of(url)), role_in(url) if owner_of(url) != url else None
    key = db.engine.dialect.name, service, runtime
    try:
        if await _is_there(db):
            return
        if key in _said:
            await _say(db, _said[key])
            return
        heard: list[str] = []

        def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
            if statement.lstrip().upper().startswith(_CHANGES):
                assert not parameters, f"cannot be said again: {statement}"
                heard.append(statement)

        event.listen(db.engine.sync_engine, "before_cursor_execute", hear)
        await migrations.upgrade(db, migrations_of(service), runtime=runtime)
        _said[key] = heard
    finally:
        await db.dispose()


async def _is_there(db: Database) -> bool:
    async with db.engine.connect() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).has_table(migrations.VERSION_TABLE))


async def _say(db: Database, statements: list[str]) -> None:
    async with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            raw = await connection.get_raw_connection()
            assert raw.driver_connection
            await raw.driver_connection.execute(";\n".join(statements))  # one journey for all of them
            return
        for statement in statements:
            await connection.exec_driver_sql(statement)
