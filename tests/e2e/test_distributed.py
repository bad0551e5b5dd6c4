"""One process per replica on real Kafka and PostgreSQL: the whole way, and what happens when parts of it go away."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from convene import AsyncConvene

from infra.native.kafka import KafkaCluster
from infra.native.postgres import ExternalPostgres
from shared.db import Database
from tests.support.activities import settled
from tests.support.distributed import Distributed
from tests.support.outside import Listening, check_order, join, training, until
from tests.support.processes import Launcher

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]

PAIRS = 40


@dataclass
class Stack:
    """The running system and three people's keys. `numbers` never gives the same plan twice."""

    run: Distributed
    nora: str
    ivan: str
    cora: str
    _next: int = 0

    @property
    def url(self) -> str:
        return self.run.url

    def number(self) -> int:
        self._next += 1
        return self._next

    async def post(self, key: str, number: int, url: str | None = None) -> str:
        async with AsyncConvene(url or self.url, key, tries=20) as client:
            return (await client.plans.post(training(number))).id

    async def pair(self, number: int) -> frozenset[str]:
        return frozenset(await asyncio.gather(self.post(self.nora, number), self.post(self.ivan, number)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    launcher: Launcher, kafka: KafkaCluster, postgres: ExternalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A broker of its own, which tests pause; that `kafka` is asked for says whether there can be one at all."""
    folder = tmp_path_factory.mktemp("distributed")
    broker = KafkaCluster(folder / "kafka", quick_failover=True)
    await asyncio.to_thread(broker.start)
    run = Distributed(launcher, folder, broker, postgres)
    try:
        await run.start()
        replicas = [run.url_of(f"{name}-{n}") for name in ("activities", "notifications") for n in (1, 2)]
        people = [
            await join(run.url, run.admin, "nora", *replicas, roles=["focal_point"], partners=["unodc"]),
            await join(run.url, run.admin, "ivan", *replicas, roles=["focal_point"], partners=["interpol"]),
            await join(run.url, run.admin, "cora", *replicas, roles=["coordinator"], scope={"regions": ["001"]}),
        ]
        yield Stack(run, *people)
    finally:
        await asyncio.to_thread(run.stop)
        await asyncio.to_thread(broker.stop)


async def test_from_a_post_to_a_joint_activity_and_back(stack: Stack) -> None:
    async with Listening(stack.url, stack.cora) as stream, AsyncConvene(stack.url, stack.cora) as cora:
        plans = await stack.pair(stack.number())
        (opened,) = await stream.until(lambda: stream.of("alert.opened", *plans), "the alert")
        assert _sides(opened.data) == plans

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
            lambda: pairs <= {_sides(each.data) for each in stream.of("alert.opened")},
            "an alert for every pair",
            timeout=180,
        )
        await _settled(stack)
        check_order(stream.events)
    async with AsyncConvene(stack.url, stack.cora) as cora:
        alerts = [each async for each in cora.alerts.list(status="all", limit=200)]
    found = Counter(_sides(each) for each in alerts)
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
            assert _sides(opened.data) == plans
    finally:
        for name in ("activities-3", "notifications-3"):
            if name in stack.run.processes:
                assert await asyncio.to_thread(stack.run.processes.pop(name).terminate) == 0
        await stack.run.begin("partners")


async def test_the_broker_freezes_for_a_while(stack: Stack) -> None:
    """Its connections stay open and nothing answers: the worst way to be away."""
    await _without_the_broker(stack, stack.run.kafka.pause, stack.run.kafka.resume, seconds=20)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
async def test_the_broker_is_away_for_a_minute(stack: Stack) -> None:
    kafka = stack.run.kafka
    await _without_the_broker(stack, kafka.stop, kafka.start, seconds=60)
    await _without_the_broker(stack, kafka.kill, kafka.start, seconds=60)
    await _without_the_broker(stack, kafka.pause, kafka.resume, seconds=60)


async def _without_the_broker(stack: Stack, away: Any, back: Any, *, seconds: float) -> None:
    pairs: list[frozenset[str]] = []
    async with Listening(stack.url, stack.cora) as stream:
        before = await stack.pair(stack.number())
        await stream.until(lambda: stream.of("alert.opened", *before), "the alert before")
        await asyncio.to_thread(away)
        try:
            ends = asyncio.get_running_loop().time() + seconds
            amended: dict[str, int] = {}
            while asyncio.get_running_loop().time() < ends:
                pairs.append(await stack.pair(stack.number()))  # raises unless both are 201
                plan = min(pairs[-1])
                amended[plan] = await _amended(stack, plan)
                await asyncio.sleep(random.uniform(0.2, 0.8))
            everybody = frozenset().union(*pairs)
            assert not stream.of("plan.posted", *everybody), "the broker was not away"
        finally:
            await asyncio.to_thread(back)
        print(f"{len(pairs)} pairs posted in {seconds} s without a broker")

        def all_told() -> bool:
            told = {_sides(each.data) for each in stream.of("alert.opened")}
            amendments = {(each.subject, each.sequence) for each in stream.of("plan.amended")}
            return {each.subject for each in stream.of("plan.posted")} >= everybody and told >= set(pairs) and (
                amendments >= set(amended.items())
            )  # fmt: skip

        await stream.until(all_told, "everything that was posted meanwhile", timeout=120)
        seen = check_order(stream.events)
        assert all(seen[plan] == list(range(1, len(seen[plan]) + 1)) for plan in everybody)
        await _settled(stack)
        # and consumers go on: what is posted now arrives as before
        after = await stack.pair(stack.number())
        await stream.until(lambda: stream.of("alert.opened", *after), "the alert after")


async def _amended(stack: Stack, plan: str) -> int:
    async with AsyncConvene(stack.url, stack.nora) as nora, AsyncConvene(stack.url, stack.ivan) as ivan:
        found = await nora.plans.get(plan)
        owner = nora if found.posted_by == (await _me(stack, nora)) else ivan
        return (await owner.plans.amend(plan, {"participants_planned": 12}, etag=found.etag)).version


async def _me(stack: Stack, client: AsyncConvene) -> str:
    return (await client.people.me()).id


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


async def _settled(stack: Stack) -> None:
    """Everything that was posted is matched: no alert is still to come."""
    db = Database(stack.run.database["activities"])
    try:
        await settled(db)
    finally:
        await db.dispose()


async def _more_than(found: list[Any], number: int) -> bool:
    return len(found) > number


def _sides(alert: Any) -> frozenset[str]:
    return frozenset(side["plan"] for side in alert["sides"])
