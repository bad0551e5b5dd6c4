"""The HTTP edge that all services share: an application whose every error is a problem that names the field or limit.

Strict on purpose: bodies are bounded before they are parsed, JSON is read once and refuses what a database or another
parser would choke on (NUL, lone surrogates, NaN, absurd depth), unknown query parameters are errors, not wishes ignored.
"""

import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast
from urllib.parse import parse_qsl

import structlog
from fastapi import FastAPI, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import SpanKind, StatusCode
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.bus.port import MAX_VALUE_BYTES, RecordTooLarge
from shared.clock import Clock, SystemClock
from shared.cors import Cors
from shared.db import is_too_slow, is_transient
from shared.limits import LimitRates, Rates
from shared.openapi import openapi, operation_id
from shared.problem import KINDS, FieldError, Problem
from shared.refusal import problem_response
from shared.telemetry import span

log = structlog.get_logger(__name__)

MAX_DEPTH = 32
MAX_PARAMETERS = 100
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI's own spans and logs carry query strings and exception texts, hence what people typed; ours do not."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    title: str,
    description: str,
    lifespan: Lifespan,
    *,
    max_body_bytes: int,
    rates: Rates | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """A service's application: problems, limits, traces, strict JSON. Routers are the caller's. rates: none, no limit."""
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        docs_url=None,  # the stock pages load scripts from a CDN
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=operation_id,
        telemetry=NO_TELEMETRY,
    )
    app.openapi = lambda: openapi(app)
    app.router.route_class = StrictRoute
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RecordTooLarge, _on_too_large)
    app.add_exception_handler(Exception, _on_crash)
    app.add_middleware(TraceRequests)
    app.add_middleware(LimitBody, limit=max_body_bytes)
    if rates:
        app.add_middleware(LimitRates, rates=rates, clock=clock or SystemClock(), refused=_count_refusal)
    app.add_middleware(Cors)  # a page may read what refuses it, too
    app.add_middleware(Plain)
    return app


async def _on_problem(_: Request, error: Exception) -> Response:
    return problem_response(cast(Problem, error))


async def _on_invalid(_: Request, error: Exception) -> Response:
    errors = [_field_error(item) for item in cast(RequestValidationError, error).errors()]
    if any(each.pointer.startswith("path:") for each in errors):
        return problem_response(Problem("not-found", "There is nothing at this address."))
    query_only = all(each.pointer.startswith("?") for each in errors)
    kind = "malformed" if query_only or any(each.code == "json_invalid" for each in errors) else "invalid"
    detail = "; ".join(f"{each.pointer}: {each.detail}" for each in errors[:3])
    return problem_response(Problem(kind, detail, errors[:100]))


def _field_error(item: Mapping[str, Any]) -> FieldError:
    """Pydantic's location as a pointer. The input itself is never repeated."""
    location = cast(Sequence[Any], item.get("loc", ()))
    where, rest = (str(location[0]), location[1:]) if location else ("body", ())
    if where == "body":
        pointer = "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    elif where == "query":
        pointer = "?" + ".".join(str(part) for part in rest)
    else:
        pointer = where + ":" + ".".join(str(part) for part in rest)
    return FieldError(pointer or "#", str(item.get("type", "invalid")), str(item.get("msg", "not valid")))


async def _on_too_large(_: Request, error: Exception) -> Response:
    detail = (
        f"One event holds at most {MAX_VALUE_BYTES} bytes, and this does not fit into one; shorten its longest texts."
    )
    problem = Problem(
        "too-large", detail, [FieldError("#", "too_large", detail)], extra={"limit_bytes": MAX_VALUE_BYTES}
    )
    return problem_response(problem)


