"""What tests over real processes share."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from infra.native.kafka import KafkaCluster
from infra.native.postgres import ExternalPostgres
from tests.e2e.replicas import Stack, running_stack
from tests.support.processes import Launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """Starts processes of the product; those that still run end with the test session."""
    started = Launcher()
    yield started
    started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    launcher: Launcher, kafka: KafkaCluster, postgres: ExternalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Replicas as processes, for one module. That `kafka` is asked for says whether there can be a broker at all."""
    async with running_stack(launcher, postgres, tmp_path_factory.mktemp("distributed")) as running:
        yield running
