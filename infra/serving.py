"""`convene serve` and `convene migrate`: one service in one process, wired by settings alone."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp

from infra.cli.output import REFUSED, Failure
from infra.front import Front
from infra.routes import DASHBOARD, SERVICES
from infra.server import AddressInUse, listen, run
from infra.services import UnknownService, build, migrations_of, runtime_of, secrets_folder, settings_of
from shared import logs, sqlite, telemetry
from shared.clock import SystemClock
from shared.settings import ServiceSettings

GATEWAY = "gateway"
CLOCK_OFFSET = "CONVENE_CLOCK_OFFSET"
"""Seconds; set by `convene stack` alone, so that all processes of a demo share one clock."""


def serve_one(service: str, host: str, port: int) -> None:
    """Serve until a signal. Raises Failure with what is wrong with the settings or the address."""
    sqlite.install()
    try:
        with listen(host, port) as listening:
            app, closing = _gateway() if service == GATEWAY else _app(service)
            served = run(app, listening, closing=closing)
    except (AddressInUse, UnknownService) as error:
        raise Failure(str(error)) from error
    if not served:
        raise Failure(f"{service} could not start; the reason is above", REFUSED)


def _app(service: str):
    if service == DASHBOARD:
        return _dashboard(), lambda: None
    settings = _settings(service)
    logs.setup(settings.log_format, settings.log_level)
    if not settings.migrate_at_start:
        _require_schema(service, settings)
    telemetry.setup(service, settings.otel_endpoint)
    app = build(service, settings, clock=_clock(settings))
    return app, runtime_of(app).closing.set


def _require_schema(service: str, settings: ServiceSettings) -> None:
    """The service checks it too, at its start; asked here, the answer is a sentence and not a traceback."""
    from shared.db import Database
    from shared.migrations import SchemaTooOld, require_current

    async def work() -> None:
        db = Database(settings.database_url.get_secret_value())
        try:
            await require_current(db, migrations_of(service))
        finally:
            await db.dispose()

    try:
        asyncio.run(work())
    except SchemaTooOld as error:
        raise Failure(f"{service}: the database's {error}; run first: convene migrate {service}", REFUSED) from error
    except OSError as error:
        raise Failure(f"{service}: the database does not answer: {error}", REFUSED) from error


def _clock(settings: ServiceSettings) -> SystemClock:
    if offset := os.environ.get(CLOCK_OFFSET):
        return SystemClock(timedelta(seconds=float(offset)))
    return SystemClock.starting_at(settings.clock_start) if settings.clock_start else SystemClock()


def _dashboard(transport: httpx.AsyncBaseTransport | None = None) -> ASGIApp:
    """The pages, and beside them the health of the whole and the problem pages, for a gateway that knows neither.

    Which services there are for it to ask is in `CONVENE_UPSTREAM_...`; without, `/readyz` speaks for this process alone.
    """
    from dashboard.app import build as build_dashboard
    from dashboard.settings import DashboardSettings
    from infra.readiness import PREFIX, probes_of, upstreams_of

    logs.setup(os.environ.get("CONVENE_LOG_FORMAT", "console"), os.environ.get("CONVENE_LOG_LEVEL", "INFO"))
    told = any(f"{PREFIX}{service.upper()}" in os.environ for service in SERVICES)
    client = httpx.AsyncClient(transport=transport, trust_env=False)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with client:
            yield

    try:
        probes = probes_of(upstreams_of(os.environ, SERVICES), client) if told else {}
    except ValueError as error:
        raise Failure(str(error)) from error
    return Front({DASHBOARD: build_dashboard(DashboardSettings(_secrets_dir=secrets_folder()))}, probes, lifespan)  # pyright: ignore[reportCallIssue]


def _gateway():
    from infra.gateway import Gateway
    from infra.readiness import upstreams_of

    logs.setup(os.environ.get("CONVENE_LOG_FORMAT", "console"), os.environ.get("CONVENE_LOG_LEVEL", "INFO"))
    try:
        gateway = Gateway(upstreams_of(os.environ, (*SERVICES, DASHBOARD)))
    except ValueError as error:
        raise Failure(str(error)) from error
    return gateway, gateway.closing.set


def migrate_one(service: str) -> str:
    """Upgrade the service's schema to head; the revision it is at then. Raises Failure."""
    from shared.db import Database
    from shared.migrations import role_in, upgrade

    sqlite.install()
    try:
        settings = _settings(service)
        config = migrations_of(service)
    except UnknownService as error:
        raise Failure(str(error)) from error
    logs.setup(settings.log_format, "WARNING")

    url = settings.database_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else url

    async def work() -> None:
        db = Database(owner)
        try:
            await upgrade(db, config, runtime=None if owner == url else role_in(url))
        finally:
            await db.dispose()

    try:
        asyncio.run(work())
    except OSError as error:
        raise Failure(f"{service}: the database does not answer: {error}", REFUSED) from error
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config).get_current_head() or "nothing"


def _settings(service: str):
    from pydantic import ValidationError

    try:
        return settings_of(service)
    except ValidationError as error:
        wrong = "; ".join(
            # an error about several settings at once has no place
            "".join(f"{service.upper()}_{str(name).upper()}: " for name in each["loc"][:1]) + each["msg"]
            for each in error.errors()
        )
        raise Failure(f"settings of {service}: {wrong}") from error


__all__ = ["SERVICES", "migrate_one", "serve_one"]
