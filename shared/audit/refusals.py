"""Who was refused what: a count per minute, principal, route and status. Not chained, bounded, pruned after thirty days.

Whoever is refused decides how often, so a refusal never costs a write of its own: counts are kept in memory, at most
MOST kinds a minute (what is beyond is counted as one), and written every few seconds. No body, no path, no name.
"""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import ColumnElement, literal, select, tuple_
from starlette.types import Scope

from shared.audit.tables import AuditTables
from shared.clock import Clock
from shared.db import Database, insert, is_transient
from shared.leases import wait
from shared.paging import Page

log = structlog.get_logger(__name__)

STATUSES = frozenset({401, 403, 404, 429})
"""404 too: what may not be seen answers as if it were not there."""
MOST = 500
OTHERS = "others"
KEEP = timedelta(days=30)

Kind = tuple[datetime, str, str, int]
"""Minute, principal, route (`GET /api/v1/plans/{plan_id}`, `GET *` beyond the limit of requests), status."""


class Refusals:
    """One process's counts. seconds: between writes."""

    def __init__(self, db: Database, tables: AuditTables, clock: Clock, *, seconds: float = 5.0) -> None:
        self._db, self._table, self._clock, self._seconds = db, tables.refusals, clock, seconds
        self._counts: Counter[Kind] = Counter()
        self._minute: datetime | None = None
        self._kinds: set[Kind] = set()

    def count(self, scope: Scope, status: int) -> None:
        """Count an answer, if it is a refusal. An address that is nobody's is no refusal."""
        # the limit of requests refuses before anybody looks what is asked for
        route = getattr(scope.get("route"), "path", "*" if status == 429 else None)
        if status not in STATUSES or route is None:
            return
        state = cast(dict[str, Any], scope.get("state") or {})
        minute = self._clock.now().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._kinds = minute, set()
        kind = minute, str(state.get("principal", "public"))[:100], f"{scope['method']} {route}"[:200], status
        if kind not in self._kinds and len(self._kinds) >= MOST:
            kind = minute, OTHERS, "*", status
        self._kinds.add(kind)
        self._counts[kind] += 1

    async def flush(self) -> None:
        """Write what was counted since the last time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        names = [column.name for column in self._table.primary_key]
        values = [{**dict(zip(names, kind, strict=True)), "times": times} for kind, times in sorted(counts.items())]
        try:
            async with self._db.write() as session:
                statement = insert(session, self._table)
                await session.execute(
                    statement.on_conflict_do_update(
                        index_elements=names, set_={"times": self._table.c.times + statement.excluded.times}
                    ),
                    values,
                )
        except Exception:
            self._counts += counts
            raise

    async def run(self, stop: asyncio.Event) -> None:
        while True:
            stopped = await wait(stop, self._seconds)
            try:
                await self.flush()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("refusals.waiting", error=type(error).__name__)
            if stopped:
                return

    async def read(self, page: Page) -> list[dict[str, Any]]:
        """The newest first, one more than the page holds where there are more. `page.after`: a Kind."""
        table = self._table.c
        keys: list[ColumnElement[Any]] = [table.minute, table.principal, table.route, table.status]
        query = select(self._table).order_by(*(each.desc() for each in keys)).limit(page.limit + 1)
        if page.after is not None:
            query = query.where(
                tuple_(*keys) < tuple_(*(literal(each, key.type) for each, key in zip(page.after, keys, strict=True)))
            )
        async with self._db.read() as session:
            return [dict(row) for row in (await session.execute(query)).mappings()]
