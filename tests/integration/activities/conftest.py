"""`service` is fresh for each test, on SQLite and on PostgreSQL; `scene` is one for a whole module, on SQLite, and `on_both`
on both."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.activities.orm import known
from shared.bus.memory import MemoryBus
from shared.clock import SystemClock
from shared.cloudevent import Event
from tests.integration.activities.scene import NINA, RITA, Scene, set_scene
from tests.support.activities import Service, facts_on, running
from tests.support.people import introduce
from tests.support.roles import service_database


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


class ShiftedClock(SystemClock):
    """The machine's clock, until a test moves it on."""

    def shift(self, by: timedelta) -> None:
        self._offset += by


@dataclass
class World:
    """A service that a whole module of tests shares, each test in a country or a year of its own."""

    service: Service
    clock: ShiftedClock
    bus: MemoryBus

    async def facts(self, subject: str) -> list[Event]:
        return [event for event in await facts_on(self.bus) if event.subject == subject]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    clock, bus = ShiftedClock(), MemoryBus()
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('world')}/activities.db"
    async with running(url, bus=bus, clock=clock, timer_seconds=0.1) as service:
        await introduce(service.db, known, [NINA, RITA], [])
        yield World(service, clock, bus)


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
    async with set_scene(service_database(server, "convene_test_scene")) as one:
        yield one
    server.drop_database("convene_test_scene")
