"""A focal point whose time is near is told so at the start, and a colleague confirms with a button."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from services.partners import orm
from tests.integration.dashboard.browser import Browser
from tests.integration.dashboard.conftest import House, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def soon(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """Where a role holds for twenty days only: everybody is near the end."""
    async with running(tmp_path_factory.mktemp("house"), confirmation_days=20) as made:
        await made.join("una", roles=["focal_point"], partners=["unodc"])
        await made.join("ula", roles=["focal_point"], partners=["unodc"])
        await made.join("rob", roles=["reader"], partners=["unodc"])
        yield made


async def start_of(house: House, name: str) -> Browser:
    browser = house.browser()
    await browser.sign_in(house.keys[name])
    await browser.get("/")
    assert browser.answer.status_code == 200
    return browser


async def test_the_start_says_when_the_role_ends_and_whom_to_ask(soon: House) -> None:
    text = (await start_of(soon, "una")).page.text
    assert "Your role as focal point ends on" in text
    assert "ula (focal point)" in text
    assert "Administrator (administrator)" in text
    assert "rob" not in text
    assert "Your role" not in (await start_of(soon, "rob")).page.text


async def test_who_has_time_left_is_told_nothing(house: House) -> None:
    assert "Your role" not in (await start_of(house, "una")).page.text


async def test_when_the_role_has_ended_the_person_still_signs_in_and_every_page_says_why(soon: House) -> None:
    db = soon.app._owners["partners"].state.runtime.db
    una = (await soon.client("una").people.me()).id
    past = soon.app._owners["partners"].state.runtime.clock.now() - timedelta(days=1)
    for service in ("partners", "activities"):
        db = soon.app._owners[service].state.runtime.db
        async with db.write() as session:
            known = orm.known.person  # the read models are the same in every service
            await session.execute(update(known).where(known.c.id == una).values(confirmed_until=past))
            if service == "partners":
                person = orm.PersonRow.__table__  # type: ignore[attr-defined]
                await session.execute(update(person).where(person.c.id == una).values(confirmed_until=past))
    browser = await start_of(soon, "una")
    assert "Your role as focal point has ended" in browser.page.text
    page = await browser.get("/alerts")
    assert browser.answer.status_code == 403
    assert "not confirmed in time" in page.text
    colleague = await start_of(soon, "ula")
    assert "una is focal point until" in colleague.page.text
    await colleague.submit(f"/people/{una}/confirm")
    assert colleague.answer.status_code == 200
    assert "una is focal point" in colleague.page.text  # for twenty days only, here
    assert "has ended" not in (await start_of(soon, "una")).page.text
