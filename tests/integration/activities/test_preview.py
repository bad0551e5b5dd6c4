"""`plans:sight` says before posting who sees the plan after it: held against who then is shown it."""

from typing import Any

import pytest

from services.activities.orm import known
from tests.integration.activities.conftest import World
from tests.integration.activities.scene import NINA
from tests.support.activities import CORA, INTERPOL, ITU, IVAN, KENJI, NORA, TARO, UNODC, WANDA, WORLD_BANK, training
from tests.support.people import Person, introduce, person

pytestmark = pytest.mark.asyncio(loop_scope="module")
MARA = person("mara", roles=["coordinator"], regions=["034"], themes=["malware"])
ZOE = person("zoe", [ITU], roles=["coordinator", "focal_point"], countries=["KEN"])
MEMBERS = {UNODC: NINA, INTERPOL: IVAN, ITU: TARO, WORLD_BANK: WANDA}
SCOPES = {"the world": CORA, "Kenya": KENJI, "Southern Asia (Malware)": MARA}
WHERE = {"venues": [{"city": "Male", "country": "MDV"}]}


async def preview(world: World, who: Person, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await world.service.client.post("/api/v1/plans:sight", json=body, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize("status", ["tentative", "draft"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"themes": ["malware"], "partners": [{"organisation": "interpol"}]},
        {"funders": [{"organisation": "world-bank"}], "venues": [{"city": "Mombasa", "country": "KEN"}]},
        {"tlp": "RED", "named_people": [NINA.id, KENJI.id], "themes": ["malware"]},
    ],
    ids=["plain", "a partner named", "a funder named", "people named"],
)
async def test_who_is_named_before_is_who_sees_it_afterwards(
    world: World, changes: dict[str, Any], status: str
) -> None:
    await introduce(world.service.db, known, [MARA, ZOE], [])
    body = training(**WHERE) | changes | {"status": status}
    said = await preview(world, NORA, body)
    assert [each["tlp"] for each in said] == ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
    for each in said:
        red = each["tlp"] == "RED"
        plan = await world.service.post(NORA, body | {"tlp": each["tlp"]} | ({} if red else {"named_people": []}))

        async def sees(who: Person | None, plan: dict[str, Any] = plan) -> bool:
            headers = who.headers if who else {}
            return (await world.service.client.get(f"/api/v1/plans/{plan['id']}", headers=headers)).status_code == 200

        assert await sees(None) == each["everybody"], each
        told = {partner: each["every_partner"] or partner in each["partners"] for partner in MEMBERS}
        told |= {scope: each["everybody"] or scope in each["coordinators"] for scope in SCOPES}
        found = {name: await sees(who) for name, who in {**MEMBERS, **SCOPES}.items()}
        if red:  # by their own names, of which only the number is told
            assert each["people"] == 1 + found[UNODC] + found["Kenya"]
            found[UNODC] = False
        assert found == told, each
        assert await sees(NORA)


async def test_what_each_label_says(world: World) -> None:
    body = training(
        venues=[{"country": "KEN"}], partners=[{"organisation": "interpol"}], tlp="RED", named_people=[TARO.id]
    )
    said = {each.pop("tlp"): each for each in await preview(world, NORA, body)}
    kenyan = ["Kenya", "Kenya", "the world"]
    assert said == {
        "CLEAR": {"everybody": True, "every_partner": True, "partners": [], "coordinators": [], "people": 0},
        "GREEN": {"everybody": False, "every_partner": True, "partners": [], "coordinators": kenyan, "people": 0},
        "AMBER": {
            "everybody": False,
            "every_partner": False,
            "partners": sorted([UNODC, INTERPOL]),
            "coordinators": kenyan,
            "people": 0,
        },
        "AMBER+STRICT": {
            "everybody": False,
            "every_partner": False,
            "partners": [UNODC],
            "coordinators": kenyan,
            "people": 0,
        },
        "RED": {"everybody": False, "every_partner": False, "partners": [], "coordinators": [], "people": 2},
    }


async def test_a_coordinator_asks_for_the_partner_and_nothing_is_stored(world: World) -> None:
    async def plans() -> list[Any]:
        answer = await world.service.client.get("/api/v1/plans?limit=200", headers=CORA.headers)
        return [each["id"] for each in answer.json()["data"]]

    before = await plans()
    said = await preview(world, CORA, training(on_behalf_of="itu"))
    assert said[3]["partners"] == [ITU]
    assert (await preview(world, CORA, training()))[3]["partners"] == []
    assert await plans() == before
    answer = await world.service.client.post(
        "/api/v1/plans:sight", json=training(partners=[{"organisation": "nobody"}], start="soon"), headers=NORA.headers
    )
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} >= {"#/start"}
    assert (await world.service.client.post("/api/v1/plans:sight", json=training())).status_code == 401
