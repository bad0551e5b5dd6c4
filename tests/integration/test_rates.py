"""Every service limits the rate of its API, and says when to come again."""

from pathlib import Path

import httpx
import pytest

from infra.routes import SERVICES
from infra.services import build, settings_of
from shared.bus.memory import MemoryBus


@pytest.mark.parametrize("service", SERVICES)
async def test_beyond_the_rate_a_service_says_when_to_come_again(service: str, tmp_path: Path) -> None:
    given = {"database_url": f"sqlite+aiosqlite:///{tmp_path}/one.db", "data_dir": tmp_path, "public_per_minute": 2}
    app = build(service, settings_of(service, **given), bus=MemoryBus())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test"
    ) as http:
        for _ in range(2):
            assert (await http.get("/api/v1/nothing-here")).status_code == 404
        refused = await http.get("/api/v1/nothing-here")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await http.get("/livez")).status_code == 200
