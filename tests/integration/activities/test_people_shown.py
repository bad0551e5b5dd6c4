"""Ids of people, on every route that has them: for colleagues, coordinators in scope and administrators."""

from typing import Any

from services.activities.orm import known
from tests.support.activities import CORA, INTERPOL, IVAN, KENJI, NORA, TARO, Service, training
from tests.support.people import Person, introduce, person

ADA = person("ada", roles=["administrator"])
NINA = person("nina-reads", NORA.partners, roles=["reader"])
CARLO = person("carlo", [INTERPOL], roles=["coordinator"], regions=["001"])
READERS: dict[str, Person | None] = {
    "nora": NORA, "nina": NINA, "ivan": IVAN, "taro": TARO, "cora": CORA, "kenji": KENJI, "ada": ADA, "public": None,
}  # fmt: skip


async def told(service: Service, path: str, whom: Person) -> set[str]:
    """The readers to whom the answer names this person; a reader who sees nothing is not told."""
    found: set[str] = set()
    for name, who in READERS.items():
        answer = await service.client.get(f"/api/v1{path}", headers=who.headers if who else {})
        if whom.id in answer.text:
            found.add(name)
    return found


async def test_who_posted_and_who_changed_a_plan(service: Service) -> None:
    await introduce(service.db, known, [ADA, NINA], [])
    plan: dict[str, Any] = await service.post(NORA, training(tlp="CLEAR"))
    assert plan["posted_by"] == NORA.id
    plan = await service.patch(NORA, plan, level="advanced")
    for path in ("/plans", f"/plans/{plan['id']}", f"/plans/{plan['id']}/history"):
        assert await told(service, path, NORA) == {"nora", "nina", "cora", "ada"}, path
    seen = (await service.client.get(f"/api/v1/plans/{plan['id']}/history")).json()["data"]
    assert [set(version) for version in seen] == [{"version", "action", "at", "changed", "content"}] * 2
    checked = await service.client.post("/api/v1/plans:check", json=training(), headers=TARO.headers)
    assert plan["id"] in checked.text
    assert NORA.id not in checked.text


async def test_who_decided(service: Service) -> None:
    await introduce(service.db, known, [ADA, NINA, CARLO], [])
    await service.post(NORA, training())
    await service.post(TARO, training())
    await service.settled()
    [alert] = await service.alerts()
    made = (await service.decide(alert["id"], "distinct", CARLO)).json()
    assert made["made_by"] == CARLO.id
    taken_back = (await service.reverse(made["id"])).json()
    assert (taken_back["made_by"], taken_back["reversed_by"]) == (CARLO.id, CORA.id)
    for path in (f"/decisions/{made['id']}", f"/alerts/{alert['id']}"):
        assert await told(service, path, CARLO) == {"cora", "ivan"}, path
        assert await told(service, path, CORA) == {"cora"}, path
    seen = (await service.client.get(f"/api/v1/decisions/{made['id']}", headers=NORA.headers)).json()
    assert (seen["verdict"], seen["reversed"]) == ("distinct", True)
