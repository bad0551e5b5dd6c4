"""`GET /api/v1/stream` and `GET /api/v1/events`: the same events, filters, visibility and cursor; pushed or in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from services.notifications.domain import Names, NotAPattern, Position
from services.notifications.queries.feed import Feed
from services.notifications.queries.sight import Asked
from services.notifications.stream.cursor import Sealer
from services.notifications.stream.door import Door
from services.notifications.stream.hub import Hub
from services.notifications.stream.live import EventStream, Live, Rhythm
from services.notifications.stream.seats import Seats
from services.notifications.stream.tickets import Tickets
from shared.auth import Anyone, SignedIn, arrived, holder_of, require, unauthenticated
from shared.clock import Clock
from shared.cloudevent import parse_time
from shared.filters import Filtered
from shared.paging import DEFAULT_LIMIT, MAX_LIMIT, link_next
from shared.problem import MEDIA_TYPE, FieldError, Problem
from shared.service import Runtime
from shared.visibility import Principal
from shared.web import StrictRoute

SCAN = 500
"""Rows read at once for a page of `/events`."""

_PROBLEM: dict[str, Any] = {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _PROBLEM | {"description": "an unknown parameter or code, or a cursor that was not given to you"},
    401: _PROBLEM | {"description": "wrong credentials"},
    410: _PROBLEM | {"description": "the history after this position is not here: fetch the lists again"},
    429: _PROBLEM | {"description": "too many requests, or open streams of one person or partner; see Retry-After"},
    503: _PROBLEM | {"description": "too many streams, or the database is away; see Retry-After"},
}


@dataclass(frozen=True, slots=True)
class Doors:
    """What the routes need of the process."""

    runtime: Runtime
    feed: Feed
    hub: Hub
    door: Door
    sealer: Sealer
    clock: Clock
    rhythm: Rhythm
    tickets: Tickets
    seats: Seats
    max_streams: int


class EventsPage(BaseModel):
    """data         structured CloudEvents 1.0, in order per subject
    next_cursor  behind the last event read; also a `Last-Event-ID` for the stream
    caught_up    whether there was nothing more; then `next_cursor` is where the next event will be
    """

    data: list[dict[str, Any]]
    next_cursor: str
    caught_up: bool = Field(description="whether there was nothing more")


class TicketOut(BaseModel):
    ticket: str = Field(description="opens one stream")
    expires_at: datetime


async def _asked(
    filter_: Filtered,
    types: Annotated[
        str | None, Query(description="event names, comma separated: `plan.posted`, `plan.*`", max_length=1000)
    ] = None,
    since: Annotated[str | None, Query(description="RFC 3339 instant: events from then on", max_length=50)] = None,
) -> Asked:
    try:
        names = Names.of(part.strip() for part in (types or "").split(",") if part.strip())
    except NotAPattern as error:
        raise _malformed(
            "?types", f"{str(error)[:60]!r} is neither an event name nor a family such as `plan.*`"
        ) from error
    return Asked(names, filter_, _instant(since) if since else None)


def _instant(text: str) -> datetime:
    try:
        # a plus sign that was not escaped arrives as a blank
        return parse_time(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise _malformed("?since", "not an RFC 3339 instant with a time zone, such as 2017-04-03T09:00:00Z") from error


def _malformed(pointer: str, detail: str) -> Problem:
    return Problem("malformed", f"{pointer}: {detail}", [FieldError(pointer, "malformed", detail)])


AskedFor = Annotated[Asked, Depends(_asked)]


def stream_router(doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["events"], route_class=StrictRoute, responses=RESPONSES)

    @router.get(
        "/stream",
        response_class=Response,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "the stream"}
        },
        summary="Follow events as they happen (server-sent events)",
    )
    async def stream(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        principal: Anyone,
        asked: AskedFor,
        last_event_id: Annotated[
            str | None, Query(description="resume after this `id:`; the header `Last-Event-ID` wins", max_length=4000)
        ] = None,
        header: Annotated[str | None, Header(alias="Last-Event-ID", max_length=4000)] = None,
        ticket: Annotated[
            str | None, Query(description="of `POST /api/v1/stream-tickets`, in place of credentials", max_length=100)
        ] = None,
    ) -> Response:
        """Each message is `id:` (a cursor for you alone), `event:` (`plan.posted`) and `data:` (the CloudEvent, one line).

        Starts at now; after `Last-Event-ID`; or at `since`. Without credentials only plans labelled TLP:CLEAR are shown.
        The stream closes itself now and then: reconnect with the last id (and another ticket: each opens one stream). At least once per position, in order per
        subject, and nothing twice in one cursor's history.
        """
        if doors.runtime.closing.is_set():
            raise Problem("unavailable", "This server is stopping; connect again.", headers={"Retry-After": "1"})
        if ticket is not None:
            principal = await _ticketed(request, doors, principal, ticket)
        if doors.hub.streams >= doors.max_streams:
            raise Problem(
                "unavailable",
                f"There are {doors.max_streams} open streams here, which is the limit.",
                headers={"Retry-After": "5"},
                extra={"limit_streams": doors.max_streams},
            )
        where, cursor = ("Last-Event-ID", header) if header else ("?last_event_id", last_event_id)
        log_id = await doors.feed.log_id()
        if cursor:
            position = await _resumed(doors, principal, cursor, where)
        elif asked.since:
            position = await doors.feed.since(asked.since)
        else:
            position = (await doors.feed.extent()).end
        live = Live(
            doors.hub,
            doors.door,
            doors.clock,
            doors.rhythm,
            proof=holder_of(request).proof if principal.signed_in else None,
            principal=principal,
            asked=asked,
            log_id=log_id,
            position=position,
        )
        return EventStream(live, doors.seats.take(principal))

    @router.post("/stream-tickets", status_code=201, response_model=TicketOut, summary="A ticket that opens one stream")
    async def ticket(request: Request, principal: SignedIn) -> Response:  # pyright: ignore[reportUnusedFunction]
        """For browsers, whose EventSource sends no header: `GET /api/v1/stream?ticket=...` within 30 seconds, once. The
        stream shows what the key or token shows that the ticket was asked for with, and ends with it."""
        require(principal, "read")
        text, expires_at = await doors.tickets.make(holder_of(request).proof)
        out = TicketOut(ticket=text, expires_at=expires_at)
        return JSONResponse(out.model_dump(mode="json"), status_code=201, headers={"Cache-Control": "no-store"})

    @router.get("/events", response_model=EventsPage, summary="Read events in pages, oldest first")
    async def events(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        response: Response,
        principal: Anyone,
        asked: AskedFor,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> Response:
        """Starts at the beginning of what is kept; after `cursor` (or a stream's last id); or at `since`. An empty page
        comes only at the end."""
        if cursor:
            position = await _resumed(doors, principal, cursor, "?cursor")
        elif asked.since:
            position = await doors.feed.since(asked.since)
        else:
            position = (await doors.feed.extent()).begin
        found, position, whole = await _page(doors.feed, principal, asked, position, limit)
        next_cursor = doors.sealer.seal(principal.id, await doors.feed.log_id(), position)
        tail = f'],"next_cursor":"{next_cursor}","caught_up":{"true" if whole else "false"}}}'
        answer = Response('{"data":[' + ",".join(found) + tail, media_type="application/json")
        answer.headers["Cache-Control"] = "no-store"
        if not whole:
            link_next(request, answer, next_cursor)
        return answer

    return router


async def _ticketed(request: Request, doors: Doors, principal: Principal, ticket: str) -> Principal:
    """Whose ticket it is. One that was used, has expired or never was is a 401 like wrong credentials."""
    if principal.signed_in:
        raise _malformed("?ticket", "either a ticket or an Authorization header")
    holder = await doors.tickets.use(ticket)
    if holder is None:
        raise unauthenticated()
    principal = arrived(request, holder)
    require(principal, "read")
    return principal


async def _resumed(doors: Doors, principal: Principal, cursor: str, where: str) -> Position:
    position = doors.sealer.open(cursor, principal.id, await doors.feed.log_id(), where=where)
    await doors.feed.check(position)
    return position


async def _page(
    feed: Feed, principal: Principal, asked: Asked, position: Position, limit: int
) -> tuple[list[str], Position, bool]:
    """Up to `limit` events that are seen and asked for, the position behind them, and whether that was all."""
    found: list[str] = []
    while True:
        page = await feed.read(position, SCAN, principal)
        reached = dict(position)
        for event in page.entries:
            way = event.way(principal, asked, page.known)
            if way:
                if len(found) == limit:
                    return found, reached, False
                found.append(event.text(way))
            reached[event.lane] = event.offset + 1
        position = page.position
        if page.whole:
            return found, position, True
