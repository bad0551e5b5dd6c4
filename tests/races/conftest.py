"""One replica on SQLite, which is a database for one process; two on PostgreSQL."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.races.harness import replicas
from tests.support.activities import Service


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/activities.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def services(database_url: str) -> AsyncGenerator[list[Service]]:
    async with replicas(database_url, 1 if database_url.startswith("sqlite") else 2) as running:
        yield running
