"""What routes of every service take and answer: the headers, a page, a conditional GET, and a command in one transaction."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Header, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from shared.etags import etag, unchanged
from shared.idempotency import Answer
from shared.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, decode_cursor
from shared.service import Runtime
from shared.visibility import Principal

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="repeats with it get the first answer, for 24 hours")
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the ETag that you have read; 428 without, 412 when stale")
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=500)]


class Unit(Protocol):
    """A service's unit of work, as the edge needs it."""

    async def flush(self) -> None: ...


_Unit = TypeVar("_Unit", bound=Unit)


def runtime_of(request: Request) -> Runtime:
    return request.app.state.runtime


async def committed(
    request: Request,
    principal: Principal,
    unit: Callable[[AsyncSession], _Unit],
    work: Callable[[_Unit], Awaitable[Answer]],
    *,
    body: Any = None,
    key: str | None = None,
    key_required: bool = False,
    lane: str | None = None,
) -> Response:
    """Run `work` on a new unit in one transaction that commits here, once per idempotency key, and send its answer.

    unit   makes the service's unit of work on the transaction's session
    body   as JSON, what a repeat with the same key is held against
    Errors of `work` come out as they are.
    """

    async def within(session: AsyncSession) -> Answer:
        uow = unit(session)
        answer = await work(uow)
        await uow.flush()
        return answer

    answer = await runtime_of(request).edge.run(
        within,
        principal=principal,
        method=request.method,
        path=request.url.path,
        body=body,
        key=key,
        key_required=key_required,
        lane=lane,
    )
    return JSONResponse(dict(answer.body), status_code=answer.status, headers=dict(answer.headers))


def conditional(version: int, body: Mapping[str, Any], if_none_match: str | None) -> Response:
    """A GET's answer with its ETag; 304 where the caller holds this very representation. Each caller sees their own."""
    sent = {"ETag": etag(version, body), "Cache-Control": "private, no-cache"}
    if unchanged(if_none_match, sent["ETag"]):
        return Response(status_code=304, headers=sent)
    return JSONResponse(dict(body), headers=sent)


def page_of(limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page:
    """For lists in the order of one text. Raises a 400 problem for a foreign cursor."""
    return Page(limit, decode_cursor(cursor, length=1) if cursor else None)
