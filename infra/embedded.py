"""All of Convene in one process: three services and the web pages on SQLite files and the SQLite event log.

The same code paths as distributed; only the wiring differs. Whoever imports this calls `shared.sqlite.install()` first,
before anything can bind the standard library's own SQLite.
"""

import base64
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import ASGIApp

from infra.data import DataFolder
from infra.front import Front, Probe
from infra.routes import DASHBOARD, PARTNERS, SERVICES
from infra.services import build, runtime_of, settings_of
from shared.auth import new_api_key
from shared.bus.factory import make_bus
from shared.bus.port import Bus
from shared.clock import Clock
from shared.ids import Ids, Uuid7Ids
from shared.service import Runtime


@dataclass(frozen=True)
class Embedded:
    """The application and what its owner needs besides: `close_streams` for the first moment of a shutdown."""

    app: ASGIApp
    runtimes: Mapping[str, Runtime]
    clock: Clock

    def close_streams(self) -> None:
        for runtime in self.runtimes.values():
            runtime.closing.set()


def embedded(
    data: DataFolder,
    *,
    clock_start: datetime | None = None,
    settings: Mapping[str, Any] | None = None,
    own: Mapping[str, Mapping[str, Any]] | None = None,
) -> Embedded:
    """Wire everything on the folder `data` (whose lock the caller holds); nothing runs before the app's lifespan.

    settings    further settings, given to every service; own: those of one service, by its name
    """
    clock = data.clock(clock_start)
    ids = Uuid7Ids(clock)
    bus = make_bus(f"sqlite:///{data.file('log.db')}", client_id="convene", clock=clock)
    apps = {
        name: _service(name, data, clock, ids, bus, {**(settings or {}), **(own or {}).get(name, {})})
        for name in SERVICES
    }
    runtimes = {name: runtime_of(app) for name, app in apps.items()}
    probes: dict[str, Probe] = {name: _probe(runtime) for name, runtime in runtimes.items()}

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        # The bus is everybody's: it is there before the first service and leaves after the last.
        await bus.start()
        try:
            async with AsyncExitStack() as stack:
                # partners first: its events are what the others know people and keys by
                for name in sorted(apps, key=lambda each: each != PARTNERS):
                    app = apps[name]
                    await stack.enter_async_context(app.router.lifespan_context(app))
                yield
                # all streams end before the first service goes
                for runtime in runtimes.values():
                    runtime.closing.set()
        finally:
            await bus.stop()

    front = Front(dict(apps), probes, lifespan)
    front.add(DASHBOARD, _dashboard(front, data))
    return Embedded(front, runtimes, clock)


def _service(name: str, data: DataFolder, clock: Clock, ids: Ids, bus: Bus, further: Mapping[str, Any]) -> FastAPI:
    given: dict[str, Any] = {
        "database_url": f"sqlite+aiosqlite:///{data.file(name + '.db')}",
        "bus_url": f"sqlite:///{data.file('log.db')}",
        "migrate_at_start": True,
        "data_dir": data.path,
        "replica": "embedded",  # the folder's lock sees to it that there is one
        "audit_key": data.secret("audit.key", random_key),
        **_secrets(name, data),
        **further,
    }
    return build(name, settings_of(name, **given), clock=clock, ids=ids, bus=bus)


def _secrets(name: str, data: DataFolder) -> dict[str, str]:
    if name == "partners":
        return {"bootstrap_key": data.secret(data.admin_key.name, new_api_key)}
    if name == "notifications":
        return {"cursor_key": data.secret("cursor.key", random_key)}
    return {}


def random_key() -> str:
    """256 random bits, base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _probe(runtime: Runtime) -> Probe:
    async def ask() -> tuple[bool, Mapping[str, Any]]:
        ready, checks = await runtime.readiness()
        return ready, {"checks": checks}

    return ask


def _dashboard(front: ASGIApp, data: DataFolder) -> ASGIApp:
    """The pages, which reach the API in process but by the public door."""
    from dashboard.app import build as build_dashboard
    from dashboard.settings import DashboardSettings

    started = data.clock_start
    return build_dashboard(
        DashboardSettings(
            session_key=SecretStr(data.secret("session.key", random_key)),
            demo_clock=started.date().isoformat() if started else None,
        ),
        transport=httpx.ASGITransport(front, raise_app_exceptions=False),
    )
