"""People: who may do what, where, and how they leave."""

import asyncio

from tests.integration.partners.harness import House, pointers

PATH = "/api/v1/people"
FOCAL = {"name": "Ada", "email": "ada@unodc.example", "roles": ["focal_point"], "partners": ["unodc"]}
COORDINATOR = {"name": "Cora", "roles": ["coordinator"], "scope": {"regions": ["035"], "countries": ["KEN"]}}


async def test_who_am_i(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    me = (await house.call("GET", "/api/v1/me", key=key)).json()
    unodc = await house.organisation("unodc")
    partner = {name: unodc[name] for name in ("id", "slug", "name", "acronym", "status")}
    assert me == {
        "id": person,
        "name": "Ada",
        "email": "ada@unodc.example",
        "partners": [partner],
        "roles": ["focal_point"],
        "scope": {"countries": [], "regions": [], "themes": []},
        "grants": ["post", "read"],
        "confirmation": {"state": "confirmed", "until": "2027-11-02T09:00:00Z", "confirmers": []},
        "to_confirm": [],
    }
    assert (await house.call("GET", "/api/v1/me", key=None)).status_code == 401


async def test_a_person_sees_oneself_and_nobody_else(house: House) -> None:
    ada, key = await house.joined(**FOCAL)
    other = await house.made(PATH, COORDINATOR)
    assert (await house.call("GET", f"{PATH}/{ada}", key=key)).json()["name"] == "Ada"
    hidden = await house.call("GET", f"{PATH}/{other['id']}", key=key)
    missing = await house.call("GET", f"{PATH}/per_{'0' * 32}", key=key)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await house.call("GET", PATH, key=key)).status_code == 403
    assert (await house.call("GET", PATH, key=None)).status_code == 401
    assert (await house.call("POST", PATH, COORDINATOR, key=key)).status_code == 403
    patch = await house.call("PATCH", f"{PATH}/{ada}", {"roles": ["administrator"]}, key=key, if_match='"1-x"')
    assert patch.status_code == 403
    for action in ("deactivate", "activate", "erase"):
        assert (await house.call("POST", f"{PATH}/{other['id']}:{action}", key=key)).status_code == 403


async def test_administrators_find_people_by_role_and_partner(house: House) -> None:
    ada, cora = await house.made(PATH, FOCAL), await house.made(PATH, COORDINATOR)

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await house.call("GET", f"{PATH}?{query}")).json()["data"]]

    assert await ids("role=focal_point") == [ada["id"]]
    assert await ids(f"partner={ada['partners'][0]}") == [ada["id"]]
    assert await ids("role=coordinator") == [cora["id"]]
    first = (await house.call("GET", f"{PATH}?limit=2")).json()
    rest = (await house.call("GET", f"{PATH}?limit=2&cursor={first['next_cursor']}")).json()
    assert [each["id"] for each in first["data"] + rest["data"]][1:] == [ada["id"], cora["id"]]
    wrong = await house.call("GET", f"{PATH}?role=king")
    assert (wrong.status_code, pointers(wrong)) == (400, ["?role"])


async def test_bad_input_is_named(house: House) -> None:
    async def refused(body: dict[str, object]) -> list[str]:
        answer = await house.call("POST", PATH, body)
        assert answer.status_code == 422, answer.text
        return pointers(answer)

    assert await refused(FOCAL | {"partners": ["nobody"]}) == ["#/partners/0"]
    assert await refused(FOCAL | {"partners": []}) == ["#/partners"]
    assert await refused(FOCAL | {"partners": ["unodc", (await house.organisation("unodc"))["id"]]}) == ["#/partners/1"]
    assert await refused(FOCAL | {"roles": []}) == ["#/roles"]
    assert await refused(FOCAL | {"roles": ["focal_point", "king"]}) == ["#/roles/1"]
    assert await refused(FOCAL | {"scope": {"regions": ["001"]}}) == ["#/scope"]
    assert await refused(FOCAL | {"email": "ada at unodc"}) == ["#/email"]
    assert await refused(FOCAL | {"email": "ada@unodc.example\nBcc: all@x"}) == ["#/email"]
    assert await refused(FOCAL | {"active": True}) == ["#/active"]
    assert await refused(FOCAL | {"id": "per_1"}) == ["#/id"]
    assert await refused({"name": "Cora", "roles": ["coordinator"]}) == ["#/scope"]
    assert await refused(COORDINATOR | {"scope": {"countries": ["Kenia"]}}) == ["#/scope/countries/0"]
    assert await refused(COORDINATOR | {"scope": {"regions": ["35"]}}) == ["#/scope/regions/0"]
    assert await refused(COORDINATOR | {"scope": {"regions": ["001"], "themes": ["tea"]}}) == ["#/scope/themes/0"]
    await house.made(PATH, FOCAL)
    taken = await house.call("POST", PATH, FOCAL | {"email": "ADA@unodc.example"})
    assert (taken.status_code, pointers(taken)) == (409, ["#/email"])
    assert "unodc.example" not in taken.text.lower()


