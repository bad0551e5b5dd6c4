"""Signing in and out, by whatever this installation has: a key, a password, an OpenID provider. All of them end in a key."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convene import ConveneError, Unreachable
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboard.app import Site
from dashboard.provider import NotSignedIn, UnderWay, code_of, id_token_for, way_there
from dashboard.sessions import Visit

PATIENCE = 2.0
"""Seconds that the services get to hear of a new key."""
CALLBACK = "/sign-in/oidc/callback"
NOTHING: Mapping[str, Any] = {"password": False, "oidc": None}


async def ways(site: Site) -> Mapping[str, Any]:
    """What people can sign in with, beside a key; nothing where the registry cannot say."""
    try:
        found = await site.ask("GET", "/api/v1/sign-in")
    except (ConveneError, Unreachable):
        return NOTHING
    return {"password": found.get("password"), "oidc": found.get("oidc") if site.public_url else None}


async def sign_in_page(site: Site, visit: Visit, status: int = 200, **values: Any) -> Response:
    given: dict[str, Any] = {"error": None, "field": "key", "email": ""} | values
    return site.page("sign_in.html", visit, status, ways=await ways(site), **given)


async def with_key(site: Site, request: Request, visit: Visit) -> Response:
    key = _one(await site.form(request, visit), "key").strip()
    if not (key.isascii() and key.isprintable() and await site.is_known(key)):
        return await sign_in_page(site, visit, 422, error="This key is not valid here. Was it copied whole?")
    return _signed_in(site, key)


async def with_password(site: Site, request: Request, visit: Visit) -> Response:
    sent = await site.form(request, visit)
    email = _one(sent, "email").strip()
    body = {"email": email, "password": _one(sent, "password")}
    try:
        made = await site.ask("POST", "/api/v1/sessions", body)
    except ConveneError as error:
        if error.status not in {401, 403, 422, 429}:
            raise
        said = "That is too long for an address and a password." if error.status == 422 else error.problem.get("detail")
        status = 429 if error.status == 429 else 422
        return await sign_in_page(site, visit, status, error=said, field="password", email=email)
    return await _welcome(site, str(made["key"]))


async def to_provider(site: Site, _: Request, visit: Visit) -> Response:
    """On to the provider, with a cookie that knows what must come back."""
    provider = (await ways(site))["oidc"]
    if provider is None:
        return await sign_in_page(
            site, visit, 503, error="The provider does not answer. Try again in a moment.", field="oidc"
        )
    under_way = UnderWay.new()
    response = RedirectResponse(way_there(provider, under_way, f"{site.public_url}{CALLBACK}"), 303)
    site.sessions.set_out(response, under_way.written())
    return response


async def from_provider(site: Site, request: Request, visit: Visit) -> Response:
    """Back from the provider: the code becomes an ID token there, and the ID token a session here."""
    under_way = UnderWay.read(site.sessions.under_way(request))
    provider = (await ways(site))["oidc"]
    try:
        if provider is None:
            raise NotSignedIn("The provider does not answer. Try again in a moment.")
        code = code_of(request.query_params, under_way, provider["issuer"])
        assert under_way is not None
        redirect_uri = f"{site.public_url}{CALLBACK}"
        token = await id_token_for(code, provider, under_way, redirect_uri, site.client_secret)
        made = await site.ask("POST", "/api/v1/sessions:exchange", {"id_token": token, "nonce": under_way.nonce})
        response = await _welcome(site, str(made["key"]))
    except NotSignedIn as error:
        response = await sign_in_page(site, visit, 422, error=str(error), field="oidc")
    except ConveneError as error:
        if error.status not in {401, 403, 503}:
            raise
        detail = error.problem.get("detail")
        response = await sign_in_page(
            site, visit, error.status if error.status != 401 else 422, error=detail, field="oidc"
        )
    site.sessions.arrived(response)
    return response


async def sign_out(site: Site, request: Request, visit: Visit) -> Response:
    """A session ends everywhere; a key that somebody keeps only leaves this browser."""
    await site.form(request, visit)
    if visit.key is not None:
        try:
            await site.ask("POST", "/api/v1/sessions:end", key=visit.key)
        except ConveneError as error:
            if error.status not in {401, 403}:
                raise
    response = site.go("/", visit)
    site.sessions.sign_out(response)
    return response


async def password(site: Site, _: Request, visit: Visit) -> Response:
    return site.page("password.html", visit, error=None, done=False)


async def set_password(site: Site, request: Request, visit: Visit) -> Response:
    sent = await site.form(request, visit)
    body = {"password": _one(sent, "password")} | ({"current": _one(sent, "current")} if _one(sent, "current") else {})
    try:
        await site.ask("PUT", "/api/v1/me/password", body, key=visit.key)
    except ConveneError as error:
        if error.status not in {403, 409, 422, 429}:
            raise
        said = [each for _, each in error.fields] or [str(error.problem.get("detail"))]
        return site.page("password.html", visit, 429 if error.status == 429 else 422, error=said[0], done=False)
    return site.page("password.html", visit, error=None, done=True)


async def until_known_everywhere(site: Site, key: str) -> None:
    """Give the services a moment to hear of a new key; the next page says so where that was not enough."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PATIENCE
    while clock.time() < deadline:
        try:
            await site.ask("GET", "/api/v1/alerts?limit=1", key=key)
        except Unreachable:
            return
        except ConveneError as error:
            if error.status != 401:
                return
        else:
            return
        await asyncio.sleep(0.1)


async def _welcome(site: Site, key: str) -> Response:
    await until_known_everywhere(site, key)
    return _signed_in(site, key)


def _signed_in(site: Site, key: str) -> Response:
    # a new visitor: a token that somebody planted before the sign-in is worth nothing after it
    fresh = site.sessions.visit(Request({"type": "http", "headers": []}))
    response = site.go("/", replace(fresh, key=key))
    site.sessions.sign_in(response, key)
    return response


def _one(sent: Mapping[str, list[str]], name: str) -> str:
    return (sent.get(name) or [""])[0]
