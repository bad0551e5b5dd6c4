"""What this service holds about a person and a partner, on both databases: judged by the labels of now, RED never."""

from typing import Any

from services.activities.orm import known
from tests.integration.activities.scene import NINA
from tests.support.activities import CORA, IVAN, NORA, UNODC, Service, training
from tests.support.people import Person, introduce


async def held(service: Service, path: str, who: Person, limit: int = 50) -> list[dict[str, Any]] | int:
    """Every page; the status where it is none."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await service.client.get(
            f"/api/v1/held/activities/{path}", params={"limit": str(limit), **cursor}, headers=who.headers
        )
        if answer.status_code != 200:
            return answer.status_code
        found += answer.json()["data"]
        if not answer.json()["next_cursor"]:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


async def test_what_is_told_of_whom_to_whom(service: Service) -> None:
    await introduce(service.db, known, [NINA], [])
    mine = [await service.post(NORA, training(title=f"Course {number}", tlp="AMBER")) for number in range(3)]
    red = await service.post(NORA, training(title="Between us", tlp="RED"))
    named = await service.post(IVAN, training(title="Elsewhere", tlp="GREEN", trainers=[NORA.id]))
    theirs = await service.post(IVAN, training(title="Hidden", tlp="AMBER", trainers=[NORA.id]))
    await service.settled()
    for limit in (1, 50):
        told = await held(service, f"people/{NORA.id}", NORA, limit)
        assert isinstance(told, list)
        kinds = {
            kind: [each["id"] for each in told if each["kind"] == kind]
            for kind in ("plan_posted", "plan_that_names_you")
        }
        assert kinds == {"plan_posted": [each["id"] for each in mine], "plan_that_names_you": [named["id"]]}
        assert [each["subject"] for each in told if each["kind"] == "act"] == [each["id"] for each in mine]
        assert red["id"] not in str(told)
        assert theirs["id"] not in str(told)
        whole = await held(service, f"partners/{UNODC}", NINA, limit)
        assert isinstance(whole, list)
        assert [each["title"] for each in whole if each["kind"] == "plan"] == ["Course 0", "Course 1", "Course 2"]
    for path, who in (
        (f"people/{NORA.id}", NINA),
        (f"people/{NORA.id}", CORA),
        (f"partners/{UNODC}", IVAN),
        (f"partners/{UNODC}", CORA),
    ):
        assert await held(service, path, who) == 404
    raised = await service.patch(NORA, mine[0], tlp="RED", named_people=[NORA.id])
    assert raised["tlp"] == "RED"
    assert mine[0]["id"] not in str(await held(service, f"people/{NORA.id}", NORA))
    assert mine[0]["id"] not in str(await held(service, f"partners/{UNODC}", NINA))


async def test_a_decision_is_told_to_who_made_it(service: Service) -> None:
    await service.post(NORA, training(tlp="GREEN"))
    await service.post(IVAN, training(tlp="GREEN"))
    await service.settled()
    (alert,) = await service.alerts()
    made = await service.decide(alert["id"], "distinct", reason="As I know them")
    assert made.status_code == 201
    told = await held(service, f"people/{CORA.id}", CORA)
    assert isinstance(told, list)
    assert [(each["id"], each["reason"], each["made_by"]) for each in told if each["kind"] == "decision"] == [
        (made.json()["id"], "As I know them", CORA.id)
    ]
    acts = {each["action"]: each["by_the_person"] for each in told if each["kind"] == "act"}
    assert acts["decision.made"] is True
