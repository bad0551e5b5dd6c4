"""Cross-origin requests (docs/decisions/0014): pages of other sites, by the origins that API keys name. Off where none does.

No cookies and no wildcard: a page says who it is by a key or ticket, and is answered what that key is for.
"""

from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.auth import Authenticator
from shared.db import is_transient
from shared.registry import Holder

log = structlog.get_logger(__name__)

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, traceparent"
SHOWN_HEADERS = "ETag, Link, Location, Retry-After"
MAX_AGE = 60
"""Seconds for which a browser need not ask again: as long may a page go on asking whose key was revoked (to be refused)."""


class Cors:
    """Tells a browser which pages may read an answer.

    A preflight has no credentials: it is answered to the origins that any live key names. An answer is for the page if
    the key it was given for names the page's origin; one that refuses whoever asks (nobody's content) as a preflight is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None:
            await self._app(scope, receive, send)
            return
        named = origin in await _origins(scope)
        if named and scope["method"] == "OPTIONS":
            await _preflight(origin)(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                holder: Holder | None = state.get("holder")
                headers = MutableHeaders(scope=message)
                if origin in holder.origins if holder else named and message["status"] >= 400:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = SHOWN_HEADERS
                if named:
                    headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, tell)


def _preflight(origin: str) -> Response:
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE),
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    return Response(status_code=204, headers=headers)


async def _origins(scope: Scope) -> Sequence[str] | frozenset[str]:
    authenticator: Authenticator | None = getattr(scope["app"].state, "authenticator", None)
    if authenticator is None:
        return ()
    try:
        return await authenticator.origins()
    except Exception as error:
        if not is_transient(error):
            raise
        log.warning("cors.unknown", error=type(error).__name__)
        return ()
