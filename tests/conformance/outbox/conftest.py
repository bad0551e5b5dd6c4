"""The outbox suite runs on both databases: SQLite in one process, PostgreSQL as several replicas share it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.outbox.harness import House, close, make_house


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    url = (
        f"sqlite+aiosqlite:///{tmp_path}/toys.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    made = await make_house(url)
    yield made
    await close(made)


@pytest.fixture
async def shared_house(postgres_url: str) -> AsyncIterator[House]:
    """PostgreSQL alone: what needs several writers or replicas at the same instant."""
    made = await make_house(postgres_url)
    yield made
    await close(made)


@pytest.fixture
async def local_house(tmp_path: Path) -> AsyncIterator[House]:
    """SQLite alone: what does not depend on the database."""
    made = await make_house(f"sqlite+aiosqlite:///{tmp_path}/toys.db")
    yield made
    await close(made)
