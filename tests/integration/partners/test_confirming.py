"""Focal points expire unless confirmed: the role gives nothing after its time, and whoever may says that it goes on."""

import asyncio
from typing import Any

import pytest

from tests.integration.partners.harness import BOOTSTRAP_KEY, House, Houses, pointers

YEAR = 365 * 24 * 3600.0
DAY = 24 * 3600.0
FOCAL: dict[str, Any] = {"roles": ["focal_point"], "partners": ["unodc"]}


async def me(house: House, key: str) -> dict[str, Any]:
    answer = await house.call("GET", "/api/v1/me", key=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def confirm(house: House, person: str, key: str = BOOTSTRAP_KEY) -> int:
    return (await house.call("POST", f"/api/v1/people/{person}:confirm", key=key)).status_code


async def lasting(house: House, person: str) -> str:
    """A key of the person's own that outlives the role."""
    invitation = await house.made("/api/v1/invitations", {"person": person})
    return (await house.made("/api/v1/invitations:redeem", {"code": invitation["code"]}, key=None))["key"]


async def test_the_role_gives_nothing_after_its_time_and_the_person_is_told_whom_to_ask(house: House) -> None:
    nora, key = await house.joined(name="Nora", **FOCAL)
    house.clock.advance(YEAR - 1)
    later = await lasting(house, nora)  # a new key is no confirmation
    assert (await me(house, later))["grants"] == ["post", "read"]
    house.clock.advance(1)
    told = await me(house, later)
    assert (told["grants"], told["confirmation"]["state"]) == ([], "lapsed")
    assert [(each["name"], each["role"]) for each in told["confirmation"]["confirmers"]] == [
        ("Administrator", "administrator")
    ]
    refused = await house.call("GET", "/api/v1/keys", key=later)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "unconfirmed")
    assert "/api/v1/me" in refused.json()["detail"]
    for path in ("/api/v1/tokens", "/api/v1/keys"):
        answer = await house.call("POST", path, {}, key=later)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "unconfirmed")
    assert await confirm(house, nora) == 200
    assert (await me(house, later))["grants"] == ["post", "read"]
    house.clock.advance(YEAR - 1)
    assert (await me(house, await lasting(house, nora)))["grants"] == ["post", "read"]
    assert (await me(house, BOOTSTRAP_KEY))["grants"] == ["admin", "read"]
    assert (await house.call("GET", "/api/v1/me", key=key)).status_code == 401


async def test_other_roles_stay_and_partners_stay_with_a_role_for_them(house: House) -> None:
    scope = {"regions": ["001"]}
    both, key = await house.joined(roles=["focal_point", "coordinator"], partners=["unodc"], scope=scope)
    reading, other = await house.joined(roles=["focal_point", "reader"], partners=["unodc"])
    token = (await house.made("/api/v1/tokens", {}, key=other))["token"]
    house.clock.advance(YEAR)
    for person, expected in ((both, ["decide", "post", "read"]), (reading, ["read"])):
        assert (await me(house, await lasting(house, person)))["grants"] == expected
    assert token
    assert key


async def test_it_is_told_thirty_days_before_to_who_has_it_and_to_who_can_confirm_it(house: House) -> None:
    nora, key = await house.joined(name="Nora", **FOCAL)
    house.clock.advance(100 * DAY)
    omar, colleague = await house.joined(name="Omar", **FOCAL)
    _, reader = await house.joined(name="Rita", roles=["reader"], partners=["unodc"])
    house.clock.advance(235 * DAY - 1)
    early = await me(house, key)
    assert (early["confirmation"]["state"], early["confirmation"]["confirmers"]) == ("confirmed", [])
    assert (await me(house, colleague))["to_confirm"] == []
    house.clock.advance(1)
    told = (await me(house, key))["confirmation"]
    assert told["state"] == "due"
    assert [(each["name"], each["role"]) for each in told["confirmers"]] == [
        ("Omar", "focal_point"),
        ("Administrator", "administrator"),
    ]
    for who in (colleague, BOOTSTRAP_KEY):
        assert [(each["person"], each["name"]) for each in (await me(house, who))["to_confirm"]] == [(nora, "Nora")]
    assert (await me(house, reader))["to_confirm"] == (await me(house, key))["to_confirm"] == []
    listed = {
        each["id"]: each["confirmed_until"] for each in (await house.call("GET", "/api/v1/people")).json()["data"]
    }
    assert listed[nora] == told["until"]
    assert listed[omar] > listed[nora]
    assert [each for each in listed.values() if each is None]  # who is no focal point has no such time


