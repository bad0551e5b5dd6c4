"""Dropping old history, where the operator wants that."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.orm import feed, feed_position


async def prune(session: AsyncSession, log_id: str, before: datetime) -> int:
    """Drop the history older than `before`; returns how many rows went. Cursors from there become a 410."""
    c = feed.c
    ends = await session.execute(
        select(c.topic, c.partition, func.max(c.offset))
        .where(c.log_id == log_id, c.time < before)
        .group_by(c.topic, c.partition)
    )
    gone = 0
    for topic, partition, last in ends.all():
        here = (feed_position.c.log_id == log_id, feed_position.c.topic == topic)
        await session.execute(
            update(feed_position)
            .where(*here, feed_position.c.partition == partition)
            .values(kept_from=last + 1, kept_since=before)
        )
        result: Any = await session.execute(
            delete(feed).where(c.log_id == log_id, c.topic == topic, c.partition == partition, c.offset <= last)
        )
        gone += int(result.rowcount)
    return gone
