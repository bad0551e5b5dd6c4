"""What stands in front of the services: dispatch by the path table, the health of the whole, pages about problems."""

import asyncio
import html
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.routes import DASHBOARD, PAGES, owner_of
from shared.problem import KINDS, MEDIA_TYPE, Problem

Probe = Callable[[], Awaitable[tuple[bool, Mapping[str, Any]]]]
"""Asks a service whether it is ready, and what it says of itself."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ADVICE: Mapping[str, str] = {
    "malformed": "The body or a parameter could not be read at all: look at <code>errors[].pointer</code> for the place.",
    "unknown-parameter": "Parameters are never ignored: the answer lists those that this address knows.",
    "unauthenticated": "Send <code>Authorization: Bearer KEY</code>. A key comes from an invitation, a token from a key.",
    "forbidden": "You are known, but your role or the scopes of this key do not include the action.",
    "not-found": "It does not exist, or it is not for you: the two answers are the same on purpose.",
    "method-not-allowed": "See the <code>Allow</code> header for what this address takes.",
    "conflict": "Somebody else was first, or the thing is in a state that does not allow it. Read it again.",
    "gone": "The position is older than the history that is kept. Read the lists again, then open a new stream.",
    "stale": "It has changed since you read it. Read it again, apply your change to that, send its ETag.",
    "too-large": "The answer names the limit in <code>limit_bytes</code>.",
    "unsupported-media-type": "Send <code>application/json</code>, for a PATCH <code>application/merge-patch+json</code>.",
    "invalid": "Each entry of <code>errors</code> names a field by its pointer and says what is wrong with it.",
    "idempotency-mismatch": "One key stands for one request: take a new key for a new request.",
    "precondition-required": "Changes name the version that they change: send the ETag that you read as <code>If-Match</code>.",
    "too-many-requests": "Wait for as long as <code>Retry-After</code> says.",
    "internal": "Our fault. It has been logged under the <code>trace_id</code> of the answer: tell the operator.",
    "unavailable": "A database or a neighbour does not answer at the moment. Nothing was done; try again.",
}


def release() -> str:
    """The version of this installation."""
    try:
        return version("convene")
    except PackageNotFoundError:
        return "unknown"


class Front:
    """An ASGI application that hands each request to the owner of its path, in process.

    owners    an application for each owner but the pages, which are answered here
    probes    service -> how to ask for its readiness
    lifespan  runs around the serving (the owners' own lifespans are the caller's to enter)
    """

    def __init__(
        self,
        owners: Mapping[str, ASGIApp],
        probes: Mapping[str, Probe],
        lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self._owners = dict(owners)
        self._pages = Pages(probes)
        self._life = Starlette(lifespan=lifespan)

    def add(self, owner: str, app: ASGIApp) -> None:
        self._owners[owner] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._life(scope, receive, send)
        elif scope["type"] == "http":
            owner = owner_of(scope["path"])
            app = self._pages if owner == PAGES else self._owners.get(owner, self._pages)
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})


class Pages:
    """`/livez`, `/readyz`, `/problems` and `/problems/<kind>`; anything else is a 404 problem."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(Request(scope))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if request.method not in {"GET", "HEAD"}:
            kind = "method-not-allowed" if owner_of(path) == PAGES and not path.startswith("/api") else "not-found"
            return _problem(kind)
        if path == "/livez":
            return JSONResponse({"status": "ok", "version": release()})
        if path == "/readyz":
            return await self._ready()
        if path == "/problems":
            return _page("Problems", "<ul>" + "".join(_entry(kind) for kind in KINDS) + "</ul>")
        if path.startswith("/problems/"):
            return _explanation(path.removeprefix("/problems/"))
        return _problem("not-found")

    async def _ready(self) -> Response:
        # at once: one that does not answer takes its time, which must not add up
        answers = await asyncio.gather(*(probe() for probe in self._probes.values()))
        services: dict[str, Any] = {
            name: {"ready": ready, **said} for name, (ready, said) in zip(self._probes, answers, strict=True)
        }
        ready = all(each["ready"] for each in services.values())
        content = {"ready": ready, "version": release(), "services": services}
        return Response(json.dumps(content, default=str), 200 if ready else 503, media_type="application/json")


def _problem(kind: str) -> Response:
    status, title = KINDS[kind]
    return JSONResponse(Problem(kind, f"{title}.").as_json(), status_code=status, media_type=MEDIA_TYPE)


def _entry(kind: str) -> str:
    return f'<li><a href="/problems/{kind}">{kind}</a>: {html.escape(KINDS[kind][1])}</li>'


def _explanation(kind: str) -> Response:
    if kind not in KINDS:
        return _page("No such problem", '<p>The kinds are listed <a href="/problems">here</a>.</p>', 404)
    status, title = KINDS[kind]
    return _page(
        title,
        f"<p>HTTP {status}, <code>{kind}</code></p><p>{ADVICE.get(kind, '')}</p>"
        '<p><a href="/problems">All kinds of problem</a></p>',
    )


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    heading = html.escape(title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading} - Convene</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/static/convene.css"></head><body><main><h1>{heading}</h1>{body}</main></body></html>',
        status_code=status,
        headers=HEADERS,
    )


__all__ = ["ADVICE", "DASHBOARD", "Front", "Pages", "Probe", "release"]
