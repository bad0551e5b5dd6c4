"""An ID token for a session: who is let in, as whom, and how often."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.partners.signin.provider import Provider
from tests.integration.partners.harness import House, Houses

ISSUER, NONCE = "https://id.example", "n" * 22
KEY = RSAKey.generate_key(2048, {"kid": "one"})
EXCHANGE = "/api/v1/sessions:exchange"
ADA = {"name": "Ada", "email": "Ada@unodc.example", "roles": ["reader"]}


async def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/keys":
        return httpx.Response(200, json={"keys": [KEY.as_dict(private=False)]})
    names = ("authorization_endpoint", "token_endpoint")
    return httpx.Response(
        200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"} | {name: f"{ISSUER}/{name}" for name in names}
    )


@pytest.fixture
async def house(houses: Houses) -> House:
    made = await houses(oidc_issuer=ISSUER, oidc_client_id="pages")
    provider = Provider(ISSUER, "pages", made.clock, transport=httpx.MockTransport(answer))
    made.app.state.doors = replace(made.app.state.doors, provider=provider)
    return made


def token(house: House, **claims: Any) -> str:
    now = int(house.clock.now().timestamp())
    told: dict[str, Any] = {
        "iss": ISSUER, "aud": "pages", "sub": "42", "nonce": NONCE, "iat": now, "exp": now + 300,
        "email": "ada@UNODC.example", "email_verified": True,
    }  # fmt: skip
    told = {name: value for name, value in (told | claims).items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": "one"}, told, KEY)


async def exchanged(house: House, id_token: str, nonce: str = NONCE) -> httpx.Response:
    return await house.call("POST", EXCHANGE, {"id_token": id_token, "nonce": nonce}, key=None)


async def person_of(house: House, answer: httpx.Response) -> str | int:
    if answer.status_code != 201:
        return answer.status_code
    me = await house.call("GET", "/api/v1/me", key=answer.json()["key"])
    return me.json()["id"]


async def test_the_address_says_who_it_is_once_and_then_the_provider_s_own_name(house: House) -> None:
    ada, _ = await house.joined(**ADA)
    first = await exchanged(house, token(house))
    assert (await person_of(house, first), first.json()["kind"]) == (ada, "session")
    house.clock.advance(1)
    for claims in ({"email": None}, {"email_verified": False}, {"email": "else@where.example"}):
        house.clock.advance(1)
        assert await person_of(house, await exchanged(house, token(house, **claims))) == ada
    # another account at the provider that has come by the address is not the same person
    assert await person_of(house, await exchanged(house, token(house, sub="43"))) == 403


async def test_nobody_comes_in_uninvited(house: House) -> None:
    await house.joined(**ADA)
    people = (await house.call("GET", "/api/v1/people")).json()
    for claims in (
        {"email": "eve@else.example"},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
    ):
        refused = await exchanged(house, token(house, **claims))
        assert refused.status_code == 403
        assert "invitation" in refused.json()["detail"]
    assert (await house.call("GET", "/api/v1/people")).json() == people


async def test_an_id_token_gives_one_session(house: House) -> None:
    ada, _ = await house.joined(**ADA)
    id_token = token(house)
    answers = await asyncio.gather(*(exchanged(house, id_token) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 401, 401]
    body, _, signature = id_token.rpartition(".")
    assert (await exchanged(house, f"{body}.{signature}=")).status_code == 401
    house.clock.advance(500)
    assert (await exchanged(house, id_token)).status_code == 401  # forgotten by now, and expired
    assert await person_of(house, await exchanged(house, token(house))) == ada


async def test_a_token_of_another_sign_in_or_of_ours_is_none(house: House) -> None:
    _, key = await house.joined(**ADA)
    ours = (await house.made("/api/v1/tokens", {}, key=key))["token"]
    for id_token, nonce in (
        (token(house), "m" * 22),
        (token(house, aud="another"), NONCE),
        (token(house, iss="https://evil.example"), NONCE),
        (ours, NONCE),
        ("x", NONCE),
        (key, NONCE),
    ):
        assert (await exchanged(house, id_token, nonce)).status_code == 401
    # and an ID token is no token of ours
    assert (await house.call("GET", "/api/v1/me", key=token(house))).status_code == 401


async def test_who_is_deactivated_or_has_another_address_is_nobody_there_any_more(house: House) -> None:
    ada, _ = await house.joined(**ADA)
    session = (await exchanged(house, token(house))).json()["key"]
    await house.call("POST", f"/api/v1/people/{ada}:deactivate")
    assert (await house.call("GET", "/api/v1/me", key=session)).status_code == 401
    house.clock.advance(1)
    assert (await exchanged(house, token(house))).status_code == 403
    await house.call("POST", f"/api/v1/people/{ada}:activate")
    house.clock.advance(1)
    assert await person_of(house, await exchanged(house, token(house))) == ada  # found by the address again
    found = await house.call("GET", f"/api/v1/people/{ada}")
    changed = await house.call(
        "PATCH", f"/api/v1/people/{ada}", {"email": "ada@new.example"}, if_match=found.headers["etag"]
    )
    assert changed.status_code == 200
    house.clock.advance(1)
    assert (await exchanged(house, token(house))).status_code == 403
    assert await person_of(house, await exchanged(house, token(house, sub="new", email="ada@new.example"))) == ada


async def test_what_the_pages_are_told_of_the_provider(house: House, houses: Houses) -> None:
    told = (await house.call("GET", "/api/v1/sign-in", key=None)).json()
    assert told["oidc"] == {
        "issuer": ISSUER,
        "client_id": "pages",
        "authorization_endpoint": f"{ISSUER}/authorization_endpoint",
        "token_endpoint": f"{ISSUER}/token_endpoint",
    }


async def test_a_provider_that_does_not_answer_is_said_so(house: House) -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    provider = Provider(ISSUER, "pages", house.clock, transport=httpx.MockTransport(down))
    house.app.state.doors = replace(house.app.state.doors, provider=provider)
    answer = await exchanged(house, token(house))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert (await house.call("GET", "/api/v1/sign-in", key=None)).json()["oidc"] is None


async def test_a_session_of_a_provider_lives_its_hours(house: House) -> None:
    await house.joined(**ADA)
    made = (await exchanged(house, token(house))).json()
    house.clock.advance(timedelta(hours=12).total_seconds())
    assert (await house.call("GET", "/api/v1/me", key=made["key"])).status_code == 401
