"""The database: SQLite or PostgreSQL behind one small object, one commit at the edge.

`async with db.write() as session` is one transaction: it commits when the block ends and rolls back when it raises.
On SQLite every write transaction is BEGIN IMMEDIATE on a single connection (a deferred BEGIN fails with "locked" when it
upgrades, whatever the busy timeout; one write connection is twice as fast as five that queue on the file lock). On
PostgreSQL it is READ COMMITTED: the lane (services/activities) depends on reading every row at its current version.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Table,
    any_,
    event,
    func,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.types import TypeDecorator

from shared.reader import Reader, name_reader
from shared.sqlite_driver import opener

AutoInt = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit autoincrement key; SQLite only autoincrements INTEGER."""

Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC on both databases (SQLite keeps no time zone, so it is put back on reading)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One service's own database.

    url: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://...`. Statement parameters never reach error texts or logs
    (`hide_parameters`), because they hold names and addresses. statement_seconds: PostgreSQL breaks off what takes longer
    (`is_too_slow`); 0, nothing is. SQLite has no such thing: there a statement computes in the process that asks.
    overwrites: what is deleted from a SQLite file is overwritten in it (`scrub` does the same to the journal); PostgreSQL
    does that by vacuuming.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, statement_seconds: float = 0, overwrites: bool = False
    ) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self._write = _sqlite_engine(url, 1, "BEGIN IMMEDIATE", *(["secure_delete=ON"] if overwrites else []))
            self._read = _sqlite_engine(url, 4, "BEGIN")
        else:
            self._write = _postgres_engine(url, pool_size, statement_seconds)
            # At READ COMMITTED each statement has a snapshot of its own, with or without a transaction round it: a
            # read needs no BEGIN and no ROLLBACK, which were two of its three round trips.
            self._read = self._write.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def engine(self) -> AsyncEngine:
        """For migrations and tests; everything else takes `read` or `write`."""
        return self._write

    @asynccontextmanager
    async def write(self, reader: Reader | None = None) -> AsyncGenerator[AsyncSession]:
        """reader: who is named to row level security (shared/reader.py). Nobody sees and writes no row under it."""
        async with AsyncSession(self._write, expire_on_commit=False) as session, session.begin():
            if reader is not None and not self.is_sqlite:
                await name_reader(session, reader)
            yield session

    @asynccontextmanager
    async def read(self, reader: Reader | None = None) -> AsyncGenerator[AsyncSession]:
        """reader: as in `write`. On PostgreSQL a reader's name lives as long as a transaction, so there is one."""
        if reader is not None and not self.is_sqlite:
            async with self.write(reader) as session:
                yield session
            return
        async with AsyncSession(self._read, expire_on_commit=False) as session:
            yield session

    async def ping(self) -> None:
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def scrub(self) -> None:
        """Empty SQLite's journal, which holds pages as they were before: what was deleted, too. Waits for readers."""
        if self.is_sqlite:
            async with self._write.connect() as connection:
                raw: Any = (await connection.get_raw_connection()).driver_connection
                await raw.run(_truncate_journal, raw.plain())

    async def dispose(self) -> None:
        await self._write.dispose()
        await self._read.dispose()


def _postgres_engine(url: str, size: int, statement_seconds: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={
            "timeout": 10,
            "server_settings": {"jit": "off", "statement_timeout": str(round(statement_seconds * 1000))},
        },
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: Any, _record: Any, _proxy: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        # A server that ended has closed its connections, and the driver knows. `pool_pre_ping` would ask the server,
        # which is three round trips each time, as many as a small transaction has.
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server has closed this connection")

    return engine


def _truncate_journal(connection: Any) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _sqlite_engine(url: str, size: int, begin: str, *further: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        async_creator=opener(make_url(url).database or ":memory:"),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            *further,
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql(begin)

    return engine


def insert(session: AsyncSession, table: Table) -> postgresql.Insert | sqlite.Insert:
    """INSERT with `on_conflict_do_*`, which both databases have and SQLAlchemy's common INSERT has not."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def among(session: AsyncSession, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """`column IN values` for thousands of values: one parameter, so that the statement is the same for any number."""
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == any_(literal(list(values), postgresql.ARRAY(column.type)))


async def affected(session: AsyncSession, statement: Any) -> int:
    """Run a statement and say how many rows it touched."""
    result: Any = await session.execute(statement)
    return int(result.rowcount)


def is_transient(error: BaseException) -> bool:
    """Whether the database, not the statement, is the trouble: trying again later can help."""
    if isinstance(error, (ConnectionError, OSError, TimeoutError, PoolTimeout)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True  # an InterfaceError without it is a value that the driver cannot send: no time will heal that
    cause = str(error.orig).lower()
    if isinstance(error, OperationalError) and "sqlite" in type(error.orig).__module__:
        return any(word in cause for word in ("locked", "busy", "disk"))
    code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
    # 08 connection, 40 rollback (deadlock, serialisation), 53 resources, 57P operator (shutdown, cannot connect now)
    return code.startswith(("08", "40", "53", "57P"))


def is_too_slow(error: BaseException) -> bool:
    """Whether the database broke the statement off for its time: the same again would take as long."""
    return isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", None)) == "57014"
