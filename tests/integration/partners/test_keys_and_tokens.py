"""API keys and tokens: shown once, never wider than what made them, gone when they should be."""

import asyncio
from datetime import timedelta

from sqlalchemy import select

from services.partners import app as partners
from services.partners import orm
from shared.tokens import generate_key, key_id, sign
from tests.integration.partners.harness import BOOTSTRAP_KEY, NOW, House, Houses, pointers

KEYS, TOKENS, JWKS, ROTATE = "/api/v1/keys", "/api/v1/tokens", "/api/v1/signing-keys", "/api/v1/signing-keys:rotate"
FOCAL = {"roles": ["focal_point"], "partners": ["unodc"]}


async def grants(house: House, credential: str) -> list[str] | int:
    me = await house.call("GET", "/api/v1/me", key=credential)
    return me.json()["grants"] if me.status_code == 200 else me.status_code


async def test_a_key_is_shown_once_and_kept_as_a_hash(house: House) -> None:
    _, first = await house.joined(**FOCAL)
    made = await house.call("POST", KEYS, {"label": "laptop"}, key=first)
    key = made.json()["key"]
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert await grants(house, key) == ["post", "read"]
    listed = await house.call("GET", KEYS, key=first)
    assert key not in listed.text
    assert [each["prefix"] for each in listed.json()["data"]] == [first[:12], key[:12]]
    async with house.db.read() as session:
        for table in orm.metadata.sorted_tables:
            rows = (await session.execute(select(table))).all()
            assert key[12:] not in repr(rows)
            assert BOOTSTRAP_KEY[12:] not in repr(rows)