async def test_who_may_confirm(house: House) -> None:
    await house.made("/api/v1/organisations", {"name": "INTERPOL", "type": "40"})
    nora, key = await house.joined(**FOCAL)
    two, _ = await house.joined(roles=["focal_point"], partners=["unodc", "interpol"])
    omar, colleague = await house.joined(**FOCAL)
    _, of_two = await house.joined(roles=["focal_point"], partners=["unodc", "interpol"])
    _, stranger = await house.joined(roles=["focal_point"], partners=["interpol"])
    _, coordinator = await house.joined(roles=["coordinator"], scope={"regions": ["001"]})
    _, insider = await house.joined(roles=["coordinator"], partners=["unodc"], scope={"regions": ["001"]})
    rita, reader = await house.joined(roles=["reader"], partners=["unodc"])
    narrow = (await house.made("/api/v1/keys", {"scopes": ["read"]}, key=colleague))["key"]
    assert [await confirm(house, nora, each) for each in (BOOTSTRAP_KEY, colleague, of_two)] == [200, 200, 200]
    for other in (stranger, coordinator, insider, reader, narrow):
        assert await confirm(house, nora, other) == 404
        assert await confirm(house, f"per_{'0' * 32}", other) == 404
    assert await confirm(house, nora, key) == 403  # never oneself
    assert [await confirm(house, two, each) for each in (colleague, of_two)] == [404, 200]
    assert await confirm(house, rita, colleague) == 404
    answer = await house.call("POST", f"/api/v1/people/{rita}:confirm")
    assert (answer.status_code, pointers(answer)) == (409, ["#/roles"])
    assert await confirm(house, f"per_{'0' * 32}") == 404
    await house.call("POST", f"/api/v1/people/{omar}:deactivate")
    assert await confirm(house, omar) == 409


async def test_who_has_lapsed_confirms_nobody(house: House) -> None:
    nora, _ = await house.joined(**FOCAL)
    omar, _ = await house.joined(**FOCAL)
    house.clock.advance(YEAR - 1)
    late = await lasting(house, omar)
    house.clock.advance(1)
    assert await confirm(house, nora, late) == 404
    assert (await me(house, late))["to_confirm"] == []
    assert await confirm(house, omar) == 200
    assert await confirm(house, nora, late) == 200


async def test_an_administrator_who_posts_needs_somebody_else(house: House) -> None:
    """Nor by giving up the role and taking it again."""
    ada, key = await house.joined(roles=["administrator", "focal_point"], partners=["unodc"])
    assert await confirm(house, ada, key) == 403
    until = (await me(house, key))["confirmation"]["until"]
    house.clock.advance(DAY)
    for version, roles in ((1, ["administrator"]), (2, ["administrator", "focal_point"])):
        answer = await house.call(
            "PATCH", f"/api/v1/people/{ada}", {"roles": roles}, key=key, if_match=f'"{version}-x"'
        )
        assert answer.status_code == 200, answer.text
    assert (await me(house, key))["confirmation"]["until"] == until
    await house.call("PATCH", f"/api/v1/people/{ada}", {"roles": ["administrator"]}, if_match='"3-x"')
    given = await house.call(
        "PATCH", f"/api/v1/people/{ada}", {"roles": ["administrator", "focal_point"]}, if_match='"4-x"'
    )
    assert given.json()["confirmed_until"] > until  # by somebody else it is


async def test_giving_the_role_confirms_it_and_no_other_change_does(house: House) -> None:
    await house.made("/api/v1/organisations", {"name": "INTERPOL", "type": "40"})
    person, _ = await house.joined(roles=["reader"], partners=["unodc"])
    times: list[str | None] = []
    for version, change in enumerate(
        ({"roles": ["focal_point"]}, {"name": "Nora"}, {"partners": ["unodc", "interpol"]}, {"partners": ["unodc"]}), 1
    ):
        house.clock.advance(DAY)
        answer = await house.call("PATCH", f"/api/v1/people/{person}", change, if_match=f'"{version}-x"')
        times.append(answer.json()["confirmed_until"])
    assert None not in times
    assert times[0] == times[1]
    assert times[1] != times[2] == times[3]


async def test_it_is_told_to_the_other_services_and_noted(house: House) -> None:
    nora, _ = await house.joined(**FOCAL)
    house.clock.advance(DAY)
    assert await confirm(house, nora) == 200
    facts = [data for name, data, _ in await house.outbox() if data["id"] == nora and name.startswith("person")]
    assert [each["confirmed_until"] for each in facts] == ["2027-11-02T09:00:00Z", "2027-11-03T09:00:00Z"]
    assert [row.action for row in await house.audit() if row.subject == nora] == ["person.added", "person.confirmed"]


async def test_how_long_it_holds_is_a_setting(houses: Houses) -> None:
    house = await houses(confirmation_days=2)
    await house.made("/api/v1/organisations", {"name": "UNODC", "type": "40"})
    nora, key = await house.joined(**FOCAL)
    house.clock.advance(2 * DAY - 1)
    assert (await me(house, key))["grants"] == ["post", "read"]
    house.clock.advance(1)
    assert (await me(house, key))["grants"] == []
    assert await confirm(house, nora) == 200
    house.clock.advance(2 * DAY - 1)
    assert (await me(house, key))["grants"] == ["post", "read"]


@pytest.mark.parametrize("times", [2])
async def test_two_who_confirm_at_once_are_both_right(house: House, times: int) -> None:
    nora, _ = await house.joined(**FOCAL)
    assert await asyncio.gather(*(confirm(house, nora) for _ in range(times))) == [200] * times
