"""Weights are put in force by an administrator: refused where implausible, told as an event, and open alerts are scored anew."""

import asyncio
from typing import Any
from uuid import uuid4

from services.activities.matching.weights import SHIPPED, document
from shared.bus.memory import MemoryBus
from tests.support.activities import CORA, IVAN, NORA, OLA, Service, facts_on, training


def table(version: str, **changes: Any) -> dict[str, Any]:
    return document(SHIPPED) | {"version": version} | changes


async def install(service: Service, body: dict[str, Any], who: Any = OLA) -> Any:
    headers = who.headers | {"Idempotency-Key": uuid4().hex}
    return await service.client.post("/api/v1/weights", json=body, headers=headers)


async def in_force(service: Service) -> dict[str, Any]:
    return (await service.client.get("/api/v1/weights", headers=OLA.headers)).json()


async def twins(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """NORA's plan, and the alert that IVAN posted the same."""
    mine = await service.post(NORA, training())
    await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts(plan=mine["id"])
    return mine, alert


async def test_without_an_installed_table_the_shipped_one_is_in_force(service: Service) -> None:
    found = await in_force(service)
    assert (found["version"], found["shipped"], found["document"]) == (SHIPPED.version, True, document(SHIPPED))


async def test_only_an_administrator_sees_and_installs_weights(service: Service) -> None:
    for who in (CORA, NORA):
        assert (await service.client.get("/api/v1/weights", headers=who.headers)).status_code == 403
        assert (await service.client.get("/api/v1/weights/labels", headers=who.headers)).status_code == 403
        assert (await install(service, {"document": table("house-1")}, who)).status_code == 403
    assert (await in_force(service))["shipped"]


async def test_an_installed_table_is_told_and_scores_open_alerts_anew(service: Service, bus: MemoryBus) -> None:
    _, alert = await twins(service)
    low, _ = SHIPPED.prior
    made = await install(service, {"document": table("house-1", prior=[low - 2400, SHIPPED.prior[1]]), "reason": "try"})
    assert made.status_code == 201, made.text
    assert ((await in_force(service))["version"], (await in_force(service))["shipped"]) == ("house-1", False)
    async with asyncio.timeout(30):
        while (now := await service.alert(alert["id"]))["status"] == "open" and now["probability"] == alert[
            "probability"
        ]:
            await service.settled()
    assert now["status"] == "closed" or now["probability"] < alert["probability"]
    told = [event for event in await facts_on(bus) if event.name == "weights.installed"]
    assert [(event.subject, event.data["by"]) for event in told] == [("house-1", OLA.id)]
    checked = await service.client.post("/api/v1/plans:check", json=training(), headers=CORA.headers)
    assert all(each["probability"] < alert["probability"] for each in checked.json()["data"])


async def test_a_table_that_is_none_or_a_version_that_is_taken_is_refused(service: Service) -> None:
    fields = document(SHIPPED)["fields"]
    for wrong in (
        {"document": {"version": "x"}},
        {"document": table("x" * 65)},
        {"document": table("")},
        {"document": table("x") | {"version": 2}},
        {"document": table("x", fields=fields | {"mood": {"good": [1, 1]}})},
        {"document": table("x", fields=fields | {"dates": {"same": ["much", 1]}})},
    ):
        answer = await install(service, wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/document"), answer.text
    assert (await install(service, {"document": table(SHIPPED.version)})).status_code == 409
    assert (await install(service, {"document": table("house-2")})).status_code == 201
    assert (await install(service, {"document": table("house-2")})).status_code == 409
    assert (await in_force(service))["version"] == "house-2"


async def test_decisions_are_labels_as_long_as_the_plans_are_what_was_decided_on(service: Service) -> None:
    mine, alert = await twins(service)
    await service.decide(alert["id"], "distinct")
    await service.settled()

    async def labels() -> list[dict[str, Any]]:
        return (await service.client.get("/api/v1/weights/labels", headers=OLA.headers)).json()["data"]

    [label] = await labels()
    assert label["verdict"] == "distinct"
    assert label["levels"]["dates"] == "same"
    assert set(label["levels"]) == set(SHIPPED.fields)
    confirmed = await service.act(NORA, mine, "confirm")
    assert len(await labels()) == 1, "a confirmed plan is what was decided on"
    await service.patch(NORA, confirmed, start="2027-05-25", end="2027-05-27")
    assert await labels() == []


async def test_a_distinct_pair_is_not_asked_again_by_other_weights_or_another_description(service: Service) -> None:
    mine, alert = await twins(service)
    await service.decide(alert["id"], "distinct")
    await service.settled()
    assert await service.alerts(plan=mine["id"]) == []
    assert (await install(service, {"document": table("house-3")})).status_code == 201
    mine = await service.patch(NORA, mine, description="The same in more words.")
    mine = await service.act(NORA, mine, "confirm")
    await service.settled()
    assert await service.alerts(plan=mine["id"]) == []
    await service.patch(NORA, mine, title="Cybercrime investigations and digital forensics training, first week")
    await service.settled()
    assert len(await service.alerts(plan=mine["id"])) == 1, "another title is asked about"
