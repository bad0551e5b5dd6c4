"""Sessions and passwords: what a sign-in gives, how it ends, and what it tells whom."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from services.partners import orm
from services.partners.signin.passwords import Passwords, fits
from tests.integration.partners.harness import NOW, House, Houses, pointers

SESSIONS, END, PASSWORD, KEYS = "/api/v1/sessions", "/api/v1/sessions:end", "/api/v1/me/password", "/api/v1/keys"
GOOD = "seven quiet otters"
ADA = {"name": "Ada", "email": "Ada@unodc.example", "roles": ["reader"]}


@pytest.fixture
async def house(houses: Houses) -> House:
    return await passworded(houses)


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What is not about the costs need not pay them."""


async def passworded(houses: Houses) -> House:
    made = await houses(passwords=True)
    made.app.state.doors = replace(made.app.state.doors, passwords=Passwords(CHEAP))
    return made


async def ada(house: House) -> tuple[str, str]:
    """Ada, with a password: her id and the key of her invitation."""
    person, key = await house.joined(**ADA)
    answer = await house.call("PUT", PASSWORD, {"password": GOOD}, key=key)
    assert answer.json() == {"person": person}, answer.text
    return person, key


async def signed_in(house: House, password: str = GOOD, email: str = "ada@UNODC.example") -> str | int:
    answer = await house.call("POST", SESSIONS, {"email": email, "password": password}, key=None)
    return answer.json()["key"] if answer.status_code == 201 else answer.status_code


async def knows(house: House, key: str) -> int:
    return (await house.call("GET", "/api/v1/me", key=key)).status_code


async def test_a_sign_in_gives_a_key_of_hours_that_is_listed_and_revoked_like_any(house: House) -> None:
    person, key = await ada(house)
    answer = await house.call("POST", SESSIONS, {"email": "ada@unodc.example", "password": GOOD}, key=None)
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert (made["kind"], made["person"]) == ("session", person)
    assert made["expires_at"] == (NOW + timedelta(hours=12)).isoformat().replace("+00:00", "Z")
    assert await knows(house, made["key"]) == 200
    listed = (await house.call("GET", KEYS, key=made["key"])).json()["data"]
    assert [each["kind"] for each in listed] == ["key", "session"]
    issued = [data for name, data, _ in await house.outbox() if name == "api_key.issued"][-1]
    assert (issued["kind"], issued["expires_at"], issued["person"]) == ("session", made["expires_at"], person)
    assert (await house.call("POST", f"{KEYS}/{made['id']}:revoke", key=key)).status_code == 200
    assert (await knows(house, made["key"]), await knows(house, key)) == (401, 200)


async def test_a_session_takes_no_room_among_the_keys_and_makes_none(house: House) -> None:
    _, key = await ada(house)
    sessions = [await signed_in(house) for _ in range(3)]
    assert (await house.call("POST", KEYS, {}, key=key)).status_code == 201
    refused = await house.call("POST", KEYS, {}, key=str(sessions[0]))
    assert (refused.status_code, pointers(refused)) == (403, ["Authorization"])
    token = await house.made("/api/v1/tokens", {}, key=str(sessions[0]))
    assert await knows(house, token["token"]) == 200


async def test_a_session_ends_by_its_time_and_by_signing_out(house: House) -> None:
    _, key = await ada(house)
    short, long = str(await signed_in(house)), str(await signed_in(house))
    ended = await house.call("POST", END, key=short)
    assert (ended.status_code, ended.json()["revoked_at"] is not None) == (200, True)
    assert [await knows(house, each) for each in (short, long, key)] == [401, 200, 200]
    assert (await house.call("POST", END, key=key)).status_code == 403  # nobody loses the key that they keep
    house.clock.advance(12 * 3600 - 1)
    assert await knows(house, long) == 200
    house.clock.advance(1)
    assert await knows(house, long) == 401


async def test_the_eleventh_browser_signs_the_first_one_out(house: House) -> None:
    await ada(house)
    sessions: list[str] = []
    for _ in range(11):
        sessions.append(str(await signed_in(house)))
        house.clock.advance(1)
    assert [await knows(house, each) for each in sessions] == [401] + [200] * 10


