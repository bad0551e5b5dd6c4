"""Signing in as people do: at Canaille, an identity server in a process of its own, or with a password."""

import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dashboard.provider import NotSignedIn, UnderWay, id_token_for, way_there
from tests.integration.dashboard.browser import Browser
from tests.integration.dashboard.conftest import House, running
from tests.support.openid_provider import CLIENT, PASSWORD, SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK = "http://convene/sign-in/oidc/callback"
LAUNCHER = Path(__file__).parents[2] / "support" / "openid_provider.py"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("provider")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(LAUNCHER), str(port), BACK], stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder
        )
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told == "ready\n", (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> AsyncGenerator[House]:
    settings = {
        "passwords": True,
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT,
        "oidc_addresses_are_verified": True,  # Canaille says nothing of email_verified
    }
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.write_text(SECRET + "\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DASHBOARD_PUBLIC_URL", "http://convene/")
        environment.setenv("DASHBOARD_OIDC_CLIENT_SECRET_FILE", str(secret))
        async with running(tmp_path_factory.mktemp("house"), **settings) as made:
            await made.join("Ada", email="Ada@unodc.example", roles=["focal_point"], partners=["unodc", "interpol"])
            yield made


async def at_the_provider(browser: Browser, name: str, answer: str = "accept") -> None:
    """From our front page to the provider, in by name and password, and whatever is answered there."""
    await browser.get("/")
    await browser.get("/sign-in/oidc")
    await browser.submit("", login=name)
    await browser.submit("", password=PASSWORD)
    if browser.page.forms and browser.answer.url.path == "/oauth/authorize":
        await browser.submit(browser.page.forms[0].action, {"answer": answer})


async def test_who_says_no_at_the_provider_is_not_signed_in(house: House) -> None:
    browser = house.browser()  # the first one there: Canaille in memory asks for consent once for everybody
    await at_the_provider(browser, "nia", "deny")
    assert browser.answer.status_code == 422
    assert "The provider did not sign you in" in browser.page.text


async def test_somebody_invited_signs_in_at_the_provider_and_is_known_everywhere(house: House) -> None:
    browser = house.browser()
    assert "Sign in with your organisation's account" in (await browser.get("/")).text
    await at_the_provider(browser, "ada")
    assert "Welcome , Ada" in browser.page.text, browser.page.text
    assert browser.path == "/"
    await browser.get("/alerts")
    assert browser.answer.status_code == 200
    assert set(browser._http.cookies.jar._cookies["convene.local"]["/"]) == {"convene_session", "convene_visitor"}
    again = house.browser()
    await at_the_provider(again, "ada")
    assert "Welcome , Ada" in again.page.text


async def test_signing_out_ends_the_session_for_a_copy_of_the_cookie_as_well(house: House) -> None:
    browser = house.browser()
    await at_the_provider(browser, "ada")
    copied = next(cookie for cookie in browser._http.cookies.jar if cookie.name == "convene_session")
    await browser.submit("/sign-out")
    assert "Sign in with the key" in browser.page.text
    thief = house.browser()
    thief._http.cookies.jar.set_cookie(copied)
    await thief.get("/plans/new")
    assert thief.answer.status_code == 401
    kept = house.browser()
    await kept.sign_in(house.keys["Ada"])
    await kept.submit("/sign-out")
    assert "Welcome" in (await kept.sign_in(house.keys["Ada"])).text  # a key that one keeps is kept


async def test_somebody_unknown_is_told_to_ask_for_an_invitation(house: House) -> None:
    before = [each.id async for each in house.admin.people.list()]
    browser = house.browser()
    await at_the_provider(browser, "eve")
    assert browser.answer.status_code == 403
    assert "Ask an administrator for an invitation" in browser.page.text
    assert [each.id async for each in house.admin.people.list()] == before


async def way_back(house: House, browser: Browser) -> str:
    """The address that the provider sends this browser back to, before it goes there."""
    await at_the_provider(browser, "ada")
    return str(next(each.url for each in browser.answer.history if each.url.path == "/sign-in/oidc/callback"))


async def test_an_answer_works_once_and_in_the_browser_that_asked(house: House) -> None:
    used = await way_back(house, house.browser())
    victim = house.browser()
    for address in (
        used,
        "/sign-in/oidc/callback",
        "/sign-in/oidc/callback?code=x&state=",
        "/sign-in/oidc/callback?error=x",
    ):
        await victim.get(address)
        assert victim.answer.status_code == 422
        assert "begun in another browser, or too long ago" in victim.page.text
        assert "convene_session" not in victim._http.cookies
    # nor while a sign-in of one's own is under way: nobody is signed in as somebody else by a link
    began = await victim._http.get("/sign-in/oidc", follow_redirects=False)
    assert began.status_code == 303
    assert "begun in another browser" in (await victim.get(used)).text


async def test_a_password_is_chosen_after_the_invitation_and_signs_in(house: House) -> None:
    code = await house.invite(name="Ben", email="ben@unodc.example", roles=["reader"])
    browser = house.browser()
    await browser.get(f"/join/{code}")
    await browser.submit(f"/join/{code}")
    await browser.get("/password")
    await browser.submit("/password", password="too short")
    assert (browser.answer.status_code, "12 to 1000 characters" in browser.page.text) == (422, True)
    await browser.submit("/password", password="nine green kettles")
    assert "It is set" in browser.page.text
    await browser.submit("/sign-out")
    await browser.submit("/sign-in/password", email="ben@unodc.example", password="nine green cattle")
    assert (browser.answer.status_code, "do not go together" in browser.page.text) == (422, True)
    assert "nine green cattle" not in browser.answer.text
    await browser.submit("/sign-in/password", email="BEN@unodc.example", password="nine green kettles")
    assert "Welcome , Ben" in browser.page.text
    await browser.get("/alerts")
    assert browser.answer.status_code == 200


async def test_a_code_is_worth_nothing_without_what_only_this_browser_knows(house: House, issuer: str) -> None:
    """The provider checks PKCE and the secret; the registry checks the nonce, and takes an ID token once."""
    told = (await house.browser()._http.get("/api/v1/sign-in")).json()["oidc"]

    async def code(under_way: UnderWay) -> str:
        browser = house.browser()
        await browser.get(way_there(told, under_way, BACK))
        await browser.submit("", login="ada")
        await browser.submit("", password=PASSWORD)
        if browser.answer.url.path == "/oauth/authorize":
            await browser.submit(browser.page.forms[0].action, {"answer": "accept"})
        return httpx.URL(str(browser.answer.url)).params["code"]

    mine = UnderWay.new()
    id_token = await id_token_for(await code(mine), told, mine, BACK, SECRET)
    statuses: list[int] = []
    for nonce in (UnderWay.new().nonce, mine.nonce, mine.nonce):
        body = {"id_token": id_token, "nonce": nonce}
        statuses.append((await house.browser()._http.post("/api/v1/sessions:exchange", json=body)).status_code)
    assert statuses == [401, 201, 401]
    # last of all: Canaille in memory mixes up codes that were never used
    for verifier, secret in (("another" * 9, SECRET), (None, "another secret"), (None, None)):
        mine = UnderWay.new()
        sent = replace(mine, verifier=verifier or mine.verifier)
        with pytest.raises(NotSignedIn):
            await id_token_for(await code(mine), told, sent, BACK, secret)
