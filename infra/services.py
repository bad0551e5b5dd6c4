"""Which services there are, and how each is made: the one place that knows their modules by name."""

import importlib
import os
from typing import Any, Protocol, cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.routes import SERVICES, openapi_path
from shared.bus.port import Bus
from shared.clock import Clock
from shared.ids import Ids
from shared.service import Runtime
from shared.settings import ServiceSettings


class UnknownService(ValueError):
    """There is no service of that name."""


class _Build(Protocol):
    def __call__(
        self, settings: Any, *, clock: Clock | None = None, ids: Ids | None = None, bus: Bus | None = None
    ) -> FastAPI: ...


def settings_of(service: str, **given: Any) -> ServiceSettings:
    """The service's settings: what is given, then the environment, then the files of secrets, then its defaults."""
    _check(service)
    module = importlib.import_module(f"services.{service}.settings")
    return getattr(module, f"{service.capitalize()}Settings")(_secrets_dir=secrets_folder(), **given)


def secrets_folder() -> str | None:
    """A folder (`CONVENE_SECRETS`) with a file for each setting that is a secret, called as its variable is: the way in which
    container platforms hand secrets over. What the environment says goes before it."""
    return os.environ.get("CONVENE_SECRETS") or None


def build(
    service: str,
    settings: ServiceSettings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    bus: Bus | None = None,
) -> FastAPI:
    """The service's application, not yet started; it tells its OpenAPI document under its own prefix."""
    _check(service)
    make = cast(_Build, importlib.import_module(f"services.{service}.app").build)
    app = make(settings, clock=clock, ids=ids, bus=bus)

    async def document(_: Request) -> Response:
        return JSONResponse(app.openapi(), headers={"Cache-Control": "no-cache"})

    # before the service's own, of which `/api/v1/activities/{id}` would take it
    app.router.routes.insert(0, Route(openapi_path(service), document, methods=["GET"]))
    return app


def runtime_of(app: FastAPI) -> Runtime:
    return app.state.runtime


def migrations_of(service: str) -> Any:
    """The service's migrations, as `shared.migrations` takes them."""
    from shared.migrations import config_for

    _check(service)
    found = importlib.import_module(f"services.{service}").__file__
    assert found is not None
    return config_for(found)


def _check(service: str) -> None:
    if service not in SERVICES:
        raise UnknownService(f"{service!r} is no service: {', '.join(SERVICES)}")
