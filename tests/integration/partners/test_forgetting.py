"""Sessions that are long over are forgotten: not what they opened, not the audit, and no key that somebody kept."""

import asyncio
from datetime import timedelta

from services.partners.domain.access import SESSION
from services.partners.handlers.keys import make_key, revoke
from services.partners.uow import PartnersUnitOfWork
from shared.housekeeping import tidy
from tests.integration.partners.harness import BOOTSTRAP_KEY, House, Houses

DAY = 24 * 3600.0
KEYS = "/api/v1/keys"


async def session_of(house: House, person: str) -> tuple[str, str]:
    """Signed in, for twelve hours: key id and text."""
    async with house.db.write() as session:
        uow = PartnersUnitOfWork(session, house.clock, house.app.state.ids, actor=person)
        key, text = await make_key(person, (), None, house.clock.now() + timedelta(hours=12), uow, kind=SESSION)
        await uow.flush()
    return key.id, text


async def tidied(house: House) -> None:
    runtime = house.app.state.runtime
    await tidy(runtime.db, runtime.kernel, runtime.clock, runtime.forgets)


async def listed(house: House, key: str) -> set[str]:
    return {each["id"] for each in (await house.call("GET", KEYS, key=key)).json()["data"]}


async def test_a_session_is_listed_for_thirty_days_after_its_end_and_a_kept_key_for_ever(house: House) -> None:
    person, key = await house.joined(name="Nora", roles=["focal_point"], partners=["unodc"])
    second = await house.made(KEYS, {}, key=key)
    await house.call("POST", f"{KEYS}/{second['id']}:revoke", key=key)
    session, text = await session_of(house, person)
    await tidied(house)
    assert (await house.call("GET", "/api/v1/me", key=text)).status_code == 200
    house.clock.advance(DAY / 2)
    await tidied(house)
    assert (await house.call("GET", "/api/v1/me", key=text)).status_code == 401
    house.clock.advance(30 * DAY)
    await tidied(house)
    before = await listed(house, key)
    assert {session, second["id"]} <= before
    house.clock.advance(1)
    await tidied(house)
    assert await listed(house, key) == before - {session}
    assert (await house.call("GET", "/api/v1/me", key=text)).status_code == 401
    assert (await house.call("GET", "/api/v1/me", key=second["key"])).status_code == 401


async def test_a_revoked_session_goes_too_and_revoking_it_again_changes_nothing(house: House) -> None:
    person, key = await house.joined()
    session, text = await session_of(house, person)
    async with house.db.write() as opened:
        uow = PartnersUnitOfWork(opened, house.clock, house.app.state.ids, actor=person)
        held = await uow.api_keys.get(session)
        assert held
        await revoke(held, uow)
        await uow.flush()
    await tidied(house)
    assert (await house.call("POST", f"{KEYS}/{session}:revoke", key=key)).status_code == 200
    house.clock.advance(30 * DAY + 1)
    await tidied(house)
    assert (await house.call("POST", f"{KEYS}/{session}:revoke", key=key)).status_code == 404
    assert (await house.call("GET", "/api/v1/me", key=text)).status_code == 401


async def test_the_audit_tells_its_person_of_a_session_that_is_forgotten(houses: Houses) -> None:
    house = await houses(audit_seal_seconds=0.05, audit_checkpoint_seconds=0)
    person, key = await house.joined()
    _, stranger = await house.joined()
    session, _ = await session_of(house, person)
    house.clock.advance(31 * DAY)
    await tidied(house)
    assert session not in await listed(house, key)

    async def told(who: str) -> list[str]:
        path = f"/api/v1/audit/partners/entries?subject={session}"
        for _ in range(100):
            answer = await house.call("GET", "/api/v1/audit/partners/checkpoints/latest")
            if answer.status_code == 200 and (await house.call("GET", path)).json()["data"]:
                break
            await asyncio.sleep(0.1)
        return [each["action"] for each in (await house.call("GET", path, key=who)).json()["data"]]

    assert await told(key) == await told(BOOTSTRAP_KEY) == ["api_key.issued"]
    assert await told(stranger) == []


async def test_a_key_for_the_first_start_that_was_revoked_stays_so(houses: Houses) -> None:
    house = await houses()
    _, admin = await house.joined(roles=["administrator"])
    mine = next(iter(await listed(house, BOOTSTRAP_KEY)))
    await house.call("POST", f"{KEYS}/{mine}:revoke", key=admin)
    house.clock.advance(200 * DAY)
    await tidied(house)
    again = await houses()
    assert (await again.call("GET", "/api/v1/me")).status_code == 401
