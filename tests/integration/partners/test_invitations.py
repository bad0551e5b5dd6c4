"""Invitations: a code works once, in one hand, for a fortnight; and never says why it does not."""

import asyncio

from tests.integration.partners.harness import House, Houses, pointers

PATH = "/api/v1/invitations"
REDEEM = "/api/v1/invitations:redeem"
DAY = 24 * 3600


async def redeem(house: House, code: str) -> int:
    return (await house.call("POST", REDEEM, {"code": code}, key=None)).status_code


async def test_an_invited_person_joins_and_has_a_key(house: House) -> None:
    made = await house.call("POST", PATH, {"name": "Ada", "roles": ["focal_point"], "partners": ["unodc"]})
    invitation = made.json()
    assert (made.status_code, invitation["state"], invitation["path"]) == (201, "open", f"/join/{invitation['code']}")
    assert made.headers["cache-control"] == "no-store"
    shown = (await house.call("GET", made.headers["location"])).json()
    assert "code" not in shown
    joined = await house.call("POST", REDEEM, {"code": invitation["code"]}, key=None)
    assert (joined.status_code, joined.headers["cache-control"]) == (201, "no-store")
    me = (await house.call("GET", "/api/v1/me", key=joined.json()["key"])).json()
    assert (me["id"], me["grants"]) == (invitation["person"], ["post", "read"])
    assert (await house.call("GET", made.headers["location"])).json()["state"] == "redeemed"


async def test_every_code_that_does_not_work_is_answered_alike(house: House) -> None:
    body = {"roles": ["reader"]}
    used, expired, withdrawn, left = [
        await house.made(PATH, body | {"name": name}) for name in ("Used", "Expired", "Withdrawn", "Left")
    ]
    assert await redeem(house, used["code"]) == 201
    assert (await house.call("POST", f"{PATH}/{withdrawn['id']}:withdraw")).json()["state"] == "withdrawn"
    await house.call("POST", f"/api/v1/people/{left['person']}:deactivate")
    house.clock.advance(14 * DAY)
    codes = [used["code"], expired["code"], withdrawn["code"], left["code"], "cvi_" + "x" * 43, "", "\u00e9"]
    answers = [await house.call("POST", REDEEM, {"code": code}, key=None) for code in codes]
    bodies = [{k: v for k, v in each.json().items() if k != "trace_id"} for each in answers]
    assert [each.status_code for each in answers] == [404] * len(codes)
    assert all(each == bodies[0] for each in bodies)


async def test_a_code_works_until_the_fortnight_is_over(house: House) -> None:
    early, late = [await house.made(PATH, {"name": name, "roles": ["reader"]}) for name in ("Early", "Late")]
    house.clock.advance(14 * DAY - 1)
    assert await redeem(house, early["code"]) == 201
    house.clock.advance(1)
    assert await redeem(house, late["code"]) == 404
    states = {each["id"]: each["state"] for each in (await house.call("GET", PATH)).json()["data"]}
    assert (states[early["id"]], states[late["id"]]) == ("redeemed", "expired")


async def test_of_many_that_redeem_at_once_one_wins(houses: Houses) -> None:
    """Two replicas, eight hands, one code; ten times."""
    replicas = [await houses(), await houses()]
    for number in range(10):
        invitation = await replicas[0].made(PATH, {"name": f"Person {number}", "roles": ["reader"]})
        statuses = await asyncio.gather(*(redeem(replicas[n % 2], invitation["code"]) for n in range(8)))
        assert sorted(statuses) == [201] + [404] * 7
        keys = (await replicas[0].call("GET", f"/api/v1/keys?person={invitation['person']}")).json()["data"]
        assert len(keys) == 1


async def test_following_the_link_uses_nothing_up(house: House) -> None:
    invitation = await house.made(PATH, {"name": "Ada", "roles": ["reader"]})
    for method in ("GET", "HEAD"):
        for path in (REDEEM, f"{REDEEM}?code={invitation['code']}", f"{REDEEM}/{invitation['code']}"):
            assert (await house.call(method, path, key=None)).status_code in (404, 405)
    assert await redeem(house, invitation["code"]) == 201


async def test_a_new_invitation_replaces_the_open_one_and_lost_keys(house: House) -> None:
    first = await house.made(PATH, {"name": "Ada", "roles": ["reader"]})
    second = await house.made(PATH, {"person": first["person"], "expires_in_days": 1})
    assert await redeem(house, first["code"]) == 404
    key = await house.made(REDEEM, {"code": second["code"]}, key=None)
    third = await house.made(PATH, {"person": first["person"]})
    assert (await house.call("GET", "/api/v1/me", key=key["key"])).status_code == 200
    new = await house.made(REDEEM, {"code": third["code"]}, key=None)
    assert (await house.call("GET", "/api/v1/me", key=key["key"])).status_code == 401
    assert (await house.call("GET", "/api/v1/me", key=new["key"])).status_code == 200


async def test_bad_input_is_named(house: House) -> None:
    known = await house.made("/api/v1/people", {"name": "Ada", "roles": ["reader"]})
    for body, found in (
        ({"person": f"per_{'0' * 32}"}, ["#/person"]),
        ({"person": known["id"], "name": "Ada"}, ["#"]),
        ({}, ["#"]),
        ({"name": "Ada"}, ["#/roles"]),
        ({"name": "Ada", "roles": ["coordinator"]}, ["#/scope"]),
        ({"name": "Ada", "roles": ["reader"], "expires_in_days": 0}, ["#/expires_in_days"]),
    ):
        answer = await house.call("POST", PATH, body)
        assert (answer.status_code, pointers(answer)) == (422, found), body
    assert pointers(await house.call("POST", REDEEM, {"code": 5}, key=None)) == ["#/code"]
    _, reader = await house.joined()
    for method, path in (("POST", PATH), ("GET", PATH), ("POST", f"{PATH}/inv_1:withdraw")):
        body = {"name": "X", "roles": ["administrator"]} if path == PATH and method == "POST" else None
        assert (await house.call(method, path, body, key=reader)).status_code == 403


async def test_a_repeat_with_one_key_never_stores_or_shows_the_secret_again(house: House) -> None:
    body = {"name": "Ada", "roles": ["reader"]}
    first = await house.call("POST", PATH, body, idempotency_key="k")
    again = await house.call("POST", PATH, body, idempotency_key="k")
    assert again.json() == first.json() | {"code": None, "path": None}
    code = {"code": first.json()["code"]}
    joined = await house.call("POST", REDEEM, code, key=None, idempotency_key="k")
    repeated = await house.call("POST", REDEEM, code, key=None, idempotency_key="k")
    assert (joined.status_code, repeated.status_code) == (201, 201)
    assert repeated.json() == joined.json() | {"key": None}
    # another person's key of the same text is another key
    other = await house.made(PATH, body)
    assert (await house.call("POST", REDEEM, {"code": other["code"]}, key=None, idempotency_key="k")).json()["key"]
