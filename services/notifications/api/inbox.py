"""`/api/v1/inbox`: the alerts that wait for one person."""

import re
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.api.stream import Doors
from services.notifications.commands import Mark, MarkAlert
from services.notifications.domain import Entry, State, sorted_sides
from services.notifications.handlers.inbox import mark_alert
from services.notifications.queries.inbox import find_entry, list_entries
from services.notifications.uow import NotificationsUnit
from shared.answers import Cursor, IdempotencyKey, IfNoneMatch, Limit, committed, conditional, page_of
from shared.auth import SignedIn
from shared.cloudevent import format_time
from shared.etags import etag
from shared.idempotency import Answer
from shared.ids import Ids
from shared.paging import DEFAULT_LIMIT, encode_cursor, link_next
from shared.problem import MEDIA_TYPE, not_found
from shared.web import StrictRoute

_ID = re.compile(r"^[A-Za-z0-9_]{1,64}$")
_PROBLEM: dict[str, Any] = {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _PROBLEM | {"description": "an unknown parameter, or not a cursor of this list"},
    401: _PROBLEM | {"description": "sign in first"},
    404: _PROBLEM | {"description": "no such alert in your inbox"},
    503: _PROBLEM | {"description": "the database is away; see Retry-After"},
}


class SideOut(BaseModel):
    plan: str
    version: int
    partner: str | None


class ContactOut(BaseModel):
    """Whom to call about a plan that may not be seen. `partner` where it is the focal point of its owner."""

    kind: Literal["focal_point", "coordinator"]
    partner: str | None = None


class InboxEntry(BaseModel):
    """An alert in one person's inbox. A blind one says only that something overlaps, and whom to call.

    state   unread (it asks for you, or was decided by somebody else), read, done (until it asks again; also when it is
            over)
    reason  why it is here: `your plan`, `in your scope`
    """

    id: str = Field(description="of the alert")
    alert: str
    version: int
    state: State
    reason: str
    blind: bool
    sides: list[SideOut]
    contacts: list[ContactOut] = []
    kind: str | None = None
    overlap_kind: str | None = None
    status: str | None = None
    band: str | None = None
    severity: str | None = None
    opened_at: datetime
    updated_at: datetime | None = None


class InboxPage(BaseModel):
    data: list[InboxEntry]
    next_cursor: str | None


def represent(entry: Entry) -> dict[str, Any]:
    alert, sight = entry.alert, entry.sight
    found: dict[str, Any] = {
        "id": alert.id,
        "alert": alert.id,
        "version": entry.version,
        "state": entry.state.value,
        "reason": entry.reason.value,
        "blind": sight.blind,
        "sides": [
            {"plan": side.plan, "version": side.version, "partner": side.partner}
            for side in sorted_sides(alert.sides, sight.full)
        ],
        "contacts": [{"kind": each.kind, "partner": each.partner} for each in sight.contacts],
        "opened_at": format_time(alert.opened_at),
    }
    if not sight.blind:
        found |= {
            "kind": alert.kind,
            "overlap_kind": alert.overlap_kind,
            "status": alert.status,
            "band": alert.band,
            "severity": alert.severity,
            "updated_at": format_time(alert.updated_at),
        }
    return found


def inbox_router(doors: Doors, ids: Ids) -> APIRouter:
    router = APIRouter(prefix="/api/v1/inbox", tags=["inbox"], route_class=StrictRoute, responses=RESPONSES)
    runtime = doors.runtime

    @router.get("", response_model=InboxPage, summary="Your alerts, newest first")
    async def inbox(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        principal: SignedIn,
        state: Literal["unread", "read", "done", "all"] = "unread",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        after = page_of(limit, cursor).after
        async with runtime.db.read(principal) as session:
            found = await list_entries(
                session, principal, None if state == "all" else State(state), limit, str(after[0]) if after else None
            )
        next_cursor = encode_cursor((found.after,)) if found.after else None
        answer = JSONResponse({"data": [represent(entry) for entry in found.entries], "next_cursor": next_cursor})
        link_next(request, answer, next_cursor)
        return answer

    @router.get("/{alert}", response_model=InboxEntry, summary="One alert in your inbox")
    async def entry(  # pyright: ignore[reportUnusedFunction]
        alert: str,
        principal: SignedIn,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        _check(alert)
        async with runtime.db.read(principal) as session:
            found = await find_entry(session, principal, alert)
        if found is None:
            raise not_found("alert")
        return conditional(found.version, represent(found), if_none_match)

    def action(mark: Mark, summary: str) -> None:
        @router.post(f"/{{alert}}:{mark}", response_model=InboxEntry, summary=summary, name=f"inbox_{mark}")
        async def set_mark(  # pyright: ignore[reportUnusedFunction]
            request: Request,
            alert: str,
            principal: SignedIn,
            key: IdempotencyKey = None,
        ) -> Response:
            _check(alert)

            def unit_on(session: AsyncSession) -> NotificationsUnit:
                return NotificationsUnit.on(session, doors.clock, ids, principal.id)

            async def work(unit: NotificationsUnit) -> Answer:
                found = represent(await mark_alert(MarkAlert(alert, mark), unit, principal))
                return Answer(200, found, {"ETag": etag(found["version"], found)})

            return await committed(request, principal, unit_on, work, key=key)

    action("read", "Mark as read")
    action("unread", "Mark as unread")
    action("done", "Put away, until it asks for you again")
    return router


def _check(alert: str) -> None:
    """What cannot be an id is not looked for: a database may choke on it."""
    if not _ID.match(alert):
        raise not_found("alert")
