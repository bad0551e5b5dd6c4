"""A replica of partners for tests: HTTP in, rows and outbox behind."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from services.partners import app as partners
from services.partners import orm
from services.partners.settings import PartnersSettings
from shared.bus.memory import MemoryBus
from shared.clock import FixedClock
from shared.db import Database
from tests.support.schema import migrate_database

BOOTSTRAP_KEY = "cvn_" + "bootstrap-key-of-the-tests-0123456789-abcdef"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


async def migrate(url: str) -> None:
    await migrate_database(url, "partners")


@dataclass
class House:
    """One replica of partners, and an administrator at its door."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: FixedClock

    @property
    def db(self) -> Database:
        return self.app.state.runtime.db

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = BOOTSTRAP_KEY, **headers: str
    ) -> httpx.Response:
        """`if_match=...` is sent as If-Match. Without `key` nobody is signed in."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, bytes):
            sent.setdefault("content-type", "application/json")
            body = json.dumps(body).encode()
        return await self.http.request(method, path, content=body, headers=sent)

    async def made(self, path: str, body: Any, **kwargs: Any) -> dict[str, Any]:
        answer = await self.call("POST", path, body, **kwargs)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def organisation(self, slug: str) -> dict[str, Any]:
        return (await self.call("GET", f"/api/v1/organisations/{slug}", key=None)).json()

    async def joined(self, **person: Any) -> tuple[str, str]:
        """Somebody new, invited and joined: person id and API key."""
        invitation = await self.made("/api/v1/invitations", {"name": "Somebody", "roles": ["reader"]} | person)
        key = await self.made("/api/v1/invitations:redeem", {"code": invitation["code"]}, key=None)
        return invitation["person"], key["key"]

    async def outbox(self) -> list[tuple[str, dict[str, Any], bytes]]:
        """Every event so far: its type, its data, and its bytes with the headers."""
        async with self.db.read() as session:
            rows = (await session.execute(select(orm.kernel.outbox).order_by(orm.kernel.outbox.c.seq))).all()
        return [
            (
                dict(row.headers)["ce_type"].removeprefix("org.convene.").removesuffix(".v1"),
                json.loads(row.value),
                row.value + json.dumps(row.headers).encode(),
            )
            for row in rows
        ]

    async def audit(self) -> list[Any]:
        async with self.db.read() as session:
            return list((await session.execute(select(orm.kernel.audit).order_by(orm.kernel.audit.c.seq))).all())


class Houses:
    """Starts replicas on the test's database."""

    def __init__(self, url: str, clock: FixedClock, stack: AsyncExitStack, data_dir: Path) -> None:
        self.url, self.clock, self._stack, self.data_dir = url, clock, stack, data_dir

    async def __call__(self, **settings: Any) -> House:
        chosen: dict[str, Any] = {"bootstrap_key": BOOTSTRAP_KEY, "seed_registry": False} | settings
        app = partners.build(
            PartnersSettings(database_url=self.url, **chosen), clock=self.clock, bus=MemoryBus(clock=self.clock)
        )
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        http = await self._stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        return House(app, http, self.clock)


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return [error["pointer"] for error in answer.json().get("errors", [])]
