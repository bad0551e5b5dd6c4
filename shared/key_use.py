"""When each API key was last seen, to the hour: so that a key that nobody uses is found and revoked.

A request never pays for it: hours are noted in memory and written once a minute, and of each key and hour once by each
process; what a crash loses is the last minute. To the hour, for more would be a record of somebody's working day. Each
service notes what it sees itself and answers for itself (`GET /api/v1/held/<service>/keys`): as events these would lie
in a log that is kept for ever. A token is its key's use, and so is an open stream.
"""

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import Table, bindparam, or_, update

from shared.clock import Clock
from shared.db import Database, is_transient
from shared.leases import wait

log = structlog.get_logger(__name__)


class KeyUse:
    """What one process has seen. table: `known_api_key`; seconds: between writes."""

    def __init__(self, db: Database, table: Table, clock: Clock, *, seconds: float = 60.0) -> None:
        self._db, self._table, self._clock, self._seconds = db, table, clock, seconds
        self._hour: datetime | None = None
        self._noted: set[str] = set()
        self._waiting: dict[str, datetime] = {}

    def saw(self, key: str) -> None:
        """A key, by its id, has just been good for something."""
        hour = self._clock.now().replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._noted = hour, set()
        if key not in self._noted:
            self._noted.add(key)
            self._waiting[key] = hour

    async def flush(self) -> None:
        """Write what was seen since the last time. Another process may have written the same hour, or a later one."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        column = self._table.c
        statement = (
            update(self._table)
            .where(column.id == bindparam("key"), or_(column.used_at.is_(None), column.used_at < bindparam("hour")))
            .values(used_at=bindparam("hour"))
        )
        try:
            async with self._db.write() as session:
                connection = await session.connection()
                await connection.execute(
                    statement, [{"key": key, "hour": hour} for key, hour in sorted(waiting.items())]
                )
        except Exception:
            self._waiting = waiting | self._waiting
            raise

    async def run(self, stop: asyncio.Event) -> None:
        while True:
            stopped = await wait(stop, self._seconds)
            try:
                await self.flush()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("key_use.waiting", error=type(error).__name__)
            if stopped:
                return