async def test_whoever_is_deactivated_is_out_everywhere_and_has_no_password_when_they_are_back(house: House) -> None:
    person, _ = await ada(house)
    session = str(await signed_in(house))
    await house.call("POST", f"/api/v1/people/{person}:deactivate")
    assert (await knows(house, session), await signed_in(house)) == (401, 401)
    await house.call("POST", f"/api/v1/people/{person}:activate")
    assert (await knows(house, session), await signed_in(house)) == (401, 401)


async def test_a_new_invitation_ends_what_was_known_before_it(house: House) -> None:
    person, _ = await ada(house)
    session = str(await signed_in(house))
    code = (await house.made("/api/v1/invitations", {"person": person}))["code"]
    assert await knows(house, session) == 200
    await house.made("/api/v1/invitations:redeem", {"code": code}, key=None)
    assert (await knows(house, session), await signed_in(house)) == (401, 401)


async def test_an_address_that_nobody_has_answers_like_a_wrong_password(house: House) -> None:
    await ada(house)
    await house.joined(name="Ben", email="ben@unodc.example")  # has no password
    answers = [
        await house.call("POST", SESSIONS, {"email": email, "password": "not the password"}, key=None)
        for email in ("ada@unodc.example", "ben@unodc.example", "nobody@unodc.example", "no address", "é" * 200)
    ]
    assert {each.status_code for each in answers} == {401}
    assert len({each.text for each in answers}) == 1
    assert len({str(sorted(set(each.headers) - {"date"})) for each in answers}) == 1


async def test_an_unknown_address_costs_the_same_work() -> None:
    verified: list[str] = []

    class Counted(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            verified.append(str(hash)[:30])
            return super().verify(hash, password)

    passwords = Passwords(Counted())
    stored = await passwords.hash(GOOD)
    assert await passwords.verify(stored, GOOD)
    assert not await passwords.verify(None, GOOD)
    assert not await passwords.verify(None, "nobody has this password")
    assert len(verified) == 3
    assert len(set(verified)) == 1  # argon2id, and the same costs
    assert verified[0].startswith("$argon2id$v=19$m=65536,t=3,p=4")


async def test_guessing_ends_in_a_429_that_says_when_and_is_the_same_for_addresses_that_nobody_has(
    house: House,
) -> None:
    await ada(house)
    for email in ("ada@unodc.example", "nobody@unodc.example"):
        tries = [{"email": email, "password": f"wrong wrong {number}"} for number in range(12)]
        answers = await asyncio.gather(*(house.call("POST", SESSIONS, each, key=None) for each in tries))
        assert sorted(each.status_code for each in answers) == [401] * 10 + [429] * 2
        assert {each.headers["retry-after"] for each in answers if each.status_code == 429} == {"90"}
    assert await signed_in(house) == 429  # the right one, too: otherwise guessing would go on
    house.clock.advance(90)
    assert str(await signed_in(house)).startswith("cvn_")
    assert str(await signed_in(house)).startswith("cvn_")  # who knows the password uses nothing up


async def test_one_client_cannot_try_one_password_on_everybody(house: House) -> None:
    house.app.state.doors.clients._tolerance = 9.0 * 4

    async def attempt(number: int, forwarded: str) -> int:
        body = {"email": f"p{number}@unodc.example", "password": "password password"}
        return (await house.call("POST", SESSIONS, body, key=None, x_forwarded_for=forwarded)).status_code

    assert [await attempt(n, "203.0.113.9") for n in range(6)] == [401] * 5 + [429]
    assert await attempt(7, "203.0.113.10") == 401
    # what the client itself says of where it comes from is not looked at
    assert await attempt(8, "198.51.100.1, 203.0.113.9") == 429


async def test_setting_a_password_needs_the_present_one_or_the_key_of_an_invitation(house: House) -> None:
    _, key = await ada(house)
    session = str(await signed_in(house))
    house.clock.advance(1)
    other = (await house.made(KEYS, {}, key=key))["key"]
    token = (await house.made("/api/v1/tokens", {}, key=key))["token"]
    for credential, current in ((session, None), (session, "wrong wrong wrong"), (other, None), (token, GOOD)):
        body = {"password": "another " + GOOD} | ({"current": current} if current else {})
        answer = await house.call("PUT", PASSWORD, body, key=credential)
        assert answer.status_code == 403, (credential[:6], current, answer.text)
    assert (await house.call("PUT", PASSWORD, {"password": "another " + GOOD}, key=key)).status_code == 200
    assert await knows(house, session) == 401  # changing it ended the sessions that there were
    session = str(await signed_in(house, "another " + GOOD))
    body = {"password": GOOD, "current": "another " + GOOD}
    assert (await house.call("PUT", PASSWORD, body, key=session)).status_code == 200
    assert await knows(house, session) == 200  # and spared the one that did it
    house.clock.advance(3599)
    assert (await house.call("PUT", PASSWORD, {"password": GOOD}, key=key)).status_code == 403


@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("x" * 11, False),
        ("x" * 12, True),
        ("x" * 1000, True),
        ("\ufb03" * 4, True),  # the ligature ffi: twelve characters once it is normal
        ("\u0065\u0301" * 11, False),  # é in two: eleven
    ],
    ids=["11", "12", "1000", "ligatures", "combined"],
)
async def test_length_is_the_only_rule(password: str, taken: bool) -> None:
    assert fits(password) is taken


