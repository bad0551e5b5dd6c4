"""The HTTP API of a service, as its application describes it (shared/openapi.py)."""

import base64
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from infra.routes import NOTIFICATIONS
from infra.services import build, settings_of
from shared.bus.memory import MemoryBus


def application(service: str, folder: Path) -> FastAPI:
    """The service with stand-ins for all that the environment gives; never started."""
    given: dict[str, Any] = {"database_url": f"sqlite+aiosqlite:///{folder}/none.db", "bus_url": "memory://"}
    if service == NOTIFICATIONS:
        given["cursor_key"] = base64.urlsafe_b64encode(bytes(32)).decode()
    return build(service, settings_of(service, **given), bus=MemoryBus())


def openapi_of(service: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return application(service, Path(folder)).openapi()
