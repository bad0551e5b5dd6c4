"""The databases, and the buses, for the suites of the shared kernel."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.native.postgres import ExternalPostgres
from tests.conformance.outbox.harness import emptied
from tests.integration.shared.toy import Toy, make_toy
from tests.support.roles import owner_of


@pytest.fixture(scope="module")
def module_url(postgres: ExternalPostgres) -> Iterator[str]:
    """One PostgreSQL database for a module's tests, which empty it before use."""
    name = f"convene_test_kernel_{secrets.token_hex(6)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def kernel_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, SQLite or PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/kernel.db"
    return await emptied(request.getfixturevalue("module_url"))


PAIRS = {
    "memory-sqlite": (),
    "memory-postgres": (pytest.mark.postgres,),
    "log-sqlite": (),
    "kafka-postgres": (pytest.mark.kafka, pytest.mark.postgres),
}
"""Every bus, on the database that it runs with; PostgreSQL also where nothing hides its speed."""


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in PAIRS.items()])
async def toy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Toy]:
    bus, database = request.param.split("-")
    bus_url = {
        "memory": lambda: "memory://",
        "log": lambda: f"sqlite:///{tmp_path}/log.db",
        "kafka": lambda: f"kafka://{request.getfixturevalue('kafka').bootstrap}",
    }[bus]()
    sqlite = database == "sqlite"
    made = await make_toy(
        f"sqlite+aiosqlite:///{tmp_path}/toy.db" if sqlite else owner_of(request.getfixturevalue("postgres_url")),
        bus_url,
    )
    yield made
    await made.bus.stop()
    await made.db.dispose()