async def test_changed_roles_hold_from_the_next_request_on(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    token = (await house.made("/api/v1/tokens", {}, key=key))["token"]
    patch = {"roles": ["reader"], "partners": None}
    answer = await house.call("PATCH", f"{PATH}/{person}", patch, if_match='"1-x"')
    assert (answer.status_code, answer.json()["partners"]) == (200, [])
    for credential in (key, token):
        assert (await house.call("GET", "/api/v1/me", key=credential)).json()["grants"] == ["read"]
    stale = await house.call("PATCH", f"{PATH}/{person}", patch, if_match='"1-x"')
    assert (stale.status_code, pointers(stale)) == (412, ["If-Match"])
    missing = await house.call("PATCH", f"{PATH}/{person}", patch)
    assert (missing.status_code, pointers(missing)) == (428, ["If-Match"])


async def test_a_scope_is_patched_name_by_name(house: House) -> None:
    cora = await house.made(PATH, COORDINATOR)
    after = await house.call("PATCH", f"{PATH}/{cora['id']}", {"scope": {"regions": ["001"]}}, if_match='"1-x"')
    assert after.json()["scope"] == {"countries": ["KEN"], "regions": ["001"], "themes": []}
    patch = {"roles": ["reader"], "scope": None}
    after = await house.call("PATCH", f"{PATH}/{cora['id']}", patch, if_match=after.headers["etag"])
    assert (after.status_code, after.json()["scope"]) == (200, {"countries": [], "regions": [], "themes": []})


async def test_whoever_is_deactivated_is_out_at_once(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    token = (await house.made("/api/v1/tokens", {}, key=key))["token"]
    open_ = await house.made("/api/v1/invitations", {"person": person})
    house.clock.advance(1)
    gone = await house.call("POST", f"{PATH}/{person}:deactivate")
    assert (gone.status_code, gone.json()["active"]) == (200, False)
    for credential in (key, token):
        assert (await house.call("GET", "/api/v1/me", key=credential)).status_code == 401
    assert (
        await house.call("POST", "/api/v1/invitations:redeem", {"code": open_["code"]}, key=None)
    ).status_code == 404
    again = await house.call("POST", f"{PATH}/{person}:deactivate")
    assert again.headers["etag"] == gone.headers["etag"]
    events = [(name, data.get("active"), data.get("not_before") is not None) for name, data, _ in await house.outbox()]
    assert events.count(("person.amended", False, True)) == 1
    back = await house.call("POST", f"{PATH}/{person}:activate")
    assert back.json()["active"] is True
    for credential in (key, token):
        assert (await house.call("GET", "/api/v1/me", key=credential)).status_code == 401


async def test_erasing_removes_name_address_and_keys_for_good(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    await house.made("/api/v1/keys", {"label": "Ada's laptop"}, key=key)
    gone = await house.call("POST", f"{PATH}/{person}:erase")
    assert gone.status_code == 200
    shown = (await house.call("GET", f"{PATH}/{person}")).json()
    assert (shown["name"], shown["email"], shown["roles"], shown["partners"]) == (None, None, [], [])
    assert (shown["erased"], shown["active"]) == (True, False)
    assert (await house.call("GET", "/api/v1/me", key=key)).status_code == 401
    keys = (await house.call("GET", f"/api/v1/keys?person={person}")).json()["data"]
    assert {(each["label"], each["revoked_at"] is not None) for each in keys} == {(None, True)}
    last = [(name, data["version"]) for name, data, _ in await house.outbox() if data["id"] == person]
    assert last[-2:] == [("person.amended", 2), ("person.erased", 3)]
    assert (await house.call("POST", f"{PATH}/{person}:erase")).headers["etag"] == gone.headers["etag"]
    for method, path, body in (
        ("PATCH", f"{PATH}/{person}", {"name": "Ada"}),
        ("POST", f"{PATH}/{person}:activate", None),
        ("POST", "/api/v1/invitations", {"person": person}),
    ):
        assert (await house.call(method, path, body, if_match='"3-x"')).status_code == 409
    assert (await house.made(PATH, FOCAL))["id"] != person


async def test_somebody_always_can_administer(house: House) -> None:
    me = (await house.call("GET", "/api/v1/me")).json()["id"]
    for action in ("deactivate", "erase"):
        last = await house.call("POST", f"{PATH}/{me}:{action}")
        assert (last.status_code, pointers(last)) == (409, ["#/roles"])
    last = await house.call("PATCH", f"{PATH}/{me}", {"roles": ["reader"]}, if_match='"1-x"')
    assert (last.status_code, pointers(last)) == (409, ["#/roles"])
    _, other = await house.joined(name="Second", roles=["administrator"])
    assert (await house.call("POST", f"{PATH}/{me}:deactivate")).status_code == 200
    assert (await house.call("GET", PATH, key=other)).status_code == 200


async def test_administrators_that_put_each_other_out_at_one_instant_leave_one(house: House) -> None:
    ring = [await house.joined(name=f"Rival {number}", roles=["administrator"]) for number in range(6)]
    me = (await house.call("GET", "/api/v1/me")).json()["id"]
    assert (await house.call("POST", f"{PATH}/{me}:deactivate", key=ring[0][1])).status_code == 200
    answers = await asyncio.gather(
        *(house.call("POST", f"{PATH}/{ring[number - 1][0]}:deactivate", key=ring[number][1]) for number in range(6))
    )
    assert {each.status_code for each in answers} <= {200, 401, 409}
    signed_in = [(await house.call("GET", "/api/v1/me", key=key)).status_code for _, key in ring]
    assert signed_in.count(200) >= 1


async def test_nobody_joins_an_inactive_organisation_but_who_is_there_stays(house: House) -> None:
    ada = await house.made(PATH, FOCAL)
    await house.call("PATCH", "/api/v1/organisations/unodc", {"status": "inactive"}, if_match='"1-x"')
    late = await house.call("POST", PATH, FOCAL | {"email": "late@unodc.example"})
    assert (late.status_code, pointers(late)) == (422, ["#/partners/0"])
    renamed = await house.call("PATCH", f"{PATH}/{ada['id']}", {"name": "Ada L."}, if_match='"1-x"')
    assert renamed.status_code == 200
