"""What a service holds about a person, about a partner, and when it last saw a key: `/api/v1/held/<service>/...`.

Each service answers for itself, with the same addresses; `convene people export` and `partners export` put the answers into
one file. About a person: for that person and administrators. About a partner: for its focal points and administrators.
Everybody else gets the answer of what is not there. What has a label is told only as far as whoever asks may see it now,
and what is labelled RED not at all: RED is never an export (DESIGN 7).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Table, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.answers import Cursor, Limit, runtime_of
from shared.audit.api import Affairs
from shared.auth import SignedIn, require
from shared.kernel import Kernel, RegistryTables
from shared.paging import DEFAULT_LIMIT, bad_cursor, decode_cursor, encode_cursor, link_next
from shared.problem import not_found
from shared.reader import as_service
from shared.service import Runtime
from shared.visibility import RED, Principal, audited
from shared.web import StrictRoute

SCAN = 400
"""Rows read at once of one kind."""

Row = Mapping[str, Any]
Read = Callable[[AsyncSession, Principal, str, Any, int], Awaitable[Sequence[tuple[Any, Row | None]]]]
"""(session, who asks, subject, key of the last row or None, how many) -> the rows after it, by key; None for what is not
told. Fewer than were asked for: that was all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rows. number: their key is a whole number, and no text."""

    name: str
    read: Read
    number: bool = False


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a service holds, kind by kind, beside what all services hold."""

    person: Sequence[Kind]
    partner: Sequence[Kind]


class HeldOut(BaseModel):
    model_config = ConfigDict(extra="allow")

    kind: str


class HeldPage(BaseModel):
    data: list[HeldOut] = Field(description="one kind after the other; the fields are those of the kind")
    next_cursor: str | None


class UsedOut(BaseModel):
    key: str
    used_at: datetime | None = Field(
        description="the hour in which this service saw it last; null: not since it knows it"
    )


class UsedKeys(BaseModel):
    data: list[UsedOut]


def rows_of(
    name: str, table: Table, key: str, about: Callable[[str], ColumnElement[bool]], fields: Sequence[str]
) -> Kind:
    """A kind that needs no judgement: these fields of a table's rows, in the order of the column `key`."""

    async def read(session: AsyncSession, _: Principal, subject: str, after: Any, limit: int) -> list[tuple[Any, Row]]:
        column = table.c[key]
        statement = select(table).where(about(subject)).order_by(column).limit(limit)
        found = await session.execute(statement.where(column > after) if after is not None else statement)
        return [(row[key], {field: row[field] for field in fields}) for row in found.mappings()]

    return Kind(name, read)


def of_everybody(kernel: Kernel, known: RegistryTables, affairs: Affairs) -> list[Kind]:
    """What every service holds about a person."""
    person, api_key, answers = known.person, known.api_key, kernel.idempotency

    async def acts(
        session: AsyncSession, principal: Principal, subject: str, after: Any, limit: int
    ) -> list[tuple[Any, Row | None]]:
        table = kernel.audit
        theirs = table.c.detail["person"].as_string() == subject  # what was done to a key or an invitation of theirs
        statement = select(table).where(or_(table.c.actor == subject, table.c.subject == subject, theirs))
        if after is not None:
            statement = statement.where(table.c.seq > after)
        rows = (await session.execute(statement.order_by(table.c.seq).limit(limit))).all()
        found: list[tuple[Any, Row | None]] = []
        for row, affair in zip(rows, await affairs.of(session, rows), strict=True):
            red = affair is not None and any(facts.label == RED for facts in affair.plans.values())
            told = not red and audited(principal, affair)
            shown = {field: getattr(row, field) for field in ("at", "action", "subject", "version", "detail")}
            # who else acted is told by the audit, to whom it is told
            found.append((row.seq, {**shown, "by_the_person": row.actor == subject} if told else None))
        return found

    kept = rows_of("", answers, "key", lambda each: answers.c.principal == each, ("key", "status", "at"))
    known_fields = ("id", "version", "partners", "roles", "scope", "active", "not_before", "confirmed_until")
    key_fields = ("id", "version", "scopes", "origins", "expires_at", "revoked", "used_at")
    refusals = kernel.auditing.refusals
    return [
        rows_of("known_person", person, "id", lambda each: person.c.id == each, known_fields),
        rows_of("known_key", api_key, "id", lambda each: api_key.c.person == each, key_fields),
        Kind("answer_kept_for_a_day", _as_the_service(kept.read)),
        Kind("act", acts, number=True),
        _refused(refusals),
    ]


