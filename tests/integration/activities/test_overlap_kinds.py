"""The kinds of overlap through the chain, and what an installation's settings make of them."""

from __future__ import annotations

from typing import Any

from services.activities.orm import known
from shared.bus.memory import MemoryBus
from tests.support.activities import CORA, NORA, TARO, WANDA, Service, running, training
from tests.support.people import introduce, person

COLOMBO = {"title": "Cryptocurrency investigations training", "themes": ["cryptocurrency"]}
KANDY: dict[str, Any] = {
    "title": "Seminar on treaty law",
    "type": "workshop",
    "themes": ["legislation"],
    "audiences": ["judges"],
    "venues": [{"city": "Kandy", "country": "LKA"}],
}
SAME_SUBJECT = {
    "title": "Course on virtual assets",
    "themes": ["cryptocurrency"],
    "start": "2027-06-01",
    "end": "2027-06-02",
}


async def found(service: Service) -> list[str]:
    await service.settled()
    return [str(alert["overlap_kind"]) for alert in await service.alerts(kind="overlap")]


async def test_a_trainer_in_two_places_is_an_alert_that_names_nobody(service: Service) -> None:
    mentor = person("mentor", NORA.partners)
    await introduce(service.db, known, [mentor], [])
    mine = await service.post(NORA, training(**COLOMBO, trainers=[mentor.id]))
    await service.post(
        WANDA, training(**KANDY, trainers=[mentor.id]) | {"venues": [{"city": "Lima", "country": "PER"}]}
    )
    assert await found(service) == ["people"]
    [alert] = await service.alerts(CORA)
    told = await service.client.get(f"/api/v1/alerts/{alert['id']}", headers=CORA.headers)
    assert "The same trainer, speaker or mentor at both on the same days" in told.text
    assert mentor.id not in told.text
    readers = {who.id: who for who in (NORA, CORA, TARO)}
    shown = {
        name: (await service.client.get(f"/api/v1/plans/{mine['id']}", headers=who.headers)).json()
        for name, who in readers.items()
    }
    assert {name for name, plan in shown.items() if plan.get("trainers")} == {NORA.id, CORA.id}


async def test_what_is_nearby_is_told_to_who_plans_and_asks_nobody(service: Service) -> None:
    await service.post(NORA, training(**COLOMBO, audiences=["investigators"]))
    later = training(**SAME_SUBJECT, audiences=["judges"])
    await service.post(WANDA, later)
    assert await found(service) == []
    answer = (await service.client.post("/api/v1/plans:check", json=later, headers=TARO.headers)).json()
    assert ("effort", "low") in {(each["overlap_kind"], each["severity"]) for each in answer["overlaps"]}


async def test_an_installation_says_what_it_is_asked(database_url: str) -> None:
    effort = {"effort": {"alert_from": "low"}, "audience": {"on": False}}
    async with running(database_url, bus=MemoryBus(), overlap=effort) as service:
        await service.post(NORA, training(**COLOMBO, audiences=["investigators"]))
        await service.post(WANDA, training(**SAME_SUBJECT, audiences=["judges"]))
        assert await found(service) == ["effort"]
        await service.post(TARO, training(**KANDY | {"audiences": ["investigators"]}))
        assert await found(service) == ["effort"]
