"""A part of Convene that is away, or has not heard of a key yet, signs nobody out."""

import base64
import os

import httpx
import pytest

from dashboard.app import build
from dashboard.settings import DashboardSettings
from tests.integration.dashboard.browser import Browser

ME = {"id": "per_1", "name": "Nia", "roles": ["focal_point"], "partners": [], "grants": ["read"]}


class Api:
    """Answers per path prefix; anything else is a 401."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx.Response | Exception] = {"/api/v1/me": httpx.Response(200, json=ME)}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.get(request.url.path, httpx.Response(401, json={"title": "Sign in first"}))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def browser(api: Api) -> Browser:
    settings = DashboardSettings(session_key=base64.urlsafe_b64encode(os.urandom(32)).decode())  # type: ignore[arg-type]
    made = Browser(build(settings, transport=httpx.MockTransport(api)))
    await made.sign_in("cvn_new")
    assert "Welcome" in made.page.text
    return made


async def test_a_new_key_is_not_signed_out_by_a_service_that_has_not_heard_of_it(browser: Browser) -> None:
    page = await browser.get("/alerts")
    assert browser.answer.status_code == 503
    assert "Reload the page in a moment" in page.text
    assert "Welcome" in (await browser.get("/")).text


@pytest.mark.parametrize("away", [httpx.ConnectError("refused"), httpx.Response(503, json={"title": "away"})])
async def test_a_registry_that_is_away_signs_nobody_out(
    browser: Browser, api: Api, away: httpx.Response | Exception
) -> None:
    api.answers["/api/v1/me"] = away
    await browser.get("/alerts")
    assert browser.answer.status_code == 503
    api.answers["/api/v1/me"] = httpx.Response(200, json=ME)
    assert "Welcome" in (await browser.get("/")).text


async def test_a_key_that_the_registry_refuses_is_signed_out(browser: Browser, api: Api) -> None:
    del api.answers["/api/v1/me"]
    await browser.get("/alerts")
    assert browser.answer.status_code == 401
    assert "Sign in" in (await browser.get("/")).text
    assert "convene_session" not in browser._http.cookies
