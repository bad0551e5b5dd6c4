"""One process per replica on real Kafka and PostgreSQL: the whole way, and what happens when parts of it go away."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest
from convene import AsyncConvene

from tests.e2e.replicas import Stack, sides_of
from tests.support.outside import Listening, check_order, until

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]

PAIRS = 40


async def test_from_a_post_to_a_joint_activity_and_back(stack: Stack) -> None:
    async with Listening(stack.url, stack.cora) as stream, AsyncConvene(stack.url, stack.cora) as cora:
        plans = await stack.pair(stack.number())
        (opened,) = await stream.until(lambda: stream.of("alert.opened", *plans), "the alert")
        assert sides_of(opened.data) == plans

        decision = await cora.alerts.decide(opened.subject, "link", reason="the same training")
        assert decision.activity
        joint = await cora.activities.get(decision.activity)
        assert joint.joint
        assert set(joint.plans) == plans or {each["plan"] for each in joint.plans} == plans
        assert len(joint.owners) == 2
        await stream.until(lambda: stream.of("activity.formed", *plans), "the joint activity")

        await cora.decisions.reverse(decision.id, reason="not the same at all")
        await stream.until(lambda: stream.of("activity.dissolved", *plans), "its end")
        await stream.until(lambda: stream.of("decision.reversed", *plans), "the reversal")
        assert (await cora.alerts.get(opened.subject)).status == "open"

        for name in ("plan.posted", "alert.opened", "decision.made", "activity.formed", "decision.reversed",
                     "activity.dissolved"):  # fmt: skip
            expected = 2 if name == "plan.posted" else 1
            assert len(stream.of(name, *plans)) == expected, f"{name}: {stream.told()}"
        check_order(stream.events)


async def test_the_leader_of_the_lane_is_killed_while_pairs_are_posted(stack: Stack) -> None:
    before = await _leader(stack)
    done: list[frozenset[str]] = []

    async def post_some(numbers: list[int]) -> None:
        for number in numbers:
            done.append(await stack.pair(number))

    async with Listening(stack.url, stack.cora) as stream:
        numbers = [stack.number() for _ in range(PAIRS)]
        posting = [asyncio.create_task(post_some(numbers[n::4])) for n in range(4)]
        await until(lambda: _more_than(done, PAIRS // 4), "the first pairs")
        stack.run.kill(before)
        await asyncio.gather(*posting)
        await stack.run.begin(before)  # as a supervisor would
        pairs = set(done)
        assert len(pairs) == PAIRS

        await stream.until(
            lambda: pairs <= {sides_of(each.data) for each in stream.of("alert.opened")},
            "an alert for every pair",
            timeout=180,
        )
        await stack.settled()
        check_order(stream.events)
    async with AsyncConvene(stack.url, stack.cora) as cora:
        alerts = [each async for each in cora.alerts.list(status="all", limit=200)]
    found = Counter(sides_of(each) for each in alerts)
    assert {pair: found[pair] for pair in pairs} == dict.fromkeys(pairs, 1)
    everybody = frozenset().union(*pairs)
    assert [each for each in found if each & everybody and each not in pairs] == []


async def test_fresh_replicas_serve_while_partners_is_down(stack: Stack) -> None:
    stack.run.kill("partners")
    try:
        await stack.run.begin("activities-3", "notifications-3")
        ours, theirs = stack.run.url_of("activities-3"), stack.run.url_of("notifications-3")
        number = stack.number()
        async with Listening(theirs, stack.cora) as stream:
            plans = frozenset([await stack.post(stack.nora, number, ours), await stack.post(stack.ivan, number, ours)])
            (opened,) = await stream.until(lambda: stream.of("alert.opened", *plans), "the alert on a fresh replica")
            assert sides_of(opened.data) == plans
    finally:
        for name in ("activities-3", "notifications-3"):
            if name in stack.run.processes:
                assert await asyncio.to_thread(stack.run.processes.pop(name).terminate) == 0
        await stack.run.begin("partners")


async def _leader(stack: Stack) -> str:
    """Which replica of activities leads the matching lane now."""
    pids = {process.pid: name for name, process in stack.run.processes.items() if name.startswith("activities")}

    async def look() -> str | None:
        connection = await asyncpg.connect(stack.run.database["activities"].replace("+asyncpg", ""))
        try:
            holder = await connection.fetchval("SELECT holder FROM lease WHERE role = 'matching'")
        finally:
            await connection.close()
        return next((name for pid, name in pids.items() if f":{pid}:" in str(holder)), None)

    return str(await until(look, "a leader of the lane"))


async def _more_than(found: list[Any], number: int) -> bool:
    return len(found) > number
