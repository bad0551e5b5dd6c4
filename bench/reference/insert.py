"""Bare POST: one pydantic model, one INSERT of one row in a transaction of its own, 201.

With `--kafka BOOTSTRAP` the row's event is then sent and awaited: the dual write that everybody writes first. It has no
outbox: a crash between the two loses the event. It is the least that can be done, not what should be done.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from bench.reference.serving import arguments, serve

TOPIC = "bench.bare"
TABLE = (
    "CREATE TABLE IF NOT EXISTS bare_plan (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), body jsonb NOT NULL)"
)


class Venue(BaseModel):
    country: str


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    type: str
    status: str
    start: str
    end: str
    venues: list[Venue]
    audiences: list[str]
    themes: list[str]
    level: str
    mode: str
    languages: list[str]
    participants_planned: int
    description: str
    tlp: str


def build(dsn: str, kafka: str | None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
            await pool.execute(TABLE)
            app.state.pool, app.state.producer = pool, None
            if kafka is None:
                yield
                return
            async with AIOKafkaProducer(
                bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0
            ) as producer:
                app.state.producer = producer
                yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/plans", status_code=201)
    async def post(plan: Plan) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        body = plan.model_dump_json()
        number = await app.state.pool.fetchval("INSERT INTO bare_plan (body) VALUES ($1) RETURNING id", body)
        if app.state.producer:
            event = f'{{"id":{number},"plan":{body}}}'.encode()
            await app.state.producer.send_and_wait(TOPIC, event, key=str(number).encode())
        return {"id": number, **plan.model_dump()}

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:  # pyright: ignore[reportUnusedFunction]
        return {"ready": True}

    return app


if __name__ == "__main__":
    given = arguments("dsn", "kafka")
    serve(build(given.dsn, given.kafka), given.port)