async def test_two_keys_are_live_so_that_one_can_be_changed_for_the_other(house: House) -> None:
    _, first = await house.joined(**FOCAL)
    answers = await asyncio.gather(*(house.call("POST", KEYS, {}, key=first) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
    second = next(each.json() for each in answers if each.status_code == 201)
    old = next(each for each in (await house.call("GET", KEYS, key=first)).json()["data"] if each["id"] != second["id"])
    assert (await house.call("POST", f"{KEYS}/{old['id']}:revoke", key=second["key"])).json()["revoked_at"]
    assert await grants(house, first) == 401
    assert (await house.call("POST", KEYS, {}, key=second["key"])).status_code == 201


async def test_a_key_never_reaches_further_than_what_made_it(house: House) -> None:
    _, full = await house.joined(**FOCAL)
    narrow = (await house.made(KEYS, {"scopes": ["read"]}, key=full))["key"]
    assert await grants(house, narrow) == ["read"]
    wider = await house.call("POST", KEYS, {"scopes": ["read", "post"]}, key=narrow)
    assert (wider.status_code, pointers(wider)) == (422, ["#/scopes/1"])
    token = await house.made(TOKENS, {}, key=narrow)
    assert (token["scopes"], await grants(house, token["token"])) == (["read"], ["read"])
    assert (await house.call("POST", TOKENS, {"scopes": ["post"]}, key=narrow)).status_code == 422
    unknown = await house.call("POST", TOKENS, {"scopes": ["all"]}, key=narrow)
    assert (unknown.status_code, pointers(unknown)) == (422, ["#/scopes/0"])
    first = (await house.call("GET", KEYS, key=full)).json()["data"][0]
    assert (await house.call("POST", f"{KEYS}/{first['id']}:revoke", key=narrow)).status_code == 200
    child = await house.made(KEYS, {}, key=narrow)
    assert (child["scopes"], await grants(house, child["key"])) == (["read"], ["read"])


async def test_a_key_whose_roles_left_it_nothing_makes_nothing(house: House) -> None:
    """A token without grants would mean all grants."""
    person, full = await house.joined(**FOCAL)
    post_only = (await house.made(KEYS, {"scopes": ["post"]}, key=full))["key"]
    patch = {"roles": ["reader"], "partners": None}
    assert (await house.call("PATCH", f"/api/v1/people/{person}", patch, if_match='"1-x"')).status_code == 200
    assert await grants(house, post_only) == []
    assert (await house.call("POST", TOKENS, key=post_only)).status_code == 403
    first = (await house.call("GET", KEYS, key=full)).json()["data"][0]
    await house.call("POST", f"{KEYS}/{first['id']}:revoke")
    assert (await house.call("POST", KEYS, {}, key=post_only)).status_code == 403


async def test_a_token_does_not_become_a_key_or_another_token(house: House) -> None:
    token = (await house.made(TOKENS, {}))["token"]
    for path in (KEYS, TOKENS):
        answer = await house.call("POST", path, {}, key=token)
        assert (answer.status_code, pointers(answer)) == (403, ["Authorization"])


async def test_keys_expire(house: House) -> None:
    _, first = await house.joined(**FOCAL)
    soon = (NOW + timedelta(hours=1)).isoformat()
    key = (await house.made(KEYS, {"expires_at": soon}, key=first))["key"]
    past = await house.call("POST", KEYS, {"expires_at": NOW.isoformat()}, key=first)
    assert (past.status_code, pointers(past)) == (422, ["#/expires_at"])
    naive = await house.call("POST", KEYS, {"expires_at": "2027-01-01T00:00:00"}, key=first)
    assert (naive.status_code, pointers(naive)) == (422, ["#/expires_at"])
    beyond = await house.call("POST", KEYS, {"expires_at": "9999-12-31T23:59:59-14:00"}, key=first)
    assert (beyond.status_code, pointers(beyond)) == (422, ["#/expires_at"])
    house.clock.advance(3600)
    assert await grants(house, key) == 401
    assert (await house.call("POST", KEYS, {}, key=first)).status_code == 201  # the expired one takes no room
    house.clock.advance(365 * 24 * 3600)
    assert await grants(house, first) == 401
    assert await grants(house, BOOTSTRAP_KEY) == ["admin", "read"]


async def test_an_administrator_makes_keys_for_services_only(house: House) -> None:
    service = await house.made("/api/v1/people", {"name": "Importer", "roles": ["service"]})
    person = await house.made("/api/v1/people", {"name": "Ada", "roles": ["reader"]})
    made = await house.made(KEYS, {"person": service["id"]})
    assert (made["person"], await grants(house, made["key"])) == (service["id"], ["read"])
    human = await house.call("POST", KEYS, {"person": person["id"]})
    assert (human.status_code, pointers(human)) == (422, ["#/person"])
    _, reader = await house.joined()
    assert (await house.call("POST", KEYS, {"person": service["id"]}, key=reader)).status_code == 403
    assert (await house.call("GET", f"{KEYS}?person={service['id']}", key=reader)).status_code == 403
    assert (await house.call("POST", f"{KEYS}/{made['id']}:revoke", key=reader)).status_code == 404
    assert (await house.call("POST", f"{KEYS}/{made['id']}:revoke")).status_code == 200
    assert await grants(house, made["key"]) == 401


async def test_a_token_signs_in_for_ten_minutes(house: House) -> None:
    _, key = await house.joined(**FOCAL)
    answer = await house.call("POST", TOKENS, key=key)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    token = answer.json()["token"]
    assert answer.json()["expires_at"] == (NOW + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    assert await grants(house, token) == ["post", "read"]
    house.clock.advance(11 * 60 + 1)
    assert await grants(house, token) == 401


async def test_wrong_tokens_are_all_the_same_401(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    token = (await house.made(TOKENS, {}, key=key))["token"]
    kid = key_id(token)
    forged, _ = sign(generate_key(kid), person, frozenset({"admin"}), NOW)
    foreign, _ = sign(generate_key("kid_foreign"), person, frozenset({"read"}), NOW)
    head, _, signature = token.split(".")
    payload = forged.split(".")[1]
    wrong = [
        forged,
        foreign,
        f"{head}.{payload}.{signature}",
        f"{head}..{signature}",
        "x",
        "cvn_x",
        key + "x",
        "\u00e9",
    ]
    for credential in wrong:
        answer = await house.http.get("/api/v1/me", headers={"authorization": f"Bearer {credential}".encode()})
        assert answer.status_code == 401, credential
        assert answer.headers["www-authenticate"]
    for header in ("Basic abc", "Bearer", "", f"{key}"):
        assert (await house.http.get("/api/v1/me", headers={"authorization": header})).status_code == 401


async def test_a_new_signing_key_is_known_before_it_signs(house: House) -> None:
    _, key = await house.joined(**FOCAL)

    async def token() -> str:
        return (await house.made(TOKENS, {}, key=key))["token"]

    async def published() -> list[str]:
        answer = await house.call("GET", JWKS, key=None)
        assert all("d" not in each for each in answer.json()["keys"])
        return [each["kid"] for each in answer.json()["keys"]]

    (old,) = await published()
    before = await token()
    assert key_id(before) == old
    new = (await house.made(ROTATE, None))["kid"]
    assert await published() == [old, new]
    house.clock.advance(599)
    last = await token()
    assert key_id(last) == old
    assert await grants(house, last) == ["post", "read"]
    house.clock.advance(1)
    first = await token()
    assert key_id(first) == new
    assert await grants(house, first) == ["post", "read"]
    house.clock.advance(599)
    assert await grants(house, last) == ["post", "read"]  # signed at the last moment, it lives its ten minutes
    house.clock.advance(61)
    assert await published() == [new]
    assert await grants(house, last) == 401
    assert await grants(house, await token()) == ["post", "read"]
    names = [(name, data["id"]) for name, data, _ in await house.outbox() if name.startswith("signing_key")]
    assert names == [("signing_key.published", old), ("signing_key.published", new), ("signing_key.retired", old)]


async def test_signing_keys_rotate_by_themselves_and_without_a_restart(houses: Houses) -> None:
    house, other = await houses(), await houses()

    async def look() -> int:
        """Both replicas look at once; how many keys verifiers accept after it."""
        for each in (house, other):
            state = each.app.state
            await partners.rotate_when_due(state.runtime, state.settings, state.ids)
        return len((await house.call("GET", JWKS, key=None)).json()["keys"])

    house.clock.advance(30 * 24 * 3600 - 1)
    assert await look() == 1
    old = key_id((await house.made(TOKENS, {}))["token"])
    house.clock.advance(1)
    assert await look() == 2
    house.clock.advance(599)
    assert key_id((await house.made(TOKENS, {}))["token"]) == old  # published for ten minutes before its first use
    house.clock.advance(1)
    new = (await house.made(TOKENS, {}))["token"]
    assert key_id(new) != old
    assert await grants(house, new) == ["admin", "read"]
    assert await look() == 2


async def test_a_replica_that_starts_with_an_old_key_rotates_it_and_one_with_rotation_off_does_not(
    houses: Houses,
) -> None:
    first = await houses(signing_days=0)
    first.clock.advance(400 * 24 * 3600)

    async def published() -> int:
        return len((await first.call("GET", JWKS, key=None)).json()["keys"])

    await houses(signing_days=0)
    assert await published() == 1
    await houses()
    while await published() == 1:
        await asyncio.sleep(0.02)
    assert await published() == 2


async def test_rotating_twice_in_a_hurry_leaves_no_gap(house: House) -> None:
    first = await house.made(ROTATE, None)
    house.clock.advance(60)
    second = await house.made(ROTATE, None)
    assert first["kid"] != second["kid"]
    for _ in range(40):
        token = (await house.made(TOKENS, {}))["token"]
        assert await grants(house, token) == ["admin", "read"]
        house.clock.advance(60)
    assert key_id(token) == second["kid"]
    _, reader = await house.joined()
    assert (await house.call("POST", ROTATE, key=reader)).status_code == 403


async def test_a_key_for_some_pages_makes_no_credential_for_others(house: House) -> None:
    _, full = await house.joined(**FOCAL)
    made = await house.made(KEYS, {"origins": ["https://b.example.org", "https://a.example.org"]}, key=full)
    assert made["origins"] == ["https://a.example.org", "https://b.example.org"]
    first = next(each for each in (await house.call("GET", KEYS, key=full)).json()["data"] if each["id"] != made["id"])
    assert first["origins"] == []
    await house.call("POST", f"{KEYS}/{first['id']}:revoke", key=full)
    beyond = await house.call("POST", KEYS, {"origins": ["https://c.example.org"]}, key=made["key"])
    assert (beyond.status_code, pointers(beyond)) == (422, ["#/origins/0"])
    alike = await house.made(KEYS, {}, key=made["key"])
    assert alike["origins"] == made["origins"]  # nothing said would mean no restriction at all
    for credential in (alike["key"], (await house.made(TOKENS, {}, key=alike["key"]))["token"]):
        for origin, status in (("https://a.example.org", 200), ("https://c.example.org", 403)):
            answer = await house.http.get(
                "/api/v1/me", headers={"Authorization": f"Bearer {credential}", "Origin": origin}
            )
            assert answer.status_code == status


async def test_a_token_ends_with_the_key_it_was_asked_for_with(house: House) -> None:
    _, key = await house.joined(**FOCAL)
    token = (await house.made(TOKENS, {}, key=key))["token"]
    mine = (await house.call("GET", KEYS, key=key)).json()["data"][0]["id"]
    assert await grants(house, token) == ["post", "read"]
    assert (await house.call("POST", f"{KEYS}/{mine}:revoke", key=key)).status_code == 200
    assert await grants(house, token) == 401


async def test_a_key_says_when_it_was_last_used_to_its_owner_and_to_administrators(house: House) -> None:
    person, key = await house.joined(**FOCAL)
    _, other = await house.joined(**FOCAL)
    idle = await house.made(KEYS, {"label": "idle"}, key=key)
    house.clock.advance(3 * 3600 + 1700)
    assert await grants(house, key) == ["post", "read"]
    await house.app.state.authenticator.use.flush()
    hour = (NOW + timedelta(hours=3)).isoformat().replace("+00:00", "Z")
    for path, who in ((KEYS, key), (f"{KEYS}?person={person}", BOOTSTRAP_KEY)):
        listed = (await house.call("GET", path, key=who)).json()["data"]
        assert {each["id"] == idle["id"]: each["used_at"] for each in listed} == {True: None, False: hour}
    held = "/api/v1/held/partners/keys"
    told = (await house.call("GET", held, key=key)).json()["data"]
    assert {each["key"]: each["used_at"] for each in told} == {each["id"]: each["used_at"] for each in listed}
    assert (await house.call("GET", f"{held}?person={person}")).json()["data"] == told
    assert (await house.call("GET", f"{held}?person={person}", key=other)).status_code == 403
