"""The audit over HTTP, below `/api/v1/audit/{service}`: checkpoints and proofs for everybody, entries for whom they concern.

Checkpoints and proofs are sizes and hashes of salted rows: they tell how many effects the service had, and nothing else.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.answers import Cursor, IfNoneMatch, Limit, conditional
from shared.audit import notes, tree
from shared.audit.leaves import entry_of
from shared.audit.reading import AuditReader
from shared.auth import SignedIn, require
from shared.kernel import RegistryTables
from shared.paging import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor, link_next
from shared.problem import FieldError, Problem
from shared.service import Runtime
from shared.visibility import Affair, Outcome, Principal, audited
from shared.visibility_people import people_told
from shared.web import StrictRoute

SCAN = 400
_LARGEST = 1 << 53

Size = Annotated[int, Query(ge=1, le=_LARGEST, description="leaves of the tree that is proven against")]


class Affairs(Protocol):
    """What the rows of one service's audit are about: each service knows its own subjects."""

    def may_concern(self, principal: Principal) -> ColumnElement[bool]:
        """A necessary condition on rows that `audited` lets somebody who is no administrator see."""
        ...

    async def of(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Affair | None]:
        """What each row is about now; None where that cannot be told any more."""
        ...


class KeyOut(BaseModel):
    kid: str
    verifier: str = Field(description="`origin+kid+base64`, the verifier key of the signed-note format; Ed25519")
    used_from: datetime


class KeysOut(BaseModel):
    data: list[KeyOut]


class CheckpointOut(BaseModel):
    """How large the log was, and its root. The `note` is all that a partner has to keep."""

    service: str
    log: str
    size: int
    root: str = Field(description="hex")
    time: str
    kid: str
    note: str = Field(description="the signed text (C2SP signed-note, tlog-checkpoint)")


class CheckpointPage(BaseModel):
    data: list[CheckpointOut]
    next_cursor: str | None


class EntryOut(BaseModel):
    """One effect. `actor` with `actor_salt` for those who may know who acted, else `actor_digest`."""

    leaf: int = Field(description="its place in the tree")
    seq: int
    at: str
    actor: str | None = None
    actor_salt: str | None = None
    actor_digest: str | None = None
    action: str
    subject: str
    version: int
    detail: dict[str, Any]
    trace_id: str | None
    salt: str
    proof: list[str] = Field(description="hex: the hashes that lead from this leaf to the root of `size`")


class EntryPage(BaseModel):
    size: int = Field(description="the tree that the proofs are for; 0 before the first checkpoint")
    data: list[EntryOut]
    next_cursor: str | None


class ProofOut(BaseModel):
    size: int
    hashes: list[str] = Field(description="hex, in the order of RFC 6962")


class RefusalOut(BaseModel):
    minute: datetime
    principal: str = Field(description="person id; public; or others, beyond what is told apart in a minute")
    route: str
    status: int
    times: int


class RefusalPage(BaseModel):
    data: list[RefusalOut]
    next_cursor: str | None


