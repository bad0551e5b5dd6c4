"""Open streams of one person and one partner, and statements that take too long."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import httpx
import pytest
from sqlalchemy import text

from shared.bus.memory import MemoryBus
from shared.db import Database
from tests.support.notifications import IVAN, NORA, RITA, TARO, opened, running, served
from tests.support.people import Person


async def tried(stack: AsyncExitStack, url: str, who: Person | None, **params: str) -> httpx.Response:
    answer = await stack.enter_async_context(opened(url, who, **params))
    if answer.status_code != 200:
        await answer.aread()
    return answer


@pytest.fixture
async def url(database_url: str, bus: MemoryBus) -> AsyncGenerator[str]:
    async with (
        running(database_url, bus=bus, stream_seconds=3.0, streams_per_person=2, streams_per_partner=3) as service,
        served(service.app) as base,
    ):
        yield base


async def test_a_person_and_a_partner_open_so_many_streams(url: str) -> None:
    async with AsyncExitStack() as stack:
        assert [(await tried(stack, url, NORA)).status_code for _ in range(2)] == [200, 200]
        third = await tried(stack, url, NORA)
        assert (third.status_code, third.json()["limit_streams"]) == (429, 2)
        assert third.headers["retry-after"]
        assert (await tried(stack, url, RITA)).status_code == 200  # of the same partner, whose three these are
        partner = await tried(stack, url, RITA)
        assert (partner.status_code, partner.json()["limit_streams"]) == (429, 3)
        for other in (IVAN, TARO, None):
            assert (await tried(stack, url, other)).status_code == 200
        async with httpx.AsyncClient() as http:  # a ticket is no way round
            made = await http.post(f"{url}/api/v1/stream-tickets", headers=NORA.headers)
        assert (await tried(stack, url, None, ticket=made.json()["ticket"])).status_code == 429


async def test_a_stream_that_ended_gives_its_place_back(url: str) -> None:
    for _ in range(2):
        async with AsyncExitStack() as stack:
            answers = [await tried(stack, url, NORA) for _ in range(2)]
            assert [each.status_code for each in answers] == [200, 200]
            for each in answers:
                async for _ in each.aiter_raw():  # until the server ends it
                    pass


async def test_a_statement_that_takes_too_long_is_a_503(postgres_url: str, bus: MemoryBus) -> None:
    other = Database(postgres_url)
    async with running(postgres_url, bus=bus, statement_seconds=0.5) as service:
        assert (await service.get("/api/v1/events", NORA)).status_code == 200
        async with other.write() as session:
            await session.execute(text("LOCK TABLE known_api_key IN ACCESS EXCLUSIVE MODE"))
            async with asyncio.timeout(20):
                answer = await service.get("/api/v1/events", NORA)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await service.get("/api/v1/events", NORA)).status_code == 200
    await other.dispose()
