"""Servers of a test's own, to be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.native.postgres import ExternalPostgres, PostgresServer


@pytest.fixture
def own_server(postgres: ExternalPostgres, tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of the test's own, to kill (`postgres` saw to it that there is a wheel, or skipped)."""
    if not isinstance(postgres, PostgresServer):
        pytest.skip("NOT RUN: postgres: a server that somebody else runs is not ours to kill")
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()
