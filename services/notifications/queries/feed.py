"""The feed from a position on. Rows are read before the facts, so the facts are never older than what they decide on.

No cursor over `feed.id`: a row of one partition may commit after a row of another that has a greater id. A page is the
rows beyond the position in each partition; within the page, `id` gives a common order.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.consumed import columns_of
from services.notifications.domain import Lane, Position, Side, furthest
from services.notifications.orm import feed, feed_log, feed_position
from services.notifications.orm import known as registry
from services.notifications.queries.sight import Shown, Then
from services.notifications.uow import Known, known_plans, sides_from
from shared.bus.port import Bus
from shared.db import Database
from shared.problem import Problem
from shared.reader import SERVICE, Reader, as_service
from shared.visibility import RED, Facts

_MISSING = 500
"""Earlier rows looked up in one statement."""


@dataclass(frozen=True, slots=True)
class Page:
    """entries    rows in order, none twice
    known      the present facts of every plan they name
    position   behind the last row; where `whole`, behind all that was projected when it was read
    whole      whether there was nothing more
    """

    entries: Sequence[Shown]
    known: Mapping[str, Known]
    position: Position
    whole: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the feed reaches: from where it is kept, and up to where it is projected."""

    begin: Position
    end: Position
    kept_since: datetime | None


def gone(detail: str) -> Problem:
    return Problem("gone", f"{detail} Fetch the lists again and follow the stream from now.")


class Feed:
    """Reads one log's feed. Raises a 503 problem as long as no log has ever been seen."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db, self._bus = db, bus
        self._log_id: str | None = None

    async def log_id(self) -> str:
        """The present log's; the one projected last while the bus cannot be asked."""
        try:
            return self._bus.log_id
        except RuntimeError:
            pass
        if self._log_id is None:
            async with self._db.read() as session:
                found = await session.execute(select(feed_log.c.log_id).order_by(feed_log.c.seq.desc()).limit(1))
                self._log_id = found.scalar()
        if self._log_id is None:
            raise Problem("unavailable", "No event has arrived here yet; try again.", headers={"Retry-After": "2"})
        return self._log_id

    async def extent(self) -> Extent:
        log_id = await self.log_id()
        async with self._db.read() as session:
            return await _extent(session, log_id)

    async def check(self, position: Position) -> None:
        """Raises a 410 problem where history after this position has been pruned."""
        extent = await self.extent()
        if any(position.get(lane, 0) < offset for lane, offset in extent.begin.items()):
            raise gone("The history after this position is no longer kept.")

    async def since(self, instant: datetime) -> Position:
        """The position before the first event that happened at `instant` or later. Raises a 410 problem."""
        log_id = await self.log_id()
        c = feed.c
        async with self._db.read(SERVICE) as session:
            extent = await _extent(session, log_id)
            if extent.kept_since and instant < extent.kept_since:
                raise gone("The history since then is no longer kept.")
            found = await session.execute(
                select(c.topic, c.partition, func.min(c.offset))
                .where(c.log_id == log_id, c.time >= instant)
                .group_by(c.topic, c.partition)
            )
            first: dict[Lane, int] = {(topic, partition): offset for topic, partition, offset in found}
        return {lane: min(offset, first.get(lane, offset)) for lane, offset in extent.end.items()}

    async def read(self, position: Position, limit: int, reader: Reader) -> Page:
        """Up to `limit` rows from `position` on. What they say is read as the reader; that they are there, and what decides on
        them, as the service: with an event that he may not read a plan may have left his sight, and that he is told."""
        log_id = await self.log_id()
        async with self._db.read(reader) as session:
            end = (await _extent(session, log_id)).end
            ahead = {lane: position.get(lane, 0) for lane, offset in end.items() if offset > position.get(lane, 0)}
            if not ahead:
                return Page((), {}, position, True)
            async with as_service(session):
                rows = (await session.execute(_rows(log_id, ahead, limit))).all()
                then = await _then(session, log_id, rows)
                known = await known_plans(session, _named(rows))
            documents = await _documents(session, [row.id for row in rows])
            deciders = {row.id: _decider(row, documents) for row in rows}
            partners = await _partners_of(session, {person for person in deciders.values() if person})
            entries = [_entry(row, documents.get(row.id), deciders[row.id], partners, then) for row in rows]
        reached = dict(position)
        for each in entries:
            reached[each.lane] = each.offset + 1
        whole = len(entries) < limit
        return Page(entries, known, furthest(end, reached) if whole else reached, whole)


async def _extent(session: AsyncSession, log_id: str) -> Extent:
    c = feed_position.c
    rows = (await session.execute(select(feed_position).where(c.log_id == log_id))).all()
    return Extent(
        begin={(row.topic, row.partition): row.kept_from for row in rows},
        end={(row.topic, row.partition): row.next_offset for row in rows},
        kept_since=max((row.kept_since for row in rows if row.kept_since), default=None),
    )


