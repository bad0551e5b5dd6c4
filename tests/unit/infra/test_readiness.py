"""`/readyz` in front of everything names each service, whichever way Convene is run, and is 200 only when all are ready."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from infra import serving
from infra.cli.output import Failure
from infra.data import DataFolder
from infra.embedded import embedded, random_key
from infra.gateway import Gateway
from infra.routes import DASHBOARD, PARTNERS, SERVICES

REPLICAS = {service: [f"http://{service}-1", f"http://{service}-2"] for service in SERVICES}


class Services(httpx.AsyncBaseTransport):
    """Every replica of every service; those in `down` refuse connections, those in `failing` say that they are not ready."""

    def __init__(self, down: set[str] = frozenset(), failing: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.down, self.failing = down, failing

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/readyz"
        if request.url.host in self.down:
            raise httpx.ConnectError("refused")
        ready = request.url.host not in self.failing
        checks = {"database": "ok" if ready else "ConnectionRefusedError"}
        return httpx.Response(200 if ready else 503, json={"ready": ready, "checks": checks})


async def asked(app: ASGIApp) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/readyz")
    return answer.status_code, answer.json()


def behind_the_proxy(services: Services, _: pytest.MonkeyPatch) -> ASGIApp:
    return Gateway({**REPLICAS, DASHBOARD: ["http://nobody"]}, transport=services)


def behind_nginx(services: Services, monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    """nginx can ask nobody: the dashboard's process answers for it."""
    monkeypatch.setenv("DASHBOARD_SESSION_KEY", random_key())
    for service, urls in REPLICAS.items():
        monkeypatch.setenv(f"CONVENE_UPSTREAM_{service.upper()}", ",".join(urls))
    return serving._dashboard(services)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("front", [behind_the_proxy, behind_nginx])
async def test_distributed_each_service_is_named(front: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = await asked(front(Services(), monkeypatch))
    assert (status, said["ready"]) == (200, True)
    assert {name: each["ready"] for name, each in said["services"].items()} == dict.fromkeys(SERVICES, True)

    # one replica is enough to be served by
    status, said = await asked(front(Services(down={"partners-1"}), monkeypatch))
    assert status == 200
    assert said["services"][PARTNERS]["replicas"] == {"http://partners-1": False, "http://partners-2": True}

    for services in (
        Services(down={"partners-1", "partners-2"}),
        Services(down={"partners-1"}, failing={"partners-2"}),
    ):
        status, said = await asked(front(services, monkeypatch))
        assert (status, said["ready"]) == (503, False)
        assert {name for name, each in said["services"].items() if not each["ready"]} == {PARTNERS}


def test_a_service_that_was_forgotten_is_no_ready_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVENE_UPSTREAM_ACTIVITIES", "http://a")
    with pytest.raises(Failure, match="CONVENE_UPSTREAM_PARTNERS"):
        serving._dashboard()  # pyright: ignore[reportPrivateUsage]


@asynccontextmanager
async def alive(app: ASGIApp) -> AsyncIterator[None]:
    told: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, told.get, said.put))
    await told.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    yield
    await told.put({"type": "lifespan.shutdown"})
    await life


async def test_embedded_each_service_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = embedded(DataFolder(tmp_path))
    async with alive(whole.app):
        status, said = await asked(whole.app)
        assert (status, set(said["services"])) == (200, set(SERVICES))

        async def gone() -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(whole.runtimes[PARTNERS].db, "ping", gone)
        status, said = await asked(whole.app)
        assert status == 503
        assert {name: each["ready"] for name, each in said["services"].items()} == {
            name: name != PARTNERS for name in SERVICES
        }
        assert said["services"][PARTNERS]["checks"]["database"] == "ConnectionRefusedError"
        whole.close_streams()
