"""One trace from an HTTP request through outbox, relay and log to what a consumer does, and to what that emits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import MetaData, select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from shared.bus.dispatch import Dispatcher, Subscription
from shared.bus.memory import MemoryBus
from shared.bus.parking import RetryPolicy
from shared.bus.port import Delivered, Topic
from shared.clock import SystemClock
from shared.cloudevent import Event, from_delivered
from shared.db import Database
from shared.idempotency import Answer
from shared.ids import Uuid7Ids
from shared.kernel import Kernel
from shared.leases import RELAY, Leases
from shared.outbox import Relay
from shared.telemetry import current_trace_id
from shared.unit import Edge, UnitOfWork
from shared.visibility import Principal
from shared.web import StrictRoute, make_app
from tests.unit.shared.spans import collected

TOPIC, SECRET = "toys.v1", "Jane Roe"
metadata = MetaData()
kernel = Kernel(metadata)
clock, ids = SystemClock(), Uuid7Ids()


class Chain:
    """POST /toys -> toy.made -> a consumer that answers with toy.seen, on one database and a log in memory."""

    def __init__(self, url: str) -> None:
        self.db, self.bus = Database(url), MemoryBus()
        self.leases = Leases(self.db, kernel.lease, "chain", clock)
        self.relay = Relay(self.db, kernel.outbox, self.leases, self.bus, clock)
        self.edge = Edge(self.db, kernel, clock, self.leases, self.relay)
        self.seen: list[str | None] = []
        self.failing = False
        self.dispatcher = Dispatcher(
            Subscription("toys.watcher", (TOPIC,), {"toy.made": self.watch}),
            self.bus, self.db, kernel, clock, policy=RetryPolicy(attempts=1),
        )  # fmt: skip

    def unit(self, session: AsyncSession, cause: Event | None = None) -> UnitOfWork:
        return UnitOfWork(session, kernel, clock, ids, topic=TOPIC, source="/toys", actor="per_nora", cause=cause)

    async def watch(self, event: Event, session: AsyncSession) -> None:
        if self.failing:
            raise ValueError(SECRET)
        self.seen.append(current_trace_id())
        uow = self.unit(session, event)
        uow.emit("toy.seen", "view_1", 1, {})
        uow.note("toy.seen", "view_1", 1)
        await uow.flush()

    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield

        app = make_app("Toys", "For tests", lifespan, max_body_bytes=1000)
        router = APIRouter(route_class=StrictRoute)

        @router.post("/toys", status_code=201)
        async def make() -> dict[str, str | None]:
            async def work(session: AsyncSession) -> Answer:
                uow = self.unit(session)
                uow.emit("toy.made", "toy_1", 1, {"name": SECRET})
                uow.note("toy.made", "toy_1", 1)
                await uow.flush()
                return Answer(201, {"trace": current_trace_id()})

            answer = await self.edge.run(work, principal=Principal(person="per_nora"), method="POST", path="/toys")
            return dict(answer.body)

        app.include_router(router)
        return app

    async def post(self, **headers: str) -> str:
        transport = httpx.ASGITransport(self.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://toys") as client:
            answer = await client.post("/toys", headers=headers)
        assert answer.status_code == 201
        return answer.json()["trace"]

    async def relayed(self) -> list[Delivered]:
        """Publish what waits, and read the whole log."""
        term = await self.leases.acquire(RELAY)
        assert term is not None
        await self.relay.drain(term)
        reader = self.bus.consumer(None, [TOPIC])
        await reader.start()
        records = [record for batch in await reader.fetch(timeout=1) for record in batch.records]
        await reader.stop()
        return records


@pytest.fixture
async def chain(kernel_url: str) -> AsyncIterator[Chain]:
    made = Chain(kernel_url)
    async with made.db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await made.bus.start()
    await made.bus.create_topics([Topic(TOPIC)])
    yield made
    await made.bus.stop()
    await made.db.dispose()


async def test_one_trace_from_the_request_to_what_follows_from_it(chain: Chain) -> None:
    with collected() as spans:
        trace_id = await chain.post()
        (made,) = await chain.relayed()
        await chain.dispatcher.apply(made)
        records = await chain.relayed()
    first, second = sorted((from_delivered(record) for record in records), key=lambda event: event.id)
    assert (first.name, second.name) == ("toy.made", "toy.seen")
    assert chain.seen == [trace_id]
    assert [event.traceparent and event.traceparent.split("-")[1] for event in (first, second)] == [trace_id] * 2
    assert (second.causationid, second.correlationid) == (first.id, first.id)
    assert first.correlationid == first.id

    ours = [span for span in spans.get_finished_spans() if span.context and f"{span.context.trace_id:032x}" == trace_id]
    assert {span.name for span in ours} == {"POST /toys", "toys.watcher toy.made"}
    assert not any(SECRET in span.to_json() for span in spans.get_finished_spans())
    async with chain.db.read() as session:
        audited = (await session.execute(select(kernel.audit.c.trace_id))).scalars().all()
    assert audited == [trace_id, trace_id], "the audit says which request it came from"


async def test_the_callers_trace_is_continued(chain: Chain) -> None:
    with collected():
        trace_id = await chain.post(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        (made,) = await chain.relayed()
        await chain.dispatcher.apply(made)
    assert trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert chain.seen == [trace_id]


async def test_a_failing_consumer_leaves_its_class_in_the_trace_and_no_text(chain: Chain) -> None:
    chain.failing = True
    with collected() as spans, capture_logs() as lines:
        trace_id = await chain.post()
        (made,) = await chain.relayed()
        with pytest.raises(ValueError):
            await chain.dispatcher.apply(made)
    (failed,) = [span for span in spans.get_finished_spans() if span.name == "toys.watcher toy.made"]
    assert failed.context is not None
    assert f"{failed.context.trace_id:032x}" == trace_id
    assert failed.status.description == "ValueError"
    assert SECRET not in failed.to_json() + repr(lines)
