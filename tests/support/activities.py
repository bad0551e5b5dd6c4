"""A running activities service with people who may use it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select

from services.activities.app import build
from services.activities.consumers import MATCHER
from services.activities.orm import PlanRow, known
from services.activities.settings import ActivitiesSettings
from services.activities.uow.unit import TOPIC
from shared.bus.memory import MemoryBus
from shared.bus.port import Bus
from shared.clock import Clock
from shared.cloudevent import Event, from_delivered
from shared.db import Database
from shared.ids import Ids
from shared.reader import SERVICE
from tests.support.people import Person, introduce, organisation_id, person
from tests.support.schema import migrate_database

UNODC, INTERPOL, ITU, WORLD_BANK = (organisation_id(slug) for slug in ("unodc", "interpol", "itu", "world-bank"))
SLUGS = ("unodc", "interpol", "itu", "world-bank", "amlo")

NORA = person("nora", [UNODC])
IVAN = person("ivan", [INTERPOL])
TARO = person("taro", [ITU])
WANDA = person("wanda", [WORLD_BANK])
CORA = person("cora", roles=["coordinator"], regions=["001"])
OLA = person("ola", roles=["administrator"])
KENJI = person("kenji", roles=["coordinator"], countries=["KEN"])
PEOPLE = (NORA, IVAN, TARO, WANDA, CORA, KENJI, OLA)


def training(**changes: Any) -> dict[str, Any]:
    """A plan's body: a training in Colombo, unless changed."""
    return {
        "title": "Cybercrime investigations and digital forensics training",
        "type": "training",
        "start": "2027-04-25",
        "end": "2027-04-27",
        "venues": [{"city": "Colombo", "country": "LKA"}],
        "audiences": ["investigators", "forensic_examiners"],
        "themes": ["cybercrime_investigation", "digital_forensics"],
        "tlp": "GREEN",
        **changes,
    }


@dataclass
class Service:
    """One replica, with a client that reaches it in process."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def db(self) -> Database:
        return self.app.state.runtime.db

    async def post(self, who: Person, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = await self.client.post("/api/v1/plans", json=body, headers={**who.headers, **headers})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def patch(self, who: Person, plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
        answer = await self.client.patch(
            f"/api/v1/plans/{plan['id']}",
            json=changes,
            headers={**who.headers, "If-Match": f'"{plan["version"]}"', "Content-Type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, who: Person, plan: dict[str, Any], verb: str) -> dict[str, Any]:
        answer = await self.client.post(
            f"/api/v1/plans/{plan['id']}:{verb}", headers={**who.headers, "If-Match": f'"{plan["version"]}"'}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def alerts(self, who: Person = CORA, **params: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/v1/alerts", params=params, headers=who.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def alert(self, alert: str, who: Person = CORA) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/alerts/{alert}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def decide(
        self, alert: str, verdict: str, who: Person = CORA, key: str | None = None, **body: Any
    ) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/alerts/{alert}/decisions",
            json={"verdict": verdict, **body},
            headers={**who.headers, "Idempotency-Key": key or f"{alert}-{verdict}-{body}"},
        )

    async def reverse(self, decision: str, who: Person = CORA, key: str | None = None) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/decisions/{decision}/reversal",
            headers={**who.headers, "Idempotency-Key": key or f"back-{decision}"},
        )

    async def settled(self, timeout: float = 60) -> None:
        """Wait until every stored fact is on the log and through the matching lane (whichever replica leads it)."""
        await settled(self.db, timeout)


async def settled(db: Database, timeout: float = 60) -> None:
    from services.activities.orm import kernel

    outbox, applied = kernel.outbox.c, kernel.applied.c
    pause = 0.02
    async with asyncio.timeout(timeout):
        while True:
            async with db.read(SERVICE) as session:
                waiting = (
                    await session.execute(select(func.count()).where(outbox.published_at.is_(None)))
                ).scalar_one()
                behind = (
                    await session.execute(
                        select(func.count())
                        .select_from(PlanRow)
                        .outerjoin(kernel.applied, (applied.subject == PlanRow.id) & (applied.consumer == MATCHER))
                        .where(func.coalesce(applied.sequence, 0) < PlanRow.version)
                    )
                ).scalar_one()
            if not waiting and not behind:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, 0.25)  # looking is work, too


@asynccontextmanager
async def running(
    url: str,
    *,
    bus: Bus | None = None,
    migrate: bool = True,
    clock: Clock | None = None,
    ids: Ids | None = None,
    **settings: Any,
) -> AsyncGenerator[Service]:
    """One replica on this database; several may share a database and a bus."""
    values = {
        "migrate_at_start": False,
        "lease_ttl": 3.0,
        "posts_per_hour": 100_000,
        **settings,
    }
    if migrate:
        await migrate_database(url, "activities")
    app = build(ActivitiesSettings(database_url=url, **values), bus=bus or MemoryBus(), clock=clock, ids=ids)
    async with app.router.lifespan_context(app):
        await introduce(app.state.runtime.db, known, PEOPLE, SLUGS)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://convene.test", timeout=60) as client:
            yield Service(app, client)


async def facts_on(bus: Bus) -> list[Event]:
    """Everything on the service's topic, in order per subject."""
    consumer = bus.consumer(None, [TOPIC])
    await consumer.start()
    found: list[Event] = []
    while batches := await consumer.fetch(timeout=0.2, max_records=5000):
        found += [from_delivered(delivered) for batch in batches for delivered in batch.records]
    await consumer.stop()
    return found
