"""How much a partner may post, and what a key is for."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.activities.orm import known
from shared.bus.memory import MemoryBus
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
