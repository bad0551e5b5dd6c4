"""The adapters under test. A new one is one more entry here, and passes every test of this folder or is none."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.bus.factory import make_bus
from shared.bus.port import Bus, Topic
from tests.conformance.bus.harness import Features


@pytest.fixture(params=["memory", "sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def features(request: pytest.FixtureRequest, tmp_path: Path) -> Features:
    match request.param:
        case "memory":
            url, other = "memory://", "memory://"
        case "sqlite":
            url, other = (f"sqlite:///{tmp_path / name / 'log.db'}" for name in ("one", "other"))
        case _:
            url, other = f"kafka://{request.getfixturevalue('kafka').bootstrap}", None
    return Features(
        make=lambda: make_bus(url, client_id="conformance"),
        other=(lambda: make_bus(other, client_id="conformance")) if other else None,
        durable=request.param != "memory",
    )


@pytest.fixture
async def bus(features: Features) -> AsyncIterator[Bus]:
    made = features.make()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def topic(bus: Bus) -> str:
    """A topic of six partitions that no other test has: the broker is shared."""
    name = f"activities-{secrets.token_hex(4)}.v1"
    await bus.create_topics([Topic(name)])
    return name


@pytest.fixture
def group() -> str:
    return f"activities.matching-{secrets.token_hex(4)}"
