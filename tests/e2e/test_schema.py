"""Distributed, a service never migrates by itself: an older schema is refused with the way out, a newer one accepted."""

from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from infra.environment import owner_environment
from infra.native.ports import free_ports
from infra.routes import SERVICES
from tests.support.processes import Launcher, Running
from tests.support.roles import owner_of

pytestmark = pytest.mark.postgres


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_older_is_refused_and_newer_is_accepted(
    launcher: Launcher, tmp_path: Path, new_database: Callable[[], str], service: str
) -> None:
    url = new_database()
    environment = {
        f"{service.upper()}_DATABASE_URL": url,
        "BUS_URL": f"kafka://127.0.0.1:{free_ports(1)[0]}",
        "CONVENE_DATA": str(tmp_path),
        "NOTIFICATIONS_CURSOR_KEY": "A" * 43,
    }

    def serve() -> Running:
        port = free_ports(1)[0]
        return launcher.start(
            "serve", service, "--port", str(port),
            url=f"http://127.0.0.1:{port}", log=tmp_path / "serve.log", environment=environment,
        )  # fmt: skip

    refused = serve()
    assert refused.wait(60) not in {0, None}
    said = refused.log.read_text()
    assert f"convene migrate {service}" in " ".join(said.split())
    assert await _tables(url) == set()

    for _ in range(2):
        code, said = launcher.run(
            "migrate", service, log=tmp_path / "migrate.log",
            environment=environment | owner_environment(service, owner_of(url)),
        )  # fmt: skip
        assert code == 0, said
    started = serve()
    await started.ready()
    assert started.terminate() == 0

    before = await _tables(url)
    connection = await asyncpg.connect(owner_of(url).replace("+asyncpg", ""))
    await connection.execute("UPDATE schema_version SET version_num = '9999_of_a_later_release'")
    await connection.close()
    started = serve()  # the release before, while the next one is being rolled out
    await started.ready()
    assert started.terminate() == 0
    assert await _tables(url) == before


async def _tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}
