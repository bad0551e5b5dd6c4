"""The registry's audit: a row per fact, and nobody reads of another partner's people and keys."""

import asyncio
from typing import Any

from sqlalchemy import func, select

from services.partners import orm
from shared.audit import tree
from shared.audit.leaves import hash_of
from tests.integration.partners.harness import House, Houses

BASE = "/api/v1/audit/partners"
PATIENCE = 60


async def sealed(house: House) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            async with house.db.read() as session:
                rows = (await session.execute(select(func.count()).select_from(orm.kernel.audit))).scalar_one()
            answer = await house.call("GET", f"{BASE}/checkpoints/latest")
            if answer.status_code == 200 and answer.json()["size"] == rows:
                return answer.json()
            await asyncio.sleep(0.05)


async def entries(house: House, key: str) -> list[dict[str, Any]]:
    answer = await house.call("GET", f"{BASE}/entries?limit=200", key=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return answer.json()["data"]


async def test_each_partner_reads_of_its_own_people_and_keys(houses: Houses) -> None:
    house = await houses(audit_seal_seconds=0.05, audit_checkpoint_seconds=0)
    left = await house.made("/api/v1/organisations", {"slug": "left", "name": "Left", "type": "40"})
    right = await house.made("/api/v1/organisations", {"slug": "right", "name": "Right", "type": "40"})
    ours, our_key = await house.joined(roles=["focal_point"], partners=[left["id"]])
    colleague, colleague_key = await house.joined(roles=["reader"], partners=[left["id"]])
    theirs, their_key = await house.joined(roles=["focal_point"], partners=[right["id"]])
    house.clock.advance(1)
    latest = await sealed(house)

    async with house.db.read() as session:
        noted = {
            tuple(row)
            for row in await session.execute(
                select(orm.kernel.audit.c.action, orm.kernel.audit.c.subject, orm.kernel.audit.c.version)
            )
        }
    for name, data, _ in await house.outbox():
        assert (name, data["id"], data["version"]) in noted, "a fact without its row in the audit"

    shown = await entries(house, our_key)
    assert {each["subject"] for each in shown if each["subject"].startswith(("org_", "per_"))} == {
        left["id"], ours, colleague,
    }  # fmt: skip
    assert {each["action"] for each in shown} >= {"organisation.registered", "person.added", "api_key.issued"}
    other = await entries(house, their_key)
    assert theirs not in str(shown)
    assert right["id"] not in str(shown)
    assert not {each["leaf"] for each in shown} & {each["leaf"] for each in other}
    assert [each["leaf"] for each in await entries(house, colleague_key)] == [each["leaf"] for each in shown]
    everything = (await house.call("GET", f"{BASE}/entries?limit=200")).json()["data"]
    assert [each["leaf"] for each in everything] == list(range(latest["size"])), "an administrator reads all of it"
    for each in [*shown, *other, *everything]:
        proof, root = [bytes.fromhex(part) for part in each["proof"]], bytes.fromhex(latest["root"])
        assert tree.included(hash_of(latest["log"], each), each["leaf"], latest["size"], root, proof)
