"""The outbox suite runs on both databases: SQLite in one process, PostgreSQL as several replicas share it."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.native.postgres import ExternalPostgres
from tests.conformance.outbox.harness import House, close, emptied, make_house


@pytest.fixture(scope="module")
def module_url(postgres: ExternalPostgres) -> Iterator[str]:
    """One PostgreSQL database for a module's tests, which empty it before use."""
    name = f"convene_test_outbox_{secrets.token_hex(6)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[House]:
    made = await make_house(url)
    yield made
    await close(made)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/toys.db"
    else:
        url = await emptied(request.getfixturevalue("module_url"))
    async with opened(url) as made:
        yield made


@pytest.fixture
async def shared_house(module_url: str) -> AsyncIterator[House]:
    """PostgreSQL alone: what needs several writers or replicas at the same instant."""
    async with opened(await emptied(module_url)) as made:
        yield made


@pytest.fixture
async def local_house(tmp_path: Path) -> AsyncIterator[House]:
    """SQLite alone: what does not depend on the database."""
    async with opened(f"sqlite+aiosqlite:///{tmp_path}/toys.db") as made:
        yield made
