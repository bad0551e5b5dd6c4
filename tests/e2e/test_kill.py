"""`kill -9` of the one-process runner while clients post: what was acknowledged is there, and nothing happens twice."""

import asyncio
import os
import random
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from convene import AsyncConvene

from infra.native.ports import free_ports
from shared.sqlite import sqlite3
from tests.support.outside import check_order, history, join, training, until
from tests.support.processes import Launcher, Running

CLIENTS = 4
SEED = int(os.environ.get("CONVENE_TEST_SEED", random.SystemRandom().randrange(1_000_000)))


@dataclass
class Wish:
    """One plan that a client wants to be there: posted with one key until it is acknowledged."""

    key: str
    who: str
    body: dict[str, Any]
    number: int
    plan: str | None = None
    version: int = 0  # acknowledged


@dataclass
class Ledger:
    """What the clients were told, and what they do not know because the answer never came."""

    rng: random.Random
    keys: dict[str, str]
    wishes: list[Wish] = field(default_factory=list[Wish])
    cut_off: int = 0
    in_flight: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: int = 0

    def more(self) -> list[Wish]:
        """A plan alone, or two partners' plans of one activity."""
        number, self._numbers = self._numbers, self._numbers + 1
        posters = ["unodc", "interpol"] if self.rng.random() < 0.5 else [self.rng.choice(["unodc", "interpol"])]
        made: list[Wish] = []
        for who in posters:
            key = f"{number}-{who}"
            made.append(Wish(key, who, training(number, provenance={"document": key}), number))
        self.wishes += made
        return made

    @property
    def acknowledged(self) -> list[Wish]:
        return [wish for wish in self.wishes if wish.plan]

    def pairs(self) -> list[frozenset[str]]:
        found: dict[int, set[str]] = {}
        for wish in self.wishes:
            assert wish.plan
            found.setdefault(wish.number, set()).add(wish.plan)
        return [frozenset(plans) for plans in found.values() if len(plans) == 2]


@pytest.mark.timeout(900)
async def test_killed_while_posting(launcher: Launcher, tmp_path: Path) -> None:
    await _kill_again_and_again(launcher, tmp_path, kills=8)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_killed_while_posting_for_long(launcher: Launcher, tmp_path: Path) -> None:
    await _kill_again_and_again(launcher, tmp_path, kills=200)


async def _kill_again_and_again(launcher: Launcher, tmp_path: Path, *, kills: int) -> None:
    print("seed", SEED)
    port, rng = free_ports(1)[0], random.Random(SEED)
    url, data = f"http://127.0.0.1:{port}", tmp_path / "data"

    def start() -> Running:
        return launcher.start("up", "--data", str(data), "--port", str(port), url=url, log=tmp_path / "up.log")

    runner = start()
    await runner.ready()
    admin = (data / "admin.key").read_text().strip()
    keys = {who: await join(url, admin, who, roles=["focal_point"], partners=[who]) for who in ("unodc", "interpol")}
    keys["cora"] = await join(url, admin, "cora", roles=["coordinator"], scope={"regions": ["001"]})
    ledger, busy = Ledger(rng, keys), 0
    for _ in range(kills):
        before = len(ledger.acknowledged)
        clients = [asyncio.create_task(_client(url, ledger)) for _ in range(CLIENTS)]
        await until(lambda since=before: _more_than(ledger, since), "posts acknowledged")
        await asyncio.sleep(rng.uniform(0.3, 1.5))
        # Just after an answer is when most is half done: facts stored and not yet published, published and not yet marked.
        ledger.answered.clear()
        await ledger.answered.wait()
        await asyncio.sleep(rng.uniform(0, 0.03))
        cut_before, in_flight = ledger.cut_off, ledger.in_flight
        runner.kill()
        await asyncio.gather(*clients)
        busy += in_flight > 0 and ledger.cut_off > cut_before
        runner = start()
        await runner.ready()
        await _nothing_is_missing(url, ledger)
        await _finish(url, ledger)
    print(
        f"{len(ledger.wishes)} plans, {len(ledger.pairs())} pairs, {ledger.cut_off} requests cut off, {busy} of {kills}"
    )
    assert busy >= kills * 0.8, "the kills did not hit requests in flight"
    await _nothing_is_missing(url, ledger)
    await _each_once(url, data, ledger)
    assert runner.terminate() == 0


async def _more_than(ledger: Ledger, before: int) -> bool:
    return len(ledger.acknowledged) > before


