"""The pages as an ASGI application: routes, cookies, strict headers, and errors as pages that say what to do."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
from convene import AsyncConvene, ConveneError, Unreachable
from convene.errors import error_of
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from dashboard.sessions import Forged, Sessions, Visit
from dashboard.settings import DashboardSettings, decode_key
from dashboard.words import BANDS, CONTACTS, LABELS, OVERLAPS, VERDICTS, dates, place, readers

HERE = Path(__file__).parent
MAX_FORM = 200_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class TooLarge(Exception):
    """The form is longer than any of ours."""


_visitor: ContextVar[str | None] = ContextVar("visitor", default=None)
"""`X-Forwarded-For` of the request that is being answered."""


def _came_from(request: Request) -> str | None:
    before, client = request.headers.getlist("x-forwarded-for"), request.client
    return ", ".join([*before, client.host]) if client else None


class _Shared(httpx.AsyncBaseTransport):
    """One transport for all clients: closing a client must not close it. It tells the API on whose behalf it asks, so that
    limits by address are the visitor's and not those of all visitors together."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if visitor := _visitor.get():
            request.headers["X-Forwarded-For"] = visitor
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        pass


class Site:
    """What every page needs: the API, the templates, the sessions."""

    def __init__(self, settings: DashboardSettings, transport: httpx.AsyncBaseTransport | None) -> None:
        self.sessions = Sessions(decode_key(settings.session_key.get_secret_value()), secure=settings.secure_cookies)
        self._url = settings.api_url
        self.public_url, self.client_secret = settings.public_url, settings.client_secret
        self._transport = _Shared(transport or httpx.AsyncHTTPTransport())
        self._templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
        self._templates.globals |= {
            "demo_clock": settings.demo_clock,
            "place": place,
            "dates": dates,
            "readers": readers,
            "LABELS": LABELS,
            "BANDS": BANDS,
            "OVERLAPS": OVERLAPS,
            "VERDICTS": VERDICTS,
            "CONTACTS": CONTACTS,
        }

    def api(self, key: str | None) -> AsyncConvene:
        return AsyncConvene(self._url, key, tries=2, timeout=20, transport=self._transport)

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> dict[str, Any]:
        """What the client has no name for. Raises ConveneError, Unreachable."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with httpx.AsyncClient(base_url=self._url, transport=self._transport, timeout=20) as http:
                answer = await http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(str(error)) from error
        if answer.status_code >= 400:
            raise error_of(answer)
        return answer.json()

    async def is_known(self, key: str) -> bool:
        """Whether the registry accepts the key. Raises ConveneError where it cannot say, Unreachable where it is away."""
        try:
            async with self.api(key) as api:
                await api.people.me()
        except ConveneError as error:
            if error.status != 401:
                raise
            return False
        return True

    def page(self, template: str, visit: Visit, status: int = 200, **values: Any) -> Response:
        text = self._templates.get_template(template).render(visit=visit, **values)
        response = HTMLResponse(text, status)
        self.sessions.remember(response, visit)
        return response

    def go(self, path: str, visit: Visit) -> Response:
        response = RedirectResponse(path, 303)
        self.sessions.remember(response, visit)
        return response

    async def form(self, request: Request, visit: Visit) -> dict[str, list[str]]:
        """The fields that were sent. Raises Forged for a form that is not ours, TooLarge for one that cannot be."""
        raw = b""
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_FORM:
                raise TooLarge
        try:
            found = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=500)
        except ValueError as error:
            raise Forged from error
        self.sessions.check(request, visit, (found.get("token") or [""])[0])
        return found


Page = Callable[[Site, Request, Visit], Awaitable[Response]]


def build(settings: DashboardSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """The application. `transport` reaches the API in process; without one it goes over the network."""
    from dashboard.pages import ROUTES

    site = Site(settings, transport)
    routes = [
        Route(path, _guarded(site, page, signed_in), methods=[method]) for method, path, page, signed_in in ROUTES
    ]
    static = _Files(directory=HERE / "static")
    app = Starlette(routes=[*routes, Mount("/static", static)])
    app.add_exception_handler(404, _not_found(site))
    app.add_exception_handler(405, _not_found(site))
    return app


class _Files(StaticFiles):
    """Files as what they are."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _guarded(site: Site, page: Page, signed_in: bool) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = site.sessions.visit(request)
        _visitor.set(_came_from(request))
        try:
            if signed_in and visit.key is None:
                response = site.page(
                    "problem.html", visit, 401, heading="Sign in first", said=["This page is for people with a key."]
                )
            else:
                response = await page(site, request, visit)
        except Forged:
            said = ["This form is too old, or did not come from this site. Go back, reload the page and try again."]
            response = site.page("problem.html", visit, 403, heading="The form was not accepted", said=said)
        except TooLarge:
            said = [f"A form may hold {MAX_FORM // 1000} kB."]
            response = site.page("problem.html", visit, 413, heading="That is too much", said=said)
        except ConveneError as error:
            response = await _refused(site, visit, error)
        except Unreachable:
            said = ["Nothing was changed by it as far as we know. Try again in a moment."]
            response = site.page("problem.html", visit, 503, heading="Convene does not answer", said=said)
        response.headers.update(HEADERS)
        return response

    return answer


async def _refused(site: Site, visit: Visit, error: ConveneError) -> Response:
    if error.status == 401:
        return await _unknown_key(site, visit)
    said = [each for _, each in error.fields] or [str(error.problem.get("detail") or "")]
    heading = str(error.problem.get("title") or "That did not work")
    return site.page("problem.html", visit, error.status, heading=heading, said=said)


async def _unknown_key(site: Site, visit: Visit) -> Response:
    """A key that the registry knows is only new to another service: nobody is signed out for that."""
    try:
        new = visit.key is not None and await site.is_known(visit.key)
    except (ConveneError, Unreachable):
        new = True  # the registry cannot say: no reason to sign anybody out
    if new:
        said = ["Your key is new, and not every part of Convene has heard of it yet. Reload the page in a moment."]
        response = site.page("problem.html", visit, 503, heading="One moment, please", said=said)
        response.headers["Retry-After"] = "1"
        return response
    said = ["Your key is not valid any more. Sign in again, or ask for a new invitation."]
    stranger = Visit(visit.visitor, visit.token, None)
    response = site.page("problem.html", stranger, 401, heading="Sign in again", said=said)
    site.sessions.sign_out(response)
    return response


def _not_found(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        said = ["The address is mistyped, or the page has gone."]
        heading = "There is no such page"
        response = site.page("problem.html", site.sessions.visit(request), status, heading=heading, said=said)
        response.headers.update(HEADERS)
        return response

    return answer
