"""What tests over real processes share."""

from collections.abc import Iterator

import pytest

from tests.support.processes import Launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """Starts processes of the product; those that still run end with the test session."""
    started = Launcher()
    yield started
    started.close()
