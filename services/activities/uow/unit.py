"""The unit of work of this service: plans and what hangs on them, read and written in one transaction."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import compress
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, LargeBinary, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.content import to_json
from services.activities.domain.plan import Plan, countries_of, represent, text_of
from services.activities.matching import candidates
from services.activities.matching.codes import signed64
from services.activities.matching.engine import COVERAGE_TEXT, coverage
from services.activities.matching.features import FORMAT, Features, PlanText, extract, pack
from services.activities.matching.overlap_rules import RULES, Rules
from services.activities.matching.weights import Weights
from services.activities.orm import (
    AlertRow,
    AlertSideRow,
    DecisionRow,
    MatchRow,
    PlanKeyRow,
    PlanRow,
    PlanTagRow,
    PlanVersionRow,
    RereadRow,
    VerdictRow,
    kernel,
    known,
)
from services.activities.uow.nearby import Seen, Stored, nearby, stored
from services.activities.uow.rows import plan_fact, plan_of_row
from services.activities.uow.weights import in_force
from shared.clock import Clock
from shared.cloudevent import Event
from shared.db import among, insert
from shared.ids import Ids
from shared.unit import UnitOfWork
from shared.visibility import RED, facts_to_json

HOUR = timedelta(hours=1)
TOPIC, SOURCE = "activities.v1", "/services/activities"


class ActivitiesUnit(UnitOfWork):
    """One transaction over plans, matches, alerts and decisions."""

    def __init__(
        self,
        session: AsyncSession,
        clock: Clock,
        ids: Ids,
        *,
        actor: str,
        cause: Event | None = None,
        posts_per_hour: int | None = None,
        rules: Rules = RULES,
    ) -> None:
        super().__init__(session, kernel, clock, ids, topic=TOPIC, source=SOURCE, actor=actor, cause=cause)
        self._posts_per_hour = posts_per_hour
        self.rules = rules
        self._seen: dict[str, Seen] = {}
        self._near: dict[str, tuple[Stored, int]] = {}
        self._weights: Weights | None = None

    # --- plans

    async def plan(self, plan_id: str, *, lock: bool = False) -> Plan | None:
        """The present version; with `lock`, nobody else changes it before this transaction ends."""
        row = await self.session.get(PlanRow, plan_id, with_for_update=lock or None, populate_existing=lock)
        return plan_of_row(row) if row else None

    async def plans(self, plan_ids: Iterable[str]) -> list[Plan]:
        found = await self.session.execute(
            select(PlanRow).where(col(PlanRow.id).in_(list(plan_ids))).order_by(col(PlanRow.id))
        )
        return [plan_of_row(row) for row in found.scalars()]

    async def wait_to_post(self, owner: str) -> timedelta | None:
        """How long until this partner may post or change a plan again; None: at once.

        A bound on postings, so that nobody finds hidden plans by posting bait (DESIGN 7).
        """
        if self._posts_per_hour is None:
            return None
        since = self.clock.now() - HOUR
        table = PlanVersionRow
        oldest = await self.session.execute(
            select(col(table.at))
            .where(col(table.owner) == owner, col(table.at) > since)
            .order_by(col(table.at).desc())
            .offset(self._posts_per_hour - 1)
            .limit(1)
        )
        found = oldest.scalar()
        return found - since if found else None

    async def store(self, plan: Plan, action: str, changed: Sequence[str]) -> dict[str, Any]:
        """Write a new version with its features and side rows, and emit its fact. Returns the representation.

        The plan's row is locked (or new) by now: its outbox row comes after it, so facts keep the order of versions.
        """
        features = extract(await self.text_of(plan))
        checked = COVERAGE_TEXT[coverage(features)]
        await self._write_row(plan, features, checked)
        await self._write_rows_of(plan, features, again=plan.version > 1)
        self.session.add(
            PlanVersionRow(
                plan=plan.id,
                version=plan.version,
                owner=plan.owner,
                action=action,
                actor=self.actor,
                at=plan.updated_at,
                changed=list(changed),
                content=to_json(plan.content),
                facts=facts_to_json(plan.facts),
            )
        )
        document = represent(plan, checked)
        self.emit(action, plan.id, plan.version, plan_fact(plan, document), tlp=plan.content.tlp, partner=plan.owner)
        self.note(action, plan.id, plan.version, {"changed": list(changed)})
        return document

    async def _write_row(self, plan: Plan, features: Features, checked: str) -> None:
        row = await self.session.get(PlanRow, plan.id) if plan.version > 1 else None
        period = plan.content.period
        values: dict[str, Any] = {
            "version": plan.version,
            "owner": plan.owner,
            "posted_by": plan.posted_by,
            "claimed": plan.claimed,
            "tlp": plan.content.tlp,
            "status": plan.content.status,
            "type": plan.content.type,
            "mode": plan.content.mode,
            "start": period.start if period else None,
            "end": period.end if period else None,
            "content": to_json(plan.content),
            "facts": facts_to_json(plan.facts),
            "activity": plan.activity,
            "home": plan.home,
            "features": pack(features),
            "checked": checked,
            "created_at": plan.created_at,
            "updated_at": plan.updated_at,
        }
        if row is None:
            self.session.add(PlanRow(id=plan.id, number=signed64(plan.id), cluster=plan.id, **values))
        else:
            for name, value in values.items():
                setattr(row, name, value)
        await self.session.flush()

    async def _write_rows_of(self, plan: Plan, features: Features, *, again: bool = True) -> None:
        """Tags for lists, side rows for candidates. The features are in this transaction, not in matching's: that way
        any two plans posted at once are compared by whichever of the two is matched last."""
        self._seen.pop(plan.id, None)
        self._near.pop(plan.id, None)
        number = signed64(plan.id)
        if again:
            await self.session.execute(delete(PlanTagRow).where(col(PlanTagRow.plan) == plan.id))
            await self.session.execute(delete(PlanKeyRow).where(col(PlanKeyRow.plan) == number))
        content, facts = plan.content, plan.facts
        tags = {("country", code) for code in countries_of(content)}
        tags |= {("theme", code) for code in content.themes} | {("audience", code) for code in content.audiences}
        tags |= {("partner", each) for each in (plan.owner, *facts.named_partners)}
        tags |= {("named", each) for each in (*facts.named_partners, *facts.named_people)}
        await self._insert(PlanTagRow, [{"kind": k, "value": v, "plan": plan.id} for k, v in sorted(tags)])
        left = candidates.rows(features).rows
        await self._insert(PlanKeyRow, [{"key": key, "day": day, "plan": number} for key, day in left])

    async def _insert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self.session.execute(table.__table__.insert(), rows)

    async def text_of(self, plan: Plan) -> PlanText:
        """The plan with the names of the organisations on it, resolved now and kept in the version's features."""
        others = set(plan.facts.named_partners) - {plan.owner}
        found = await self.session.execute(
            select(known.partner).where(known.partner.c.id.in_(sorted({plan.owner, *others})))
        )
        names, named = set[str](), {each.name for each in (*plan.content.partners, *plan.content.funders) if each.name}
        for row in found:
            told = {row.name, *([row.acronym] if row.acronym else []), *(alias["text"] for alias in row.aliases)}
            (names if row.id == plan.owner else named).update(told)
        return text_of(plan, tuple(sorted(names)), tuple(sorted(named)))

    async def reread_plans_of(self, organisation: str) -> None:
        """Put the plans that name this organisation on the list of those whose features are to be read again."""
        tagged = select(col(PlanTagRow.plan), literal(value=False)).where(
            col(PlanTagRow.kind) == "partner", col(PlanTagRow.value) == organisation
        )
        waiting = insert(self.session, RereadRow.__table__).from_select(["plan", "rescore"], tagged)  # pyright: ignore
        await self.session.execute(waiting.on_conflict_do_nothing())

    async def reread(self, limit: int) -> tuple[list[str], int]:
        """Read the features of listed plans again. Returns those that changed or are to be scored anew, for the lane, and how
        many were taken off the list."""
        waiting = select(col(RereadRow.plan), col(RereadRow.rescore)).order_by(col(RereadRow.plan)).limit(limit)
        listed = {row.plan: row.rescore for row in await self.session.execute(waiting)}
        changed: list[str] = []
        for plan_id, rescore in listed.items():
            if await self._read_anew(plan_id) or rescore:
                changed.append(plan_id)
        if listed:
            await self.session.execute(delete(RereadRow).where(col(RereadRow.plan).in_(list(listed))))
        return changed, len(listed)

    async def _read_anew(self, plan_id: str) -> bool:
        """Whether the features of a plan are others than those that are stored; they are stored, then."""
        plan = await self.plan(plan_id, lock=True)
        row = await self.session.get_one(PlanRow, plan_id)
        assert plan
        features = extract(await self.text_of(plan))
        if pack(features) == row.features:
            return False
        row.features, row.matched = pack(features), 0
        await self._write_rows_of(plan, features)
        return True

    async def read_old(self, limit: int) -> int:
        """Read anew the plans whose features another release wrote, and put them on the list for the lane. Returns how many."""
        first = func.substr(col(PlanRow.features), 1, 1, type_=LargeBinary)
        old = select(col(PlanRow.id)).where(first != bytes([FORMAT])).order_by(col(PlanRow.id)).limit(limit)
        ids = list((await self.session.execute(old)).scalars())
        for plan_id in ids:
            await self._read_anew(plan_id)
        if ids:
            listed = insert(self.session, RereadRow.__table__).values([{"plan": each, "rescore": True} for each in ids])  # pyright: ignore
            await self.session.execute(listed.on_conflict_do_update(index_elements=["plan"], set_={"rescore": True}))
        return len(ids)

    async def organisation(self, reference: str) -> str | None:
        """The id of an active organisation, by id or slug."""
        table = known.partner.c
        found = await self.session.execute(
            select(table.id).where(or_(table.id == reference, table.slug == reference), table.status == "active")
        )
        return found.scalar()

    async def people_exist(self, people: Sequence[str]) -> set[str]:
        found = await self.session.execute(select(known.person.c.id).where(known.person.c.id.in_(list(people))))
        return set(found.scalars())

    # --- matching (only inside the lane, but for `candidates_of`, which plans:check shares)

    async def seen(self, plan_ids: Iterable[str]) -> dict[str, Seen]:
        """These plans as matching reads them; each is read once in a transaction."""
        ids = sorted(set(plan_ids))
        missing = [each for each in ids if each not in self._seen and each not in self._near]
        if missing:
            self._near |= _by_id(await stored(self.session, "id", missing))
        for each in ids:
            if found := self._near.pop(each, None):
                self._seen[each] = found[0].seen(found[1])
        return {each: self._seen[each] for each in ids if each in self._seen}

    async def features(self, plan_ids: Iterable[str]) -> dict[str, Features]:
        return {key: one.features for key, one in (await self.seen(plan_ids)).items()}

    async def store_clusters(self, clusters: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Write down the group that each plan falls into now, by the group's key."""
        for key, plans in clusters:
            moved = {plan: one for plan, one in (await self.seen(plans)).items() if one.cluster != key}
            if moved:
                await self.session.execute(
                    update(PlanRow).where(col(PlanRow.id).in_(sorted(moved))).values(cluster=key)
                )
                self._seen |= {plan: one._replace(cluster=key) for plan, one in moved.items()}

    async def weights(self) -> Weights:
        """The table in force: installed here, or the shipped one."""
        if self._weights is None:
            self._weights, _ = await in_force(self.session)
        return self._weights

    async def had_its_turn(self, plan_id: str, version: int) -> None:
        """Write down that the lane has matched this version."""
        await self.session.execute(update(PlanRow).where(col(PlanRow.id) == plan_id).values(matched=version))
        self._seen[plan_id] = self._seen[plan_id]._replace(matched=True)

    async def candidates_of(self, features: Features, *, meeting: bool = False) -> candidates.Chosen:
        """Stored plans that can match or overlap this one, itself left out. meeting: only those that can overlap it."""
        asked = candidates.ranges(features, self.rules, meeting=meeting)
        chosen, found = await nearby(self.session, signed64(features.plan_id), asked)
        self._near |= {each: one for each, one in _by_id(found).items() if each not in self._seen}
        meet = chosen.meeting(found.table.rows["plan"].view(np.int64))
        return candidates.Chosen(found.table, chosen.capped, tuple(compress(found.table.ids, meet)))

    async def match_rows(self, plan_ids: Iterable[str]) -> list[MatchRow]:
        """The stored pairs that touch any of these plans."""
        ids = sorted(set(plan_ids))
        found = await self.session.execute(
            select(MatchRow).where(or_(col(MatchRow.a).in_(ids), col(MatchRow.b).in_(ids)))
        )
        return list(found.scalars())

    async def verdicts(self, plan_ids: Iterable[str]) -> list[VerdictRow]:
        """What is in force about pairs with these plans: of several decisions on a pair the newest, and an older one
        again when that is taken back (ids of decisions sort by time)."""
        ids = sorted(set(plan_ids))
        found = await self.session.execute(
            select(VerdictRow)
            .where(or_(col(VerdictRow.a).in_(ids), col(VerdictRow.b).in_(ids)))
            .order_by(col(VerdictRow.decision))
        )
        return list({(row.kind, row.a, row.b): row for row in found.scalars()}.values())

    async def activities_around(self, plan_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The activities that these plans belong to, by cluster: all their plans, in order. None with a RED plan in it."""
        keys = {one.cluster for one in (await self.seen(plan_ids)).values()}
        cluster: ColumnElement[str] = PlanRow.__table__.c.cluster  # pyright: ignore
        found = await self.session.execute(select(col(PlanRow.id)).where(among(self.session, cluster, sorted(keys))))
        groups: dict[str, list[str]] = {}
        hidden: set[str] = set()
        for plan, one in (await self.seen(found.scalars())).items():
            groups.setdefault(one.cluster, []).append(plan)
            if one.tlp == RED:
                hidden.add(one.cluster)
        return {key: tuple(plans) for key, plans in groups.items() if key not in hidden}

    async def alerts_of(self, plan_ids: Iterable[str]) -> list[AlertRow]:
        """Every alert, of any status, with one of these plans on a side."""
        ids = sorted(set(plan_ids))
        inside = select(col(AlertSideRow.alert)).where(col(AlertSideRow.plan).in_(ids))
        found = await self.session.execute(
            select(AlertRow).where(col(AlertRow.id).in_(inside)).order_by(col(AlertRow.id))
        )
        return list(found.scalars())

    async def sides_stored(self, alerts: Sequence[str]) -> dict[str, set[str]]:
        """The plans that stand on each of these alerts now."""
        found: dict[str, set[str]] = {each: set() for each in alerts}
        if alerts:
            rows = await self.session.execute(
                select(col(AlertSideRow.alert), col(AlertSideRow.plan)).where(col(AlertSideRow.alert).in_(alerts))
            )
            for row in rows:
                found[row.alert].add(row.plan)
        return found

    async def alert(self, alert_id: str) -> AlertRow | None:
        return await self.session.get(AlertRow, alert_id)

    async def decision(self, decision_id: str) -> DecisionRow | None:
        return await self.session.get(DecisionRow, decision_id)

    async def decisions_of(self, alert_id: str) -> list[DecisionRow]:
        found = await self.session.execute(
            select(DecisionRow)
            .where(col(DecisionRow.alert) == alert_id)
            .order_by(col(DecisionRow.made_at), col(DecisionRow.id))
        )
        return list(found.scalars())


def _by_id(found: Stored) -> dict[str, tuple[Stored, int]]:
    return {each: (found, at) for at, each in enumerate(found.table.ids)}
