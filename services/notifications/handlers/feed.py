"""The projection: records of one partition, in offset order, into feed rows, visibility facts and alerts; one
transaction a batch.

The row of `feed_position` is locked first. So rows of a partition become visible in offset order, two replicas that
project the same records change nothing twice, and a reader who has seen an offset has the facts that were true then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.consumed import HIDDEN
from services.notifications.domain import Alert, Lane, advance, one_line
from services.notifications.handlers.decoding import Decided, Fact
from services.notifications.orm import alert, alert_side, feed, feed_log, feed_position, kernel, plan_facts
from services.notifications.uow import alert_from, sides_to
from shared.bus.port import Delivered
from shared.cloudevent import Event, to_structured
from shared.db import insert
from shared.visibility import RED, facts_to_json

CONSUMER = "notifications.feed"
RETRIED: Lane = ("notifications.feed.retried", 0)
"""The lane of parked records that were tried again with success; it is in no log."""


@dataclass(slots=True)
class Projection:
    """What came of a batch.

    next_offset   the partition is projected up to here
    held          offset of the event that waits for facts of plans, or None
    behind        where the database expects to go on, when the batch starts later: records in between are missing
    """

    next_offset: int
    projected: int = 0
    repeated: int = 0
    ignored: int = 0
    held: int | None = None
    behind: int | None = None


@dataclass(slots=True)
class _Work:
    """What a batch will write, collected in offset order."""

    sequences: dict[str, int]
    ids: set[str]
    versions: dict[str, int]
    columns: dict[str, Mapping[str, Any] | None]
    alerts: dict[str, Alert]
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    plans: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    changed: set[str] = field(default_factory=set[str])
    decided: list[tuple[Decided, datetime]] = field(default_factory=list[tuple[Decided, datetime]])


async def remember_log(session: AsyncSession, log_id: str, now: datetime) -> None:
    """Note that this is the log we project now."""
    statement = insert(session, feed_log).values(log_id=log_id, first_seen=now)
    await session.execute(statement.on_conflict_do_nothing())


async def project(
    session: AsyncSession,
    log_id: str,
    lane: Lane,
    facts: Sequence[Fact],
    *,
    waived: int | None = None,
    after_gap: bool = False,
) -> Projection:
    """Project consecutive, well-formed records of one partition.

    waived      this event no longer waits for facts of plans
    after_gap   go on although records before the batch are missing (the log has dropped them)
    """
    position = await _lock(session, log_id, lane)
    done = Projection(position)
    fresh = [fact for fact in facts if fact.offset >= position]
    done.repeated = len(facts) - len(fresh)
    if not fresh:
        return done
    if fresh[0].offset > position and not after_gap:
        done.behind = position
        return done
    work = await _gather(session, fresh)
    for fact in fresh:
        if fact.offset != waived and not _complete(fact, work):
            done.held = fact.offset
            break
        if _take(fact, work, log_id, lane):
            done.projected += 1
        elif fact.plan or fact.sides:
            done.repeated += 1
        else:
            done.ignored += 1
        done.next_offset = fact.offset + 1
    if done.next_offset > position:
        await _write(session, work)
        await _move(session, log_id, lane, done.next_offset)
    return done


async def pass_over(session: AsyncSession, log_id: str, lane: Lane, parked: Delivered) -> Projection:
    """Go past a record that was parked. If it was about a plan that we know, nobody sees that plan from now on until a
    later event can be read: what could not be read may have been its relabelling to RED."""
    position = await _lock(session, log_id, lane)
    done = Projection(position)
    if parked.offset < position:
        done.repeated = 1
        return done
    known = await session.execute(select(plan_facts.c.plan).where(plan_facts.c.plan == parked.key))
    if known.first():
        await session.execute(
            update(plan_facts)
            .where(plan_facts.c.plan == parked.key)
            .values(facts=dict(HIDDEN), columns=None, owner=HIDDEN["owner"])
        )
        # a row for the hubs, which re-read the facts of every plan they meet
        await session.execute(feed.insert(), [_tombstone(log_id, lane, parked)])
    done.next_offset = parked.offset + 1
    await _move(session, log_id, lane, done.next_offset)
    return done


async def project_again(session: AsyncSession, log_id: str, origin: Lane, fact: Fact) -> Projection:
    """Project a record that had been parked. Its place in its partition has been passed, and readers with it, so it
    becomes visible as the next row of a lane of its own; the guard by `sequence` drops it where newer state is there."""
    await _lock(session, log_id, origin)  # no projector works on the subject meanwhile
    offset = await _lock(session, log_id, RETRIED)
    moved = replace(fact, delivered=replace(fact.delivered, offset=offset))
    return await project(session, log_id, RETRIED, [moved], waived=offset)


async def position_of(session: AsyncSession, log_id: str, lane: Lane) -> int:
    """The offset up to which the partition is projected."""
    c = feed_position.c
    found = await session.execute(
        select(c.next_offset).where(c.log_id == log_id, c.topic == lane[0], c.partition == lane[1])
    )
    return int(found.scalar() or 0)


async def _lock(session: AsyncSession, log_id: str, lane: Lane) -> int:
    """Lock the partition's row, made at its first record; how far it is projected."""
    topic, partition = lane
    first = insert(session, feed_position).values(
        log_id=log_id, topic=topic, partition=partition, next_offset=0, kept_from=0
    )
    # an update that changes nothing locks the row and answers in the same round trip
    statement = first.on_conflict_do_update(
        index_elements=["log_id", "topic", "partition"], set_={"next_offset": feed_position.c.next_offset}
    ).returning(feed_position.c.next_offset)
    return int((await session.execute(statement)).scalar_one())


