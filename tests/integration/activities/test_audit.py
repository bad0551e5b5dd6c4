"""The audit over the API: a row per effect, each reader with what concerns them, proofs that hold, and refusals counted."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from services.activities.orm import kernel, known
from shared.audit import notes, tree
from shared.audit.leaves import hash_of
from shared.bus.memory import MemoryBus
from shared.reader import SERVICE
from tests.support.activities import (
    CORA,
    IVAN,
    KENJI,
    NORA,
    OLA,
    TARO,
    UNODC,
    Service,
    facts_on,
    running,
    training,
)
from tests.support.people import Person, introduce, person

RITA = person("rita", [UNODC], roles=["reader"])
BASE = "/api/v1/audit/activities"
PATIENCE = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator["Told"]:
    """One afternoon: two partners' plans that match, a decision, a hidden plan, a RED one, one that was RED once."""
    path, bus = tmp_path_factory.mktemp("audit"), MemoryBus()
    async with running(
        f"sqlite+aiosqlite:///{path}/activities.db", bus=bus, audit_seal_seconds=0.05, audit_checkpoint_seconds=0
    ) as service:
        await introduce(service.db, known, [RITA], [])
        mine = await service.post(NORA, training())
        theirs = await service.post(IVAN, training(title="Cybercrime investigation and digital forensics course"))
        await service.settled()
        (alert,) = await service.alerts()
        decided = await service.decide(alert["id"], "link", reason="the same")
        assert decided.status_code == 201, decided.text
        hidden = await service.post(TARO, training(venues=[{"city": "Nairobi", "country": "KEN"}], tlp="AMBER+STRICT"))
        red = await service.post(NORA, training(venues=[{"city": "Lima", "country": "PER"}], tlp="RED"))
        once = await service.post(NORA, training(venues=[{"city": "Quito", "country": "ECU"}], tlp="RED"))
        once = await service.patch(NORA, once, tlp="GREEN")
        await service.patch(NORA, mine, title="Cybercrime investigations and forensics")
        await service.settled()
        yield Told(service, bus, mine, theirs, alert, decided.json(), hidden, red, once)


