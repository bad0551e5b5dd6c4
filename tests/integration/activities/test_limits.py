"""How much a partner may post, and what a key is for."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from services.activities.orm import kernel, known
from shared.bus.memory import MemoryBus
from shared.paging import Page
from tests.integration.activities.conftest import ShiftedClock
from tests.support.activities import IVAN, NORA, UNODC, Service, running, training
from tests.support.people import introduce, person


@pytest.fixture
async def tight(database_url: str) -> AsyncGenerator[tuple[Service, ShiftedClock]]:
    clock = ShiftedClock()
    async with running(database_url, bus=MemoryBus(), clock=clock, posts_per_hour=3) as service:
        yield service, clock


async def test_bait_runs_out_whether_posted_or_amended(tight: tuple[Service, ShiftedClock]) -> None:
    """Who may post without end can find a hidden plan by posting one likeness after the other."""
    service, clock = tight
    plan = await service.post(NORA, training())
    for day in ("2027-04-26", "2027-04-27"):
        clock.shift(timedelta(minutes=10))
        plan = await service.patch(NORA, plan, start=day, end=day)
    refused = await service.client.post("/api/v1/plans", json=training(), headers=NORA.headers)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert int(refused.headers["Retry-After"]) in range(2390, 2402)  # the oldest of the three is twenty minutes old
    amended = await service.client.patch(
        f"/api/v1/plans/{plan['id']}",
        json={"title": "Another"},
        headers={**NORA.headers, "If-Match": f'"{plan["version"]}"', "Content-Type": "application/merge-patch+json"},
    )
    assert amended.status_code == 429
    await service.post(IVAN, training())  # everybody else goes on
    clock.shift(timedelta(seconds=int(refused.headers["Retry-After"])))
    await service.post(NORA, training())


async def test_a_key_that_only_posts_reads_nothing(service: Service) -> None:
    """A posting script's key lies about on some server; who finds it must not find what partners plan."""
    script = replace(person("script", [UNODC]), scopes=("post",))
    await introduce(service.db, known, [script], [])
    plan = await service.post(script, training())
    for path in ("plans", f"plans/{plan['id']}", "alerts", "activities", f"plans/{plan['id']}/history"):
        answer = await service.client.get(f"/api/v1/{path}", headers=script.headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), path


async def test_whoever_is_held_back_is_counted_by_name_and_in_little_room(database_url: str) -> None:
    """Refusals of the limit are read with the others: who, how often, and never what was asked for."""
    async with running(database_url, bus=MemoryBus(), requests_per_minute=3, public_per_minute=2) as service:
        for number in range(30):
            await service.client.get(f"/api/v1/plans/plan_{number}", headers=NORA.headers)
            await service.client.get(f"/api/v1/alerts?country={number}")
        refusals = service.app.state.runtime.refusals
        await refusals.flush()
        found = {
            (row["principal"], row["route"]): row["times"]
            for row in await refusals.read(Page(50))
            if row["status"] == 429
        }
        assert found == {(NORA.id, "GET *"): 27, ("public", "GET *"): 28}
        async with service.db.read() as session:
            assert (await session.execute(select(func.count()).select_from(kernel.audit))).scalar_one() == 0
