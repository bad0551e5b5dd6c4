"""The broker is away for a minute under one process per replica: posts succeed, and all is told afterwards, in order."""

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest
from convene import AsyncConvene

from tests.e2e.replicas import Stack, sides_of
from tests.support.outside import Listening, check_order

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]

AWAY = 60.0
Fault = Callable[[], None]


async def test_the_broker_is_away_for_a_minute(stack: Stack) -> None:
    """Frozen at first, its connections open and nothing answering, then killed: clients must get over both, and over a
    broker that comes back with other connections."""
    kafka = stack.run.kafka
    await _without_the_broker(stack, [kafka.pause, kafka.kill], kafka.start)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", ["stopped", "killed", "frozen"])
async def test_every_way_to_be_away_for_a_minute(stack: Stack, fault: str) -> None:
    kafka = stack.run.kafka
    away, back = {
        "stopped": (kafka.stop, kafka.start),
        "killed": (kafka.kill, kafka.start),
        "frozen": (kafka.pause, kafka.resume),
    }[fault]
    await _without_the_broker(stack, [away], back)


async def _without_the_broker(stack: Stack, faults: Sequence[Fault], back: Fault) -> None:
    """Away for a minute, in equal parts by each of `faults`, while pairs of plans are posted and amended."""
    pairs: list[frozenset[str]] = []
    amended: dict[str, int] = {}
    async with Listening(stack.url, stack.cora) as stream:
        before = await stack.pair(stack.number())
        await stream.until(lambda: stream.of("alert.opened", *before), "the alert before")
        now = asyncio.get_running_loop().time
        began = now()
        try:
            for number, fault in enumerate(faults, 1):
                await asyncio.to_thread(fault)
                while now() < began + AWAY * number / len(faults):
                    pairs.append(await stack.pair(stack.number()))  # raises unless both are 201
                    plan = min(pairs[-1])
                    amended[plan] = await _amended(stack, plan)
                    await asyncio.sleep(random.uniform(0.2, 0.8))
            everybody = frozenset().union(*pairs)
            assert not stream.of("plan.posted", *everybody), "the broker was not away"
        finally:
            await asyncio.to_thread(back)
        print(f"{len(pairs)} pairs posted in {AWAY:.0f} s without a broker")

        def all_told() -> bool:
            told = {sides_of(each.data) for each in stream.of("alert.opened")}
            amendments = {(each.subject, each.sequence) for each in stream.of("plan.amended")}
            posted = {each.subject for each in stream.of("plan.posted")}
            return posted >= everybody and told >= set(pairs) and amendments >= set(amended.items())

        await stream.until(all_told, "everything that was posted meanwhile", timeout=180)
        seen = check_order(stream.events)
        assert all(seen[plan] == list(range(1, len(seen[plan]) + 1)) for plan in everybody)
        await stack.settled()
        # and consumers go on: what is posted now arrives as before
        after = await stack.pair(stack.number())
        await stream.until(lambda: stream.of("alert.opened", *after), "the alert after")


async def _amended(stack: Stack, plan: str) -> int:
    async with AsyncConvene(stack.url, stack.nora) as nora, AsyncConvene(stack.url, stack.ivan) as ivan:
        found = await nora.plans.get(plan)
        owner = nora if found.posted_by == (await nora.people.me()).id else ivan
        return (await owner.plans.amend(plan, {"participants_planned": 12}, etag=found.etag)).version