async def _move(session: AsyncSession, log_id: str, lane: Lane, offset: int) -> None:
    c = feed_position.c
    await session.execute(
        update(feed_position)
        .where(c.log_id == log_id, c.topic == lane[0], c.partition == lane[1])
        .values(next_offset=offset)
    )


async def _gather(session: AsyncSession, facts: Sequence[Fact]) -> _Work:
    """What the guards need: last sequences, known event ids, versions of the plans named, alerts before the batch."""
    events = [fact.event for fact in facts if fact.event and (fact.plan or fact.sides)]
    subjects = {event.subject for event in events}
    applied = kernel.applied.c
    sequences = await session.execute(
        select(applied.subject, applied.sequence).where(applied.consumer == CONSUMER, applied.subject.in_(subjects))
    )
    ids = await session.execute(select(feed.c.event_id).where(feed.c.event_id.in_({event.id for event in events})))
    named = {side.plan for fact in facts for side in fact.sides} | {
        fact.event.subject for fact in facts if fact.plan and fact.event
    }
    c = plan_facts.c
    plans = await session.execute(select(c.plan, c.version, c.columns).where(c.plan.in_(named)))
    named_alerts = {fact.alert.id for fact in facts if fact.alert}
    alerts = (await session.execute(select(alert).where(alert.c.id.in_(named_alerts)))).all() if named_alerts else ()
    known = plans.all()
    return _Work(
        sequences={row.subject: row.sequence for row in sequences},
        ids={row.event_id for row in ids},
        versions={row.plan: row.version for row in known},
        columns={row.plan: row.columns for row in known},
        alerts={row.id: alert_from(row) for row in alerts},
    )


def _complete(fact: Fact, work: _Work) -> bool:
    """Whether the facts of all plans that the event names are there: as they were when it happened, or later."""
    return all(work.versions.get(side.plan, 0) >= side.version for side in fact.sides)


def _take(fact: Fact, work: _Work, log_id: str, lane: Lane) -> bool:
    """Collect what the event changes; False where it is a repeat, late, or not for the feed."""
    event = fact.event
    if event is None or not (fact.plan or fact.sides):
        return False
    if event.id in work.ids or event.sequence <= work.sequences.get(event.subject, 0):
        return False
    work.ids.add(event.id)
    work.sequences[event.subject] = event.sequence
    work.changed.add(event.subject)
    row = _row(event, fact, log_id, lane)
    if fact.plan:
        both = [fact.plan.columns, work.columns.get(event.subject)]
        row["columns"] = [dict(each) for each in both if each] or None
        work.columns[event.subject] = fact.plan.columns
        work.versions[event.subject] = event.sequence
        work.plans[event.subject] = {
            "plan": event.subject,
            "version": event.sequence,
            "owner": fact.plan.facts.owner,
            "facts": facts_to_json(fact.plan.facts),
            "columns": fact.plan.columns,
        }
    if fact.alert:
        work.alerts[event.subject] = advance(work.alerts.get(event.subject), fact.alert, event.name)
    if fact.decided:
        work.decided.append((fact.decided, event.time))
    work.rows.append(row)
    return True