async def _client(url: str, ledger: Ledger) -> None:
    """Posts and amends, one request after the other, until the server goes away under it."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        while True:
            for wish in ledger.more():
                if not await _attempt(http, ledger, wish):
                    return
            mine = ledger.rng.choice(ledger.acknowledged)
            if ledger.rng.random() < 0.3 and not await _amend(http, ledger, mine):
                return


async def _attempt(http: httpx.AsyncClient, ledger: Ledger, wish: Wish) -> bool:
    answer = await _send(
        http, ledger, wish.who, "POST", "/api/v1/plans", json=wish.body, headers={"Idempotency-Key": wish.key}
    )
    if answer is None:
        return False
    assert answer.status_code == 201, answer.text
    plan = answer.json()["id"]
    assert wish.plan in {None, plan}, f"{wish.key} made {wish.plan} and then {plan}"
    wish.plan, wish.version = plan, max(wish.version, answer.json()["version"])
    ledger.answered.set()
    return True


async def _amend(http: httpx.AsyncClient, ledger: Ledger, wish: Wish) -> bool:
    answer = await _send(
        http,
        ledger,
        wish.who,
        "PATCH",
        f"/api/v1/plans/{wish.plan}",
        json={"participants_planned": ledger.rng.randrange(10_000)},
        headers={"If-Match": f'"{wish.version}"', "Content-Type": "application/merge-patch+json"},
    )
    if answer is None:
        return False
    # 412: another client amended it, or this one did and never heard of it
    assert answer.status_code in {200, 412}, answer.text
    if answer.status_code == 200:
        wish.version = max(wish.version, answer.json()["version"])
    return True


async def _send(
    http: httpx.AsyncClient, ledger: Ledger, who: str, method: str, path: str, headers: dict[str, str], **more: Any
) -> httpx.Response | None:
    """None when the server went away before it had answered."""
    ledger.in_flight += 1
    try:
        return await http.request(
            method, path, headers={"Authorization": f"Bearer {ledger.keys[who]}", **headers}, **more
        )
    except httpx.TransportError:
        ledger.cut_off += 1
        return None
    finally:
        ledger.in_flight -= 1


async def _nothing_is_missing(url: str, ledger: Ledger) -> None:
    """Every acknowledged plan is there, at least at the acknowledged version; no key has made two."""
    async with AsyncConvene(url, ledger.keys["cora"]) as client:
        stored = {each.id: each async for each in client.plans.list(limit=200)}
    for wish in ledger.acknowledged:
        assert wish.plan in stored, f"{wish.key}: {wish.plan} was acknowledged and is gone"
        found = stored[wish.plan]
        assert found["provenance"]["document"] == wish.key
        assert found.version >= wish.version, f"{wish.plan}: acknowledged {wish.version}, stored {found.version}"
        wish.version = found.version
    made = Counter(each["provenance"]["document"] for each in stored.values())
    assert {key: times for key, times in made.items() if times > 1} == {}


async def _finish(url: str, ledger: Ledger) -> None:
    """As a client should: what was never answered is sent again with its key; once more does not hurt either."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        open_ = [wish for wish in ledger.wishes if not wish.plan]
        again = [_attempt(http, ledger, wish) for wish in (*open_, *ledger.acknowledged[-3:])]
        assert all(await asyncio.gather(*again))


async def _each_once(url: str, data: Path, ledger: Ledger) -> None:
    """After all the crashes: each version once on the stream's history and in order, each pair one alert, no other."""
    cora = ledger.keys["cora"]
    pairs = set(ledger.pairs())
    assert pairs

    async def settled() -> bool:
        """The lane has nothing left to do, hence no alert is still to come, and the history tells of everything."""
        assert _unread(data, "activities.matching") == 0
        assert _unread(data, "notifications.feed") == 0
        return True

    await until(settled, "everything matched and told", timeout=240, pause=1)
    seen = check_order(await history(url, cora))
    told = {wish.key: seen.get(str(wish.plan)) for wish in ledger.wishes}
    assert told == {wish.key: list(range(1, wish.version + 1)) for wish in ledger.wishes}
    async with AsyncConvene(url, cora) as client:
        alerts = [each async for each in client.alerts.list(status="all", limit=200)]
    assert Counter(_sides(each) for each in alerts) == Counter(pairs)
    assert {each.status for each in alerts} == {"open"}
    opened = [each for each in await history(url, cora) if each.name == "alert.opened"]
    assert Counter(_sides(each.data) for each in opened) == Counter(pairs)


def _unread(data: Path, consumer: str) -> int:
    """How many records a consumer of the local log has before it, among those still to be published."""
    with closing(sqlite3.connect(f"file:{data}/activities.db?mode=ro", uri=True)) as activities:
        (waiting,) = activities.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    with closing(sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True)) as log:
        (behind,) = log.execute(
            "SELECT coalesce(sum(e.end_offset - coalesce(c.next_offset, 0)), 0) FROM partition_end e"
            " LEFT JOIN committed_offset c ON c.topic = e.topic AND c.partition = e.partition AND c.consumer_group = ?"
            " WHERE e.topic = 'activities.v1'",
            (consumer,),
        ).fetchone()
    return waiting + behind


def _sides(alert: Any) -> frozenset[str]:
    return frozenset(side["plan"] for side in alert["sides"])
