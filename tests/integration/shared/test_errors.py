"""What a real database says when it refuses or goes: what is worth waiting for, and that no error text quotes a value."""

import asyncio
import traceback
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, event, text
from sqlalchemy.exc import IntegrityError

from shared.db import Database, is_transient

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("phone", String(40), nullable=False),
)
NAME = "Jane Roe"


@pytest.fixture
async def db(kernel_url: str) -> AsyncIterator[Database]:
    made = Database(kernel_url)
    async with made.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


async def failure(db: Database, statement: object, values: object = None) -> Exception:
    with pytest.raises(Exception) as caught:
        async with db.write() as session:
            await session.execute(statement, values)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return caught.value


def everything_said(error: BaseException) -> str:
    """As a log shows it: the chain with all its causes."""
    return "".join(traceback.format_exception(error))


async def test_error_texts_do_not_quote_values(db: Database) -> None:
    async with db.write() as session:
        await session.execute(people.insert().values(id=1, name=NAME, phone="1"))
    twice = await failure(db, people.insert().values(id=2, name=NAME, phone="2"))
    without = await failure(db, text("INSERT INTO people (id, name) VALUES (3, :name)"), {"name": NAME})
    assert isinstance(twice, IntegrityError)
    assert isinstance(without, IntegrityError)
    for error in (twice, without):
        assert NAME not in str(error)
        assert not is_transient(error)


@pytest.mark.parametrize(
    "values",
    [
        {"id": 1 << 70, "name": "n", "phone": "1"},
        {"id": 1, "name": "lone \ud800 surrogate", "phone": "1"},
        {"id": "no number", "name": "n", "phone": "1"},
        {"id": 1, "name": ["no text"], "phone": "1"},
    ],
    ids=["number", "surrogate", "text-for-number", "list-for-text"],
)
async def test_a_value_that_can_never_be_stored_is_not_waited_for(db: Database, values: dict[str, object]) -> None:
    """Waiting would hold up its partition for ever; parking lets the others flow."""
    if db.is_sqlite and values["id"] == "no number":
        values = {**values, "id": None, "name": None}
    assert not is_transient(await failure(db, people.insert().values(**values)))


@pytest.mark.postgres
async def test_a_nul_is_not_waited_for(module_url: str) -> None:
    db = Database(module_url)
    error = await failure(db, text("SELECT CAST(:name AS text)"), {"name": "a\x00b"})
    assert not is_transient(error)
    await db.dispose()


@pytest.mark.postgres
async def test_a_connection_that_the_server_ends_is_waited_for(module_url: str) -> None:
    db, admin = Database(module_url, pool_size=2), Database(module_url, pool_size=1)

    async def cut_off() -> None:
        async with db.write() as session:
            pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with admin.write() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await session.execute(text("SELECT 1"))

    (error,) = await asyncio.gather(cut_off(), return_exceptions=True)
    assert isinstance(error, Exception)
    assert is_transient(error), repr(error)
    await db.ping()
    await db.dispose()
    await admin.dispose()


@pytest.mark.parametrize("refusal", [asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, TimeoutError])
async def test_a_server_that_cannot_serve_now_is_waited_for(
    refusal: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting, shutting down or full: what a service meets when its database is restarted."""

    async def connect(*_: object, **__: object) -> None:
        raise refusal("not now")

    monkeypatch.setattr(asyncpg, "connect", connect)
    db = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    error = await failure(db, text("SELECT 1"))
    assert is_transient(error), repr(error)
    await db.dispose()


async def test_nobody_listening_is_waited_for() -> None:
    db = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    assert is_transient(await failure(db, text("SELECT 1")))
    await db.dispose()


async def test_a_locked_sqlite_file_is_waited_for(tmp_path: object) -> None:
    db, other = (Database(f"sqlite+aiosqlite:///{tmp_path}/locked.db") for _ in range(2))
    event.listen(db.engine.sync_engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50"))
    async with other.write() as writer:
        await writer.execute(text("SELECT 1"))
        error = await failure(db, text("SELECT 1"))
    assert is_transient(error), repr(error)
    await db.dispose()
    await other.dispose()