def _rows(log_id: str, ahead: Mapping[Lane, int], limit: int) -> Any:
    """One short range of the index per partition, then the first `limit` of them all."""
    c = feed.c
    parts: list[Any] = []
    for (topic, partition), offset in sorted(ahead.items()):
        part = (
            select(c.id)
            .where(c.log_id == log_id, c.topic == topic, c.partition == partition, c.offset >= offset)
            .order_by(c.offset)
            .limit(limit)
            .subquery()
        )
        parts.append(select(part.c.id))
    ids = union_all(*parts).subquery()
    bare = [column for column in c if column.name != "document"]
    return select(*bare).join(ids, ids.c.id == c.id).order_by(c.id).limit(limit)


async def _documents(session: AsyncSession, ids: Sequence[int]) -> dict[int, str]:
    """By id of the row; on PostgreSQL only what the reader may read (docs/decisions/0016)."""
    found = await session.execute(select(feed.c.id, feed.c.document).where(feed.c.id.in_(ids)))
    return {row.id: row.document for row in found}


def _named(rows: Sequence[Any]) -> set[str]:
    """The plans that decide who sees these rows."""
    return {plan for row in rows for plan in ([side.plan for side in sides_from(row.sides)] or [row.subject])}


def _decider(row: Any, documents: Mapping[int, str]) -> str | None:
    if not row.name.startswith("decision.") or row.id not in documents:
        return None
    return json.loads(documents[row.id])["data"].get("by")


async def _partners_of(session: AsyncSession, people: set[str]) -> dict[str, frozenset[str]]:
    person = registry.person.c
    found = await session.execute(select(person.id, person.partners).where(person.id.in_(people))) if people else ()
    return {row.id: frozenset(row.partners) for row in found}


async def _then(session: AsyncSession, log_id: str, rows: Sequence[Any]) -> dict[tuple[str, int], Then]:
    """What decided, when they happened, on the rows that can take something out of a reader's sight, and on those just
    before them: by subject and sequence. What is no longer kept is absent."""
    kept: dict[tuple[str, int], Any] = {(row.subject, row.sequence): row for row in rows if row.sequence}

    async def fetch(wanted: set[tuple[str, int]]) -> None:
        missing = sorted(wanted - kept.keys())
        c = feed.c
        for start in range(0, len(missing), _MISSING):
            here = tuple_(c.subject, c.sequence).in_(missing[start : start + _MISSING])
            found = await session.execute(
                select(c.subject, c.sequence, c.name, c.label, c.partner, c.columns, c.sides).where(
                    here, c.log_id == log_id
                )
            )
            kept.update({(row.subject, row.sequence): row for row in found})

    later = {
        (row.subject, row.sequence - 1) for row in rows if row.sequence > 1 and row.name.startswith(("plan.", "alert."))
    }
    await fetch(later)
    alerts = [row for row in kept.values() if row.name.startswith("alert.")]
    await fetch({(side["plan"], side["version"]) for row in alerts for side in row.sides or ()})
    facts = {place: found for place, row in kept.items() if (found := _facts_then(row))}
    decided: dict[tuple[str, int], Then] = {}
    for (subject, sequence), row in kept.items():
        if row.name.startswith("plan."):
            plain = facts.get((subject, sequence))
            decided[subject, sequence] = Then({subject: plain} if plain else {})
        elif row.name.startswith("alert."):
            sides = sides_from(row.sides)
            found = {side.plan: facts[side.plan, side.version] for side in sides if (side.plan, side.version) in facts}
            decided[subject, sequence] = Then(found, sides)
    return decided


def _facts_then(row: Any) -> Facts | None:
    """The facts that a plan's row was seen by; None for a RED plan, which is in no stream."""
    if row.label in (None, RED) or not row.columns:
        return None
    columns = columns_of(row.columns[0])
    return Facts(
        label=row.label,
        owner=row.partner or "",
        named_partners=columns.partners - {row.partner},
        countries=columns.countries,
        themes=columns.themes,
        draft=columns.status == "draft",
    )


def _entry(
    row: Any,
    document: str | None,
    decider: str | None,
    partners: Mapping[str, frozenset[str]],
    then: Mapping[tuple[str, int], Then],
) -> Shown:
    sides: tuple[Side, ...] = sides_from(row.sides)
    return Shown(
        lane=(row.topic, row.partition),
        offset=row.offset,
        name=row.name,
        subject=row.subject,
        time=row.time,
        label=row.label,
        columns=tuple(columns_of(each) for each in row.columns or ()),
        sides=sides,
        document=document,
        event_id=row.event_id,
        sequence=row.sequence,
        acting={decider: partners.get(decider, frozenset())} if decider else None,
        before=then.get((row.subject, row.sequence - 1)),
        then=then.get((row.subject, row.sequence)),
    )