def _as_the_service(read: Read) -> Read:
    """Of a table that no policy opens to readers (docs/decisions/0016): of each row the reader's own key, and no content."""

    async def behind(
        session: AsyncSession, principal: Principal, subject: str, after: Any, limit: int
    ) -> Sequence[tuple[Any, Row | None]]:
        async with as_service(session):
            return await read(session, principal, subject, after, limit)

    return behind


def _refused(refusals: Table) -> Kind:
    """What somebody was refused within thirty days, by route and status."""

    async def read(session: AsyncSession, _: Principal, subject: str, after: Any, limit: int) -> list[tuple[Any, Row]]:
        c = refusals.c
        times, first, last = func.sum(c.times), func.min(c.minute), func.max(c.minute)
        statement = select(c.route, c.status, times.label("times"), first.label("first"), last.label("last"))
        found = await session.execute(statement.where(c.principal == subject).group_by(c.route, c.status))
        rows: list[tuple[Any, Row]] = [(f"{row['status']} {row['route']}", dict(row)) for row in found.mappings()]
        rows.sort(key=lambda each: each[0])
        return [each for each in rows if after is None or each[0] > after][:limit]

    return Kind("refused", read)


def held_router(runtime: Runtime, known: RegistryTables, affairs: Affairs, holdings: Holdings) -> APIRouter:
    """The routes of one service."""
    router = APIRouter(prefix=f"/api/v1/held/{runtime.name}", tags=["what is held"], route_class=StrictRoute)
    about_people = [*holdings.person, *of_everybody(runtime.kernel, known, affairs)]

    @router.get("/keys", response_model=UsedKeys)
    async def list_used_keys(  # pyright: ignore[reportUnusedFunction]
        principal: SignedIn,
        person: Annotated[str | None, Query(max_length=100, description="somebody else's; administrators only")] = None,
    ) -> Any:
        """When this service last saw each of your keys that work, to the hour. The others answer for themselves."""
        if person is not None and person != principal.person:
            require(principal, "admin")
        key = known.api_key.c
        async with runtime.db.read() as session:
            found = await session.execute(
                select(key.id, key.used_at).where(key.person == (person or principal.id)).order_by(key.id)
            )
        return {"data": [{"key": row.id, "used_at": row.used_at} for row in found]}

    @router.get("/people/{person}", response_model=HeldPage)
    async def get_held_of_person(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        response: Response,
        principal: SignedIn,
        person: str,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Any:
        """All that this service holds about you (for administrators: about anybody), as far as labels let you see it."""
        if person != principal.person and "admin" not in principal.grants:
            raise not_found("person")
        return await _page(request, response, principal, about_people, person, limit, cursor)

    @router.get("/partners/{partner}", response_model=HeldPage)
    async def get_held_of_partner(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        response: Response,
        principal: SignedIn,
        partner: str,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Any:
        """All that this service holds about a partner (by its id), for its focal points and administrators, but for plans
        labelled RED."""
        own = partner in principal.partners and "focal_point" in principal.roles
        if not own and "admin" not in principal.grants:
            raise not_found("partner")
        return await _page(request, response, principal, holdings.partner, partner, limit, cursor)

    return router


async def _page(
    request: Request,
    response: Response,
    principal: Principal,
    kinds: Sequence[Kind],
    subject: str,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """Full pages, whatever lies hidden between: one that ended early would say how much that is."""
    at, after = _position(cursor, kinds)
    found: list[dict[str, Any]] = []
    last: tuple[int, Any] | None = None
    async with runtime_of(request).db.read(principal) as session:
        while at < len(kinds):
            rows = await kinds[at].read(session, principal, subject, after, SCAN)
            for key, row in rows:
                after = key
                if row is None:
                    continue
                if len(found) == limit and last is not None:
                    following = encode_cursor((str(last[0]), str(last[1])))
                    link_next(request, response, following)
                    return {"data": found, "next_cursor": following}
                found.append({"kind": kinds[at].name, **row})
                last = at, key
            if len(rows) < SCAN:
                at, after = at + 1, None
    return {"data": found, "next_cursor": None}


def _position(cursor: str | None, kinds: Sequence[Kind]) -> tuple[int, Any]:
    """The number of the kind, and the key of its last row that was told."""
    if cursor is None:
        return 0, None
    at, after = decode_cursor(cursor, length=2)
    if not at.isdecimal() or int(at) >= len(kinds) or (kinds[int(at)].number and not after.isdecimal()):
        raise bad_cursor()
    return int(at), int(after) if kinds[int(at)].number else after
