"""PostgreSQL servers and the databases in them."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from infra.native.errors import AlreadyRunning
from infra.native.postgres import ExternalPostgres, PostgresServer
from tests.support.roles import owner_of


@pytest.fixture
def own_server(new_postgres: Callable[[], PostgresServer]) -> PostgresServer:
    return new_postgres()


async def _sql(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def test_databases_are_made_empty_and_dropped_even_while_in_use(postgres: ExternalPostgres):
    url = postgres.create_database('with "quotes" and spaces')
    try:
        assert url.startswith("postgresql+asyncpg://")
        assert await _sql(url, "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'") == []
        with pytest.raises(asyncpg.DuplicateDatabaseError):
            postgres.create_database('with "quotes" and spaces')
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    finally:
        postgres.drop_database('with "quotes" and spaces')
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetch("SELECT 1")
    assert 'with "quotes" and spaces' not in postgres.databases()


async def test_each_test_gets_a_database_of_its_own(new_database: Callable[[], str], postgres_url: str):
    await _sql(owner_of(postgres_url), "CREATE TABLE here (x int)")
    with pytest.raises(asyncpg.UndefinedTableError):
        await _sql(new_database(), "SELECT * FROM here")


async def test_committed_rows_survive_kill_and_restart_on_the_same_port(own_server: PostgresServer):
    url = own_server.create_database("kept")
    await _sql(url, "CREATE TABLE plan (title text)")
    await _sql(url, "INSERT INTO plan VALUES ('committed')")

    own_server.kill()
    assert not own_server.running
    own_server.start()
    assert [row["title"] for row in await _sql(url, "SELECT title FROM plan")] == ["committed"]
    own_server.restart()
    assert [row["title"] for row in await _sql(url, "SELECT title FROM plan")] == ["committed"]
    assert (await _sql(url, "SHOW fsync"))[0][0] == "on"
    assert (await _sql(url, "SHOW max_connections"))[0][0] == "300"


async def test_a_stop_does_not_wait_for_idle_clients(own_server: PostgresServer):
    idle = await asyncpg.connect(own_server.url("postgres").replace("+asyncpg", ""))
    await asyncio.to_thread(own_server.stop)
    assert "received fast shutdown request" in own_server.log_file.read_text()
    assert "recovery" not in own_server.log_file.read_text()
    assert not own_server.running
    idle.terminate()


async def test_the_password_is_asked_for_and_kept_to_the_owner(own_server: PostgresServer):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=own_server.port, user="postgres", password="guess")
    assert (own_server.data / "server.json").stat().st_mode & 0o077 == 0


def test_a_second_server_on_one_folder_is_refused_or_shared(own_server: PostgresServer):
    second = PostgresServer(own_server.data)
    with pytest.raises(AlreadyRunning):
        second.start()
    second.start(share=True)
    assert second.pid == own_server.pid
    second.ping()