async def test_what_is_too_long_or_typed_on_another_keyboard(house: House) -> None:
    _, key = await house.joined(**ADA)
    for password in ("short", "x" * 1001):
        answer = await house.call("PUT", PASSWORD, {"password": password}, key=key)
        assert (answer.status_code, pointers(answer)) == (422, ["#/password"])
        assert password not in answer.text
    await house.call("PUT", PASSWORD, {"password": "caf\u00e9 au lait \ufb01n"}, key=key)
    assert str(await signed_in(house, "cafe\u0301 au lait fin")).startswith("cvn_")


async def test_without_an_address_nobody_sets_a_password(house: House) -> None:
    _, key = await house.joined()
    assert (await house.call("PUT", PASSWORD, {"password": GOOD}, key=key)).status_code == 409


async def test_passwords_are_off_unless_they_are_asked_for(houses: Houses) -> None:
    house = await houses()
    _, key = await house.joined(**ADA)
    assert (await house.call("GET", "/api/v1/sign-in", key=None)).json() == {"password": False, "oidc": None}
    assert (await house.call("PUT", PASSWORD, {"password": GOOD}, key=key)).status_code == 403
    assert await signed_in(house) == 403


async def test_the_hash_is_argon2id_in_one_table_and_goes_with_the_person(house: House) -> None:
    person, _ = await ada(house)
    await signed_in(house)
    async with house.db.read() as session:
        stored = (await session.execute(select(orm.PasswordRow.hash))).scalar_one()
    assert stored.startswith("$argon2id$")
    seen = repr(await house.outbox()) + repr(await house.audit())
    async with house.db.read() as session:
        for table in orm.metadata.sorted_tables:
            if table.name != "password":
                seen += repr((await session.execute(select(table))).all())
    assert stored not in seen
    assert "argon2" not in seen
    assert GOOD not in seen
    await house.call("POST", f"/api/v1/people/{person}:erase")
    async with house.db.read() as session:
        assert (await session.execute(select(orm.PasswordRow))).all() == []


async def test_a_hash_of_other_costs_is_made_anew_when_its_password_is_typed(house: House) -> None:
    person, _ = await ada(house)
    house.app.state.doors = replace(house.app.state.doors, passwords=Passwords())
    assert str(await signed_in(house)).startswith("cvn_")
    async with house.db.read() as session:
        found = (await session.execute(select(orm.PasswordRow.person, orm.PasswordRow.hash))).one()
    assert found[0] == person
    assert "m=65536,t=3" in found[1]


async def test_a_password_changed_while_the_old_one_is_checked_lets_nobody_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = await ada(house)
    passwords = house.app.state.doors.passwords
    verify = passwords.verify

    async def slow(stored: str | None, text: str) -> bool:
        right = await verify(stored, text)
        monkeypatch.setattr(passwords, "verify", verify)
        await house.call("PUT", PASSWORD, {"password": "another " + GOOD}, key=key)
        return right

    monkeypatch.setattr(passwords, "verify", slow)
    assert await signed_in(house) == 401
