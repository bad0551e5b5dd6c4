"""`service` is fresh for each test, on SQLite and on PostgreSQL; `scene` is one for a whole module, on SQLite, and `on_both`
on both."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.bus.memory import MemoryBus
from tests.integration.activities.scene import Scene, set_scene
from tests.support.activities import Service, running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/activities.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
async def service(database_url: str, bus: MemoryBus) -> AsyncGenerator[Service]:
    async with running(database_url, bus=bus) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    async with set_scene(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('bad')}/activities.db") as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def on_both(request: pytest.FixtureRequest, scene: Scene) -> AsyncGenerator[Scene]:
    """For what reaches the database, which has its own opinion on NUL, types and sizes."""
    if request.param == "sqlite":
        yield scene
        return
    server = request.getfixturevalue("postgres")
    async with set_scene(server.create_database("convene_test_scene")) as one:
        yield one
    server.drop_database("convene_test_scene")
