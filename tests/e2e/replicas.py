"""Convene on a broker of its own with two replicas of what may have them, and three people who use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convene import AsyncConvene

from infra.native.kafka import KafkaCluster
from infra.native.postgres import ExternalPostgres
from shared.db import Database
from tests.support.activities import settled
from tests.support.distributed import Distributed
from tests.support.outside import join, training
from tests.support.processes import Launcher


@dataclass
class Stack:
    """The running system and three people's keys. `numbers` never gives the same plan twice."""

    run: Distributed
    nora: str
    ivan: str
    cora: str
    _next: int = 0

    @property
    def url(self) -> str:
        return self.run.url

    def number(self) -> int:
        self._next += 1
        return self._next

    async def post(self, key: str, number: int, url: str | None = None) -> str:
        async with AsyncConvene(url or self.url, key, tries=20) as client:
            return (await client.plans.post(training(number))).id

    async def pair(self, number: int) -> frozenset[str]:
        return frozenset(await asyncio.gather(self.post(self.nora, number), self.post(self.ivan, number)))

    async def settled(self) -> None:
        """Everything that was posted is matched: no alert is still to come."""
        db = Database(self.run.database["activities"])
        try:
            await settled(db)
        finally:
            await db.dispose()


def sides_of(alert: Any) -> frozenset[str]:
    return frozenset(side["plan"] for side in alert["sides"])


@asynccontextmanager
async def running_stack(launcher: Launcher, postgres: ExternalPostgres, folder: Path) -> AsyncIterator[Stack]:
    """The broker is nobody else's, so that it may be frozen and killed."""
    broker = KafkaCluster(folder / "kafka", quick_failover=True)
    await asyncio.to_thread(broker.start)
    run = Distributed(launcher, folder, broker, postgres)
    try:
        await run.start()
        replicas = [run.url_of(f"{name}-{n}") for name in ("activities", "notifications") for n in (1, 2)]
        nora, ivan, cora = [
            await join(run.url, run.admin, "nora", *replicas, roles=["focal_point"], partners=["unodc"]),
            await join(run.url, run.admin, "ivan", *replicas, roles=["focal_point"], partners=["interpol"]),
            await join(run.url, run.admin, "cora", *replicas, roles=["coordinator"], scope={"regions": ["001"]}),
        ]
        yield Stack(run, nora, ivan, cora)
    finally:
        await asyncio.to_thread(run.stop)
        await asyncio.to_thread(broker.stop)