class Told:
    def __init__(self, service: Service, bus: MemoryBus, *documents: dict[str, Any]) -> None:
        self.service, self.bus = service, bus
        self.mine, self.theirs, self.alert, self.decision, self.hidden, self.red, self.once = documents

    async def get(self, path: str, who: Person | None, status: int = 200, **params: Any) -> Any:
        answer = await self.service.client.get(BASE + path, params=params, headers=who.headers if who else {})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def sealed(self) -> dict[str, Any]:
        """The newest checkpoint, once every row is under it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.service.db.read(SERVICE) as session:
                    rows = len((await session.execute(select(kernel.audit.c.seq))).all())
                answer = await self.service.client.get(f"{BASE}/checkpoints/latest", headers=OLA.headers)
                if answer.status_code == 200 and answer.json()["size"] == rows:
                    return answer.json()
                await asyncio.sleep(0.05)

    async def entries(self, who: Person, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get("/entries", who, limit=3, **params, **cursor)
            found += page["data"]
            if not page["next_cursor"]:
                return found
            cursor = {"cursor": page["next_cursor"]}

    async def subjects(self, who: Person) -> set[str]:
        await self.sealed()
        return {entry["subject"] for entry in await self.entries(who)}


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_fact_that_was_told_has_its_row(told: Told) -> None:
    async with told.service.db.read(SERVICE) as session:
        rows = await session.execute(select(kernel.audit.c.action, kernel.audit.c.subject, kernel.audit.c.version))
        noted = {tuple(row) for row in rows}
    facts = {(fact.name, fact.subject, fact.sequence) for fact in await facts_on(told.bus)}
    assert len(facts) > 10
    assert facts == noted


async def test_each_sees_what_concerns_them(told: Told) -> None:
    ids = {name: getattr(told, name)["id"] for name in ("mine", "theirs", "alert", "decision", "hidden", "red", "once")}
    joint = told.decision["activity"]
    both = {ids["mine"], ids["alert"], ids["decision"], joint}
    assert await told.subjects(NORA) == both | {ids["red"], ids["once"]}
    assert await told.subjects(RITA) == both | {ids["once"]}, "RED is by name, for colleagues, too"
    assert await told.subjects(IVAN) == (both - {ids["mine"]}) | {ids["theirs"]}
    assert await told.subjects(TARO) == {ids["hidden"]}
    assert await told.subjects(KENJI) == {ids["hidden"]}
    assert await told.subjects(CORA) == both | {ids["theirs"], ids["hidden"], ids["once"]}
    assert await told.subjects(OLA) == set(), "the role alone shows an administrator no plan"


async def test_what_was_red_once_does_not_become_known(told: Told) -> None:
    await told.sealed()

    async def versions(who: Person) -> list[int]:
        return [entry["version"] for entry in await told.entries(who, subject=told.once["id"])]

    assert await versions(NORA) == [1, 2]
    assert await versions(RITA) == [2]
    assert await versions(CORA) == [2]
    assert await versions(IVAN) == []


async def test_who_acted_is_told_to_those_who_may_know_and_proven_to_the_others(told: Told) -> None:
    latest = await told.sealed()
    for who, knows in ((CORA, True), (NORA, False)):
        (made,) = [each for each in await told.entries(who) if each["action"] == "decision.made"]
        assert (made.get("actor") == CORA.id) is knows
        assert ("actor_digest" in made) is not knows
        proof = [bytes.fromhex(each) for each in made["proof"]]
        root = bytes.fromhex(latest["root"])
        assert tree.included(hash_of(latest["log"], made), made["leaf"], latest["size"], root, proof)
    assert CORA.id not in str(await told.entries(NORA))


async def test_every_entry_is_proven_and_no_other_row_would_be(told: Told) -> None:
    latest = await told.sealed()
    root, size = bytes.fromhex(latest["root"]), latest["size"]
    entries = await told.entries(CORA, size=size)
    assert len(entries) > 8
    for entry in entries:
        proof = [bytes.fromhex(each) for each in entry["proof"]]
        assert tree.included(hash_of(latest["log"], entry), entry["leaf"], size, root, proof)
        again = await told.get("/inclusion", TARO, leaf=entry["leaf"], size=size)
        assert again == {"size": size, "hashes": entry["proof"]}, "hashes are for everybody: they tell nothing"
        changed = entry | {"version": entry["version"] + 1}
        assert not tree.included(hash_of(latest["log"], changed), entry["leaf"], size, root, proof)


async def test_each_checkpoint_is_signed_and_extends_those_before(told: Told) -> None:
    latest = await told.sealed()
    (key,) = (await told.get("/keys", None))["data"]
    page = await told.get("/checkpoints", TARO, limit=200)
    assert page["data"][0] == latest
    assert len(page["data"]) > 2
    for each in page["data"]:
        checkpoint = notes.verify(each["note"], notes.PublicKey.read(key["verifier"]))
        assert (checkpoint.size, checkpoint.root.hex()) == (each["size"], each["root"])
        proof = (await told.get("/consistency", TARO, **{"from": each["size"]}, size=latest["size"]))["hashes"]
        path = [bytes.fromhex(hash_) for hash_ in proof]
        root = bytes.fromhex(latest["root"])
        assert tree.extends(each["size"], checkpoint.root, latest["size"], root, path)
    first = await told.get("/checkpoints", TARO, limit=1)
    second = await told.get("/checkpoints", TARO, limit=1, cursor=first["next_cursor"])
    assert [*first["data"], *second["data"]] == page["data"][:2]


async def test_an_unchanged_checkpoint_is_a_304(told: Told) -> None:
    await told.sealed()
    client = told.service.client
    answer = await client.get(f"{BASE}/checkpoints/latest", headers=NORA.headers)
    again = await client.get(
        f"{BASE}/checkpoints/latest", headers={**NORA.headers, "If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/inclusion", {"leaf": 5, "size": 5}),
        ("/inclusion", {"leaf": 0, "size": 1 << 40}),
        ("/consistency", {"from": 3, "size": 2}),
        ("/consistency", {"from": 0, "size": 2}),
        ("/entries", {"size": 1 << 40}),
        ("/entries", {"cursor": "WzFd0"}),
        ("/entries", {"leaf": 1}),
    ],
)
async def test_what_cannot_be_proven_is_named(told: Told, path: str, params: dict[str, Any]) -> None:
    await told.sealed()
    assert (await told.get(path, NORA, 400, **params))["errors"]


async def test_the_public_sees_keys_alone(told: Told) -> None:
    for path in ("/checkpoints", "/checkpoints/latest", "/entries", "/inclusion?leaf=0&size=1", "/refusals"):
        await told.get(path, None, 401)
    await told.get("/refusals", NORA, 403)


async def test_refusals_are_counted_not_chained(told: Told) -> None:
    size = (await told.sealed())["size"]
    client, runtime = told.service.client, told.service.app.state.runtime
    for _ in range(3):
        answer = await client.get(f"/api/v1/plans/{told.hidden['id']}", headers=IVAN.headers)
        assert answer.status_code == 404
    for path, headers in (("/weights", IVAN.headers), ("/plans", {"Authorization": "Bearer cvn_wrong"}), ("/none", {})):
        assert (await client.get(f"/api/v1{path}", headers=headers)).status_code in (401, 403, 404)
    await runtime.refusals.flush()
    shown = []
    cursor: dict[str, str] = {}
    while True:
        page = await told.get("/refusals", OLA, limit=2, **cursor)
        shown += page["data"]
        if not page["next_cursor"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    counted = {(each["principal"], each["route"], each["status"]): each["times"] for each in shown}
    assert counted[IVAN.id, "GET /api/v1/plans/{plan_id}", 404] == 3
    assert counted[IVAN.id, "GET /api/v1/weights", 403] == 1
    assert counted["public", "GET /api/v1/plans", 401] == 1
    assert told.hidden["id"] not in str(shown), "a route, never an address"
    assert not any("none" in route for _, route, _ in counted), "an address that is nobody's"
    assert (await told.sealed())["size"] == size


async def test_on_postgresql_too(postgres_url: str, tmp_path: Path) -> None:
    async with running(postgres_url, audit_seal_seconds=0.05, audit_checkpoint_seconds=0) as service:
        other = Told(service, MemoryBus(), *([{}] * 7))
        for number in range(4):
            await service.post(NORA, training(venues=[{"city": "Lima", "country": "PER"}], title=f"Course {number}"))
        await service.post(IVAN, training())
        await service.settled()
        latest = await other.sealed()
        entries = await other.entries(NORA)
        assert [each["action"] for each in entries].count("plan.posted") == 4
        for entry in entries:
            proof = [bytes.fromhex(each) for each in entry["proof"]]
            root = bytes.fromhex(latest["root"])
            assert tree.included(hash_of(latest["log"], entry), entry["leaf"], latest["size"], root, proof)
        assert {each["subject"] for each in entries} & {each["subject"] for each in await other.entries(IVAN)} == set()