async def _on_http(_: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    kind = next(
        (kind for kind, (code, _) in KINDS.items() if code == status), "internal" if status >= 500 else "malformed"
    )
    headers = cast(HTTPException, error).headers or {}
    return problem_response(Problem(kind, KINDS[kind][1] + ".", headers=headers))


async def _on_crash(request: Request, error: Exception) -> Response:
    if is_transient(error):
        log.warning("request.unavailable", path=request.url.path, error=type(error).__name__)
        return problem_response(
            Problem("unavailable", "The database is not reachable now; try again.", headers={"Retry-After": "2"})
        )
    if is_too_slow(error):
        log.warning("request.too_slow", path=request.url.path)
        detail = "This took longer than it may, and was broken off; ask for less at once, or later."
        return problem_response(Problem("unavailable", detail, headers={"Retry-After": "10"}))
    log.error("request.crashed", path=request.url.path, error=type(error).__name__, exc_info=error)
    return problem_response(Problem("internal", "This is our fault; it has been logged under the trace id."))


class StrictRoute(APIRoute):
    """A route that reads JSON strictly and refuses unknown query parameters."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = {field.alias for field in get_flat_params(self.dependant) if isinstance(field.field_info, params.Query)}
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            if any("\x00" in str(value) for value in request.path_params.values()):
                raise Problem("not-found", "There is no such thing here.")  # nothing is stored under such an id
            _check_query(request, known)
            if takes_body:
                raw = await request.body()
                _check_media_type(request, raw)
                # FastAPI would turn any error of `json()` into a bare 400, so the parsed body is laid ready here
                request._json = read_json(raw) if raw else None  # pyright: ignore[reportPrivateUsage]
            return await handle(request)

        return strict


def _check_media_type(request: Request, raw: bytes) -> None:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if raw and not (
        media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
    ):
        detail = "send application/json (or application/merge-patch+json for a PATCH)"
        raise Problem(
            "unsupported-media-type", f"Content-Type: {detail}", [FieldError("Content-Type", "unsupported", detail)]
        )


def _check_query(request: Request, known: set[str]) -> None:
    raw = request.scope.get("query_string", b"").decode("latin-1")
    try:
        names = [name for name, _ in parse_qsl(raw, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)]
    except ValueError as error:
        detail = f"at most {MAX_PARAMETERS} parameters"
        raise Problem("malformed", f"?: {detail}", [FieldError("?", "too_many", detail)]) from error
    wrong = sorted({name for name in names if name not in known})
    if wrong:
        shown = ", ".join(sorted(known)) or "none"
        raise Problem(
            "unknown-parameter",
            f"?{wrong[0][:60]}: no such parameter here; known: {shown}",
            [FieldError(f"?{name[:60]}", "unknown", f"known parameters: {shown}") for name in wrong[:20]],
        )
    for name, value in request.query_params.multi_items():
        if "\x00" in value or not _is_unicode(value):
            raise Problem(
                "malformed",
                f"?{name}: holds a character that cannot be stored",
                [FieldError(f"?{name}", "character", "NUL or lone surrogate")],
            )


def read_json(raw: bytes) -> Any:
    """Parse strictly. Raises RequestValidationError-shaped errors that point at the place."""
    try:
        parsed = json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)
    except UnicodeDecodeError as error:
        raise _json_error((), f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _json_error((), f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except _Refused as error:
        raise _json_error((), str(error)) from error
    except (RecursionError, ValueError) as error:
        raise _json_error((), "nested too deeply, or a number too long") from error
    _check_value(parsed, ())
    return parsed


class _Refused(Exception):
    pass


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name} is not JSON")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Refused(f"the name {name[:60]!r} stands twice in one object")
        found[name] = value
    return found


def _check_value(value: Any, path: tuple[str | int, ...]) -> None:
    if len(path) > MAX_DEPTH:
        raise _json_error(path, f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _json_error(path, "not a finite number")
    elif isinstance(value, int) and abs(value) >= 1 << 63:
        raise _json_error(path, "a number beyond 64 bits")
    elif isinstance(value, dict):
        for name, each in cast(dict[str, Any], value).items():
            _check_text(name, path)
            _check_value(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(cast(list[Any], value)):
            _check_value(each, (*path, index))


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if "\x00" in text:
        raise _json_error(path, "holds a NUL character", code="character")
    if not _is_unicode(text):
        raise _json_error(path, "holds a lone surrogate, which is not a character", code="character")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_error(path: tuple[str | int, ...], message: str, code: str = "json_invalid") -> RequestValidationError:
    shown = tuple(
        part.encode("utf-8", "replace").decode().replace("\x00", "?") if isinstance(part, str) else part
        for part in path
    )
    return RequestValidationError([{"type": code, "loc": ("body", *shown), "msg": message, "input": None}])


class LimitBody:
    """413 before parsing: by Content-Length at once, else as soon as the stream passes the limit."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        read, started = 0, False

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise _TooLarge
            return message

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited, watch)
        except _TooLarge:
            if not started:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"The body may have at most {self._limit} bytes."
        problem = Problem(
            "too-large", detail, [FieldError("#", "too_large", detail)], extra={"limit_bytes": self._limit}
        )
        response = problem_response(problem)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


class _TooLarge(Exception):
    pass


PLAIN = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""What people typed is data in every answer: no browser is to take it for a page, or to show it inside another."""


class Plain:
    """Says so with every answer, refusals among them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *PLAIN]
            await send(message)

        await self._app(scope, receive, hardened if scope["type"] == "http" else send)


class TraceRequests:
    """One server span a request, below the caller's `traceparent` if there is one; the route's pattern names it.

    A crash is answered here, inside the span, so that the problem carries the trace id under which it is logged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None
        started = False
        with span(f"HTTP {scope['method']}", traceparent=parent, kind=SpanKind.SERVER) as current:

            async def named(message: Message) -> None:
                nonlocal started
                started = True
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", "")
                    current.update_name(f"{scope['method']} {route}".strip())
                    current.set_attribute("http.response.status_code", message["status"])
                    _count_refusal(scope, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, named)
            except _TooLarge:
                raise
            except Exception as error:
                if started:
                    raise
                current.set_status(StatusCode.ERROR, type(error).__name__)
                response = await _on_crash(Request(scope), error)
                await response(scope, receive, named)


def _count_refusal(scope: Scope, status: int) -> None:
    runtime = getattr(scope["app"].state, "runtime", None)
    if runtime is not None:
        runtime.refusals.count(scope, status)