def _row(event: Event, fact: Fact, log_id: str, lane: Lane) -> dict[str, Any]:
    document = to_structured(event)
    document["data"] = {name: value for name, value in event.data.items() if name not in ("facts", "columns")}
    if fact.plan and fact.plan.facts.label == RED:
        document["data"] = {"id": event.subject}
    return {
        "log_id": log_id,
        "topic": lane[0],
        "partition": lane[1],
        "offset": fact.offset,
        "event_id": event.id,
        "subject": event.subject,
        "sequence": event.sequence,
        "name": event.name,
        "time": event.time,
        "partner": event.partner,
        "label": fact.plan.facts.label if fact.plan else None,
        "sides": sides_to(fact.sides) if fact.sides else None,
        "columns": None,
        "document": one_line(document),
    }


def _tombstone(log_id: str, lane: Lane, parked: Delivered) -> dict[str, Any]:
    return {
        "log_id": log_id,
        "topic": lane[0],
        "partition": lane[1],
        "offset": parked.offset,
        "event_id": f"parked:{log_id}:{lane[0]}:{lane[1]}:{parked.offset}"[:200],
        "subject": parked.key,
        "sequence": 0,
        "name": "plan.unreadable",
        "time": parked.time,
        "partner": None,
        "label": RED,
        "sides": None,
        "columns": None,
        "document": "{}",
    }


async def _write(session: AsyncSession, work: _Work) -> None:
    if not work.rows:
        return
    await session.execute(feed.insert(), work.rows)
    applied = insert(session, kernel.applied)
    await session.execute(
        applied.on_conflict_do_update(
            index_elements=["consumer", "subject"], set_={"sequence": applied.excluded["sequence"]}
        ),
        [
            {"consumer": CONSUMER, "subject": subject, "sequence": work.sequences[subject]}
            for subject in sorted(work.changed)
        ],
    )
    if work.plans:
        plans = insert(session, plan_facts)
        await session.execute(
            plans.on_conflict_do_update(
                index_elements=["plan"],
                set_={name: plans.excluded[name] for name in ("version", "owner", "facts", "columns")},
            ),
            [work.plans[plan] for plan in sorted(work.plans)],
        )
    changed = [work.alerts[subject] for subject in sorted(work.changed) if subject in work.alerts]
    if changed:
        await _write_alerts(session, changed)
    for made, at in work.decided:
        await _write_decided(session, made, at)


async def _write_decided(session: AsyncSession, made: Decided, at: datetime) -> None:
    """The decider's mark, in columns of its own: decisions come in another partition than alerts, before or after them.

    Where the alert itself has not come yet, its decider reads of the decision once, like everybody.
    """
    newer = or_(alert.c.decided_at.is_(None), alert.c.decided_at <= at)
    await session.execute(
        update(alert).where(alert.c.id == made.alert, newer).values(decided_by=made.by, decided_at=at)
    )


async def _write_alerts(session: AsyncSession, changed: Sequence[Alert]) -> None:
    statement = insert(session, alert)
    names = [column.name for column in alert.c]
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={name: statement.excluded[name] for name in names if name not in ("id", "decided_by", "decided_at")},
        ),
        [{name: getattr(each, name) for name in names} | {"sides": sides_to(each.sides)} for each in changed],
    )
    await session.execute(delete(alert_side).where(alert_side.c.alert.in_([each.id for each in changed])))
    sides = [{"alert": each.id, "plan": plan} for each in changed for plan in sorted(each.plans)]
    if sides:
        await session.execute(alert_side.insert(), sides)
