"""The service partners as its users see it, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.clock import FixedClock
from tests.integration.partners.harness import NOW, House, Houses, migrate


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/partners.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def houses(database_url: str, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Houses]:
    await migrate(database_url)
    async with AsyncExitStack() as stack:
        yield Houses(database_url, clock, stack, tmp_path / "data")


@pytest.fixture
async def house(houses: Houses) -> House:
    """A running replica with one organisation, `unodc`."""
    found = await houses()
    await found.made(
        "/api/v1/organisations",
        {
            "name": "United Nations Office on Drugs and Crime",
            "acronym": "UNODC",
            "type": "40",
            "country": "AUT",
            "identifiers": [{"scheme": "XM-DAC", "value": "41128"}],
        },
    )
    return found
