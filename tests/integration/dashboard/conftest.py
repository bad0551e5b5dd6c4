"""The whole of Convene in this process, and browsers before its pages."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from convene import AsyncConvene

from infra.data import DataFolder
from infra.embedded import embedded
from tests.integration.dashboard.browser import Browser


@dataclass
class House:
    """The running application, its administrator, and people with keys."""

    app: Any
    admin: AsyncConvene
    keys: dict[str, str] = field(default_factory=dict)

    def browser(self) -> Browser:
        return Browser(self.app)

    def client(self, name: str) -> AsyncConvene:
        return AsyncConvene("http://convene", self.keys[name], transport=httpx.ASGITransport(self.app), tries=1)

    async def invite(self, **person: Any) -> str:
        return str((await self.admin.invitations.add(**person)).code)

    async def join(self, name: str, **person: Any) -> None:
        """Somebody new, with a key that every service knows."""
        code = await self.invite(name=name, **person)
        self.keys[name] = str((await self.admin.invitations.redeem(code)).key)
        await self.known(self.keys[name])

    async def known(self, key: str) -> None:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://convene", headers={"Authorization": f"Bearer {key}"}
        ) as http:

            async def everywhere() -> bool:
                answers = [await http.get(f"/api/v1/{path}") for path in ("plans", "me", "inbox")]
                return all(answer.status_code == 200 for answer in answers)

            await until(everywhere)

    async def alert_of(self, name: str, plan: str) -> Any:
        """The alert that has come of a plan."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [each async for each in self.client(name).alerts.list(plan=plan)]
            return bool(found)

        await until(there)
        return found[0]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(400):
        if await true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came true")


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncGenerator[House]:
    """Convene on that folder, from its first start to its end. settings: given to every service."""
    data = DataFolder(folder)
    whole = embedded(data, settings=settings)
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(whole.app({"type": "lifespan", "state": {}}, queue.get, said.put))  # type: ignore[arg-type]
    await queue.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    admin = AsyncConvene(
        "http://convene", data.admin_key.read_text().strip(), transport=httpx.ASGITransport(whole.app), tries=1
    )
    yield House(whole.app, admin)
    whole.close_streams()
    await queue.put({"type": "lifespan.shutdown"})
    assert (await said.get())["type"] == "lifespan.shutdown.complete"
    await life


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory) -> AsyncGenerator[House]:
    async with running(tmp_path_factory.mktemp("house")) as made:
        await made.join("una", roles=["focal_point"], partners=["unodc"])
        await made.join("ian", roles=["focal_point"], partners=["interpol"])
        await made.join("cora", roles=["coordinator"], scope={"regions": ["001"]})
        yield made
