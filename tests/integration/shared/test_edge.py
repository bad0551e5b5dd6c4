"""The edge: one effect for each idempotency key, whatever comes at the same instant, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.memory import MemoryBus
from shared.clock import FixedClock, SystemClock
from shared.db import AutoInt, Database
from shared.idempotency import Answer
from shared.ids import Uuid7Ids
from shared.kernel import Kernel
from shared.leases import MATCHING, RELAY, Leases
from shared.outbox import Relay
from shared.problem import Problem
from shared.unit import Edge, UnitOfWork
from shared.visibility import Principal
from tests.conformance.outbox.harness import PATIENCE

metadata = MetaData()
kernel = Kernel(metadata)
made = Table("made", metadata, Column("id", AutoInt, primary_key=True), Column("name", String(100), nullable=False))

NORA, IVAN = Principal(person="per_nora"), Principal(person="per_ivan")


@dataclass
class Desk:
    """An edge, and what was done behind it."""

    db: Database
    edge: Edge
    clock: FixedClock
    inside: list[str] = field(default_factory=list[str])

    async def post(
        self,
        name: str,
        *,
        key: str | None = None,
        who: Principal = NORA,
        path: str = "/toys",
        lane: str | None = None,
        keep: dict[str, Any] | None = None,
        fail: Exception | None = None,
        pause: Callable[[], Any] | None = None,
        required: bool = False,
    ) -> Answer:
        async def work(session: AsyncSession) -> Answer:
            self.inside.append(name)
            found = await session.execute(made.insert().values(name=name).returning(made.c.id))
            number = found.scalar_one()
            uow = UnitOfWork(session, kernel, self.clock, Uuid7Ids(), topic="toys.v1", source="/toys", actor=who.id)
            uow.emit("toy.made", f"toy_{number}", 1, {"number": number})
            uow.note("toy.made", f"toy_{number}", 1)
            await uow.flush()
            if pause:
                await pause()
            if fail:
                raise fail
            return Answer(201, {"number": number, "name": name}, {"ETag": f'"{number}"'}, keep)

        return await self.edge.run(
            work, principal=who, method="POST", path=path, body={"name": name}, key=key, lane=lane,
            key_required=required,
        )  # fmt: skip

    async def count(self, table: Table = made) -> int:
        async with self.db.read() as session:
            return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture
async def desk(kernel_url: str) -> AsyncIterator[Desk]:
    db = Database(kernel_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    clock = FixedClock(SystemClock().now())
    leases = Leases(db, kernel.lease, "desk", clock, ttl=60)
    yield Desk(db, Edge(db, kernel, clock, leases, Relay(db, kernel.outbox, leases, MemoryBus(), clock)), clock)
    await db.dispose()


async def test_requests_with_one_key_at_the_same_instant_have_one_effect_and_one_answer(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.post("a", key="k1", pause=lambda: asyncio.sleep(0.05)) for _ in range(4)))
    assert desk.inside == ["a"]
    assert {(answer.status, answer.body["number"], answer.headers["ETag"]) for answer in answers} == {(201, 1, '"1"')}
    assert sorted("Idempotent-Replayed" in answer.headers for answer in answers) == [False, True, True, True]
    assert (await desk.count(), await desk.count(kernel.outbox), await desk.count(kernel.audit)) == (1, 1, 1)


async def test_without_a_key_each_request_counts(desk: Desk) -> None:
    await asyncio.gather(desk.post("a"), desk.post("a"))
    assert await desk.count() == 2


async def test_a_key_belongs_to_its_principal(desk: Desk) -> None:
    await desk.post("a", key="k1")
    answer = await desk.post("b", key="k1", who=IVAN)
    assert "Idempotent-Replayed" not in answer.headers
    assert (await desk.post("a", key="k1")).body["name"] == "a"
    assert (await desk.post("b", key="k1", who=IVAN)).body["name"] == "b"
    assert await desk.count() == 2


@pytest.mark.parametrize("other", [{"name": "b"}, {"name": "a", "path": "/others"}])
async def test_the_same_key_with_another_request_is_refused(desk: Desk, other: dict[str, Any]) -> None:
    await desk.post("a", key="k1")
    with pytest.raises(Problem) as caught:
        await desk.post(**other, key="k1")
    assert (caught.value.kind, caught.value.status) == ("idempotency-mismatch", 422)
    assert [error.pointer for error in caught.value.errors] == ["Idempotency-Key"]
    assert await desk.count() == 1


@pytest.mark.parametrize("fault", [Problem("conflict", "no"), ZeroDivisionError()])
async def test_a_failure_leaves_neither_effect_nor_key(desk: Desk, fault: Exception) -> None:
    with pytest.raises(type(fault)):
        await desk.post("a", key="k1", fail=fault)
    for table in (made, kernel.outbox, kernel.audit, kernel.idempotency):
        assert await desk.count(table) == 0
    answer = await desk.post("b", key="k1")
    assert answer.status == 201
    assert "Idempotent-Replayed" not in answer.headers


async def test_when_the_first_of_two_fails_the_second_does_the_work(desk: Desk) -> None:
    """Its repeat was already waiting on the key: it must not be told of an answer that never was."""
    began = asyncio.Event()

    async def pause() -> None:
        began.set()
        await asyncio.sleep(0.2)

    first = asyncio.create_task(desk.post("a", key="k1", fail=ZeroDivisionError(), pause=pause))
    await asyncio.wait_for(began.wait(), PATIENCE)
    second = await asyncio.wait_for(desk.post("a", key="k1"), PATIENCE)
    assert second.status == 201
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], ZeroDivisionError)
    assert await desk.count() == 1


async def test_after_a_day_the_key_is_free_again(desk: Desk) -> None:
    await desk.post("a", key="k1")
    desk.clock.advance(timedelta(hours=23, minutes=59).total_seconds())
    assert "Idempotent-Replayed" in (await desk.post("a", key="k1")).headers
    desk.clock.advance(120)
    answers = await asyncio.gather(desk.post("b", key="k1"), desk.post("b", key="k1"))
    assert {answer.body["number"] for answer in answers} == {2}
    assert await desk.count() == 2


async def test_what_is_shown_once_is_not_kept(desk: Desk) -> None:
    """A new API key is in the first answer alone: the table behind the repeats must not hold it."""
    first = await desk.post("secret", key="k1", keep={"name": "already shown"})
    again = await desk.post("secret", key="k1")
    assert first.body["name"] == "secret"
    assert again.body == {"name": "already shown"}
    async with desk.db.read() as session:
        stored = (await session.execute(select(kernel.idempotency.c.body))).scalar_one()
    assert "secret" not in stored


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "a\x00b", "\ud800"])
async def test_a_key_that_cannot_be_stored_is_named(desk: Desk, key: str) -> None:
    with pytest.raises(Problem) as caught:
        await desk.post("a", key=key)
    assert caught.value.status == 400
    assert [error.pointer for error in caught.value.errors] == ["Idempotency-Key"]
    assert desk.inside == []


async def test_where_a_key_is_required_its_absence_is_named(desk: Desk) -> None:
    with pytest.raises(Problem) as caught:
        await desk.post("a", required=True)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("Idempotency-Key", "required")]
    assert desk.inside == []


async def test_the_lane_comes_before_everything_else(desk: Desk) -> None:
    """While another transaction holds the lane, a command with a key holds nothing that the other could want."""
    leases = Leases(desk.db, kernel.lease, "matching", desk.clock)
    free = asyncio.Event()
    order: list[str] = []

    async def matching(inside: asyncio.Event) -> None:
        async with desk.db.write() as session:
            await leases.enter(session, MATCHING)
            inside.set()
            await free.wait()
            # With the key's row taken before the lane, these two would wait for each other.
            await session.execute(
                kernel.idempotency.insert().values(
                    principal=NORA.id, key="k1", fingerprint="", status=0, headers={}, body="{}", at=desk.clock.now()
                )
            )
            await session.execute(kernel.idempotency.delete())
            order.append("matching")

    inside = asyncio.Event()
    holding = asyncio.create_task(matching(inside))
    await asyncio.wait_for(inside.wait(), PATIENCE)
    command = asyncio.create_task(desk.post("a", key="k1", lane=MATCHING))
    await asyncio.sleep(0.2)
    assert desk.inside == []
    assert await desk.edge.leases.acquire(RELAY) is not None if not desk.db.is_sqlite else True, "other roles are free"
    free.set()
    await asyncio.wait_for(asyncio.gather(holding, command), PATIENCE)
    assert order == ["matching"]
    assert desk.inside == ["a"]


async def test_a_commit_wakes_the_relay(desk: Desk) -> None:
    nudged: list[bool] = []
    desk.edge.relay.nudge = lambda: nudged.append(True)
    await desk.post("a")
    with pytest.raises(ZeroDivisionError):
        await desk.post("b", fail=ZeroDivisionError())
    assert nudged == [True]
