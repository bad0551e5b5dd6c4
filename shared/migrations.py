"""Schema migrations, one history per service: expand in release n, contract in n+1.

Embedded, a service migrates itself at start. Distributed it never does: `convene migrate SERVICE` runs before the new
replicas, a service refuses a schema older than its own and accepts a newer one (the one before a roll-back).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, make_url

from shared.db import Database
from shared.reader import SERVICE, reader_setting

log = structlog.get_logger(__name__)
VERSION_TABLE = "schema_version"


class SchemaTooOld(Exception):
    """The database lacks migrations that this release needs: run `convene migrate SERVICE` first."""


def config_for(package_file: str) -> Config:
    """The migrations beside a service's module, e.g. `config_for(__file__)` in its `app.py`."""
    config = Config()
    config.set_main_option("script_location", str(Path(package_file).parent / "migrations"))
    return config


async def upgrade(db: Database, config: Config, revision: str = "head", *, runtime: str | None = None) -> None:
    """As the owner of the tables, on PostgreSQL. runtime: the role that the service runs as, where it is another one: it may
    read and write rows, also of tables that are yet to come, and nothing else."""
    await _run(db, config, lambda: command.upgrade(config, revision))
    if runtime is not None and not db.is_sqlite:
        async with db.engine.begin() as connection:
            for statement in _grants(connection.dialect.identifier_preparer.quote(runtime)):
                await connection.exec_driver_sql(statement)


def role_in(url: str) -> str | None:
    """The role that a database URL names."""
    return make_url(url).username


def _grants(runtime: str) -> Iterator[str]:
    rights = (("TABLES", "SELECT, INSERT, UPDATE, DELETE"), ("SEQUENCES", "USAGE"))
    yield f"GRANT USAGE ON SCHEMA public TO {runtime}"
    for kind, granted in rights:
        yield f"GRANT {granted} ON ALL {kind} IN SCHEMA public TO {runtime}"
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {granted} ON {kind} TO {runtime}"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {VERSION_TABLE} FROM {runtime}"


async def downgrade(db: Database, config: Config, revision: str) -> None:
    await _run(db, config, lambda: command.downgrade(config, revision))


async def differences(db: Database, config: Config) -> None:
    """Raises alembic's error when the tables of `orm.py` and the migrations have drifted apart."""
    await _run(db, config, lambda: command.check(config))


async def _run(db: Database, config: Config, action: Callable[[], object]) -> None:
    async with db.engine.begin() as connection:

        def work(sync: Connection) -> None:
            if sync.dialect.name == "postgresql":
                sync.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a large table takes as long as it takes
                # what a migration does to rows it does to all of them, and the owner stands before the second wall, too
                sync.exec_driver_sql("SELECT set_config('convene.reader', $1, true)", (reader_setting(SERVICE),))
            config.attributes["connection"] = sync
            action()

        await connection.run_sync(work)


async def require_current(db: Database, config: Config) -> None:
    """Raises SchemaTooOld; a revision that this release does not know is a newer one, and accepted."""
    script = ScriptDirectory.from_config(config)
    async with db.engine.connect() as connection:
        current = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync, opts={"version_table": VERSION_TABLE}).get_current_revision()
        )
    head = script.get_current_head()
    known = {revision.revision for revision in script.walk_revisions()}
    if current == head:
        return
    if current is None or current in known:
        raise SchemaTooOld(f"schema is at {current or 'nothing'}, this release needs {head}")
    log.warning("schema.newer", current=current, ours=head)


def run_environment(metadata: MetaData) -> None:
    """The whole body of a service's `migrations/env.py`."""
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("migrations run through `convene migrate SERVICE`")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=False,
    )
    with context.begin_transaction():
        context.run_migrations()
