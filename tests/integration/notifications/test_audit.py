"""The audit of inboxes: each mark leaves its row, in the mark's own transaction, and one reads of one's own alone."""

import asyncio
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from services.notifications.orm import kernel
from services.notifications.uow import NotificationsUnit
from shared.bus.memory import MemoryBus
from tests.integration.notifications.test_inbox import ONE, TWO, ids, mark, post
from tests.support.notifications import CORA, IVAN, NORA, TARO, Service, alert_fact

MARKS = ("read", "unread", "done")
WRITES = {
    "POST /api/v1/inbox/{alert}:read",
    "POST /api/v1/inbox/{alert}:unread",
    "POST /api/v1/inbox/{alert}:done",
    "POST /api/v1/stream-tickets",  # kept for thirty seconds, to open a stream with: no effect on anything
    "POST /api/v1/notifications/deadletters/{letter}:retry",  # its row: tests/integration/shared/test_deadletters.py
}


async def rows(service: Service) -> list[tuple[Any, ...]]:
    async with service.db.read() as session:
        audit = kernel.audit.c
        found = await session.execute(
            select(audit.actor, audit.action, audit.subject, audit.version, audit.detail).order_by(audit.seq)
        )
        return [tuple(row) for row in found]


async def test_every_route_that_changes_something_is_looked_at_here(service: Service) -> None:
    found = {
        f"{method} {route.path}"
        for route in iter_route_contexts(service.app.routes)
        for method in route.methods or ()
        if method not in ("GET", "HEAD")
    }
    assert found == WRITES, "say above which test holds the audit row of what is new"


async def test_each_mark_has_its_row_and_what_did_not_happen_has_none(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]), alert_fact("alrt_1", [ONE, TWO], sequence=2))
    for how in MARKS:
        assert (await mark(service, NORA, "alrt_1", how)).status_code == 200
    expected: list[tuple[Any, ...]] = [(NORA.id, f"inbox.{how}", "alrt_1", 2, {}) for how in MARKS]
    assert await rows(service) == expected
    for who, alert, how in ((TARO, "alrt_1", "read"), (NORA, "alrt_none", "done"), (None, "alrt_1", "read")):
        assert (await mark(service, who, alert, how)).status_code in (401, 404)
    for _ in range(2):
        assert (await mark(service, IVAN, "alrt_1", "done", **{"Idempotency-Key": "once"})).status_code == 200
    assert await rows(service) == [*expected, (IVAN.id, "inbox.done", "alrt_1", 2, {})]


async def test_without_its_row_there_is_no_mark(
    service: Service, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is left of a mark that could not be kept: one transaction holds both."""
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    for name in ("note", "flush"):
        with monkeypatch.context() as patch:
            patch.setattr(NotificationsUnit, name, broken)
            assert (await mark(service, NORA, "alrt_1", "done")).status_code == 500
        assert await ids(service, NORA, "unread") == ["alrt_1"]
        assert await rows(service) == []


def broken(*_: Any) -> Any:
    raise LookupError("planted")


async def test_one_reads_of_ones_own_marks(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    await mark(service, NORA, "alrt_1", "read")
    await mark(service, IVAN, "alrt_1", "done")

    async def actions(who: Any) -> list[tuple[str, str]]:
        answer = await service.get("/api/v1/audit/notifications/entries", who, limit="100")
        assert answer.status_code == 200, answer.text
        return [(each["actor"], each["action"]) for each in answer.json()["data"]]

    async with asyncio.timeout(60):
        while not (await actions(NORA) and await actions(IVAN)):  # rows are sealed a moment later
            await asyncio.sleep(0.1)
    assert await actions(NORA) == [(NORA.id, "inbox.read")]
    assert await actions(IVAN) == [(IVAN.id, "inbox.done")]
    assert await actions(CORA) == []
