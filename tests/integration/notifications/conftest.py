"""Every test here runs on SQLite and on PostgreSQL."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shared.bus.memory import MemoryBus
from tests.support.notifications import Service, running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/notifications.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
async def service(database_url: str, bus: MemoryBus) -> AsyncGenerator[Service]:
    async with running(database_url, bus=bus) as one:
        yield one
