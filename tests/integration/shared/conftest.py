"""Both databases for the suites of the shared kernel."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.native.postgres import ExternalPostgres
from tests.conformance.outbox.harness import emptied


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