def audit_router(runtime: Runtime, known: RegistryTables, affairs: Affairs) -> APIRouter:
    """All routes of one service's audit."""
    tables = runtime.kernel.auditing
    router = APIRouter(prefix=f"/api/v1/audit/{runtime.name}", tags=["audit"], route_class=StrictRoute)

    def get(path: str, model: type[BaseModel], handler: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        router.get(path, response_model=model, response_model_exclude_unset=True)(handler)

    async def list_audit_keys(if_none_match: IfNoneMatch = None) -> Any:
        """The keys that ever signed a checkpoint, the oldest first. Compare them out of band, once."""
        async with runtime.db.read() as session:
            rows = await AuditReader(session, tables).keys()
        data = [{"kid": row.kid, "verifier": row.verifier, "used_from": row.used_from.isoformat()} for row in rows]
        return conditional(len(data), {"data": data}, if_none_match)

    async def latest_audit_checkpoint(_: SignedIn, if_none_match: IfNoneMatch = None) -> Any:
        """The newest checkpoint; 404 before the first."""
        async with runtime.db.read() as session:
            rows = await AuditReader(session, tables).checkpoints()
        if not rows:
            raise Problem("not-found", "Nothing has been sealed yet; ask again in a minute.")
        shown = _checkpoint(rows[0].note)
        return conditional(shown["size"], shown, if_none_match)

    async def list_audit_checkpoints(
        request: Request, response: Response, _: SignedIn, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Any:
        """Every checkpoint that was ever signed, the newest first."""
        below = decode_cursor(cursor, length=1, kinds=[int])[0] if cursor else None
        async with runtime.db.read() as session:
            rows = await AuditReader(session, tables).checkpoints(below=below, limit=limit + 1)
        further = encode_cursor((rows[limit - 1].size,)) if len(rows) > limit else None
        link_next(request, response, further)
        return {"data": [_checkpoint(row.note) for row in rows[:limit]], "next_cursor": further}

    async def list_audit_entries(
        request: Request,
        response: Response,
        principal: SignedIn,
        size: Annotated[int | None, Query(ge=1, le=_LARGEST, description="default: the latest checkpoint's")] = None,
        subject: Annotated[str | None, Query(max_length=64)] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Any:
        """The effects that concern you, in the order of the tree, each with the proof that it is in it."""
        after = decode_cursor(cursor, length=1, kinds=[int])[0] if cursor else -1
        async with runtime.db.read(principal) as session:
            reader = AuditReader(session, tables)
            against = await _size_of(reader, size)
            found = await _entries(reader, principal, against, subject, after, limit + 1)
            proofs = await _proven(reader.proofs([tree.inclusion(entry["leaf"], against) for entry in found[:limit]]))
        further = encode_cursor((found[limit - 1]["leaf"],)) if len(found) > limit else None
        link_next(request, response, further)
        data = [entry | {"proof": proof} for entry, proof in zip(found, proofs, strict=False)]
        return {"size": against, "data": data, "next_cursor": further}

    async def _entries(
        reader: AuditReader, principal: Principal, size: int, subject: str | None, after: int, wanted: int
    ) -> list[dict[str, Any]]:
        which = None if "administrator" in principal.roles else affairs.may_concern(principal)
        if subject is not None:
            about = tables.rows.c.subject == subject
            which = about if which is None else about & which
        shown: list[dict[str, Any]] = []
        while len(shown) < wanted:
            rows = await reader.rows(which, after=after, size=size, limit=SCAN)
            of = await affairs.of(reader.session, rows)
            partners = await _partners_of(reader.session, {row.actor for row in rows})
            for row, affair in zip(rows, of, strict=True):
                if audited(principal, affair):
                    told = _is_told(principal, row.actor, affair or Affair(), partners)
                    shown.append(entry_of(row, row.leaf, actor_told=told))
            if len(rows) < SCAN:
                break
            after = rows[-1].leaf
        return shown[:wanted]

    async def _partners_of(session: AsyncSession, people: set[str]) -> dict[str, Sequence[str]]:
        table = known.person.c
        found = await session.execute(select(table.id, table.partners).where(table.id.in_(sorted(people))))
        return {row.id: row.partners for row in found}

    async def prove_audit_inclusion(_: SignedIn, leaf: Annotated[int, Query(ge=0, le=_LARGEST)], size: Size) -> Any:
        """The hashes that lead from a leaf to the root: for an entry that you have kept."""
        if leaf >= size:
            raise _out_of_range("?leaf", f"a tree of {size} leaves ends at {size - 1}")
        return await _proof(tree.inclusion(leaf, size), size)

    async def prove_audit_consistency(
        _: SignedIn, older: Annotated[int, Query(alias="from", ge=1, le=_LARGEST)], size: Size
    ) -> Any:
        """The hashes that prove that the tree of `size` leaves begins with that of `from`."""
        if older > size:
            raise _out_of_range("?from", "larger than ?size: a log does not shrink")
        return await _proof(tree.consistency(older, size), size)

    async def _proof(ranges: list[tree.Range], size: int) -> dict[str, Any]:
        async with runtime.db.read() as session:
            reader = AuditReader(session, tables)
            await _check_size(reader, size)
            (hashes,) = await _proven(reader.proofs([ranges]))
        return {"size": size, "hashes": hashes}

    async def list_audit_refusals(
        request: Request, response: Response, principal: SignedIn, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Any:
        """Who was refused what, counted per minute, the newest first; unchained, kept for thirty days. For the grant `admin`."""
        require(principal, "admin")
        after = decode_cursor(cursor, length=4, kinds=[int, str, str, int]) if cursor else None
        position = (_minute(after[0]), *after[1:]) if after else None
        rows = await runtime.refusals.read(Page(limit, position))
        last = rows[limit - 1] if len(rows) > limit else None
        further = (
            encode_cursor((int(last["minute"].timestamp()), last["principal"], last["route"], last["status"]))
            if last
            else None
        )
        link_next(request, response, further)
        return {"data": rows[:limit], "next_cursor": further}

    get("/keys", KeysOut, list_audit_keys)
    get("/checkpoints", CheckpointPage, list_audit_checkpoints)
    get("/checkpoints/latest", CheckpointOut, latest_audit_checkpoint)
    get("/entries", EntryPage, list_audit_entries)
    get("/inclusion", ProofOut, prove_audit_inclusion)
    get("/consistency", ProofOut, prove_audit_consistency)
    get("/refusals", RefusalPage, list_audit_refusals)
    return router


def _checkpoint(note: str) -> dict[str, Any]:
    checkpoint, kid = notes.read(note)
    _, service, log = checkpoint.origin.split("/")
    return {
        "service": service,
        "log": log,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "time": checkpoint.time,
        "kid": kid,
        "note": note,
    }


def _is_told(principal: Principal, actor: str, affair: Affair, partners: dict[str, Sequence[str]]) -> bool:
    """Services and the system are nobody: they are always told."""
    if actor.startswith("/") or actor in ("system", "public"):
        return True
    facts = tuple(affair.plans.values())
    owner = facts[0].owner if len(facts) == 1 and affair.groups is None else None
    told = people_told(principal, Outcome.FULL, facts, owner=owner, acting={actor: partners.get(actor, ())})
    return told is None or actor in told


async def _size_of(reader: AuditReader, asked: int | None) -> int:
    """The size that was asked for, else that of the latest checkpoint."""
    if asked is not None:
        await _check_size(reader, asked)
        return asked
    latest = await reader.checkpoints()
    return int(latest[0].size) if latest else 0


async def _check_size(reader: AuditReader, size: int) -> None:
    log = await reader.log()
    if log is None or size > log[1]:
        raise _out_of_range("?size", f"the log has {log[1] if log else 0} leaves")


def _out_of_range(where: str, detail: str) -> Problem:
    return Problem("malformed", f"{where}: {detail}", [FieldError(where, "out_of_range", detail)])


def _minute(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Problem("malformed", "?cursor: not a cursor of this list") from error


async def _proven(reading: Coroutine[Any, Any, list[list[bytes]]]) -> list[list[str]]:
    """Hex; or a 410, which whoever checks takes for what it is: the stored tree has a hole."""
    try:
        return [[each.hex() for each in proof] for proof in await reading]
    except (KeyError, ValueError) as error:
        raise Problem("gone", "Hashes of the tree are missing: this cannot be proven any more.") from error
