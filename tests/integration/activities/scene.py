"""A service that a whole module of tests shares, with something in it to go wrong with; and what a refusal must be."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import func, select

from services.activities.orm import known, metadata
from shared.reader import SERVICE
from tests.support.activities import CORA, IVAN, NORA, UNODC, WANDA, Service, running, training
from tests.support.people import Person, introduce, person

RITA = person("rita", [UNODC], roles=["reader"])
NINA = person("nina", [UNODC])
"""A second focal point of UNODC, whom no RED plan names."""
_MOVING = {"lease", "inbox", "applied", "alembic_version"} | {
    "refusal", "audit_log", "audit_tile", "audit_checkpoint", "audit_key",
}  # fmt: skip


@dataclass
class Scene:
    """Nora's plan and Ivan's twin of it, with their alert; a plan cancelled; a RED plan of Wanda's."""

    service: Service
    mine: dict[str, Any] = field(default_factory=dict)
    twin: dict[str, Any] = field(default_factory=dict)
    cancelled: dict[str, Any] = field(default_factory=dict)
    red: dict[str, Any] = field(default_factory=dict)
    alert: dict[str, Any] = field(default_factory=dict)

    async def rows(self) -> dict[str, int]:
        """Rows per table; a refused request changes none of them."""
        async with self.service.db.read(SERVICE) as session:
            tables = [table for table in metadata.sorted_tables if table.name not in _MOVING]
            return {
                table.name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
                for table in tables
            }

    async def send(self, method: str, path: str, who: Person | None = NORA, **options: Any) -> httpx.Response:
        """A request as `who` (None: not signed in)."""
        options["headers"] = {**(who.headers if who else {}), **options.get("headers", {})}
        return await self.service.client.request(method, f"/api/v1{path}", **options)

    async def refused(
        self, status: int, pointer: str, method: str, path: str, who: Person | None = NORA, **options: Any
    ) -> dict[str, Any]:
        """The problem, after making sure that it is one, that it names the culprit, and that nothing was written."""
        before = await self.rows()
        answer = await self.send(method, path, who, **options)
        problem = is_problem(answer, status)
        if pointer:
            assert pointer in [each["pointer"] for each in problem.get("errors", ())], problem
        assert await self.rows() == before
        return problem


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["detail"]
    for each in problem.get("errors", ()):
        assert each["detail"]
        assert each["code"]
    return problem


@asynccontextmanager
async def set_scene(url: str, **settings: Any) -> AsyncGenerator[Scene]:
    async with running(url, **settings) as service:
        await introduce(service.db, known, [RITA, NINA], [])
        scene = Scene(service)
        scene.mine = await service.post(NORA, training())
        scene.twin = await service.post(IVAN, training())
        gone = await service.post(NORA, training(title="Judges' seminar", start="2027-09-01", end="2027-09-02"))
        scene.cancelled = await service.act(NORA, gone, "cancel")
        scene.red = await service.post(WANDA, training(title="Operation", tlp="RED", start="2028-01-10", end=None))
        await service.settled()
        [scene.alert] = await service.alerts(CORA)
        yield scene
